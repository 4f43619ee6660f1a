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

/* oneDNN 3.7.2 (Debian 13) on AVX-512 reorders a transposed matrix wrongly whose last block of 64
 * outputs has 2 to 48 of them, so that one is handed over turned. 2.x does it right, and faster. */
enum { TURN_FIRST = DNNL_VERSION_MAJOR >= 3 };

struct gemm_packing {
    int n, k;
    struct onednn_md plain, packed; /* [k, n] both */
};

struct gemm_kernel {
    struct onednn_matmul matmul;
    int lanes;
    struct onednn_lane lane[];
};

static enum status matmul_open_threads(struct onednn_matmul *out,
                                       const struct onednn_product *product,
                                       const struct onednn_md *weights, int threads,
                                       struct err *err)
{
    int before = omp_get_max_threads();
    omp_set_num_threads(threads);
    enum status status = onednn_matmul_open(out, product, weights, err);
    omp_set_num_threads(before);
    return status;
}

/* The layout of an [n, k] panel. */
static enum status panel_layout(struct onednn_md *out, int n, int k, struct err *err)
{
    struct onednn_matmul mm;
    enum status status = matmul_open_threads(
        &mm, &(struct onednn_product){BLOCK_ROWS, n, k, PRECISION_F32, ACTIVATION_NONE}, NULL, 1,
        err);
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
    *p = (struct gemm_packing){.n = n, .k = k};
    enum status status = TURN_FIRST ? onednn_md_matrix(&p->plain, k, n, n, err)
                                    : onednn_md_transposed(&p->plain, n, k, err);
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

/* to: [k, n], from: [n, k] */
static void turn(float *to, const float *from, size_t n, size_t k)
{
    enum { SIDE = 16 }; /* of blocks: a line of the cache each way */
    for (size_t o = 0; o < n; o += SIDE)
        for (size_t c = 0; c < k; c += SIDE)
            for (size_t i = o; i < n && i < o + SIDE; i++)
                for (size_t j = c; j < k && j < c + SIDE; j++)
                    to[j * n + i] = from[i * k + j];
}

static enum status pack(const struct gemm_packing *p, void *panel, const float *weights,
                        struct err *err)
{
    if (!TURN_FIRST)
        return onednn_reorder(&p->plain, weights, &p->packed, panel, err);
    size_t n = (size_t)p->n, k = (size_t)p->k, bytes = n * k * sizeof(float);
    float *turned = malloc(bytes);
    if (!turned)
        return err_no_memory(err, "packing weights", bytes);
    turn(turned, weights, n, k);
    enum status status = onednn_reorder(&p->plain, turned, &p->packed, panel, err);
    free(turned);
    return status;
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
        status = matmul_open_threads(&kernel->matmul,
                                     &(struct onednn_product){shape->m, shape->n, shape->k,
                                                              PRECISION_F32, shape->activation},
                                     &layout, 1, err);
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

/* What a measured product works on: weights of several layers, one input, one result. */
struct measure_data {
    uint8_t *bytes;
    size_t copies, weight_bytes; /* distance of two layers' weights */
    void *x;
    float *bias, *y;
};

static size_t lines(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

static enum status measure_data_open(struct measure_data *d, const struct onednn_matmul *mm,
                                     size_t copies, struct err *err)
{
    *d = (struct measure_data){.copies = copies, .weight_bytes = lines(onednn_md_bytes(&mm->w))};
    while (d->copies > 1 && d->copies * d->weight_bytes > MEASURE_BYTES)
        d->copies--;
    size_t weights = d->copies * d->weight_bytes, x = lines(onednn_md_bytes(&mm->x));
    size_t bias = lines(onednn_md_bytes(&mm->bias)), y = lines(onednn_md_bytes(&mm->y));
    d->bytes = aligned_alloc(64, weights + x + bias + y);
    if (!d->bytes)
        return err_no_memory(err, "measuring matrix products", weights + x + bias + y);
    /* The same small numbers whatever they are taken for: as bfloat16 or float about 0.004. */
    memset(d->bytes, 0x3b, weights + x);
    memset(d->bytes + weights + x, 0, bias + y);
    d->x = d->bytes + weights;
    d->bias = (void *)(d->bytes + weights + x);
    d->y = (void *)(d->bytes + weights + x + bias);
    return OK;
}

/* Every call takes the next of several weights, as the layers of a network do. */
static enum status measure_calls(double *seconds, const struct onednn_matmul *mm,
                                 const struct measure_data *d, int calls, struct err *err)
{
    struct onednn_lane lane = {0};
    enum status status = onednn_lane_open(&lane, mm, err);
    for (int i = -1; i < calls && status == OK; i++) { /* the first is not counted */
        double start = clock_seconds();
        const uint8_t *w = d->bytes + (size_t)(i + 1) % d->copies * d->weight_bytes;
        if (!onednn_matmul_run(mm, &lane, d->y, d->x, w, d->bias))
            status = err_set(err, ERR_INTERNAL, "oneDNN: a matrix product failed");
        if (i >= 0)
            *seconds += clock_seconds() - start;
    }
    onednn_lane_close(&lane);
    return status;
}

static enum status measure(double *seconds, const struct gemm_shape *shape,
                           enum precision precision, int calls, int threads, struct err *err)
{
    struct onednn_matmul mm;
    struct measure_data data = {0};
    const struct onednn_product product = {shape->m, shape->n, shape->k, precision,
                                           ACTIVATION_NONE};
    *seconds = 0;
    enum status status = matmul_open_threads(&mm, &product, NULL, threads, err);
    if (status != OK)
        return status;
    int before = omp_get_max_threads();
    omp_set_num_threads(threads);
    status = measure_data_open(&data, &mm, (size_t)calls, err);
    if (status == OK)
        status = measure_calls(seconds, &mm, &data, calls, err);
    omp_set_num_threads(before);
    onednn_matmul_close(&mm);
    free(data.bytes);
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
    status = matmul_open_threads(
        &probe, &(struct onednn_product){BLOCK_ROWS, 256, 256, PRECISION_F32, ACTIVATION_GELU_ERF},
        NULL, 1, err);
    if (status != OK)
        return status;
    const dnnl_version_t *version = dnnl_version();
    snprintf(name, sizeof name, "oneDNN %d.%d.%d", version->major, version->minor, version->patch);
    *fast = !strstr(probe.implementation, "ref");
    onednn_matmul_close(&probe);
    *out = &gemm;
    return OK;
}
