/* SPDX-License-Identifier: MIT
 *
 * Windows bitmaps. Internal to the image room.
 */
#ifndef FOVEA_IMAGE_BMP_H
#define FOVEA_IMAGE_BMP_H

#include "image/image.h"

MUST_USE enum status bmp_decode(struct image *out, const uint8_t *content, size_t size,
                                double max_megapixels, struct err *err);

#endif
