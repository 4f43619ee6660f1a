/* SPDX-License-Identifier: MIT
 *
 * From a decoded picture to the square of pixels that the network sees, bit for bit as Pillow and
 * open_clip's image_transform do it (`../shared/model.md`, Preprocessing). Mean and std are applied
 * by the vision tower, so that 8 bits is all that has to be handed on.
 */
#ifndef FOVEA_CLIP_PREPROCESS_H
#define FOVEA_CLIP_PREPROCESS_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

enum resize_mode { RESIZE_SHORTEST, RESIZE_SQUASH, RESIZE_LONGEST };
enum interpolation { INTERPOLATION_BICUBIC, INTERPOLATION_BILINEAR };

struct preprocess {
    int size; /* S: side of the output in pixels */
    enum resize_mode resize_mode;
    enum interpolation interpolation;
    uint8_t fill;          /* border of RESIZE_LONGEST */
    float mean[3], std[3]; /* of pixels scaled to 0..1, by channel */
};

/* open_clip's defaults (OpenAI's mean and std, bicubic, shortest) at the given size. */
struct preprocess preprocess_default(int size);

/* "shortest", "squash", "longest"; "bicubic", "bilinear". ERR_ARGUMENT lists what is accepted. */
MUST_USE enum status resize_mode_parse(enum resize_mode *out, const char *name, struct err *err);
MUST_USE enum status interpolation_parse(enum interpolation *out, const char *name,
                                         struct err *err);

/* rgb: [height, width, 3], rows `stride` bytes apart; out: [S, S, 3]. Allocates its own scratch. */
MUST_USE enum status preprocess_run(const struct preprocess *, const uint8_t *rgb, int width,
                                    int height, size_t stride, uint8_t *out, struct err *err);

#endif
