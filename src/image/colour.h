/* SPDX-License-Identifier: MIT
 *
 * From whatever a loader gives to 8-bit samples. Internal to the image room.
 */
#ifndef FOVEA_IMAGE_COLOUR_H
#define FOVEA_IMAGE_COLOUR_H

#include "meta/read.h"

#include <stdbool.h>
#include <stdint.h>
#include <vips/vips.h>

struct colour {
    int channels; /* 1: gray, 3: sRGB, 4: CMYK without a profile; alpha, if any, comes after */
    bool alpha;
    bool cmyk; /* what was loaded is CMYK, converted by its profile or not */
};

/* *out (to be unreferenced by the caller) has 8-bit samples, its ICC profile applied; `meant` is
 * the space of a picture without one. Lazy: nothing is decoded yet. As libvips' own functions: 0,
 * or -1 and a text in its error buffer. */
int colour_to_bytes(VipsImage *in, enum meta_colour meant, VipsImage **out, struct colour *);

/* rgb: [n, 3] ← cmyk: [n, 4 (+ 1)], `step` samples apart, as Pillow's convert("RGB"). */
void colour_cmyk_row(uint8_t *rgb, const uint8_t *cmyk, int n, int step);

#endif
