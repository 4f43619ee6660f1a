/* SPDX-License-Identifier: MIT
 *
 * The CPU backend: matrix products by linear.c, everything else by the vector kernels (kern/), rows
 * or heads shared out over the runner's threads. Every output element is one thread's work from
 * beginning to end, so that results do not depend on the number of threads.
 */
#include "tensor/linear.h"
#include "tensor/tensor.h"

#include "base/cpu.h"
#include "base/team.h"
#include "kern/kernels.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Set once by tensor_cpu() under the lock, constant from then on. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct kernels kernels;
static struct linear_tools tools = {.kernels = &kernels};
static unsigned flags;
static char description[96], panels[48], library_panels[100];

struct runner {
    struct team *team;
    struct linear_cache *linears;
    size_t scratch_floats; /* of one thread */
    size_t row_floats;     /* of them, for one row at the end */
    float *scratch;        /* [threads, scratch_floats] */
};

/* ---- memory ------------------------------------------------------------------------------ */

static float *floats_aligned(size_t count)
{
    size_t bytes = (count * sizeof(float) / 64 + 1) * 64;
    float *p = aligned_alloc(64, bytes);
    if (p)
        memset(p, 0, bytes);
    return p;
}

static enum status floats_open(float **out, size_t count, struct err *err)
{
    *out = floats_aligned(count);
    return *out ? OK : err_no_memory(err, "tensors", (unsigned long long)count * sizeof(float));
}

static void floats_close(float *p)
{
    free(p);
}

static void floats_write(float *to, const float *host, size_t count)
{
    memcpy(to, host, count * sizeof(float));
}

static void floats_read(float *host, const float *from, size_t count)
{
    memcpy(host, from, count * sizeof(float));
}

static void convert(float *out, const void *in, enum dtype dtype, size_t count)
{
    floats_from(out, in, dtype, count, &kernels);
}

static enum status cpu_linear_bytes(size_t *bytes, const struct linear_shape *shape,
                                    struct err *err)
{
    return linear_bytes(bytes, &tools, shape, err);
}

static enum status cpu_linear_pack(void *packed, const struct linear_source *source,
                                   enum precision precision, int threads, struct err *err)
{
    return linear_pack(packed, &tools, source, precision, threads, err);
}

static enum status cpu_linear_open(struct linear **out, const void *packed,
                                   const struct linear_shape *shape, struct err *err)
{
    return linear_open(out, &tools, packed, shape, err);
}

static const char *packing(enum precision precision)
{
    /* The library's layouts depend on the instruction set too. Raise the last number of either when
     * anything else than what stands in it changes. */
    return precision == PRECISION_F32 ? library_panels : panels;
}

static bool has_native(enum precision precision)
{
    return precision == PRECISION_BF16   ? (flags & CPU_AVX512_BF16) != 0
           : precision == PRECISION_INT8 ? (flags & CPU_AVX512_VNNI) != 0
                                         : true;
}

/* ---- runner ------------------------------------------------------------------------------ */

static void runner_close(struct runner *r)
{
    if (!r)
        return;
    linear_cache_close(r->linears);
    team_close(r->team);
    free(r->scratch);
    free(r);
}

static enum status runner_open(struct runner **out, const struct runner_options *options,
                               struct err *err)
{
    assert(options->threads > 0);
    struct runner *r = calloc(1, sizeof *r);
    *out = NULL;
    if (!r)
        return err_no_memory(err, "a runner", sizeof *r);
    size_t floats =
        attention_scratch(options->max_queries, options->max_keys, options->max_head_width);
    r->row_floats = ((size_t)options->max_width + 15) / 16 * 16;
    r->scratch_floats = (floats + 15) / 16 * 16 + r->row_floats;
    enum status status =
        floats_open(&r->scratch, (size_t)options->threads * r->scratch_floats, err);
    if (status == OK)
        status = team_open(&r->team, options->threads, err);
    if (status == OK)
        status = linear_cache_open(&r->linears, &tools, r->team, err);
    if (status != OK) {
        runner_close(r);
        return status;
    }
    *out = r;
    return OK;
}

/* ---- operations -------------------------------------------------------------------------- */

static enum status cpu_linear(struct runner *r, const struct linear *l,
                              const struct linear_call *call, struct err *err)
{
    return linear_run(r->linears, l, call, err);
}

/* A lane's space for one row of floats. */
static float *row_scratch(const struct runner *r, int lane)
{
    return r->scratch + ((size_t)lane + 1) * r->scratch_floats - r->row_floats;
}

/* Work on the rows first .. end - 1, a few at a time. `of`: what `each` needs beside the row. */
struct row_loop {
    const struct runner *runner;
    void (*each)(const struct runner *, const void *of, int row, int lane);
    const void *of;
    int first, end;
};

enum { LOOP_ROWS = 16 };

static void run_rows(void *context, int item, int lane)
{
    const struct row_loop *loop = context;
    int row = loop->first + item * LOOP_ROWS;
    int end = row + LOOP_ROWS < loop->end ? row + LOOP_ROWS : loop->end;
    for (; row < end; row++)
        loop->each(loop->runner, loop->of, row, lane);
}

static void for_rows(struct row_loop loop)
{
    team_run(loop.runner->team, (loop.end - loop.first + LOOP_ROWS - 1) / LOOP_ROWS, run_rows,
             &loop);
}

struct norm_rows {
    const struct rows *y;
    const float *x;
    const struct norm *norm;
};

static void layernorm_row(const struct runner *r, const void *of, int row, int lane)
{
    const struct norm_rows *l = of;
    const struct norm *norm = l->norm;
    size_t width = (size_t)norm->width, at = (size_t)row;
    bool plain = l->y->element == ELEMENT_F32;
    float *to = plain ? (float *)l->y->data + at * l->y->stride : row_scratch(r, lane);
    kernels.layernorm(to, l->x + at * width, norm->gain, norm->bias, width, norm->eps);
    if (!plain)
        row_write(l->y, at, to, &kernels);
}

static void layernorm(struct runner *r, const struct rows *y, const float *x, int rows,
                      const struct norm *norm)
{
    const struct norm_rows of = {y, x, norm};
    for_rows((struct row_loop){r, layernorm_row, &of, 0, rows});
}

static void attend_f32(const struct attention_call *call, const struct sequence *s, size_t column,
                       float *scratch)
{
    const struct attention_head one = {
        .q = (const float *)call->q + (size_t)s->first_query * call->q_stride + column,
        .k = (const float *)call->k + (size_t)s->first_key * call->kv_stride + column,
        .v = (const float *)call->v + (size_t)s->first_key * call->kv_stride + column,
        .out = (float *)call->out.data + (size_t)s->first_query * call->out.stride + column,
        .q_stride = call->q_stride,
        .kv_stride = call->kv_stride,
        .out_stride = call->out.stride,
        .queries = s->queries,
        .keys = s->keys,
        .head_width = call->head_width,
        .scale = 1,
        .causal = call->causal,
    };
    kernels.attention(&one, scratch);
}

static void attend_bf16(const struct attention_call *call, const struct sequence *s, size_t column,
                        float *scratch)
{
    uint16_t *q = (uint16_t *)call->q + (size_t)s->first_query * call->q_stride + column;
    bool over_q = call->out.element != ELEMENT_BF16;
    uint16_t *out = (uint16_t *)call->out.data;
    const struct attention_head_bf16 one = {
        .q = q,
        .k = (const uint16_t *)call->k + (size_t)s->first_key * call->kv_stride + column,
        .v = (const uint16_t *)call->v + (size_t)s->first_key * call->kv_stride + column,
        .out = over_q ? q : out + (size_t)s->first_query * call->out.stride + column,
        .q_stride = call->q_stride,
        .kv_stride = call->kv_stride,
        .out_stride = over_q ? call->q_stride : call->out.stride,
        .queries = s->queries,
        .keys = s->keys,
        .head_width = call->head_width,
        .causal = call->causal,
    };
    kernels.attention_bf16(&one, scratch);
}

struct attention_job {
    const struct runner *runner;
    const struct attention_call *call;
};

static void attend(void *context, int item, int lane)
{
    const struct attention_job *job = context;
    const struct attention_call *call = job->call;
    const struct sequence *s = &call->sequences[item / call->heads];
    size_t column = (size_t)(item % call->heads) * (size_t)call->head_width;
    float *scratch = job->runner->scratch + (size_t)lane * job->runner->scratch_floats;
    if (call->element == ELEMENT_F32)
        attend_f32(call, s, column, scratch);
    else
        attend_bf16(call, s, column, scratch);
}

/* What attention left in q → out. */
static void quantize_query(const struct runner *r, const void *of, int row, int lane)
{
    const struct attention_call *call = of;
    float *floats = row_scratch(r, lane);
    kernels.bf16_to_f32(floats, (const uint16_t *)call->q + (size_t)row * call->q_stride,
                        (size_t)call->out.width);
    row_write(&call->out, (size_t)row, floats, &kernels);
}

static void attention(struct runner *r, const struct attention_call *call)
{
    struct attention_job job = {r, call};
    if (call->count == 0)
        return;
    team_run(r->team, call->count * call->heads, attend, &job);
    if (call->out.element != ELEMENT_BYTES)
        return;
    struct row_loop loop = {.runner = r, .each = quantize_query, .of = call};
    loop.first = loop.end = call->sequences[0].first_query; /* queries lie one after the other */
    for (int i = 0; i < call->count; i++)
        loop.end += call->sequences[i].queries;
    for_rows(loop);
}

/* One cell → [3, P, P]. level: [3, 256] normalised values; pixels: the cell's corner. */
static void patch_cell(float *out, const uint8_t *pixels, const struct patch_grid *g,
                       const float level[3][256])
{
    size_t side = (size_t)g->patch_size, stride = (size_t)g->image_size * 3;
    for (size_t channel = 0; channel < 3; channel++)
        for (size_t y = 0; y < side; y++) {
            const uint8_t *from = pixels + y * stride + channel;
            for (size_t x = 0; x < side; x++)
                *out++ = level[channel][from[3 * x]];
        }
}

struct patch_rows {
    const struct rows *out;
    const uint8_t *pixels;
    const struct patch_grid *grid;
    float level[3][256]; /* normalised values */
};

/* One row of cells. */
static void patch_row(const struct runner *r, const void *of, int row, int lane)
{
    const struct patch_rows *l = of;
    const struct patch_grid *g = l->grid;
    const size_t grid = (size_t)g->grid, side = (size_t)g->patch_size * 3;
    const size_t band = (size_t)g->patch_size * (size_t)g->image_size * 3;
    const size_t image = (size_t)g->image_size * (size_t)g->image_size * 3;
    const uint8_t *from = l->pixels + (size_t)row / grid * image + (size_t)row % grid * band;
    for (size_t cell = 0; cell < grid; cell++) {
        size_t at = (size_t)row * grid + cell;
        bool plain = l->out->element == ELEMENT_F32;
        float *to = plain ? (float *)l->out->data + at * l->out->stride : row_scratch(r, lane);
        patch_cell(to, from + cell * side, g, l->level);
        if (!plain)
            row_write(l->out, at, to, &kernels);
    }
}

static void patches(struct runner *r, const struct rows *out, const uint8_t *pixels, int n,
                    const struct patch_grid *g)
{
    struct patch_rows of = {.out = out, .pixels = pixels, .grid = g};
    for (int channel = 0; channel < 3; channel++)
        for (int v = 0; v < 256; v++)
            of.level[channel][v] = ((float)v / 255.0f - g->mean[channel]) / g->std[channel];
    for_rows((struct row_loop){r, patch_row, &of, 0, n * g->grid});
}

struct token_rows {
    float *x;
    const float *cells_in, *class_token, *positions;
    size_t cells, width;
};

static void image_token(const struct runner *r, const void *of, int row, int lane)
{
    const struct token_rows *l = of;
    size_t image = (size_t)row / (l->cells + 1), token = (size_t)row % (l->cells + 1);
    const float *from =
        token == 0 ? l->class_token : l->cells_in + (image * l->cells + token - 1) * l->width;
    float *to = l->x + (size_t)row * l->width;
    (void)r, (void)lane;
    memcpy(to, from, l->width * sizeof(float));
    kernels.add(to, l->positions + token * l->width, l->width);
}

static void image_tokens(struct runner *r, float *x, const float *cells_in, int n, int cells,
                         int width, const float *class_token, const float *positions)
{
    const struct token_rows of = {x,         cells_in,      class_token,
                                  positions, (size_t)cells, (size_t)width};
    for_rows((struct row_loop){r, image_token, &of, 0, n * (cells + 1)});
}

static void text_tokens(struct runner *r, float *x, const int32_t *ids, size_t ids_stride,
                        const struct sequence *sequences, int count,
                        const struct token_table *table, const float *positions)
{
    size_t w = (size_t)table->width, row_bytes = w * dtype_bytes(table->dtype);
    (void)r; /* a few rows: not worth waking threads */
    for (int s = 0; s < count; s++)
        for (int t = 0; t < sequences[s].keys; t++) {
            int32_t id = ids[(size_t)s * ids_stride + (size_t)t];
            assert(id >= 0 && id < table->rows);
            float *to = x + (size_t)(sequences[s].first_key + t) * w;
            floats_from(to, (const uint8_t *)table->data + (size_t)id * row_bytes, table->dtype, w,
                        &kernels);
            kernels.add(to, positions + (size_t)t * w, w);
        }
}

static void gather_rows(struct runner *r, const struct rows *y, const struct rows *x,
                        const int32_t *rows, int n)
{
    (void)r;
    assert(y->element == x->element && y->width == x->width);
    for (size_t i = 0; i < (size_t)n; i++) {
        const struct rows from = rows_from(x, (size_t)rows[i]), to = rows_from(y, i);
        memcpy(to.data, from.data,
               (size_t)((const char *)rows_from(&from, 1).data - (const char *)from.data));
        if (from.scales)
            memcpy(to.scales, from.scales, (size_t)from.groups * sizeof(float));
    }
}

static void rows_write(struct runner *r, const struct rows *y, const float *x, int n)
{
    (void)r;
    for (size_t i = 0; i < (size_t)n; i++)
        row_write(y, i, x + i * (size_t)y->width, &kernels);
}

struct mean_of_rows {
    float *y;
    const float *x;
    size_t stride_rows, first, count, width;
};

static void mean_row(const struct runner *r, const void *of, int row, int lane)
{
    const struct mean_of_rows *l = of;
    const float *from = l->x + ((size_t)row * l->stride_rows + l->first) * l->width;
    float *to = l->y + (size_t)row * l->width;
    (void)r, (void)lane;
    memcpy(to, from, l->width * sizeof(float));
    for (size_t i = 1; i < l->count; i++)
        kernels.add(to, from + i * l->width, l->width);
    kernels.scale(to, to, 1.0f / (float)l->count, l->width);
}

static void mean_rows(struct runner *r, float *y, const float *x, int n, int stride_rows, int first,
                      int count, int width)
{
    const struct mean_of_rows of = {
        y, x, (size_t)stride_rows, (size_t)first, (size_t)count, (size_t)width};
    for_rows((struct row_loop){r, mean_row, &of, 0, n});
}

static enum status measure_product(double *seconds, const int mnk[3], enum precision precision,
                                   int calls, int threads, struct err *err)
{
    const struct gemm_shape shape = {.m = mnk[0], .n = mnk[1], .k = mnk[2]};
    return tools.gemm->measure(seconds, &shape, precision, calls, threads, err);
}

/* ---- the table --------------------------------------------------------------------------- */

static const struct tensor_ops ops = {
    .name = "cpu",
    .floats_open = floats_open,
    .floats_close = floats_close,
    .floats_write = floats_write,
    .floats_read = floats_read,
    .convert = convert,
    .linear_bytes = cpu_linear_bytes,
    .linear_pack = cpu_linear_pack,
    .linear_open = cpu_linear_open,
    .linear_close = linear_close,
    .packing = packing,
    .has_native = has_native,
    .runner_open = runner_open,
    .runner_close = runner_close,
    .linear = cpu_linear,
    .layernorm = layernorm,
    .attention = attention,
    .patches = patches,
    .image_tokens = image_tokens,
    .text_tokens = text_tokens,
    .gather_rows = gather_rows,
    .rows_write = rows_write,
    .mean_rows = mean_rows,
    .measure_product = measure_product,
};

enum status tensor_cpu(const struct tensor_ops **out, struct err *err)
{
    enum status status = OK;
    pthread_mutex_lock(&lock);
    if (!tools.gemm) {
        const struct gemm *chosen = NULL;
        status = cpu_flags(&flags, err);
        if (status == OK)
            status = gemm_select(&chosen, err);
        if (status == OK) {
            kernels_init(&kernels, flags);
            snprintf(description, sizeof description, "%s, %s", chosen->name,
                     cpu_level_name(flags));
            snprintf(library_panels, sizeof library_panels, "%s, 2", description);
            snprintf(panels, sizeof panels, "panels of %d, groups of %d, 1", PRODUCT_COLUMNS,
                     QUANT_GROUP);
            tools.gemm = chosen;
        }
    }
    pthread_mutex_unlock(&lock);
    *out = status == OK ? &ops : NULL;
    return status;
}

const char *tensor_cpu_description(void)
{
    return description;
}
