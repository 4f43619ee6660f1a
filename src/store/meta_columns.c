/* SPDX-License-Identifier: MIT */
#include "store/meta_columns.h"

#include <math.h>
#include <string.h>

const enum meta_type meta_types[META_COLUMN_COUNT] = {
    META_INT,  META_INT, META_TEXT, META_TEXT, META_REAL, META_REAL, META_REAL,
    META_REAL, META_INT, META_REAL, META_REAL, META_REAL, META_INT,  META_TEXT,
};

static struct meta_value number(int64_t value, bool told)
{
    return (struct meta_value){.told = told, .number = value};
}

static struct meta_value real(double value, bool told)
{
    return (struct meta_value){.told = told && isfinite(value), .real = value};
}

static struct meta_value text(const char *value)
{
    return (struct meta_value){.told = value[0] != '\0', .text = value};
}

void meta_to_columns(const struct photo_meta *m, struct meta_value columns[META_COLUMN_COUNT])
{
    memset(columns, 0, META_COLUMN_COUNT * sizeof *columns);
    if (!m)
        return;
    bool placed = isfinite(m->latitude) && isfinite(m->longitude);
    struct meta_value *c = columns;
    *c++ = number(m->taken_ms, m->taken_ms != PHOTO_NO_TIME);
    *c++ = number(m->offset_min, m->offset_min != PHOTO_NO_OFFSET);
    *c++ = text(m->camera);
    *c++ = text(m->lens);
    *c++ = real(m->exposure_s, m->exposure_s > 0);
    *c++ = real(m->f_number, m->f_number > 0);
    *c++ = real(m->focal_mm, m->focal_mm > 0);
    *c++ = real(m->focal35_mm, m->focal35_mm > 0);
    *c++ = number(m->iso, m->iso > 0);
    *c++ = real(m->latitude, placed);
    *c++ = real(m->longitude, placed);
    *c++ = real(m->altitude_m, true);
    *c++ = number(m->rating, m->rating != PHOTO_NO_RATING);
    *c++ = text(m->keywords);
}

static void get_text(const struct meta_value *column, char *out, size_t size)
{
    size_t length = column->told ? strnlen(column->text, size) : size;
    if (length >= size) /* NULL, or longer than any fovea would write */
        length = 0;
    memcpy(out, length ? column->text : "", length);
    out[length] = '\0';
}

static double get_real(const struct meta_value *column, double untold)
{
    return column->told ? column->real : untold;
}

static int64_t get_int(const struct meta_value *column, int64_t untold)
{
    return column->told ? column->number : untold;
}

void meta_from_columns(const struct meta_value columns[META_COLUMN_COUNT], struct photo_meta *out)
{
    const struct meta_value *c = columns;
    out->taken_ms = get_int(c++, PHOTO_NO_TIME);
    out->offset_min = (int)get_int(c++, PHOTO_NO_OFFSET);
    get_text(c++, out->camera, sizeof out->camera);
    get_text(c++, out->lens, sizeof out->lens);
    out->exposure_s = get_real(c++, 0);
    out->f_number = get_real(c++, 0);
    out->focal_mm = get_real(c++, 0);
    out->focal35_mm = get_real(c++, 0);
    out->iso = (int)get_int(c++, 0);
    out->latitude = get_real(c++, (double)NAN);
    out->longitude = get_real(c++, (double)NAN);
    out->altitude_m = get_real(c++, (double)NAN);
    out->rating = (int)get_int(c++, PHOTO_NO_RATING);
    get_text(c, out->keywords, sizeof out->keywords);
}
