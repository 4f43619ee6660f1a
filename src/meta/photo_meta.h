/* SPDX-License-Identifier: MIT
 *
 * What a photograph says about itself: when, with what and where it was taken, and what people said
 * of it since. Filled from EXIF, XMP and IPTC (meta/read.h), kept by the store, filtered by the
 * library. Everything is optional, and there is one value for "not told" per field.
 *
 * Strings are UTF-8 without control characters, cut at a character's border where they do not fit.
 */
#ifndef FOVEA_META_PHOTO_META_H
#define FOVEA_META_PHOTO_META_H

#include <stdbool.h>
#include <stdint.h>

#define PHOTO_NO_TIME INT64_MIN
#define PHOTO_NO_OFFSET INT16_MIN
#define PHOTO_NO_RATING (-2)

enum {
    PHOTO_NAME_MAX = 128, /* bytes of a camera's or lens' name, with its NUL */
    PHOTO_TIME_MAX = 40,
    PHOTO_KEYWORDS_MAX = 4096 /* bytes of all keywords, with their line ends and the NUL */
};

struct photo_meta {
    /* The camera's clock: milliseconds since 1970-01-01T00:00 *on that clock*. With an offset, the
     * moment in UTC is taken_ms - offset_min * 60000; without, nobody knows. */
    int64_t taken_ms;
    int offset_min; /* east of UTC, -1440 .. 1440 */

    char camera[PHOTO_NAME_MAX]; /* with the make, once: "Canon EOS R5"; "": unknown */
    char lens[PHOTO_NAME_MAX];
    double exposure_s; /* 0: unknown; so the next four */
    double f_number;
    double focal_mm, focal35_mm; /* as it is; as on 35 mm film */
    int iso;

    double latitude, longitude; /* degrees, WGS 84; NAN: unknown */
    double altitude_m;          /* NAN: unknown */

    int rating;                        /* -1 rejected, 0 none, 1 .. 5 stars */
    char keywords[PHOTO_KEYWORDS_MAX]; /* each followed by '\n', none twice, in their order */
};

/* Nothing told. */
void photo_meta_clear(struct photo_meta *);
/* Takes over what `over` tells. */
void photo_meta_overlay(struct photo_meta *, const struct photo_meta *over);
/* Whether it keeps what is promised above: for a value that comes from another process. */
bool photo_meta_is_sound(const struct photo_meta *);
/* "2021-07-04T18:22:10+02:00"; with milliseconds where there are any, without the offset where it
 * is not known; "" where the time is not. Returns out. */
const char *photo_meta_time(char out[PHOTO_TIME_MAX], const struct photo_meta *);
/* Appends a keyword unless it is there already; one that does not fit is left out (false). */
bool photo_meta_add_keyword(struct photo_meta *, const char *keyword);

#endif
