/* SPDX-License-Identifier: MIT
 *
 * The seam between the linear layers (linear.c) and the library that multiplies matrices.
 *
 * linear.c cuts y = x W^T + b into tiles: a block of rows of x times a panel of rows of W. The tile
 * is the unit of work and of packing: a panel is packed once, by itself, and one layout serves
 * every number of rows. A tile is always computed by one thread and over all of k, so that its
 * result is a function of its arguments alone.
 *
 * Why tiles and not one call of the library's own threading: oneDNN 2.6's inner product splits k
 * over threads for some shapes, so that the last bits depend on the number of threads. Tiles of
 * 64 rows by 128 or 256 columns, written to a dense scratch and copied out while still in cache,
 * measured 96-103 % of oneDNN's own whole-matrix rate at one and two threads, for the shapes of
 * ViT-B-32 and ViT-H-14 and down to 6 rows.
 */
#ifndef FOVEA_TENSOR_GEMM_H
#define FOVEA_TENSOR_GEMM_H

#include "base/status.h"
#include "tensor/tensor.h"

#include <stdbool.h>
#include <stddef.h>

struct gemm_packing; /* how a panel of [n, k] is laid out */
struct gemm_kernel;  /* one tile shape, ready to run */

struct gemm_shape {
    int m, n, k;
    enum activation activation;
};

struct gemm_tile {
    float *y;          /* [m, n], dense */
    const float *x;    /* [m, k], dense */
    const void *panel; /* packed [n, k] */
    const float *bias; /* [n] */
};

struct gemm {
    const char *name;
    int block_rows; /* m of a full tile */

    enum status (*packing_open)(struct gemm_packing **out, int n, int k, struct err *err);
    void (*packing_close)(struct gemm_packing *); /* NULL-safe */
    size_t (*packing_bytes)(const struct gemm_packing *);
    /* weights: [n, k] → panel, 64-byte aligned. Any number of threads at once. */
    enum status (*pack)(const struct gemm_packing *, void *panel, const float *weights,
                        struct err *err);

    /* `lanes` threads may run it at once, each with its own lane number. */
    enum status (*kernel_open)(struct gemm_kernel **out, const struct gemm_shape *, int lanes,
                               struct err *err);
    void (*kernel_close)(struct gemm_kernel *); /* NULL-safe */
    bool (*kernel_run)(struct gemm_kernel *, int lane, const struct gemm_tile *);

    /* For the bench: seconds of the library's own product of whole matrices, m x n x k, packed
     * weights, no bias, with its own threads; `calls` in a row over as many weights as fit
     * in 256 MB. ERR_UNSUPPORTED for a precision that it does not have. */
    enum status (*measure)(double *seconds, const struct gemm_shape *, enum precision, int calls,
                           int threads, struct err *err);
};

/* The library to use: FOVEA_GEMM=onednn|cblas when set, else the first that is built in and has
 * kernels for this CPU. Chosen once per process. */
MUST_USE enum status gemm_select(const struct gemm **out, struct err *err);

#ifdef FOVEA_HAVE_ONEDNN
MUST_USE enum status gemm_onednn(const struct gemm **out, bool *fast, struct err *err);
#endif
#ifdef FOVEA_HAVE_CBLAS
MUST_USE enum status gemm_cblas(const struct gemm **out, struct err *err);
#endif

#endif
