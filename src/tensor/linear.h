/* SPDX-License-Identifier: MIT
 *
 * Linear layers on the CPU. Two kinds, each with its own packing: float32 by a library for matrix
 * products (linear_f32.c, gemm.h), bfloat16 and 8 bits by this program's own kernels (linear_dot.c,
 * kern/). linear.c tells them apart and has what both need to read a source.
 */
#ifndef FOVEA_TENSOR_LINEAR_H
#define FOVEA_TENSOR_LINEAR_H

#include "tensor/gemm.h"
#include "tensor/tensor.h"

#include "base/team.h"
#include "kern/kernels.h"

/* What the whole process computes with. */
struct linear_tools {
    const struct gemm *gemm;
    const struct kernels *kernels;
};

MUST_USE enum status linear_bytes(size_t *bytes, const struct linear_tools *,
                                  const struct linear_shape *, struct err *err);
MUST_USE enum status linear_pack(void *packed, const struct linear_tools *,
                                 const struct linear_source *, enum precision, int threads,
                                 struct err *err);
MUST_USE enum status linear_open(struct linear **out, const struct linear_tools *,
                                 const void *packed, const struct linear_shape *, struct err *err);
void linear_close(struct linear *); /* NULL-safe */

/* The kernels that one runner has built so far, and scratch for each of its threads. */
struct linear_cache;

MUST_USE enum status linear_cache_open(struct linear_cache **out, const struct linear_tools *,
                                       struct team *, struct err *err);
void linear_cache_close(struct linear_cache *); /* NULL-safe */

MUST_USE enum status linear_run(struct linear_cache *, const struct linear *,
                                const struct linear_call *, struct err *err);

/* element values of any stored type → float32 */
void floats_from(float *out, const void *in, enum dtype dtype, size_t count,
                 const struct kernels *);
size_t dtype_bytes(enum dtype dtype);

/* One row of float32 as a row of `to`, its padding included. */
void row_write(const struct rows *to, size_t row, const float *from, const struct kernels *);

#endif
