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

/* Floats of scratch (64-byte aligned) that `attention` needs for such a head, in any table. */
size_t attention_scratch(int queries, int keys, int head_width);

struct kernels {
    float (*dot)(const float *a, const float *b, size_t n);
    /* scores[i] = query · rows[i]; query: [dim] float32, rows: [count, dim] IEEE float16 */
    void (*dot_f16_rows)(float *scores, const float *query, const uint16_t *rows, size_t count,
                         size_t dim);
    void (*f16_to_f32)(float *out, const uint16_t *in, size_t n);
    void (*f32_to_f16)(uint16_t *out, const float *in, size_t n); /* round to nearest even */
    void (*bf16_to_f32)(float *out, const uint16_t *in, size_t n);

    /* One row: y = (x - mean) / sqrt(var + eps) * gain + bias, biased variance. y may be x. */
    void (*layernorm)(float *y, const float *x, const float *gain, const float *bias, size_t n,
                      float eps);
    void (*add)(float *y, const float *x, size_t n);                 /* y += x */
    void (*scale)(float *y, const float *x, float factor, size_t n); /* y = factor * x */
    void (*softmax)(float *x, size_t n);    /* in place, max subtracted; < FLT_MIN may be 0 */
    void (*gelu_erf)(float *x, size_t n);   /* x/2 (1 + erf(x/√2)), in place */
    void (*gelu_tanh)(float *x, size_t n);  /* x/2 (1 + tanh(√(2/π)(x + 0.044715 x³))) */
    void (*gelu_quick)(float *x, size_t n); /* x sigmoid(1.702 x) */

    void (*attention)(const struct attention_head *, float *scratch);
};

/* cpu_flags: of base/cpu.h. */
void kernels_init(struct kernels *, unsigned cpu_flags);

#endif
