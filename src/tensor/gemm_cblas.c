/* SPDX-License-Identifier: MIT
 *
 * Tiles by sgemm of any CBLAS: OpenBLAS, Accelerate. For CPUs that oneDNN has no kernels for, and
 * for builds without it. A packed panel is the plain [n, k] rows; bias and activation run over the
 * tile while it is in cache. Blocks have more rows than oneDNN's, because sgemm packs the panel
 * anew for every tile.
 *
 * OpenBLAS brings threads of its own; they are switched off for the process, because the tiles are
 * what runs in parallel.
 */
#include "tensor/gemm.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "kern/kernels.h"

#include <cblas.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_ROWS = 256 };

struct gemm_packing {
    size_t bytes;
};

struct gemm_kernel {
    struct gemm_shape shape;
};

static struct kernels kernels; /* filled once by gemm_cblas() */

static enum status packing_open(struct gemm_packing **out, int n, int k, struct err *err)
{
    *out = malloc(sizeof **out);
    if (!*out)
        return err_no_memory(err, "a weight layout", sizeof **out);
    (*out)->bytes = (size_t)n * (size_t)k * sizeof(float);
    return OK;
}

static void packing_close(struct gemm_packing *p)
{
    free(p);
}

static size_t packing_bytes(const struct gemm_packing *p)
{
    return p->bytes;
}

static enum status pack(const struct gemm_packing *p, void *panel, const float *weights,
                        struct err *err)
{
    (void)err;
    memcpy(panel, weights, p->bytes);
    return OK;
}

static enum status kernel_open(struct gemm_kernel **out, const struct gemm_shape *shape, int lanes,
                               struct err *err)
{
    (void)lanes;
    *out = malloc(sizeof **out);
    if (!*out)
        return err_no_memory(err, "a matrix product", sizeof **out);
    (*out)->shape = *shape;
    return OK;
}

static void kernel_close(struct gemm_kernel *kernel)
{
    free(kernel);
}

static void activate(float *x, size_t n, enum activation activation)
{
    if (activation == ACTIVATION_GELU_ERF)
        kernels.gelu_erf(x, n);
    else if (activation == ACTIVATION_GELU_TANH)
        kernels.gelu_tanh(x, n);
    else if (activation == ACTIVATION_GELU_QUICK)
        kernels.gelu_quick(x, n);
}

static bool kernel_run(struct gemm_kernel *kernel, int lane, const struct gemm_tile *tile)
{
    (void)lane;
    int m = kernel->shape.m, n = kernel->shape.n, k = kernel->shape.k;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, n, k, 1, tile->x, k, tile->panel, k, 0,
                tile->y, n);
    for (int row = 0; row < m; row++)
        kernels.add(tile->y + (size_t)row * (size_t)n, tile->bias, (size_t)n);
    activate(tile->y, (size_t)m * (size_t)n, kernel->shape.activation);
    return true;
}

static void library_threads(int threads)
{
#ifdef FOVEA_HAVE_OPENBLAS
    openblas_set_num_threads(threads);
#else
    (void)threads;
#endif
}

static enum status measure(double *seconds, const struct gemm_shape *shape,
                           enum precision precision, int calls, int threads, struct err *err)
{
    if (precision != PRECISION_F32)
        return err_set(err, ERR_UNSUPPORTED, "a CBLAS has products of float32 alone to measure");
    size_t m = (size_t)shape->m, n = (size_t)shape->n, k = (size_t)shape->k;
    size_t floats = (m * k + m * n + n * k + 15) / 16 * 16;
    float *x = aligned_alloc(64, floats * sizeof(float));
    *seconds = 0;
    if (!x)
        return err_no_memory(err, "measuring matrix products", floats * sizeof(float));
    for (size_t i = 0; i < floats; i++)
        x[i] = (float)(i % 251) * 0x1p-8f - 0.5f;
    float *y = x + m * k, *w = y + m * n;
    library_threads(threads);
    for (int i = -1; i < calls; i++) { /* the first is not counted */
        double start = clock_seconds();
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, shape->m, shape->n, shape->k, 1, x,
                    shape->k, w, shape->k, 0, y, shape->n);
        if (i >= 0)
            *seconds += clock_seconds() - start;
    }
    library_threads(1);
    free(x);
    return OK;
}

enum status gemm_cblas(const struct gemm **out, struct err *err)
{
    static const struct gemm gemm = {
        .name = "CBLAS",
        .block_rows = BLOCK_ROWS,
        .packing_open = packing_open,
        .packing_close = packing_close,
        .packing_bytes = packing_bytes,
        .pack = pack,
        .kernel_open = kernel_open,
        .kernel_close = kernel_close,
        .kernel_run = kernel_run,
        .measure = measure,
    };
    unsigned flags;
    enum status status = cpu_flags(&flags, err);
    if (status != OK)
        return status;
    kernels_init(&kernels, flags);
    library_threads(1);
    *out = &gemm;
    return OK;
}
