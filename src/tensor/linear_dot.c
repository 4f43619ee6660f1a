/* SPDX-License-Identifier: MIT
 *
 * Linear layers of bfloat16 and 8 bits, by the panel products of kern/. Packed:
 *
 *   bias     float32 [panels, 64]             padded with 0, as everything for missing outputs
 *   scales   float32 [panels, 64]             8 bits: what an output's weights are multiplied by
 *   sums     int32 [panels, groups, 64]       8 bits: see struct panel_product
 *   weights  [panels, panel_bytes]            64-byte aligned
 *
 * A call is cut into items that threads take one after the other: a few panels times a block of
 * rows. An item goes through its rows in strips; a strip's sums land in the thread's scratch, which
 * stays in the cache, and leave it from there once: activation, then added to y, or as
 * bfloat16, or quantised. So nothing of a layer's result is written to memory twice, and x is read
 * once per item.
 *
 * Every element is one sum in a fixed order, whatever the threads, the items and the other rows.
 */
#include "tensor/linear_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCK_ROWS = 192, /* of an item, at most; halved down to a strip it stays one */
    STRIP_ROWS = 24,
    ADDING_ROWS = 12, /* of a strip that is added to y; half of that where rows of y lie a multiple
                         of 4096 bytes apart: their lines have few places in the cache */
    WIDE_PANELS = 8,  /* for fewer and longer rows in what follows the sums */
    GROUP_PANELS = QUANT_GROUP / PRODUCT_COLUMNS, /* outputs that are quantised together */
};

static size_t unit_of(enum precision precision) /* weights in 4 bytes */
{
    return precision == PRECISION_INT8 ? 4 : 2;
}

void linear_dot_layout(struct linear *l, size_t *bytes)
{
    const size_t unit = unit_of(l->shape.precision);
    const bool bytes8 = l->shape.precision == PRECISION_INT8;
    l->dot.panels = (l->shape.out + PRODUCT_COLUMNS - 1) / PRODUCT_COLUMNS;
    l->dot.groups = (l->shape.in + QUANT_GROUP - 1) / QUANT_GROUP;
    l->dot.panel_bytes = ((size_t)l->shape.in + unit - 1) / unit * PRODUCT_COLUMNS * 4;
    size_t vectors = 1 + (bytes8 ? 1 + (size_t)l->dot.groups : 0);
    *bytes = (size_t)l->dot.panels * (vectors * PRODUCT_COLUMNS * 4 + l->dot.panel_bytes);
}

size_t linear_dot_lane_floats(void)
{
    return (size_t)STRIP_ROWS * QUANT_GROUP;
}

/* ---- packing ----------------------------------------------------------------------------- */

struct dot_packing {
    enum precision precision;
    struct linear layer; /* opened over the memory being written */
};

/* row [in] → column o of a panel [⌈in/2⌉, 64, 2] */
static void pack_bf16(uint8_t *panel, size_t o, const float *row, size_t in,
                      const struct kernels *kernels)
{
    enum { CHUNK = 256 };
    uint16_t chunk[CHUNK];
    for (size_t k = 0; k < in; k += CHUNK) {
        size_t n = in - k < CHUNK ? in - k : CHUNK;
        kernels->f32_to_bf16(chunk, row + k, n);
        if (n % 2)
            chunk[n] = 0;
        for (size_t i = 0; i < n; i += 2)
            memcpy(panel + ((k + i) / 2 * PRODUCT_COLUMNS + o) * 4, chunk + i, 4);
    }
}

/* row [in] → column o of a panel [⌈in/4⌉, 64, 4], its scale, and its sums per group. scratch: [in],
 * rounded up to 4. */
static float pack_bytes(uint8_t *panel, int32_t *sums, size_t o, const float *row, size_t in,
                        uint8_t *scratch, const struct kernels *kernels)
{
    float scale = kernels->quantize(scratch, row, in);
    memset(scratch + in, 128, (4 - in % 4) % 4);
    for (size_t k = 0; k < in; k += 4) {
        int8_t four[4];
        for (size_t i = 0; i < 4; i++) {
            four[i] = (int8_t)(scratch[k + i] - 128);
            sums[k / QUANT_GROUP * PRODUCT_COLUMNS + o] -= 128 * four[i];
        }
        memcpy(panel + (k / 4 * PRODUCT_COLUMNS + o) * 4, four, 4);
    }
    return scale;
}

static enum status pack_panel(const struct packing_job *job, int panel, float *plain,
                              struct err *err)
{
    const struct dot_packing *p = job->context;
    const struct linear *l = &p->layer;
    const size_t in = (size_t)job->source->in, first = (size_t)panel * PRODUCT_COLUMNS;
    const int left = job->source->out - (int)first;
    const size_t n = left < PRODUCT_COLUMNS ? (size_t)left : PRODUCT_COLUMNS;
    uint8_t *weights = (uint8_t *)(uintptr_t)l->dot.weights + (size_t)panel * l->dot.panel_bytes;
    float *bias = (float *)(uintptr_t)l->bias + first, column[PRODUCT_COLUMNS];
    linear_gather(plain, bias, column, job->source, (int)first, (int)n, job->tools->kernels);
    memset(weights, 0, l->dot.panel_bytes);
    memset(bias + n, 0, (PRODUCT_COLUMNS - n) * sizeof *bias);
    if (p->precision == PRECISION_BF16) {
        for (size_t o = 0; o < n; o++)
            pack_bf16(weights, o, plain + o * in, in, job->tools->kernels);
        return OK;
    }
    uint8_t *scratch = malloc(in + 4);
    if (!scratch)
        return err_no_memory(err, "packing weights", in);
    float *scales = (float *)(uintptr_t)l->dot.scales + first;
    int32_t *sums = (int32_t *)(uintptr_t)l->dot.sums + first * (size_t)l->dot.groups;
    memset(scales, 0, PRODUCT_COLUMNS * sizeof *scales);
    memset(sums, 0, (size_t)l->dot.groups * PRODUCT_COLUMNS * sizeof *sums);
    for (size_t o = 0; o < n; o++)
        scales[o] = pack_bytes(weights, sums, o, plain + o * in, in, scratch, job->tools->kernels);
    free(scratch);
    return OK;
}

enum status linear_dot_pack(void *packed, const struct linear_tools *tools,
                            const struct linear_source *src, enum precision precision, int threads,
                            struct err *err)
{
    const struct linear_shape shape = {src->out, src->in, precision};
    struct linear *opened;
    enum status status = linear_open(&opened, tools, packed, &shape, err);
    if (status != OK)
        return status;
    struct dot_packing p = {.precision = precision, .layer = *opened};
    linear_close(opened);
    const struct packing_job job = {.source = src,
                                    .tools = tools,
                                    .panels = p.layer.dot.panels,
                                    .width = PRODUCT_COLUMNS,
                                    .pack_panel = pack_panel,
                                    .context = &p};
    return linear_pack_panels(&job, threads, err);
}

/* ---- running ----------------------------------------------------------------------------- */

struct dot_call {
    const struct linear_cache *cache;
    const struct linear *linear;
    const struct linear_call *call;
    const struct kernels *kernels;
    int span; /* panels of an item */
    int block_rows, blocks;
    size_t strip; /* rows */
    bool direct;  /* sums are the result as they are, or are added to it */
};

static void activate(float *x, size_t n, enum activation activation, const struct kernels *kernels)
{
    if (activation == ACTIVATION_GELU_ERF)
        kernels->gelu_erf_coarse(x, n);
    else if (activation == ACTIVATION_GELU_TANH)
        kernels->gelu_tanh_coarse(x, n);
    else if (activation == ACTIVATION_GELU_QUICK)
        kernels->gelu_quick(x, n);
}

/* sums [rows, stride] → columns first .. first + n - 1 of the rows first_row .. of y */
static void finish_strip(const struct dot_call *d, float *sums, size_t stride, size_t first_row,
                         size_t rows, size_t first, size_t n)
{
    const struct rows *y = &d->call->y;
    activate(sums, rows * stride, d->call->activation, d->kernels);
    for (size_t r = 0; r < rows; r++, sums += stride) {
        const size_t at = (first_row + r) * y->stride + first;
        if (y->element == ELEMENT_BF16) {
            d->kernels->f32_to_bf16((uint16_t *)y->data + at, sums, n);
        } else if (y->element == ELEMENT_BYTES) {
            y->scales[(first_row + r) * (size_t)y->groups + first / QUANT_GROUP] =
                d->kernels->quantize((uint8_t *)y->data + at, sums, n);
        } else if (d->call->accumulate) {
            d->kernels->add((float *)y->data + at, sums, n);
        } else {
            memcpy((float *)y->data + at, sums, n * sizeof *sums);
        }
    }
}

static struct panel_product product_of(const struct dot_call *d, int panel)
{
    const struct linear *l = d->linear;
    const size_t column = (size_t)panel * PRODUCT_COLUMNS;
    const struct rows *x = &d->call->x;
    return (struct panel_product){
        .x_stride = x->stride * (x->element == ELEMENT_BF16 ? 2 : 1),
        .x_scales_stride = (size_t)x->groups,
        .weights = l->dot.weights + (size_t)panel * l->dot.panel_bytes,
        .sums = l->dot.sums ? l->dot.sums + column * (size_t)l->dot.groups : NULL,
        .scales = l->dot.scales ? l->dot.scales + column : NULL,
        .bias = l->bias + column,
        .k = (size_t)l->shape.in,
    };
}

/* The lines of y that a product is going to add to. */
static void fetch(const struct dot_call *d, size_t row, size_t rows, size_t column)
{
    const struct rows *y = &d->call->y;
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < PRODUCT_COLUMNS; c += 16)
            __builtin_prefetch((const float *)y->data + (row + r) * y->stride + column + c, 1);
}

/* Columns of panels first .. last - 1, for rows row .. row + rows - 1, rows <= STRIP_ROWS. */
static void run_strip(const struct dot_call *d, int first, int last, size_t row, size_t rows,
                      float *scratch)
{
    const struct rows x = rows_from(&d->call->x, row);
    const size_t stride = (size_t)(last - first) * PRODUCT_COLUMNS;
    const size_t column = (size_t)first * PRODUCT_COLUMNS;
    const size_t left = (size_t)d->linear->shape.out - column, n = left < stride ? left : stride;
    const bool direct = d->direct && n == stride;
    for (int panel = first; panel < last; panel++) {
        struct panel_product p = product_of(d, panel);
        p.x = x.data;
        p.x_scales = x.scales;
        p.rows = rows;
        p.accumulate = direct && d->call->accumulate;
        p.y = direct ? (float *)d->call->y.data + row * d->call->y.stride + column : scratch;
        p.y += (size_t)(panel - first) * PRODUCT_COLUMNS;
        p.y_stride = direct ? d->call->y.stride : stride;
        if (p.accumulate)
            fetch(d, row, rows, (size_t)panel * PRODUCT_COLUMNS);
        if (d->linear->shape.precision == PRECISION_BF16)
            d->kernels->product_bf16(&p);
        else
            d->kernels->product_q8(&p);
    }
    if (!direct)
        finish_strip(d, scratch, stride, row, rows, column, n);
}

static void run_item(void *context, int item, int lane)
{
    const struct dot_call *d = context;
    const int first = item / d->blocks * d->span, most = d->linear->dot.panels;
    const int last = first + d->span < most ? first + d->span : most;
    const size_t block = (size_t)d->block_rows, rows = (size_t)d->call->rows;
    const size_t begin = (size_t)(item % d->blocks) * block;
    const size_t end = begin + block < rows ? begin + block : rows;
    float *scratch = d->cache->lanes + (size_t)lane * d->cache->lane_floats;
    for (size_t row = begin; row < end; row += d->strip)
        run_strip(d, first, last, row, end - row < d->strip ? end - row : d->strip, scratch);
}

/* What follows the last value of each row of y. */
static void write_padding(const struct rows *y, int rows)
{
    size_t width = (size_t)y->width, rest = y->stride - width;
    for (size_t r = 0; r < (size_t)rows && rest; r++)
        if (y->element == ELEMENT_BF16)
            memset((uint16_t *)y->data + r * y->stride + width, 0, rest * 2);
        else if (y->element == ELEMENT_BYTES)
            memset((uint8_t *)y->data + r * y->stride + width, 128, rest);
}

/* How many. Large ones read the weights less often; enough of them keep all threads busy until the
 * end: with 16 for each, waiting for the last costs 3 % of a call on average. */
static int plan_items(struct dot_call *d)
{
    enum { PER_THREAD = 16 };
    const int across = (d->linear->dot.panels + d->span - 1) / d->span;
    const int threads = team_threads(d->cache->team), rows = d->call->rows;
    d->block_rows = BLOCK_ROWS;
    for (;;) {
        d->blocks = (rows + d->block_rows - 1) / d->block_rows;
        if (threads == 1 || across * d->blocks >= PER_THREAD * threads ||
            d->block_rows <= STRIP_ROWS)
            return across * d->blocks;
        d->block_rows /= 2;
    }
}

void linear_dot_run(struct linear_cache *cache, const struct linear *l,
                    const struct linear_call *call)
{
    const bool bytes = call->y.element == ELEMENT_BYTES;
    struct dot_call d = {
        .cache = cache,
        .linear = l,
        .call = call,
        .kernels = cache->tools->kernels,
        .span = bytes                                                            ? GROUP_PANELS
                : call->y.element == ELEMENT_BF16 && call->rows > 2 * STRIP_ROWS ? WIDE_PANELS
                                                                                 : 1,
        .strip = !call->accumulate                            ? STRIP_ROWS
                 : call->y.stride * sizeof(float) % 4096 == 0 ? ADDING_ROWS / 2
                                                              : ADDING_ROWS,
        .direct = call->y.element == ELEMENT_F32 && call->activation == ACTIVATION_NONE,
    };
    team_run(cache->team, plan_items(&d), run_item, &d);
    write_padding(&call->y, call->rows);
}
