/* SPDX-License-Identifier: MIT
 *
 * Texts, times and names as metadata has them. Internal to the meta room.
 */
#ifndef FOVEA_META_TEXT_H
#define FOVEA_META_TEXT_H

#include "meta/part.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum text_encoding {
    TEXT_GUESS, /* UTF-8 where it is valid, else Latin-1 */
    TEXT_LATIN1,
};

/* out: [max] with its NUL. Up to a NUL byte; white space at both ends off, control characters and
 * runs of white space made one space; cut at a character's border. Returns the length. */
size_t meta_text_clean(char *out, size_t max, const void *bytes, size_t size, enum text_encoding);

/* Dates with a time as EXIF ("2021:07:04 18:22:10"), XMP ("2021-07-04T18:22:10.25+02:00", and less
 * of it) and IPTC ("20210704", then "182210+0200") write them. A date alone is its midnight. False
 * for what is no date; *out is then left alone. */
bool meta_parse_time(struct meta_time *out, const char *text);
/* Adds the time of day "182210+0200" to a date. */
bool meta_parse_iptc_time(struct meta_time *out, const char *date, const char *time_of_day);
/* "+02:00", "-0330", "Z" → minutes */
bool meta_parse_offset(int *offset_min, const char *text);
/* Adds a fraction of a second: "25" is a quarter. */
void meta_add_fraction(struct meta_time *, const char *digits);

/* "NIKON CORPORATION" and "NIKON D850" → "Nikon D850". Either may be "". */
void meta_camera_name(char out[PHOTO_NAME_MAX], const char *make, const char *model);

#endif
