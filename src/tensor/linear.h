/* SPDX-License-Identifier: MIT
 *
 * Linear layers on the CPU: packed once, run as tiles in parallel (see gemm.h for why tiles).
 */
#ifndef FOVEA_TENSOR_LINEAR_H
#define FOVEA_TENSOR_LINEAR_H

#include "tensor/gemm.h"
#include "tensor/tensor.h"

#include "kern/kernels.h"

MUST_USE enum status linear_open(struct linear **out, const struct gemm *, const struct kernels *,
                                 const struct linear_source *, int threads, struct err *err);
void linear_close(struct linear *); /* NULL-safe */

/* The kernels that one runner has built so far, and a scratch tile per thread. */
struct linear_cache;

MUST_USE enum status linear_cache_open(struct linear_cache **out, const struct gemm *,
                                       const struct kernels *, int threads, struct err *err);
void linear_cache_close(struct linear_cache *); /* NULL-safe */

MUST_USE enum status linear_run(struct linear_cache *, const struct linear *,
                                const struct linear_call *, struct err *err);

/* element values of any stored type → float32 */
void floats_from(float *out, const void *in, enum dtype dtype, size_t count,
                 const struct kernels *);
size_t dtype_bytes(enum dtype dtype);

#endif
