/* SPDX-License-Identifier: MIT
 *
 * From a decoded picture to the square of pixels that the network sees, bit for bit as Pillow and
 * open_clip's image_transform_v2 (transform.py) do it. Mean and std are applied by the vision
 * tower, so that 8 bits is all that has to be handed on.
 *
 * open_clip resizes before it converts to RGB, and Pillow resizes by kind of picture: colours
 * weighted by alpha, palettes without interpolation. struct preprocess_source carries what is
 * left of that kind after decoding (the image room's struct image has fields of the same names).
 */
#ifndef FOVEA_CLIP_PREPROCESS_H
#define FOVEA_CLIP_PREPROCESS_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PREPROCESS_MAX_SIZE 4096

enum resize_mode { RESIZE_SHORTEST, RESIZE_SQUASH, RESIZE_LONGEST };
enum interpolation { INTERPOLATION_BICUBIC, INTERPOLATION_BILINEAR };

struct preprocess {
    int size; /* S: side of the output in pixels, 1 to PREPROCESS_MAX_SIZE */
    enum resize_mode resize_mode;
    enum interpolation interpolation;
    uint8_t fill;          /* border of RESIZE_LONGEST */
    float mean[3], std[3]; /* of pixels scaled to 0..1, by channel */
};

struct preprocess_source {
    const uint8_t *rgb; /* [height, width, 3], rows `stride` bytes apart */
    size_t stride;
    int width, height;
    const uint8_t *alpha; /* [height, width], or NULL where every pixel is opaque */
    bool indexed;         /* was a palette or two-level picture: resized to the nearest pixel */
    uint8_t zero[3];      /* colour of sample value 0: a border with fill 0 has it */
    /* Of a picture that was decoded smaller than it is: its true size, which alone decides about
     * the resize and the crop, and where it lies among the pixels, in pixels, less than one off
     * their edges. All 0: the pixels are the picture. */
    int full_width, full_height;
    struct preprocess_span {
        double begin, end;
    } across, down;
};

/* open_clip's defaults (OpenAI's mean and std, bicubic, shortest) at the given size. */
struct preprocess preprocess_default(int size);

/* The pixels along the shorter and the longer side that a picture needs at least, for the resize to
 * have `margin` times as many as it leaves; 0 where a side does not matter. */
void preprocess_enough(const struct preprocess *, double margin, int *shorter, int *longer);

/* "shortest", "squash", "longest"; "bicubic", "bilinear". ERR_ARGUMENT lists what is accepted. */
MUST_USE enum status resize_mode_parse(enum resize_mode *out, const char *name, struct err *err);
MUST_USE enum status interpolation_parse(enum interpolation *out, const char *name,
                                         struct err *err);

/* out: [S, S, 3]. Allocates its own scratch. ERR_ARGUMENT: a size out of range; ERR_MEMORY. Any
 * number of threads. */
MUST_USE enum status preprocess_picture(const struct preprocess *, const struct preprocess_source *,
                                        uint8_t *out, struct err *err);

/* preprocess_picture() of an opaque RGB picture. rgb: [height, width, 3], rows `stride` bytes
 * apart; out: [S, S, 3] */
MUST_USE enum status preprocess_run(const struct preprocess *, const uint8_t *rgb, int width,
                                    int height, size_t stride, uint8_t *out, struct err *err);

#endif
