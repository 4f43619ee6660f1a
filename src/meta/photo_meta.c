/* SPDX-License-Identifier: MIT
 *
 * The value itself: empty, overlaid, its list of keywords. Reading files is read.c's.
 */
#include "meta/photo_meta.h"
#include "meta/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void photo_meta_clear(struct photo_meta *meta)
{
    memset(meta, 0, sizeof *meta);
    meta->taken_ms = PHOTO_NO_TIME;
    meta->offset_min = PHOTO_NO_OFFSET;
    meta->latitude = meta->longitude = meta->altitude_m = (double)NAN;
    meta->rating = PHOTO_NO_RATING;
}

static void take_number(double *value, double over)
{
    if (over > 0)
        *value = over;
}

void photo_meta_overlay(struct photo_meta *meta, const struct photo_meta *over)
{
    if (over->taken_ms != PHOTO_NO_TIME) {
        /* Another time of day with the old offset would be another moment. */
        meta->taken_ms = over->taken_ms;
        meta->offset_min = over->offset_min;
    } else if (over->offset_min != PHOTO_NO_OFFSET) {
        meta->offset_min = over->offset_min;
    }
    if (over->camera[0])
        memcpy(meta->camera, over->camera, sizeof meta->camera);
    if (over->lens[0])
        memcpy(meta->lens, over->lens, sizeof meta->lens);
    take_number(&meta->exposure_s, over->exposure_s);
    take_number(&meta->f_number, over->f_number);
    take_number(&meta->focal_mm, over->focal_mm);
    take_number(&meta->focal35_mm, over->focal35_mm);
    if (over->iso > 0)
        meta->iso = over->iso;
    if (!isnan(over->latitude) && !isnan(over->longitude)) {
        meta->latitude = over->latitude;
        meta->longitude = over->longitude;
    }
    if (!isnan(over->altitude_m))
        meta->altitude_m = over->altitude_m;
    if (over->rating != PHOTO_NO_RATING)
        meta->rating = over->rating;
    /* A sidecar's list is the whole list: a keyword that was taken off there is off. */
    if (over->keywords[0])
        memcpy(meta->keywords, over->keywords, sizeof meta->keywords);
}

static bool has_keyword(const char *keywords, const char *keyword, size_t length)
{
    for (const char *line = keywords; *line;) {
        size_t size = strcspn(line, "\n");
        if (size == length && memcmp(line, keyword, length) == 0)
            return true;
        line += size + (line[size] == '\n');
    }
    return false;
}

bool photo_meta_add_keyword(struct photo_meta *meta, const char *keyword)
{
    size_t length = strlen(keyword), used = strlen(meta->keywords);
    if (length == 0 || strchr(keyword, '\n'))
        return false;
    if (has_keyword(meta->keywords, keyword, length))
        return true;
    if (length + 2 > sizeof meta->keywords - used)
        return false;
    memcpy(meta->keywords + used, keyword, length);
    memcpy(meta->keywords + used + length, "\n", 2);
    return true;
}

const char *photo_meta_time(char out[PHOTO_TIME_MAX], const struct photo_meta *meta)
{
    struct tm tm;
    out[0] = '\0';
    if (meta->taken_ms == PHOTO_NO_TIME)
        return out;
    int64_t ms = (meta->taken_ms % 1000 + 1000) % 1000;
    time_t seconds = (time_t)((meta->taken_ms - ms) / 1000);
    size_t used =
        gmtime_r(&seconds, &tm) ? strftime(out, PHOTO_TIME_MAX, "%Y-%m-%dT%H:%M:%S", &tm) : 0;
    if (used && ms)
        used += (size_t)snprintf(out + used, PHOTO_TIME_MAX - used, ".%03d", (int)ms);
    int offset = meta->offset_min;
    if (used && offset != PHOTO_NO_OFFSET)
        snprintf(out + used, PHOTO_TIME_MAX - used, "%c%02d:%02d", offset < 0 ? '-' : '+',
                 abs(offset) / 60 % 100, abs(offset) % 60);
    return out;
}

/* --- is it one? ---------------------------------------------------------------------------- */

/* Cleaning leaves it as it is. */
static bool is_clean(const char *text, size_t size)
{
    char clean[PHOTO_KEYWORDS_MAX];
    return meta_text_clean(clean, sizeof clean, text, size, TEXT_GUESS) == size &&
           memcmp(clean, text, size) == 0;
}

static bool is_name(const char name[PHOTO_NAME_MAX])
{
    const char *end = memchr(name, '\0', PHOTO_NAME_MAX);
    return end && is_clean(name, (size_t)(end - name));
}

static bool are_keywords(const char keywords[PHOTO_KEYWORDS_MAX])
{
    if (!memchr(keywords, '\0', PHOTO_KEYWORDS_MAX))
        return false;
    for (const char *line = keywords; *line;) {
        const size_t size = strcspn(line, "\n");
        if (size == 0 || line[size] != '\n' || !is_clean(line, size))
            return false;
        line += size + 1;
    }
    return true;
}

static bool is_amount(double x)
{
    return isfinite(x) && x >= 0;
}

static bool is_within(double x, double most)
{
    return isnan(x) || fabs(x) <= most;
}

bool photo_meta_is_sound(const struct photo_meta *m)
{
    static const int64_t year_0_ms = -62167219200000, year_10000_ms = 253402300800000;
    const bool timed =
        m->taken_ms == PHOTO_NO_TIME || (m->taken_ms >= year_0_ms && m->taken_ms < year_10000_ms);
    const bool offset = m->offset_min == PHOTO_NO_OFFSET || abs(m->offset_min) <= 1440;
    return timed && offset && is_name(m->camera) && is_name(m->lens) && is_amount(m->exposure_s) &&
           is_amount(m->f_number) && is_amount(m->focal_mm) && is_amount(m->focal35_mm) &&
           m->iso >= 0 && is_within(m->latitude, 90) && is_within(m->longitude, 180) &&
           is_within(m->altitude_m, 1e9) && m->rating >= PHOTO_NO_RATING && m->rating <= 5 &&
           are_keywords(m->keywords);
}
