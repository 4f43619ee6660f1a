/* SPDX-License-Identifier: MIT
 *
 * Resizing 8-bit pictures bit for bit as Pillow does (libImaging/Resample.c, Geometry.c), but
 * computing only the window of the output that is wanted.
 *
 * A resize is two axes. An axis says, for each wanted output position, which input samples weigh
 * in and how much. Output samples do not depend on each other, so that a window of the output is
 * exact and costs only its own share.
 */
#ifndef FOVEA_CLIP_RESAMPLE_H
#define FOVEA_CLIP_RESAMPLE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum resample_filter { RESAMPLE_BICUBIC, RESAMPLE_BILINEAR };

/* Of `out_size` output samples made from `in_size` input samples, the `count` from `first` on. What
 * is resized is the stretch from `begin` to `end` of the input (Pillow's box), less than one sample
 * off its ends; 0 and 0: from 0 to in_size. */
struct resample_window {
    int in_size;
    int64_t out_size;
    int64_t first;
    int count;
    double begin, end;
};

#define RESAMPLE_BITS 22 /* fractional bits of a weight; Pillow's PRECISION_BITS = 32 - 8 - 2 */

/* Each run of weights is padded with zeros to a multiple of a block, so that a kernel has no tail.
 * It therefore reads up to start + padded taps, which an axis keeps inside `span`. */
#define RESAMPLE_BLOCK_ACROSS 8 /* of a horizontal axis */
#define RESAMPLE_BLOCK_DOWN 1   /* of a vertical axis */

struct resample_axis {
    bool identity;     /* in and out have the same size: a plain crop from `first`, no weights */
    int first;         /* of the input, for an identity */
    int count;         /* output samples */
    int span;          /* input samples a kernel may touch; > in_size only for tiny inputs */
    int *start;        /* [count] first input sample under the weights */
    int *taps;         /* [count] how many input samples weigh in */
    size_t *offset;    /* [count] of the first weight, in `weights` */
    int32_t *weights;  /* [sum of padded taps] */
    int low, high;     /* input samples [low, high) are all that is needed */
    int most_together; /* largest number of output samples that one input sample weighs in */
};

MUST_USE enum status resample_axis_open(struct resample_axis *out, const struct resample_window *,
                                        enum resample_filter, int block, struct err *err);
void resample_axis_close(struct resample_axis *); /* NULL-safe, leaves it empty */

/* A picture: [height, width, 3], rows `stride` bytes apart, and perhaps its alpha. With alpha, the
 * colours are weighted by it (premultiplied), as Pillow resizes RGBA. */
struct resample_source {
    const uint8_t *rgb;
    size_t stride;
    const uint8_t *alpha; /* [height, width] or NULL */
    int width, height;
};

/* out: [y->count, x->count, 3], rows out_stride bytes apart. Where neither axis resizes, alpha is
 * simply dropped. Scratch: one input row, one output
 * row and y->most_together accumulator rows. `cpu_flags` as from base/cpu.h. */
MUST_USE enum status resample_run(uint8_t *out, size_t out_stride, const struct resample_source *,
                                  const struct resample_axis *x, const struct resample_axis *y,
                                  unsigned cpu_flags, struct err *err);

/* Nearest neighbour: index[i] is the input sample of output sample first + i. index: [count] */
void resample_nearest(int *index, const struct resample_window *);

#endif
