/* SPDX-License-Identifier: MIT
 *
 * Pictures made smaller by the mean of what each pixel covers. Internal to the image room.
 */
#ifndef FOVEA_IMAGE_AREA_H
#define FOVEA_IMAGE_AREA_H

#include "image/image.h"

/* out: [height, width, 3]. The picture may be smaller than that in either direction: then some of
 * its pixels are repeated. The same pixels give the same bytes on every machine. ERR_MEMORY. */
MUST_USE enum status area_mean(uint8_t *out, int width, int height, const struct image *,
                               struct err *err);

#endif
