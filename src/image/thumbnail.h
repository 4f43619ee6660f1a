/* SPDX-License-Identifier: MIT
 *
 * Small pictures to show: WebP, sRGB, upright, without metadata.
 */
#ifndef FOVEA_IMAGE_THUMBNAIL_H
#define FOVEA_IMAGE_THUMBNAIL_H

#include "image/image.h"

#define THUMBNAIL_SMALL 256  /* of grids and of the map */
#define THUMBNAIL_LARGE 1024 /* of a single view */

struct thumbnail {
    uint8_t *data; /* [size] a WebP file; freed by thumbnail_free() */
    size_t size;
    int width, height;
};

/* True if this decode has pixels enough for a thumbnail with that longer side: it is the whole
 * picture, or not smaller than the thumbnail. */
bool thumbnail_possible(const struct image *, int longer_side);

/* A picture that is smaller than the thumbnail comes out at its own size. ERR_LIMIT if it is not
 * possible, ERR_MEMORY, ERR_INTERNAL. On any thread. */
MUST_USE enum status thumbnail_make(struct thumbnail *out, const struct image *, int longer_side,
                                    struct err *err);
void thumbnail_free(struct thumbnail *); /* NULL-safe, leaves it empty */

#endif
