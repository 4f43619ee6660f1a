/* SPDX-License-Identifier: MIT
 *
 * The inner loops of a resize, once per instruction set. All arithmetic is on integers, so every
 * table gives the same bytes.
 */
#ifndef FOVEA_CLIP_RESAMPLE_ROWS_H
#define FOVEA_CLIP_RESAMPLE_ROWS_H

#include "clip/resample.h"

struct resample_rows {
    /* One row through the horizontal axis. row: [>= x->span, C]; out: [x->count, C]. */
    void (*across_rgb)(uint8_t *out, const uint8_t *row, const struct resample_axis *x);
    void (*across_rgba)(uint8_t *out, const uint8_t *row, const struct resample_axis *x);
    /* sum[i] += weight * row[i]; sum, row: [n] */
    void (*accumulate)(int32_t *sum, const uint8_t *row, int32_t weight, size_t n);
    /* Rounds to 8 bits; out, sum: [n] */
    void (*finish)(uint8_t *out, const int32_t *sum, size_t n);
};

void resample_rows_init(struct resample_rows *, unsigned cpu_flags);

extern const struct resample_rows resample_rows_reference;
extern const struct resample_rows resample_rows_avx2;

#endif
