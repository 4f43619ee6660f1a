/* SPDX-License-Identifier: MIT
 *
 * The CPU backend: matrix products by linear.c, everything else by the vector kernels (kern/), rows
 * or heads shared out over the runner's threads. Every output element is one thread's work from
 * beginning to end, so that results do not depend on the number of threads.
 */
#include "tensor/linear.h"
#include "tensor/tensor.h"

#include "base/cpu.h"
#include "kern/kernels.h"

#include <assert.h>
#include <omp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Set once by tensor_cpu() under the lock, constant from then on. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct kernels kernels;
static struct linear_tools tools = {.kernels = &kernels};
static unsigned flags;
static char description[96], panels[48];

struct runner {
    int threads;
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
    /* The library's layouts depend on the instruction set too. Of this program's own, raise the
     * last number when anything else than these two changes. */
    return precision == PRECISION_F32 ? description : panels;
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
    r->threads = options->threads;
    size_t floats =
        attention_scratch(options->max_queries, options->max_keys, options->max_head_width);
    r->row_floats = ((size_t)options->max_width + 15) / 16 * 16;
    r->scratch_floats = (floats + 15) / 16 * 16 + r->row_floats;
    enum status status = floats_open(&r->scratch, (size_t)r->threads * r->scratch_floats, err);
    if (status == OK)
        status = linear_cache_open(&r->linears, &tools, r->threads, err);
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

/* A thread's space for one row of floats. */
static float *row_scratch(const struct runner *r)
{
    size_t thread = (size_t)omp_get_thread_num();
    return r->scratch + (thread + 1) * r->scratch_floats - r->row_floats;
}

static void layernorm(struct runner *r, const struct rows *y, const float *x, int rows,
                      const struct norm *norm)
{
    size_t width = (size_t)norm->width;
#pragma omp parallel for num_threads(r->threads) schedule(static) if (r->threads > 1 && rows > 1)
    for (int row = 0; row < rows; row++) {
        bool plain = y->element == ELEMENT_F32;
        float *to = plain ? (float *)y->data + (size_t)row * y->stride : row_scratch(r);
        kernels.layernorm(to, x + (size_t)row * width, norm->gain, norm->bias, width, norm->eps);
        if (!plain)
            row_write(y, (size_t)row, to, &kernels);
    }
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

static void attend(const struct attention_call *call, int sequence, int head, float *scratch)
{
    const struct sequence *s = &call->sequences[sequence];
    size_t column = (size_t)head * (size_t)call->head_width;
    if (call->element == ELEMENT_F32)
        attend_f32(call, s, column, scratch);
    else
        attend_bf16(call, s, column, scratch);
}

/* What attention left in q → out. */
static void quantize_queries(struct runner *r, const struct attention_call *call)
{
    size_t width = (size_t)call->out.width;
    int rows = 0; /* queries lie one sequence after the other */
    for (int i = 0; i < call->count; i++)
        rows += call->sequences[i].queries;
    const int first = call->sequences[0].first_query;
#pragma omp parallel for num_threads(r->threads) schedule(static) if (r->threads > 1 && rows > 1)
    for (int row = first; row < first + rows; row++) {
        float *floats = row_scratch(r);
        kernels.bf16_to_f32(floats, (const uint16_t *)call->q + (size_t)row * call->q_stride,
                            width);
        row_write(&call->out, (size_t)row, floats, &kernels);
    }
}

static void attention(struct runner *r, const struct attention_call *call)
{
    int work = call->count * call->heads;
    if (work == 0)
        return;
    if (r->threads == 1) {
        for (int i = 0; i < work; i++)
            attend(call, i / call->heads, i % call->heads, r->scratch);
    } else {
#pragma omp parallel for num_threads(r->threads) schedule(dynamic)
        for (int i = 0; i < work; i++)
            attend(call, i / call->heads, i % call->heads,
                   r->scratch + (size_t)omp_get_thread_num() * r->scratch_floats);
    }
    if (call->element == ELEMENT_BF16 && call->out.element == ELEMENT_BYTES)
        quantize_queries(r, call);
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

static void patches(struct runner *r, const struct rows *out, const uint8_t *pixels, int n,
                    const struct patch_grid *g)
{
    float level[3][256];
    for (int channel = 0; channel < 3; channel++)
        for (int v = 0; v < 256; v++)
            level[channel][v] = ((float)v / 255.0f - g->mean[channel]) / g->std[channel];
    const size_t grid = (size_t)g->grid, side = (size_t)g->patch_size * 3;
    const size_t band = (size_t)g->patch_size * (size_t)g->image_size * 3;
    const size_t image = (size_t)g->image_size * (size_t)g->image_size * 3;
#pragma omp parallel for num_threads(r->threads) schedule(static) if (r->threads > 1)
    for (int i = 0; i < n * g->grid; i++) {
        const uint8_t *row = pixels + (size_t)i / grid * image + (size_t)i % grid * band;
        for (size_t cell = 0; cell < grid; cell++) {
            size_t at = (size_t)i * grid + cell;
            bool plain = out->element == ELEMENT_F32;
            float *to = plain ? (float *)out->data + at * out->stride : row_scratch(r);
            patch_cell(to, row + cell * side, g, level);
            if (!plain)
                row_write(out, at, to, &kernels);
        }
    }
}

static void image_tokens(struct runner *r, float *x, const float *cells_in, int n, int cells,
                         int width, const float *class_token, const float *positions)
{
    size_t w = (size_t)width;
    int tokens = cells + 1;
#pragma omp parallel for num_threads(r->threads) schedule(static) if (r->threads > 1)
    for (int row = 0; row < n * tokens; row++) {
        int image = row / tokens, token = row % tokens;
        const float *from =
            token == 0 ? class_token
                       : cells_in + ((size_t)image * (size_t)cells + (size_t)token - 1) * w;
        float *to = x + (size_t)row * w;
        memcpy(to, from, w * sizeof(float));
        kernels.add(to, positions + (size_t)token * w, w);
    }
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

static void mean_rows(struct runner *r, float *y, const float *x, int n, int stride_rows, int first,
                      int count, int width)
{
    size_t w = (size_t)width;
#pragma omp parallel for num_threads(r->threads) schedule(static) if (r->threads > 1 && n > 1)
    for (int i = 0; i < n; i++) {
        const float *from = x + ((size_t)i * (size_t)stride_rows + (size_t)first) * w;
        float *to = y + (size_t)i * w;
        memcpy(to, from, w * sizeof(float));
        for (int row = 1; row < count; row++)
            kernels.add(to, from + (size_t)row * w, w);
        kernels.scale(to, to, 1.0f / (float)count, w);
    }
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
