/* SPDX-License-Identifier: MIT
 *
 * The vector kernels: everything hot that is not a large matrix product. Each has a C reference;
 * kernels_init() fills the table with the references and lets each instruction set that the flags
 * name override what it does better. The flags are an argument, so that tests build two tables side
 * by side. Kernels take any n >= 0 and any alignment, and run on the calling thread alone.
 *
 * Numerics: a SIMD kernel may sum in another order than the reference; the tests state the bounds
 * (tests/kern). For a given table, results depend on the values alone: not on the alignment, not on
 * a row's place among the rows of dot_f16_rows, nor a query's among those of attention.
 *
 * NaN: never a crash. A NaN in gives NaN in every result it is part of: the whole row of layernorm,
 * softmax and, from q or k, attention. Infinities follow the formulas: a softmax with +inf, or
 * of -inf alone, is NaN, and so is a GELU of -inf. Kernels assume the default rounding mode.
 */
#ifndef FOVEA_KERN_KERNELS_H
#define FOVEA_KERN_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One head of attention: out = softmax(scale * q k^T [+ causal mask]) v.
 * Row i of q, k, v, out starts at pointer + i * its stride (in floats), and has head_width floats.
 * Causal: query i sees the keys 0 .. i + (keys - queries), and what it does not see has no part in
 * its row as long as v is finite there. A query that sees no key gives zeros. `out` and the scratch
 * overlap none of the inputs. */
struct attention_head {
    const float *q; /* [queries, head_width] */
    const float *k; /* [keys, head_width] */
    const float *v; /* [keys, head_width] */
    float *out;     /* [queries, head_width] */
    size_t q_stride, kv_stride, out_stride;
    int queries, keys, head_width;
    float scale;
    bool causal;
};

/* The same over bfloat16, with sums and the softmax in float32. head_width is even, and so are the
 * strides (in values). The scale is in q already. `out` may be q: nothing else may overlap. */
struct attention_head_bf16 {
    const uint16_t *q, *k, *v; /* [queries or keys, head_width] */
    uint16_t *out;             /* [queries, head_width] */
    size_t q_stride, kv_stride, out_stride;
    int queries, keys, head_width;
    bool causal;
};

/* A panel: the product of rows of activations with PRODUCT_COLUMNS outputs' weights, packed.
 *
 *   bf16  x: bfloat16 [rows, k]; weights: bfloat16 [⌈k/2⌉, 64, 2]
 *   q8    x: [rows, k] bytes of value + 128, where value * x_scales[row][group] is what it stands
 *         for, |value| <= 127, a group being QUANT_GROUP values of k; weights: int8 [⌈k/4⌉, 64, 4],
 *         |weight| <= 127, of which an output's `scales` makes what they stand for
 *
 * Where k is no multiple of 2 or 4 the weights are padded with 0; x has to be readable there, and
 * of bfloat16 finite. y[row][column] = sum + bias[column], in the order of k; or += that. */
enum { PRODUCT_COLUMNS = 64, QUANT_GROUP = 1024 };
struct panel_product {
    const void *x;
    size_t x_stride;        /* bytes, a multiple of 4 */
    const float *x_scales;  /* q8: [rows, groups] */
    size_t x_scales_stride; /* floats */
    const void *weights;    /* 64-byte aligned */
    const int32_t *sums;    /* q8: [groups, 64], -128 times the sum of a group's weights */
    const float *scales;    /* q8: [64] */
    const float *bias;      /* [64] */
    size_t rows, k;
    bool accumulate;
    float *y;        /* [rows, 64] */
    size_t y_stride; /* floats */
};

#define DOT_I8_MOST INT32_MAX

/* Floats of scratch (64-byte aligned) that `attention` needs for such a head, in any table. */
size_t attention_scratch(int queries, int keys, int head_width);

struct kernels {
    float (*dot)(const float *a, const float *b, size_t n);
    /* scores[i] = query · rows[i]; query: [dim] float32, rows: [count, dim] IEEE float16 */
    void (*dot_f16_rows)(float *scores, const float *query, const uint16_t *rows, size_t count,
                         size_t dim);
    /* sums[i] = query · rows[i], exactly, the same in every table; rows: [count, dim]. No sum
     * overflows: 127 times the sum of all |query[i]| is at most DOT_I8_MOST. No row has a -128. */
    void (*dot_i8_rows)(int32_t *sums, const int16_t *query, const int8_t *rows, size_t count,
                        size_t dim);
    void (*f16_to_f32)(float *out, const uint16_t *in, size_t n);
    void (*f32_to_f16)(uint16_t *out, const float *in, size_t n); /* round to nearest even */
    void (*bf16_to_f32)(float *out, const uint16_t *in, size_t n);
    /* Round to nearest even; a denormal may become 0. */
    void (*f32_to_bf16)(uint16_t *out, const float *in, size_t n);
    /* out[i] = 128 + round(in[i] / scale), scale = largest |in[i]| / 127, which is returned; for a
     * NaN or an infinity among them, NaN (and out is 128). */
    float (*quantize)(uint8_t *out, const float *in, size_t n);

    /* One row: y = (x - mean) / sqrt(var + eps) * gain + bias, biased variance. y may be x. gain
     * and bias may both be NULL: then y is the normalised row itself. */
    void (*layernorm)(float *y, const float *x, const float *gain, const float *bias, size_t n,
                      float eps);
    void (*add)(float *y, const float *x, size_t n);                 /* y += x */
    void (*scale)(float *y, const float *x, float factor, size_t n); /* y = factor * x */
    void (*softmax)(float *x, size_t n);    /* in place, max subtracted; < FLT_MIN may be 0 */
    void (*gelu_erf)(float *x, size_t n);   /* x/2 (1 + erf(x/√2)), in place */
    void (*gelu_tanh)(float *x, size_t n);  /* x/2 (1 + tanh(√(2/π)(x + 0.044715 x³))) */
    void (*gelu_quick)(float *x, size_t n); /* x sigmoid(1.702 x) */
    /* For what becomes bfloat16 or bytes: at a third of the cost, within 7e-5 of gelu_erf and
     * 4e-5 of gelu_tanh, and beyond |x| = 4.2 within 1e-6 |x| of x or 0. */
    void (*gelu_erf_coarse)(float *x, size_t n);
    void (*gelu_tanh_coarse)(float *x, size_t n);

    void (*attention)(const struct attention_head *, float *scratch);
    void (*attention_bf16)(const struct attention_head_bf16 *, float *scratch); /* as large */

    void (*product_bf16)(const struct panel_product *);
    void (*product_q8)(const struct panel_product *); /* the same bits in every table */
};

/* cpu_flags: of base/cpu.h. */
void kernels_init(struct kernels *, unsigned cpu_flags);

#endif
