/* SPDX-License-Identifier: MIT
 *
 * Decoding a picture smaller than it is, where the decoder can do that for less: which factor, and
 * which part of the file is needed for it. Internal to the image room.
 */
#ifndef FOVEA_IMAGE_REDUCE_H
#define FOVEA_IMAGE_REDUCE_H

#include "image/format.h"
#include "image/image.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vips/vips.h>

struct reduction {
    int shrink;       /* 1 (whole), 2, 4 or 8 */
    bool blocks;      /* each pixel is a block of the file's; else all pixels are all of them */
    uint8_t *content; /* [size] what to decode in the place of the file's content, or NULL */
    size_t size;
};

/* loaded: the picture as its header tells. options: how many pixels are enough. ERR_MEMORY. */
MUST_USE enum status reduction_choose(struct reduction *out, enum image_format,
                                      const uint8_t *content, size_t size, const VipsImage *loaded,
                                      const struct image_options *, struct err *err);
void reduction_free(struct reduction *);

/* How many pixels a side of `full` pixels takes up, that was decoded to `decoded`: not a whole
 * number if the blocks do not divide it. */
double reduction_extent(const struct reduction *, int full, int decoded);

#endif
