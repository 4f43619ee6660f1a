/* SPDX-License-Identifier: MIT
 *
 * filter.h: from a value's text to a term. Everything that can be wrong with a value on its own is
 * found here, so that a command line or a request is refused before a library is opened.
 */
#include "library/filter.h"

#include "meta/photo_meta.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const filter_names[FILTER_NAMES + 1] = {
    [FILTER_SINCE] = "since",   [FILTER_UNTIL] = "until",       [FILTER_CAMERA] = "camera",
    [FILTER_LENS] = "lens",     [FILTER_CATEGORY] = "category", [FILTER_FOLDER] = "folder",
    [FILTER_GPS] = "gps",       [FILTER_RATING] = "rating",     [FILTER_ISO] = "iso",
    [FILTER_FORMAT] = "format", [FILTER_KEYWORD] = "keyword",
};

#define DAY_MS 86400000

/* --- dates -------------------------------------------------------------------------------- */

/* Days since 1970-01-01 of a date of the Gregorian calendar; month 13 is the next January, and days
 * may go past the month's end. (Hinnant, chrono-compatible low-level date algorithms) */
static int64_t days_from_civil(int64_t year, int month, int day)
{
    year += month / 13;
    month = (month - 1) % 12 + 1;
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int days_in_month(int year, int month)
{
    return (int)(days_from_civil(year, month + 1, 1) - days_from_civil(year, month, 1));
}

/* `digits` digits, no sign; moves *text behind them. */
static bool take_number(const char **text, int digits, int low, int high, int *out)
{
    *out = 0;
    for (int i = 0; i < digits; i++, (*text)++) {
        if (!isdigit((unsigned char)**text))
            return false;
        *out = *out * 10 + (**text - '0');
    }
    return *out >= low && *out <= high;
}

static bool take_char(const char **text, const char *one_of)
{
    if (!**text || !strchr(one_of, **text))
        return false;
    (*text)++;
    return true;
}

/* THH:MM[:SS] behind a day; false if there is something else. */
static bool parse_time(const char *text, int64_t day_ms, struct filter_term *term)
{
    int hour, minute, second = 0;
    if (!take_char(&text, "Tt ") || !take_number(&text, 2, 0, 23, &hour) ||
        !take_char(&text, ":") || !take_number(&text, 2, 0, 59, &minute))
        return false;
    bool seconds = take_char(&text, ":");
    if ((seconds && !take_number(&text, 2, 0, 59, &second)) || *text)
        return false;
    term->since_ms = day_ms + ((hour * 60 + minute) * 60 + second) * (int64_t)1000;
    term->end_ms = term->since_ms + (seconds ? 1000 : 60000);
    return true;
}

/* [since, end) is all of what the text names. */
static bool parse_date(const char *text, struct filter_term *term)
{
    int year, month, day;
    if (!take_number(&text, 4, 1, 9999, &year))
        return false;
    term->since_ms = days_from_civil(year, 1, 1) * DAY_MS;
    term->end_ms = days_from_civil(year + 1, 1, 1) * DAY_MS;
    if (!*text)
        return true;
    if (!take_char(&text, "-") || !take_number(&text, 2, 1, 12, &month))
        return false;
    term->since_ms = days_from_civil(year, month, 1) * DAY_MS;
    term->end_ms = days_from_civil(year, month + 1, 1) * DAY_MS;
    if (!*text)
        return true;
    if (!take_char(&text, "-") || !take_number(&text, 2, 1, days_in_month(year, month), &day))
        return false;
    term->since_ms = days_from_civil(year, month, day) * DAY_MS;
    term->end_ms = term->since_ms + DAY_MS;
    return !*text || parse_time(text, term->since_ms, term);
}

/* --- numbers ------------------------------------------------------------------------------ */

static bool parse_double(const char *text, const char **end, double *out)
{
    char *stop;
    if (!isdigit((unsigned char)*text) && !strchr("-.", *text))
        return false;
    *out = strtod(text, &stop);
    *end = stop;
    return stop != text && isfinite(*out);
}

/* N, N+, A-B of whole numbers 0 .. most */
static bool parse_range(const char *text, long most, struct filter_term *term)
{
    char *end;
    if (!isdigit((unsigned char)*text))
        return false;
    long low = strtol(text, &end, 10), high = low;
    if (strcmp(end, "+") == 0) {
        high = most;
    } else if (*end == '-' && isdigit((unsigned char)end[1])) {
        high = strtol(end + 1, &end, 10);
        if (*end)
            return false;
    } else if (*end) {
        return false;
    }
    term->low = (double)low;
    term->high = (double)high;
    return low <= high && high <= most;
}

static bool parse_rating(const char *text, struct filter_term *term)
{
    if (strcmp(text, "rejected") == 0) {
        term->low = term->high = -1;
        return true;
    }
    if (strcmp(text, "unrated") == 0) { /* PHOTO_NO_RATING counts as 0 */
        term->low = term->high = 0;
        return true;
    }
    return parse_range(text, 5, term);
}

static bool parse_box(const char *text, struct filter_term *term)
{
    double *const out[4] = {&term->low, &term->west, &term->high, &term->east};
    for (int i = 0; i < 4; i++) {
        if (!parse_double(text, &text, out[i]) || *text != (i < 3 ? ',' : '\0'))
            return false;
        text++;
    }
    return term->low >= -90 && term->high <= 90 && term->low <= term->high &&
           fabs(term->west) <= 180 && fabs(term->east) <= 180;
}

/* --- terms -------------------------------------------------------------------------------- */

static bool parse(struct filter_term *term, const char **accepted)
{
    switch (term->name) {
    case FILTER_SINCE:
    case FILTER_UNTIL:
        *accepted = "a date: 2023, 2023-05, 2023-05-17 or 2023-05-17T18:30";
        return parse_date(term->text, term);
    case FILTER_GPS:
        *accepted = "a box in degrees, S,W,N,E: 45.8,6.8,46.1,7.2; south before north";
        return parse_box(term->text, term);
    case FILTER_RATING:
        *accepted = "stars 0 to 5 (3, 3+, 2-4), rejected, or unrated";
        return parse_rating(term->text, term);
    case FILTER_ISO:
        *accepted = "a number, or 800+, or 100-400";
        return parse_range(term->text, 100000000, term);
    case FILTER_FORMAT:
        *accepted = "a format as files are named (jpeg, png, tiff, heic, nef …), or raw";
        return filter_format_exists(term->text);
    default:
        *accepted = "a text";
        return *term->text != '\0';
    }
}

enum status filter_add(struct filter *filter, enum filter_name name, const char *value,
                       struct err *err)
{
    if (filter->count == FILTER_TERMS_MAX)
        return err_set(err, ERR_LIMIT, "more than %d filters at once", FILTER_TERMS_MAX);
    struct filter_term term = {.name = name, .text = value};
    const char *accepted;
    if (!parse(&term, &accepted))
        return err_set(err, ERR_ARGUMENT, "bad value '%.100s' for %s; accepted: %s", value,
                       filter_names[name], accepted);
    for (size_t i = 0; i < filter->count; i++) {
        const struct filter_term *other = &filter->terms[i];
        const struct filter_term *since = name == FILTER_SINCE ? &term : other;
        const struct filter_term *until = name == FILTER_UNTIL ? &term : other;
        if (since->name == FILTER_SINCE && until->name == FILTER_UNTIL &&
            since->since_ms >= until->end_ms)
            return err_set(err, ERR_ARGUMENT, "nothing is taken since %.40s and until %.40s",
                           since->text, until->text);
    }
    filter->terms[filter->count++] = term;
    return OK;
}

enum status filter_add_named(struct filter *filter, const char *name, const char *value,
                             struct err *err)
{
    for (int i = 0; i < FILTER_NAMES; i++)
        if (strcmp(filter_names[i], name) == 0)
            return filter_add(filter, (enum filter_name)i, value, err);
    return err_set(err, ERR_NOT_FOUND, "no filter is called %.100s", name);
}
