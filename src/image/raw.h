/* SPDX-License-Identifier: MIT
 *
 * RAW files, by the JPEG preview that the camera put into them. Internal to the image room.
 */
#ifndef FOVEA_IMAGE_RAW_H
#define FOVEA_IMAGE_RAW_H

#include "image/image.h"
#include "meta/read.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True if the directories of a TIFF structure describe a sensor's data (a DNG, NEF, ARW, …). */
bool raw_is_tiff_raw(const uint8_t *content, size_t size);

MUST_USE enum status raw_decode(struct image *out, const uint8_t *content, size_t size,
                                const struct image_options *, struct err *err);

/* --- its parts, for tests ------------------------------------------------------------------- */

/* A JPEG within a RAW file. */
struct raw_preview {
    const uint8_t *data;
    size_t size;
    int width, height;
    enum meta_colour colour; /* as the RAW file says of this preview (DNG) */
};

enum { RAW_PREVIEWS_MAX = 16 };

struct raw_previews {
    struct raw_preview list[RAW_PREVIEWS_MAX]; /* [count], the largest first */
    size_t count;
    int sensor_width, sensor_height; /* as stored; 0: not told */
};

/* Puts it where its size belongs; smaller ones may fall off the end. What is no JPEG to show, or is
 * there already, is left out. */
void raw_add_preview(struct raw_previews *, const uint8_t *data, size_t size, enum meta_colour);
/* By the file's own directories (TIFF, RAF). */
void raw_find_previews(struct raw_previews *, const uint8_t *content, size_t size);
/* By looking at every byte: for files whose directories are damaged, or in places that only their
 * maker knows. */
void raw_scan_previews(struct raw_previews *, const uint8_t *content, size_t size);

#endif
