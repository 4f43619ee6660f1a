/* SPDX-License-Identifier: MIT
 *
 * Tiles by oneDNN's matmul.
 *
 * A panel's layout is the one that matmul likes best for a full block of rows; kernels for fewer
 * rows are told to take it. On AVX-512 all of them are the same family of generated code (brgemm)
 * and accumulate over k in the same order, so that a row's result does not even depend on how many
 * rows come with it. Without AVX-512, oneDNN 2.x runs its generated sgemm.
 *
 * Kernels are built and run with OpenMP limited to one thread: a tile is one thread's work.
 */
#include "tensor/gemm.h"
#include "tensor/onednn.h"

#include "base/clock.h"
#include "base/cpu.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_ROWS = 64, MEASURE_BYTES = 256 << 20 };

struct gemm_packing {
    struct onednn_md plain, packed; /* [k, n] both */
};

struct gemm_kernel {
    struct onednn_matmul matmul;
    int lanes;
    struct onednn_lane lane[];
};

static enum status matmul_open_threads(struct onednn_matmul *out, const int mnk[3],
                                       enum activation activation, const struct onednn_md *weights,
                                       int threads, struct err *err)
{
    int before = omp_get_max_threads();
    omp_set_num_threads(threads);
    enum status status = onednn_matmul_open(out, mnk, activation, weights, err);
    omp_set_num_threads(before);
    return status;
}

/* The layout of an [n, k] panel. */
static enum status panel_layout(struct onednn_md *out, int n, int k, struct err *err)
{
    struct onednn_matmul mm;
    enum status status =
        matmul_open_threads(&mm, (int[]){BLOCK_ROWS, n, k}, ACTIVATION_NONE, NULL, 1, err);
    if (status != OK)
        return status;
    *out = mm.w;
    mm.w.set = false; /* the layout is handed out */
    onednn_matmul_close(&mm);
    return OK;
}

static void packing_close(struct gemm_packing *p)
{
    if (!p)
        return;
    onednn_md_free(&p->plain);
    onednn_md_free(&p->packed);
    free(p);
}

static enum status packing_open(struct gemm_packing **out, int n, int k, struct err *err)
{
    struct gemm_packing *p = calloc(1, sizeof *p);
    *out = NULL;
    if (!p)
        return err_no_memory(err, "a weight layout", sizeof *p);
    enum status status = onednn_md_transposed(&p->plain, n, k, err);
    if (status == OK)
        status = panel_layout(&p->packed, n, k, err);
    if (status != OK) {
        packing_close(p);
        return status;
    }
    *out = p;
    return OK;
}

static size_t packing_bytes(const struct gemm_packing *p)
{
    return onednn_md_bytes(&p->packed);
}

static enum status pack(const struct gemm_packing *p, void *panel, const float *weights,
                        struct err *err)
{
    return onednn_reorder(&p->plain, weights, &p->packed, panel, err);
}

static void kernel_close(struct gemm_kernel *kernel)
{
    if (!kernel)
        return;
    for (int i = 0; i < kernel->lanes; i++)
        onednn_lane_close(&kernel->lane[i]);
    onednn_matmul_close(&kernel->matmul);
    free(kernel);
}

static enum status kernel_open(struct gemm_kernel **out, const struct gemm_shape *shape, int lanes,
                               struct err *err)
{
    size_t bytes = sizeof(struct gemm_kernel) + (size_t)lanes * sizeof(struct onednn_lane);
    struct onednn_md layout = {0};
    struct gemm_kernel *kernel = calloc(1, bytes);
    *out = NULL;
    if (!kernel)
        return err_no_memory(err, "a matrix product", bytes);
    enum status status = panel_layout(&layout, shape->n, shape->k, err);
    if (status == OK)
        status = matmul_open_threads(&kernel->matmul, (int[]){shape->m, shape->n, shape->k},
                                     shape->activation, &layout, 1, err);
    onednn_md_free(&layout);
    for (; status == OK && kernel->lanes < lanes; kernel->lanes++)
        status = onednn_lane_open(&kernel->lane[kernel->lanes], &kernel->matmul, err);
    if (status != OK) {
        kernel_close(kernel);
        return status;
    }
    *out = kernel;
    return OK;
}

static bool kernel_run(struct gemm_kernel *kernel, int lane, const struct gemm_tile *tile)
{
    return onednn_matmul_run(&kernel->matmul, &kernel->lane[lane], tile->y, tile->x, tile->panel,
                             tile->bias);
}

/* Every call takes the next of several weights, as the layers of a network do. */
static enum status measure(double *seconds, const struct gemm_shape *shape, int calls, int threads,
                           struct err *err)
{
    size_t m = (size_t)shape->m, n = (size_t)shape->n, k = (size_t)shape->k;
    struct onednn_matmul mm;
    struct onednn_lane lane = {0};
    float *data = NULL;
    *seconds = 0;
    enum status status = matmul_open_threads(&mm, (int[]){shape->m, shape->n, shape->k},
                                             ACTIVATION_NONE, NULL, threads, err);
    if (status != OK)
        return status;
    size_t weights = (onednn_md_bytes(&mm.w) / 64 + 1) * 16;
    size_t copies = (size_t)calls;
    while (copies > 1 && copies * weights * sizeof(float) > MEASURE_BYTES)
        copies--;
    size_t floats = m * k + m * n + n + copies * weights + 3 * 16;
    floats = (floats + 15) / 16 * 16;
    data = aligned_alloc(64, floats * sizeof(float));
    if (!data) {
        status = err_no_memory(err, "measuring matrix products", floats * sizeof(float));
        goto out;
    }
    for (size_t i = 0; i < floats; i++)
        data[i] = (float)(i % 251) * 0x1p-8f - 0.5f;
    status = onednn_lane_open(&lane, &mm, err);
    if (status != OK)
        goto out;
    float *w = data, *x = w + copies * weights, *y = x + (m * k + 15) / 16 * 16;
    float *bias = y + (m * n + 15) / 16 * 16;
    int before = omp_get_max_threads();
    omp_set_num_threads(threads);
    for (int i = -1; i < calls && status == OK; i++) { /* the first is not counted */
        double start = clock_seconds();
        if (!onednn_matmul_run(&mm, &lane, y, x, w + (size_t)(i + 1) % copies * weights, bias))
            status = err_set(err, ERR_INTERNAL, "oneDNN: a matrix product failed");
        if (i >= 0)
            *seconds += clock_seconds() - start;
    }
    omp_set_num_threads(before);
out:
    onednn_lane_close(&lane);
    onednn_matmul_close(&mm);
    free(data);
    return status;
}

enum status gemm_onednn(const struct gemm **out, bool *fast, struct err *err)
{
    static char name[64];
    static const struct gemm gemm = {
        .name = name,
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
    *fast = false;
    enum status status = cpu_flags(&flags, err);
    if (status == OK)
        status = onednn_start((flags & CPU_AVX2) && !(flags & CPU_AVX512), err);
    if (status != OK)
        return status;
    struct onednn_matmul probe;
    status = matmul_open_threads(&probe, (int[]){BLOCK_ROWS, 256, 256}, ACTIVATION_GELU_ERF, NULL,
                                 1, err);
    if (status != OK)
        return status;
    const dnnl_version_t *version = dnnl_version();
    snprintf(name, sizeof name, "oneDNN %d.%d.%d", version->major, version->minor, version->patch);
    *fast = !strstr(probe.implementation, "ref");
    onednn_matmul_close(&probe);
    *out = &gemm;
    return OK;
}
