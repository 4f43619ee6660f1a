/* SPDX-License-Identifier: MIT
 *
 * Just enough of an ICC profile to know whether it has to be applied (ICC.1:2010). Reads bytes
 * only; applying a profile is libvips' and lcms' work.
 */
#ifndef FOVEA_IMAGE_ICC_H
#define FOVEA_IMAGE_ICC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct icc {
    int channels; /* of its device side: 1 (gray), 3 (RGB), 4 (CMYK); 0: broken or anything else */
    bool srgb;    /* pixels in it are sRGB pixels (or gray with sRGB's curve) already */
};

struct icc icc_read(const uint8_t *profile, size_t size);

#endif
