/* SPDX-License-Identifier: MIT
 *
 * See linear.h: reading sources, sharing packing out over threads, and which kind of layer it is.
 */
#include "tensor/linear_internal.h"

#include <assert.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

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

void row_write(const struct rows *to, size_t row, const float *from, const struct kernels *kernels)
{
    size_t width = (size_t)to->width, rest = to->stride - width;
    if (to->element == ELEMENT_F32) {
        memcpy((float *)to->data + row * to->stride, from, width * sizeof *from);
    } else if (to->element == ELEMENT_BF16) {
        uint16_t *y = (uint16_t *)to->data + row * to->stride;
        kernels->f32_to_bf16(y, from, width);
        memset(y + width, 0, rest * sizeof *y);
    } else {
        uint8_t *y = (uint8_t *)to->data + row * to->stride;
        float *scale = to->scales + row * (size_t)to->groups;
        for (size_t i = 0; i < width; i += QUANT_GROUP)
            *scale++ = kernels->quantize(y + i, from + i,
                                         width - i < QUANT_GROUP ? width - i : QUANT_GROUP);
        memset(y + width, 128, rest);
    }
}

/* ---- packing ----------------------------------------------------------------------------- */

/* W s for one row of W, in double: it becomes part of a bias. */
static float shift_of(const float *row, const float *shift, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)row[i] * shift[i];
    return (float)sum;
}

static void gather_weights(float *to, float *column, const struct linear_source *src, int first,
                           int n, const struct kernels *kernels)
{
    size_t in = (size_t)src->in, element = dtype_bytes(src->dtype);
    const uint8_t *data = src->weights;
    if (!src->transposed) {
        floats_from(to, data + (size_t)first * in * element, src->dtype, (size_t)n * in, kernels);
        return;
    }
    for (size_t i = 0; i < in; i++) {
        floats_from(column, data + (i * (size_t)src->out + (size_t)first) * element, src->dtype,
                    (size_t)n, kernels);
        for (size_t o = 0; o < (size_t)n; o++)
            to[o * in + i] = column[o];
    }
}

void linear_gather(float *to, float *bias, float *column, const struct linear_source *src,
                   int first, int n, const struct kernels *kernels)
{
    size_t in = (size_t)src->in;
    gather_weights(to, column, src, first, n, kernels);
    for (int o = 0; o < n; o++) {
        float *row = to + (size_t)o * in;
        float gain = src->row_gain ? src->row_gain[first + o] : 1;
        float b = src->bias ? src->bias[first + o] : 0;
        if (src->column_shift)
            b += shift_of(row, src->column_shift, in);
        bias[o] = b * gain;
        for (size_t i = 0; i < in && src->column_gain; i++)
            row[i] *= src->column_gain[i];
        if (src->row_gain)
            kernels->scale(row, row, gain, in);
    }
}

enum status linear_pack_panels(const struct packing_job *job, int threads, struct err *err)
{
    size_t floats = linear_round_up((size_t)job->width * (size_t)job->source->in, 16);
    enum status result = OK;
    int before = omp_get_max_threads();
    omp_set_num_threads(1); /* what a library sees inside */
#pragma omp parallel num_threads(threads)
    {
        struct err own = {0};
        enum status status = OK;
        float *plain = aligned_alloc(64, floats * sizeof(float));
        if (!plain)
            status = err_no_memory(&own, "packing weights", floats * sizeof(float));
#pragma omp for schedule(dynamic)
        for (int panel = 0; panel < job->panels; panel++)
            if (status == OK)
                status = job->pack_panel(job, panel, plain, &own);
        free(plain);
        if (status != OK) {
#pragma omp critical(fovea_pack_error)
            result = err_set(err, status, "%s", own.text);
        }
    }
    omp_set_num_threads(before);
    return result;
}

/* ---- one or the other -------------------------------------------------------------------- */

static enum status layout(struct linear *l, size_t *bytes, const struct linear_tools *tools,
                          const struct linear_shape *shape, struct err *err)
{
    assert(shape->in > 0 && shape->out > 0 && shape->precision != PRECISION_AUTO);
    *l = (struct linear){.shape = *shape, .tools = tools};
    if (shape->precision == PRECISION_F32)
        return linear_f32_layout(l, bytes, err);
    linear_dot_layout(l, bytes);
    return OK;
}

enum status linear_bytes(size_t *bytes, const struct linear_tools *tools,
                         const struct linear_shape *shape, struct err *err)
{
    struct linear l;
    return layout(&l, bytes, tools, shape, err);
}

enum status linear_pack(void *packed, const struct linear_tools *tools,
                        const struct linear_source *src, enum precision precision, int threads,
                        struct err *err)
{
    return precision == PRECISION_F32
               ? linear_f32_pack(packed, tools, src, threads, err)
               : linear_dot_pack(packed, tools, src, precision, threads, err);
}

enum status linear_open(struct linear **out, const struct linear_tools *tools, const void *packed,
                        const struct linear_shape *shape, struct err *err)
{
    size_t bytes;
    *out = NULL;
    struct linear *l = malloc(sizeof *l);
    if (!l)
        return err_no_memory(err, "a linear layer", sizeof *l);
    enum status status = layout(l, &bytes, tools, shape, err);
    if (status != OK) {
        free(l);
        return status;
    }
    assert((uintptr_t)packed % 64 == 0);
    l->packed = packed;
    l->bias = packed;
    if (shape->precision != PRECISION_F32) {
        size_t columns = (size_t)l->dot.panels * PRODUCT_COLUMNS;
        bool bytes8 = shape->precision == PRECISION_INT8;
        const float *next = l->bias + columns;
        l->dot.scales = bytes8 ? next : NULL;
        l->dot.sums = bytes8 ? (const void *)(next + columns) : NULL;
        l->dot.weights = l->packed + bytes - (size_t)l->dot.panels * l->dot.panel_bytes;
    }
    *out = l;
    return OK;
}

void linear_close(struct linear *l)
{
    free(l);
}

enum status linear_cache_open(struct linear_cache **out, const struct linear_tools *tools,
                              struct team *team, struct err *err)
{
    struct linear_cache *cache = calloc(1, sizeof *cache);
    *out = NULL;
    if (!cache)
        return err_no_memory(err, "a runner", sizeof *cache);
    size_t f32 = linear_f32_lane_floats(tools->gemm), dot = linear_dot_lane_floats();
    cache->tools = tools;
    cache->team = team;
    cache->lane_floats = linear_round_up(f32 > dot ? f32 : dot, 16);
    size_t bytes = (size_t)team_threads(team) * cache->lane_floats * sizeof(float);
    cache->lanes = aligned_alloc(64, bytes);
    if (!cache->lanes) {
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
    linear_f32_forget(cache);
    free(cache->lanes);
    free(cache);
}

enum status linear_run(struct linear_cache *cache, const struct linear *l,
                       const struct linear_call *call, struct err *err)
{
    assert(call->x.element == rows_element(l->shape.precision));
    assert(call->x.width == l->shape.in && call->y.width == l->shape.out);
    assert(!call->accumulate ||
           (call->activation == ACTIVATION_NONE && call->y.element == ELEMENT_F32));
    if (call->rows <= 0)
        return OK;
    if (l->shape.precision == PRECISION_F32)
        return linear_f32_run(cache, l, call, err);
    linear_dot_run(cache, l, call);
    return OK;
}
