/* SPDX-License-Identifier: MIT
 *
 * float32 layers by a library for matrix products (gemm.h). A layer is cut into panels of at most
 * 256 outputs, each packed by itself; a call cuts its rows into blocks. Every (panel, block) is a
 * tile, computed by whichever thread comes next:
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
 * Packed: biases float32 [out], zeros where there are none, then the panels, each 64-byte aligned.
 *
 * Kernels (a tile shape and an activation) are built when first met and kept, found by hash.
 */
#include "tensor/linear_internal.h"

#include <omp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    PANEL_MAX = 256,
    PANEL_SMALL = 128, /* for layers of few outputs, so that there are tiles to share out */
    PANEL_WIDE_FROM = 2048,
};

/* ---- packing ----------------------------------------------------------------------------- */

struct f32_packing {
    struct linear layer;
    uint8_t *packed;
    struct gemm_packing *full, *last;
};

static enum status packings_open(struct f32_packing *p, struct err *err)
{
    const struct gemm *gemm = p->layer.tools->gemm;
    enum status status = gemm->packing_open(&p->full, p->layer.f32.width, p->layer.shape.in, err);
    if (status == OK)
        status = gemm->packing_open(&p->last, p->layer.f32.last_width, p->layer.shape.in, err);
    return status;
}

static void packings_close(struct f32_packing *p)
{
    p->layer.tools->gemm->packing_close(p->full);
    p->layer.tools->gemm->packing_close(p->last);
}

enum status linear_f32_layout(struct linear *l, size_t *bytes, struct err *err)
{
    const struct gemm *gemm = l->tools->gemm;
    const int out = l->shape.out, most = out >= PANEL_WIDE_FROM ? PANEL_MAX : PANEL_SMALL;
    l->f32.width = out < most ? out : most;
    l->f32.panels = (out + l->f32.width - 1) / l->f32.width;
    l->f32.last_width = out - (l->f32.panels - 1) * l->f32.width;
    l->f32.first = linear_round_up((size_t)out * sizeof(float), 64);
    struct f32_packing p = {.layer = *l};
    enum status status = packings_open(&p, err);
    if (status == OK) {
        l->f32.panel_bytes = linear_round_up(gemm->packing_bytes(p.full), 64);
        *bytes = l->f32.first + l->f32.panel_bytes * (size_t)(l->f32.panels - 1) +
                 linear_round_up(gemm->packing_bytes(p.last), 64);
    }
    packings_close(&p);
    return status;
}

static enum status pack_panel(const struct packing_job *job, int panel, float *plain,
                              struct err *err)
{
    const struct f32_packing *p = job->context;
    const struct linear *l = &p->layer;
    float *bias = (void *)p->packed, column[PANEL_MAX];
    bool last = panel == l->f32.panels - 1;
    int first = panel * l->f32.width;
    linear_gather(plain, bias + first, column, job->source, first,
                  last ? l->f32.last_width : l->f32.width, job->tools->kernels);
    return l->tools->gemm->pack(last ? p->last : p->full,
                                p->packed + l->f32.first + (size_t)panel * l->f32.panel_bytes,
                                plain, err);
}

enum status linear_f32_pack(void *packed, const struct linear_tools *tools,
                            const struct linear_source *src, int threads, struct err *err)
{
    size_t bytes;
    struct f32_packing p = {.packed = packed,
                            .layer = {.shape = {src->out, src->in, PRECISION_F32}, .tools = tools}};
    enum status status = linear_f32_layout(&p.layer, &bytes, err);
    if (status != OK)
        return status;
    memset(packed, 0, p.layer.f32.first);
    status = packings_open(&p, err);
    const struct packing_job job = {.source = src,
                                    .tools = tools,
                                    .panels = p.layer.f32.panels,
                                    .width = p.layer.f32.width,
                                    .pack_panel = pack_panel,
                                    .context = &p};
    if (status == OK)
        status = linear_pack_panels(&job, threads, err);
    packings_close(&p);
    return status;
}

/* ---- kernels met so far ------------------------------------------------------------------ */

enum { BUCKETS = sizeof(((struct linear_cache *)0)->bucket) / sizeof(struct cached_kernel *) };
_Static_assert((BUCKETS & (BUCKETS - 1)) == 0, "a power of two");

struct cached_kernel {
    struct gemm_shape shape;
    struct gemm_kernel *kernel;
    struct cached_kernel *next;
};

size_t linear_f32_lane_floats(const struct gemm *gemm)
{
    return (size_t)gemm->block_rows * PANEL_MAX;
}

void linear_f32_forget(struct linear_cache *cache)
{
    for (int i = 0; i < BUCKETS; i++)
        for (struct cached_kernel *c = cache->bucket[i], *next; c; c = next) {
            next = c->next;
            cache->tools->gemm->kernel_close(c->kernel);
            free(c);
        }
}

static unsigned shape_hash(const struct gemm_shape *s)
{
    uint32_t h = (uint32_t)s->m * 0x9e3779b1u ^ (uint32_t)s->n * 0x85ebca77u ^
                 (uint32_t)s->k * 0xc2b2ae3du ^ (uint32_t)s->activation * 0x27d4eb2fu;
    return (h ^ h >> 15) & (BUCKETS - 1);
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
    enum status status =
        cache->tools->gemm->kernel_open(&c->kernel, s, team_threads(cache->team), err);
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
    atomic_bool failed;
};

static enum status plan_tiles(struct tile_plan *plan, struct err *err)
{
    const struct linear *l = plan->linear;
    int rows = plan->call->rows;
    plan->block_rows = rows < l->tools->gemm->block_rows ? rows : l->tools->gemm->block_rows;
    plan->blocks = (rows + plan->block_rows - 1) / plan->block_rows;
    plan->last_rows = rows - (plan->blocks - 1) * plan->block_rows;
    for (int i = 0; i < 4; i++) {
        bool last_block = i & 2, last_panel = i & 1;
        if ((!last_block && plan->blocks == 1) || (!last_panel && l->f32.panels == 1))
            continue; /* there is only the last one */
        struct gemm_shape shape = {
            .m = last_block ? plan->last_rows : plan->block_rows,
            .n = last_panel ? l->f32.last_width : l->f32.width,
            .k = l->shape.in,
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
    bool last_block = block == plan->blocks - 1, last_panel = panel == l->f32.panels - 1;
    size_t rows = (size_t)(last_block ? plan->last_rows : plan->block_rows);
    size_t width = (size_t)(last_panel ? l->f32.last_width : l->f32.width);
    size_t first_row = (size_t)block * (size_t)plan->block_rows;
    size_t first_column = (size_t)panel * (size_t)l->f32.width;
    float *y = (float *)call->y.data + first_row * (size_t)l->shape.out + first_column;
    bool direct = l->f32.panels == 1 && !call->accumulate;
    float *dense = direct ? y : plan->cache->lanes + (size_t)lane * plan->cache->lane_floats;
    const struct gemm_tile tile = {
        .y = dense,
        .x = (const float *)call->x.data + first_row * (size_t)l->shape.in,
        .panel = l->packed + l->f32.first + (size_t)panel * l->f32.panel_bytes,
        .bias = l->bias + first_column,
    };
    if (!l->tools->gemm->kernel_run(plan->kernel[last_block][last_panel], lane, &tile))
        return false;
    for (size_t row = 0; row < rows && !direct; row++) {
        if (call->accumulate)
            plan->cache->tools->kernels->add(y + row * (size_t)l->shape.out, dense + row * width,
                                             width);
        else
            memcpy(y + row * (size_t)l->shape.out, dense + row * width, width * sizeof(float));
    }
    return true;
}

static void run_item(void *context, int item, int lane)
{
    struct tile_plan *plan = context;
    omp_set_num_threads(1); /* what the library sees inside; a setting of this thread alone */
    if (!plan->failed && !run_tile(plan, item / plan->blocks, item % plan->blocks, lane))
        plan->failed = true;
}

enum status linear_f32_run(struct linear_cache *cache, const struct linear *l,
                           const struct linear_call *call, struct err *err)
{
    struct tile_plan plan = {.cache = cache, .linear = l, .call = call};
    enum status status = plan_tiles(&plan, err);
    if (status != OK)
        return status;
    int before = omp_get_max_threads();
    team_run(cache->team, plan.blocks * l->f32.panels, run_item, &plan);
    omp_set_num_threads(before);
    return plan.failed
               ? err_set(err, ERR_INTERNAL, "%s: a matrix product failed", l->tools->gemm->name)
               : OK;
}
