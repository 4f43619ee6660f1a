/* SPDX-License-Identifier: MIT
 *
 * Private to store/: metadata as columns of a table, the same in every kind of store. "Not told" is
 * NULL; so are values that nobody could mean (an exposure of no seconds, a place without its
 * longitude, infinity), on the way in and on the way out.
 */
#ifndef FOVEA_STORE_META_COLUMNS_H
#define FOVEA_STORE_META_COLUMNS_H

#include "meta/photo_meta.h"

#include <stdint.h>

/* In photos and in sidecars. */
#define META_COLUMNS                                                                               \
    "taken_ms, offset_min, camera, lens, exposure_s, f_number, focal_mm, focal35_mm, iso,"         \
    " latitude, longitude, altitude_m, rating, keywords"
#define META_COLUMN_COUNT 14

enum meta_type { META_INT, META_REAL, META_TEXT };
extern const enum meta_type meta_types[META_COLUMN_COUNT];

struct meta_value {
    bool told; /* false: NULL */
    int64_t number;
    double real;
    const char *text;
};

/* m: NULL for nothing told. The strings are m's. */
void meta_to_columns(const struct photo_meta *m, struct meta_value columns[META_COLUMN_COUNT]);
/* What no fovea would write is read as not told. */
void meta_from_columns(const struct meta_value columns[META_COLUMN_COUNT], struct photo_meta *out);

#endif
