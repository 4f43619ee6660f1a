/* SPDX-License-Identifier: MIT
 *
 * oneDNN's C API, as far as fovea uses it, with the differences between 2.x and 3.x kept in
 * onednn.c: memory descriptors are structs by value in 2.x and handles in 3.x, operations have
 * descriptors of their own in 2.x, post-operations take other arguments.
 *
 * Everything is row-major, with one exception, the layout that a product chooses for its weights
 * ("any"), and float32, with another: the factors of products that are only measured.
 */
#ifndef FOVEA_TENSOR_ONEDNN_H
#define FOVEA_TENSOR_ONEDNN_H

#include "base/status.h"
#include "tensor/tensor.h"

#include <oneapi/dnnl/dnnl.h>
#include <stdbool.h>
#include <stddef.h>

/* A memory descriptor. In 3.x it owns a handle: release it with onednn_md_free(). */
struct onednn_md {
    dnnl_memory_desc_t desc;
    bool set;
};

/* [rows, columns], rows `stride` floats apart. */
MUST_USE enum status onednn_md_matrix(struct onednn_md *out, int rows, int columns, int stride,
                                      struct err *err);
/* [columns, rows] seen through the memory of a row-major [rows, columns]. */
MUST_USE enum status onednn_md_transposed(struct onednn_md *out, int rows, int columns,
                                          struct err *err);
void onednn_md_free(struct onednn_md *); /* NULL-safe, harmless on a zeroed one */
size_t onednn_md_bytes(const struct onednn_md *);

struct onednn_product {
    int m, n, k;
    enum precision precision; /* of x and w: float32, bfloat16, or unsigned times signed bytes */
    enum activation activation;
};

/* y [m, n] = activation(x [m, k] w [k, n] + bias [1, n]) */
struct onednn_matmul {
    dnnl_primitive_t primitive;
    struct onednn_md x, w, bias, y, scratch;
    char implementation[64];
};

/* weights: the layout to use, or NULL for the one that this product likes best. The number of
 * threads is what OpenMP says at the time of the call. */
MUST_USE enum status onednn_matmul_open(struct onednn_matmul *out, const struct onednn_product *,
                                        const struct onednn_md *weights, struct err *err);
void onednn_matmul_close(struct onednn_matmul *); /* NULL-safe, harmless on a zeroed one */

/* What one thread needs to run a product: memory objects that point at whatever comes. */
struct onednn_lane {
    dnnl_stream_t stream;
    dnnl_memory_t x, w, bias, y, scratch;
    void *scratch_bytes;
};

MUST_USE enum status onednn_lane_open(struct onednn_lane *out, const struct onednn_matmul *,
                                      struct err *err);
void onednn_lane_close(struct onednn_lane *); /* NULL-safe, harmless on a zeroed one */
MUST_USE bool onednn_matmul_run(const struct onednn_matmul *, const struct onednn_lane *, float *y,
                                const void *x, const void *w, const float *bias);

MUST_USE enum status onednn_reorder(const struct onednn_md *from, const void *from_bytes,
                                    const struct onednn_md *to, void *to_bytes, struct err *err);

/* Once per process, before anything else here; avx2_only keeps oneDNN from using AVX-512. */
MUST_USE enum status onednn_start(bool avx2_only, struct err *err);

#endif
