/* SPDX-License-Identifier: MIT
 *
 * Just enough of ICC profiles (ICC.1:2010) to know whether one has to be applied, and to make those
 * that cameras mean without embedding them. Bytes only; applying one is libvips' and lcms' work.
 */
#ifndef FOVEA_IMAGE_ICC_H
#define FOVEA_IMAGE_ICC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct icc {
    int channels; /* of its device side: 1 (gray), 3 (RGB), 4 (CMYK); 0: broken or anything else */
    bool perceptual; /* its only table is that of the perceptual intent */
    bool srgb;       /* pixels in it are sRGB pixels (or gray with sRGB's curve) already */
};

struct icc icc_read(const uint8_t *profile, size_t size);

enum { ICC_MADE_BYTES = 512 };

/* Spaces that are meant where EXIF or a DNG names them. */
enum icc_space { ICC_ADOBE_RGB, ICC_PROPHOTO };

/* Returns the size of the profile: at most ICC_MADE_BYTES. */
size_t icc_make(uint8_t out[ICC_MADE_BYTES], enum icc_space);

#endif
