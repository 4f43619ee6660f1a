/* SPDX-License-Identifier: MIT
 *
 * A linear layer is cut into panels of at most 256 outputs, each packed by itself; a call cuts its
 * rows into blocks. Every (panel, block) is a tile, computed by whichever thread comes next:
 *
 *            panel 0   panel 1   last panel
 *          +---------+---------+-----+
 *  block 0 | tile    | tile    |     |      tile: dense scratch of one thread, copied or
 *          +---------+---------+-----+            added to y while it is in cache
 *  last    +---------+---------+-----+
 *
 * Panels are the outer order, so that threads work on the same weights at the same time and each
 * panel passes through the cache once a call. Sizes do not depend on the number of threads, nor
 * does, therefore, any bit of the result.
 *
 * Kernels (a tile shape and an activation) are built when first met and kept, found by hash.
 */
#include "tensor/linear.h"

#include <assert.h>
#include <omp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    PANEL_MAX = 256,
    PANEL_SMALL = 128, /* for layers of few outputs, so that there are tiles to share out */
    PANEL_WIDE_FROM = 2048,
    CACHE_BUCKETS = 256, /* power of two */
};

struct linear {
    const struct gemm *gemm;
    int in, out;
    int panels, width, last_width; /* outputs of a panel, of the last one */
    size_t panel_bytes;            /* distance of packed panels */
    size_t bytes;
    uint8_t *packed;
    float *bias; /* [out], zeros where the layer has none */
};

size_t dtype_bytes(enum dtype dtype)
{
    return dtype == DTYPE_F32 ? 4 : 2;
}

/* A file may put float16 at an odd address. */
static void halves_from(float *out, const void *in, size_t count,
                        void (*convert)(float *, const uint16_t *, size_t))
{
    uint16_t aligned[256];
    if ((uintptr_t)in % sizeof *aligned == 0) {
        convert(out, in, count);
        return;
    }
    for (size_t done = 0, n; done < count; done += n) {
        n = count - done < 256 ? count - done : 256;
        memcpy(aligned, (const uint8_t *)in + done * sizeof *aligned, n * sizeof *aligned);
        convert(out + done, aligned, n);
    }
}

void floats_from(float *out, const void *in, enum dtype dtype, size_t count,
                 const struct kernels *kernels)
{
    if (dtype == DTYPE_F32)
        memcpy(out, in, count * sizeof(float));
    else
        halves_from(out, in, count,
                    dtype == DTYPE_F16 ? kernels->f16_to_f32 : kernels->bf16_to_f32);
}

static size_t round_up(size_t n, size_t unit)
{
    return (n + unit - 1) / unit * unit;
}

/* ---- packing ----------------------------------------------------------------------------- */

/* Rows first .. first + n - 1 of the layer as float32 [n, in]. */
static void panel_gather(float *to, float *column, const struct linear_source *src, int first,
                         int n, const struct kernels *kernels)
{
    size_t in = (size_t)src->in, element = dtype_bytes(src->dtype);
    const uint8_t *data = src->weights;
    if (!src->transposed) {
        floats_from(to, data + (size_t)first * in * element, src->dtype, (size_t)n * in, kernels);
    } else {
        for (size_t i = 0; i < in; i++) {
            floats_from(column, data + (i * (size_t)src->out + (size_t)first) * element, src->dtype,
                        (size_t)n, kernels);
            for (size_t o = 0; o < (size_t)n; o++)
                to[o * in + i] = column[o];
        }
    }
    if (src->row_gain)
        for (int o = 0; o < n; o++)
            kernels->scale(to + (size_t)o * in, to + (size_t)o * in, src->row_gain[first + o], in);
}

struct packing_job {
    struct linear *linear;
    const struct linear_source *src;
    const struct kernels *kernels;
    const struct gemm_packing *full, *last;
};

static enum status pack_panel(const struct packing_job *job, int panel, float *plain, float *column,
                              struct err *err)
{
    struct linear *l = job->linear;
    bool last = panel == l->panels - 1;
    panel_gather(plain, column, job->src, panel * l->width, last ? l->last_width : l->width,
                 job->kernels);
    return l->gemm->pack(last ? job->last : job->full, l->packed + (size_t)panel * l->panel_bytes,
                         plain, err);
}

static enum status pack_panels(const struct packing_job *job, int threads, struct err *err)
{
    struct linear *l = job->linear;
    size_t floats = round_up((size_t)l->width * (size_t)l->in, 16);
    enum status result = OK;
    int before = omp_get_max_threads();
    omp_set_num_threads(1); /* what the library sees inside */
#pragma omp parallel num_threads(threads)
    {
        struct err own = {0};
        enum status status = OK;
        float *plain = aligned_alloc(64, floats * sizeof(float));
        float column[PANEL_MAX];
        if (!plain)
            status = err_no_memory(&own, "packing weights", floats * sizeof(float));
#pragma omp for schedule(dynamic)
        for (int panel = 0; panel < l->panels; panel++)
            if (status == OK)
                status = pack_panel(job, panel, plain, column, &own);
        free(plain);
        if (status != OK) {
#pragma omp critical(fovea_pack_error)
            result = err_set(err, status, "%s", own.text);
        }
    }
    omp_set_num_threads(before);
    return result;
}

static enum status linear_allocate(struct linear *l, const struct linear_source *src,
                                   const struct packing_job *job, struct err *err)
{
    l->panel_bytes = round_up(l->gemm->packing_bytes(job->full), 64);
    l->bytes =
        l->panel_bytes * (size_t)(l->panels - 1) + round_up(l->gemm->packing_bytes(job->last), 64);
    size_t bias_bytes = round_up((size_t)l->out * sizeof(float), 64);
    l->packed = aligned_alloc(64, l->bytes);
    l->bias = aligned_alloc(64, bias_bytes);
    if (!l->packed || !l->bias)
        return err_no_memory(err, "packed weights", l->bytes + bias_bytes);
    l->bytes += bias_bytes;
    for (int i = 0; i < l->out; i++)
        l->bias[i] = (src->bias ? src->bias[i] : 0) * (src->row_gain ? src->row_gain[i] : 1);
    return OK;
}

enum status linear_open(struct linear **out, const struct gemm *gemm, const struct kernels *kernels,
                        const struct linear_source *src, int threads, struct err *err)
{
    assert(src->in > 0 && src->out > 0 && threads > 0);
    struct gemm_packing *full = NULL, *last = NULL;
    struct linear *l = calloc(1, sizeof *l);
    *out = NULL;
    if (!l)
        return err_no_memory(err, "a linear layer", sizeof *l);
    int most = src->out >= PANEL_WIDE_FROM ? PANEL_MAX : PANEL_SMALL;
    l->gemm = gemm;
    l->in = src->in;
    l->out = src->out;
    l->width = src->out < most ? src->out : most;
    l->panels = (src->out + l->width - 1) / l->width;
    l->last_width = src->out - (l->panels - 1) * l->width;
    enum status status = gemm->packing_open(&full, l->width, l->in, err);
    if (status == OK)
        status = gemm->packing_open(&last, l->last_width, l->in, err);
    struct packing_job job = {l, src, kernels, full, last};
    if (status == OK)
        status = linear_allocate(l, src, &job, err);
    if (status == OK)
        status = pack_panels(&job, threads, err);
    gemm->packing_close(full);
    gemm->packing_close(last);
    if (status != OK) {
        linear_close(l);
        return status;
    }
    *out = l;
    return OK;
}

void linear_close(struct linear *l)
{
    if (!l)
        return;
    free(l->packed);
    free(l->bias);
    free(l);
}

/* ---- kernels met so far ------------------------------------------------------------------ */

struct cached_kernel {
    struct gemm_shape shape;
    struct gemm_kernel *kernel;
    struct cached_kernel *next;
};

struct linear_cache {
    const struct gemm *gemm;
    const struct kernels *kernels;
    int threads;
    struct cached_kernel *bucket[CACHE_BUCKETS];
    float *tiles; /* [threads, block_rows, PANEL_MAX] */
};

enum status linear_cache_open(struct linear_cache **out, const struct gemm *gemm,
                              const struct kernels *kernels, int threads, struct err *err)
{
    struct linear_cache *cache = calloc(1, sizeof *cache);
    *out = NULL;
    if (!cache)
        return err_no_memory(err, "a runner", sizeof *cache);
    cache->gemm = gemm;
    cache->kernels = kernels;
    cache->threads = threads;
    size_t bytes = (size_t)threads * (size_t)gemm->block_rows * PANEL_MAX * sizeof(float);
    cache->tiles = aligned_alloc(64, bytes);
    if (!cache->tiles) {
        linear_cache_close(cache);
        return err_no_memory(err, "a runner's tiles", bytes);
    }
    *out = cache;
    return OK;
}

void linear_cache_close(struct linear_cache *cache)
{
    if (!cache)
        return;
    for (int i = 0; i < CACHE_BUCKETS; i++)
        for (struct cached_kernel *c = cache->bucket[i], *next; c; c = next) {
            next = c->next;
            cache->gemm->kernel_close(c->kernel);
            free(c);
        }
    free(cache->tiles);
    free(cache);
}

static unsigned shape_hash(const struct gemm_shape *s)
{
    uint32_t h = (uint32_t)s->m * 0x9e3779b1u ^ (uint32_t)s->n * 0x85ebca77u ^
                 (uint32_t)s->k * 0xc2b2ae3du ^ (uint32_t)s->activation * 0x27d4eb2fu;
    return (h ^ h >> 15) & (CACHE_BUCKETS - 1);
}

static enum status kernel_find(struct gemm_kernel **out, struct linear_cache *cache,
                               const struct gemm_shape *s, struct err *err)
{
    struct cached_kernel **bucket = &cache->bucket[shape_hash(s)];
    *out = NULL;
    for (const struct cached_kernel *c = *bucket; c; c = c->next)
        if (c->shape.m == s->m && c->shape.n == s->n && c->shape.k == s->k &&
            c->shape.activation == s->activation) {
            *out = c->kernel;
            return OK;
        }
    struct cached_kernel *c = calloc(1, sizeof *c);
    if (!c)
        return err_no_memory(err, "a matrix product", sizeof *c);
    enum status status = cache->gemm->kernel_open(&c->kernel, s, cache->threads, err);
    if (status != OK) {
        free(c);
        return status;
    }
    c->shape = *s;
    c->next = *bucket;
    *bucket = c;
    *out = c->kernel;
    return OK;
}

/* ---- running ----------------------------------------------------------------------------- */

struct tile_plan {
    struct linear_cache *cache;
    const struct linear *linear;
    const struct linear_call *call;
    int blocks, block_rows, last_rows;
    struct gemm_kernel *kernel[2][2]; /* [last block][last panel] */
};

static enum status plan_tiles(struct tile_plan *plan, struct err *err)
{
    const struct linear *l = plan->linear;
    int rows = plan->call->rows;
    plan->block_rows = rows < l->gemm->block_rows ? rows : l->gemm->block_rows;
    plan->blocks = (rows + plan->block_rows - 1) / plan->block_rows;
    plan->last_rows = rows - (plan->blocks - 1) * plan->block_rows;
    for (int i = 0; i < 4; i++) {
        bool last_block = i & 2, last_panel = i & 1;
        if ((!last_block && plan->blocks == 1) || (!last_panel && l->panels == 1))
            continue; /* there is only the last one */
        struct gemm_shape shape = {
            .m = last_block ? plan->last_rows : plan->block_rows,
            .n = last_panel ? l->last_width : l->width,
            .k = l->in,
            .activation = plan->call->activation,
        };
        enum status status =
            kernel_find(&plan->kernel[last_block][last_panel], plan->cache, &shape, err);
        if (status != OK)
            return status;
    }
    return OK;
}

static bool run_tile(const struct tile_plan *plan, int panel, int block, int lane)
{
    const struct linear *l = plan->linear;
    const struct linear_call *call = plan->call;
    bool last_block = block == plan->blocks - 1, last_panel = panel == l->panels - 1;
    size_t rows = (size_t)(last_block ? plan->last_rows : plan->block_rows);
    size_t width = (size_t)(last_panel ? l->last_width : l->width);
    size_t first_row = (size_t)block * (size_t)plan->block_rows;
    size_t first_column = (size_t)panel * (size_t)l->width;
    float *y = call->y + first_row * (size_t)l->out + first_column;
    bool direct = l->panels == 1 && !call->accumulate;
    float *dense =
        direct ? y : plan->cache->tiles + (size_t)lane * (size_t)l->gemm->block_rows * PANEL_MAX;
    const struct gemm_tile tile = {
        .y = dense,
        .x = call->x + first_row * (size_t)l->in,
        .panel = l->packed + (size_t)panel * l->panel_bytes,
        .bias = l->bias + first_column,
    };
    if (!l->gemm->kernel_run(plan->kernel[last_block][last_panel], lane, &tile))
        return false;
    for (size_t row = 0; row < rows && !direct; row++) {
        if (call->accumulate)
            plan->cache->kernels->add(y + row * (size_t)l->out, dense + row * width, width);
        else
            memcpy(y + row * (size_t)l->out, dense + row * width, width * sizeof(float));
    }
    return true;
}

enum status linear_run(struct linear_cache *cache, const struct linear *l,
                       const struct linear_call *call, struct err *err)
{
    assert(!call->accumulate || call->activation == ACTIVATION_NONE);
    if (call->rows <= 0)
        return OK;
    struct tile_plan plan = {.cache = cache, .linear = l, .call = call};
    enum status status = plan_tiles(&plan, err);
    if (status != OK)
        return status;
    int tiles = plan.blocks * l->panels;
    int threads = cache->threads < tiles ? cache->threads : tiles;
    atomic_bool failed = false;
    int before = omp_get_max_threads();
    omp_set_num_threads(1); /* what the library sees inside */
    if (threads == 1) {
        for (int i = 0; i < tiles && !failed; i++)
            failed = !run_tile(&plan, i / plan.blocks, i % plan.blocks, 0);
    } else {
#pragma omp parallel for num_threads(threads) schedule(dynamic)
        for (int i = 0; i < tiles; i++)
            if (!failed && !run_tile(&plan, i / plan.blocks, i % plan.blocks, omp_get_thread_num()))
                failed = true;
    }
    omp_set_num_threads(before);
    return failed ? err_set(err, ERR_INTERNAL, "%s: a matrix product failed", l->gemm->name) : OK;
}
