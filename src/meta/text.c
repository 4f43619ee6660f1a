/* SPDX-License-Identifier: MIT
 *
 * Texts and times. Cameras pad with spaces and NULs, programs write Latin-1 where the standard says
 * ASCII, and clocks that were never set say "0000:00:00 00:00:00" or spaces; all of that ends here.
 */
#include "meta/text.h"

#include <ctype.h>
#include <string.h>

/* The length of the well-formed UTF-8 character at p, or 0. (Unicode 15, table 3-7) */
static size_t utf8_length(const uint8_t *p, size_t size)
{
    static const struct {
        uint8_t from, to, second_from, second_to, length;
    } rows[] = {
        {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (p[0] < rows[i].from || p[0] > rows[i].to || rows[i].length > size)
            continue;
        if (rows[i].length > 1 && (p[1] < rows[i].second_from || p[1] > rows[i].second_to))
            return 0;
        for (size_t k = 2; k < rows[i].length; k++)
            if ((p[k] & 0xc0) != 0x80)
                return 0;
        return rows[i].length;
    }
    return 0;
}

static bool is_utf8(const uint8_t *p, size_t size)
{
    for (size_t n; size > 0; p += n, size -= n)
        if ((n = utf8_length(p, size)) == 0)
            return false;
    return true;
}

/* C0, DEL and C1 controls, as characters. */
static bool is_control(const uint8_t *p, size_t length)
{
    return (length == 1 && (p[0] < 0x20 || p[0] == 0x7f)) ||
           (length == 2 && p[0] == 0xc2 && p[1] < 0xa0);
}

size_t meta_text_clean(char *out, size_t max, const void *bytes, size_t size,
                       enum text_encoding how)
{
    const uint8_t *p = bytes, *nul = size ? memchr(p, 0, size) : NULL;
    size = nul ? (size_t)(nul - p) : size;
    bool latin1 = how == TEXT_LATIN1 || !is_utf8(p, size);
    size_t used = 0;
    bool space = false; /* one is due, if anything follows */
    for (size_t n; size > 0; p += n, size -= n) {
        uint8_t wide[2] = {(uint8_t)(0xc0 | p[0] >> 6), (uint8_t)(0x80 | (p[0] & 0x3f))};
        bool widen = latin1 && p[0] >= 0x80;
        const uint8_t *c = widen ? wide : p;
        size_t length = widen ? 2 : latin1 ? 1 : utf8_length(p, size);
        n = latin1 ? 1 : length;
        if (is_control(c, length) || *c == ' ') {
            space = used > 0;
            continue;
        }
        if (used + space + length + 1 > max)
            break;
        if (space)
            out[used++] = ' ';
        space = false;
        memcpy(out + used, c, length);
        used += length;
    }
    out[used] = '\0';
    return used;
}

/* --- times --------------------------------------------------------------------------------- */

/* Days from 1970-01-01 in the proleptic Gregorian calendar; March begins the year of 153-day
 * groups of five months, so that leap days come last. */
static int64_t days_from_date(int year, int month, int day)
{
    int64_t y = year - (month <= 2), era = y / 400, of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int days_in_month(int year, int month)
{
    static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

/* Exactly `digits` digits; moves *p behind them. */
static bool number(const char **p, int digits, int *value)
{
    *value = 0;
    for (int i = 0; i < digits; i++, ++*p) {
        if (!isdigit((unsigned char)**p))
            return false;
        *value = *value * 10 + (**p - '0');
    }
    return true;
}

static bool skip(const char **p, const char *any)
{
    if (!**p || !strchr(any, **p))
        return false;
    ++*p;
    return true;
}

static bool set_time(struct meta_time *out, const int date[3], const int clock[3])
{
    int year = date[0], month = date[1], day = date[2];
    if (year < 1800 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) ||
        clock[0] > 23 || clock[1] > 59 || clock[2] > 60)
        return false;
    int64_t seconds = days_from_date(year, month, day) * 86400;
    seconds += clock[0] * 3600 + clock[1] * 60 + (clock[2] < 60 ? clock[2] : 59);
    *out = (struct meta_time){seconds * 1000, PHOTO_NO_OFFSET};
    return true;
}

bool meta_parse_offset(int *offset_min, const char *text)
{
    const char *p = text + strspn(text, " ");
    int hours, minutes = 0;
    if (*p == 'Z' || *p == 'z') {
        *offset_min = 0;
        return true;
    }
    bool west = *p == '-';
    if (!skip(&p, "+-") || !number(&p, 2, &hours))
        return false;
    skip(&p, ":");
    if (isdigit((unsigned char)*p) && !number(&p, 2, &minutes))
        return false;
    if (hours > 15 || minutes > 59)
        return false;
    *offset_min = (west ? -1 : 1) * (hours * 60 + minutes);
    return true;
}

void meta_add_fraction(struct meta_time *t, const char *digits)
{
    int ms = 0, unit = 100;
    for (; isdigit((unsigned char)*digits) && unit > 0; digits++, unit /= 10)
        ms += (*digits - '0') * unit;
    if (t->ms != PHOTO_NO_TIME)
        t->ms += ms;
}

bool meta_parse_time(struct meta_time *out, const char *text)
{
    const char *p = text + strspn(text, " ");
    int date[3] = {0, 1, 1}, clock[3] = {0};
    if (!number(&p, 4, &date[0]))
        return false;
    for (int i = 1; i < 3 && skip(&p, ":-/."); i++)
        if (!number(&p, 2, &date[i]))
            return false;
    struct meta_time t;
    if (!skip(&p, " T")) {
        if (!set_time(&t, date, clock))
            return false;
        *out = t;
        return true;
    }
    if (!number(&p, 2, &clock[0]) || !skip(&p, ":") || !number(&p, 2, &clock[1]))
        return false;
    if (skip(&p, ":") && !number(&p, 2, &clock[2]))
        return false;
    if (!set_time(&t, date, clock))
        return false;
    if (skip(&p, ".,")) {
        meta_add_fraction(&t, p);
        p += strspn(p, "0123456789");
    }
    int offset;
    if (meta_parse_offset(&offset, p))
        t.offset_min = offset;
    *out = t;
    return true;
}

bool meta_parse_iptc_time(struct meta_time *out, const char *day, const char *time_of_day)
{
    int date[3], clock[3] = {0};
    if (!number(&day, 4, &date[0]) || !number(&day, 2, &date[1]) || !number(&day, 2, &date[2]))
        return false;
    const char *p = time_of_day;
    bool timed = number(&p, 2, &clock[0]) && number(&p, 2, &clock[1]) && number(&p, 2, &clock[2]);
    if (!timed)
        memset(clock, 0, sizeof clock);
    struct meta_time t;
    if (!set_time(&t, date, clock))
        return false;
    int offset;
    if (timed && meta_parse_offset(&offset, p))
        t.offset_min = offset;
    *out = t;
    return true;
}
