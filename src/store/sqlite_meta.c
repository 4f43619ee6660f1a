/* SPDX-License-Identifier: MIT
 *
 * Metadata as columns. "Not told" is NULL; so are values that nobody could mean (an exposure of
 * no seconds, a place without its longitude, infinity), on the way in and on the way out.
 */
#include "store/sqlite.h"

#include <math.h>
#include <string.h>

/* --- in ----------------------------------------------------------------------------------- */

static void put_string(struct sql *q, const char *text)
{
    if (text[0])
        sql_text(q, text);
    else
        sql_null(q);
}

static void put_real(struct sql *q, double value, bool told)
{
    if (told && isfinite(value))
        sql_real(q, value);
    else
        sql_null(q);
}

static void put_int(struct sql *q, int64_t value, bool told)
{
    if (told)
        sql_int(q, value);
    else
        sql_null(q);
}

static void put_nothing(struct sql *q)
{
    for (int i = 0; i < META_COLUMN_COUNT; i++)
        sql_null(q);
}

void sql_meta(struct sql *q, const struct photo_meta *m)
{
    if (!m) {
        put_nothing(q);
        return;
    }
    bool placed = isfinite(m->latitude) && isfinite(m->longitude);
    put_int(q, m->taken_ms, m->taken_ms != PHOTO_NO_TIME);
    put_int(q, m->offset_min, m->offset_min != PHOTO_NO_OFFSET);
    put_string(q, m->camera);
    put_string(q, m->lens);
    put_real(q, m->exposure_s, m->exposure_s > 0);
    put_real(q, m->f_number, m->f_number > 0);
    put_real(q, m->focal_mm, m->focal_mm > 0);
    put_real(q, m->focal35_mm, m->focal35_mm > 0);
    put_int(q, m->iso, m->iso > 0);
    put_real(q, m->latitude, placed);
    put_real(q, m->longitude, placed);
    put_real(q, m->altitude_m, true);
    put_int(q, m->rating, m->rating != PHOTO_NO_RATING);
    put_string(q, m->keywords);
}

/* --- out ---------------------------------------------------------------------------------- */

static void get_string(const struct sql *q, int column, char *out, size_t size)
{
    const char *text = (const char *)sqlite3_column_text(q->stmt, column);
    size_t length = text ? strnlen(text, size) : size;
    if (length >= size) /* NULL, or longer than any fovea would write */
        length = 0;
    memcpy(out, length ? text : "", length);
    out[length] = '\0';
}

static double get_real(const struct sql *q, int column, double untold)
{
    return sqlite3_column_type(q->stmt, column) == SQLITE_NULL
               ? untold
               : sqlite3_column_double(q->stmt, column);
}

static int64_t get_int(const struct sql *q, int column, int64_t untold)
{
    return sqlite3_column_type(q->stmt, column) == SQLITE_NULL
               ? untold
               : sqlite3_column_int64(q->stmt, column);
}

void sql_column_meta(const struct sql *q, int first, struct photo_meta *out)
{
    out->taken_ms = get_int(q, first, PHOTO_NO_TIME);
    out->offset_min = (int)get_int(q, first + 1, PHOTO_NO_OFFSET);
    get_string(q, first + 2, out->camera, sizeof out->camera);
    get_string(q, first + 3, out->lens, sizeof out->lens);
    out->exposure_s = get_real(q, first + 4, 0);
    out->f_number = get_real(q, first + 5, 0);
    out->focal_mm = get_real(q, first + 6, 0);
    out->focal35_mm = get_real(q, first + 7, 0);
    out->iso = (int)get_int(q, first + 8, 0);
    out->latitude = get_real(q, first + 9, (double)NAN);
    out->longitude = get_real(q, first + 10, (double)NAN);
    out->altitude_m = get_real(q, first + 11, (double)NAN);
    out->rating = (int)get_int(q, first + 12, PHOTO_NO_RATING);
    get_string(q, first + 13, out->keywords, sizeof out->keywords);
}
