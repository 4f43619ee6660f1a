/* SPDX-License-Identifier: MIT
 *
 * What linear.c and the two kinds of layers share, for these files alone.
 */
#ifndef FOVEA_TENSOR_LINEAR_INTERNAL_H
#define FOVEA_TENSOR_LINEAR_INTERNAL_H

#include "tensor/linear.h"

struct linear {
    struct linear_shape shape;
    const struct linear_tools *tools;
    const uint8_t *packed;
    const float *bias; /* [out], within packed */
    union {
        struct { /* float32: panels of `width` outputs, the last one of last_width */
            int panels, width, last_width;
            size_t first, panel_bytes; /* where the first panel is, and their distance */
        } f32;
        struct { /* the others: panels of PRODUCT_COLUMNS outputs */
            int panels, groups;
            size_t panel_bytes;
            const float *scales; /* [panels, 64], of 8 bits */
            const int32_t *sums; /* [panels, groups, 64], of 8 bits */
            const uint8_t *weights;
        } dot;
    };
};

struct linear_cache {
    const struct linear_tools *tools;
    struct team *team;
    size_t lane_floats;
    float *lanes; /* [threads of the team, lane_floats]: tiles */
    struct cached_kernel *bucket[256];
};

/* The layer's outputs first .. first + n - 1 as float32 [n, in], gains applied, and their biases
 * [n]. `column` has n floats of scratch. */
void linear_gather(float *to, float *bias, float *column, const struct linear_source *, int first,
                   int n, const struct kernels *);

static inline size_t linear_round_up(size_t n, size_t unit)
{
    return (n + unit - 1) / unit * unit;
}

/* Calls pack_panel for each panel, with `threads` threads, each of which brings plain floats
 * [width, in]. */
struct packing_job {
    const struct linear_source *source;
    const struct linear_tools *tools;
    int panels, width;
    enum status (*pack_panel)(const struct packing_job *, int panel, float *plain, struct err *err);
    void *context;
};
MUST_USE enum status linear_pack_panels(const struct packing_job *, int threads, struct err *err);

MUST_USE enum status linear_f32_layout(struct linear *, size_t *bytes, struct err *err);
MUST_USE enum status linear_f32_pack(void *packed, const struct linear_tools *,
                                     const struct linear_source *, int threads, struct err *err);
MUST_USE enum status linear_f32_run(struct linear_cache *, const struct linear *,
                                    const struct linear_call *, struct err *err);
size_t linear_f32_lane_floats(const struct gemm *);
void linear_f32_forget(struct linear_cache *); /* the kernels built so far */

void linear_dot_layout(struct linear *, size_t *bytes);
MUST_USE enum status linear_dot_pack(void *packed, const struct linear_tools *,
                                     const struct linear_source *, enum precision, int threads,
                                     struct err *err);
void linear_dot_run(struct linear_cache *, const struct linear *, const struct linear_call *);
size_t linear_dot_lane_floats(void);

#endif
