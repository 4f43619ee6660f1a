/* SPDX-License-Identifier: MIT
 *
 * The kernels, written once over a vector of VEC floats. avx2.c, avx512.c and neon.c define the
 * vector and include this file; it is a template, not an interface. The files that come in at the
 * end have attention, the products (with BYTES defined also those of 8-bit numbers), and the scan
 * of bytes, and say what more they need.
 *
 * An including file defines VEC, ROWS and COLUMNS (attention's tile), TABLE_INIT (the name of its
 * table writer) and, all static inline:
 *   vec, vec_set1, vec_load, vec_store                     any alignment
 *   vec_load_part(p, n, fill), vec_store_part(p, v, n)     the first n < VEC lanes; the rest is
 *                                                          `fill` and memory that is not touched
 *   vec_load_f16, vec_store_f16                            VEC values of 16 bits
 *   vec_load_bf16, vec_store_bf16                          the same
 *   vec_low_half, vec_high_half                            the bfloat16 in each lane as a float
 *   vec_zip_halves(a, b)                                   lanes of a 16-bit value of a and of b
 *   vec_store_bytes(p, v)                                  nearest integers + 128 as VEC bytes
 *   vec_add, vec_sub, vec_mul, vec_div, vec_abs
 *   vec_fma(a, b, c) = a b + c, vec_fnma(a, b, c) = c - a b, rounded once
 *   vec_min(a, b), vec_max(a, b)                           NaN if b is NaN
 *   vec_round                                              to the nearest integer, ties to even
 *   vec_ldexp(a, n)                                        a 2^n for integral -152 <= n <= 130,
 *                                                          rounded once; NaN stays NaN
 *   vec_low_byte_to_exponent(a)                            its last 8 bits as the exponent of a
 *                                                          power of 2 (0 gives 0)
 *   vec_by_sign(x, negative, positive)                     lane by lane, by the sign bit of x
 *   vec_sum, vec_largest                                   of the lanes, in a fixed order
 *   vec_transpose4(v[4])                                   the 4x4 of each 128-bit part
 *   vec_store_parts(p, stride, v)                          part l to p + l * stride
 *
 * Nothing here peels a loop up to an alignment, so that results depend on the values alone. No
 * header with inline functions of its own is included: a copy compiled for this instruction set
 * could be the one that the linker keeps for everybody.
 */
#include "kern/common_tmpl.h"

INLINE vec load_f16_part(const uint16_t *p, size_t n)
{
    uint16_t whole[VEC] = {0};
    memcpy(whole, p, n * sizeof *p);
    return vec_load_f16(whole);
}

static float dot(const float *a, const float *b, size_t n)
{
    vec sum[4] = {vec_set1(0), vec_set1(0), vec_set1(0), vec_set1(0)};
    size_t i = 0;
    for (; n - i >= 4 * VEC; i += 4 * VEC) {
        UNROLL
        for (size_t k = 0; k < 4; k++)
            sum[k] = vec_fma(vec_load(a + i + k * VEC), vec_load(b + i + k * VEC), sum[k]);
    }
    for (; n - i >= VEC; i += VEC)
        sum[0] = vec_fma(vec_load(a + i), vec_load(b + i), sum[0]);
    vec zero = vec_set1(0);
    if (i < n)
        sum[1] =
            vec_fma(vec_load_part(a + i, n - i, zero), vec_load_part(b + i, n - i, zero), sum[1]);
    return vec_sum(vec_add(vec_add(sum[0], sum[1]), vec_add(sum[2], sum[3])));
}

static float dot_f16(const float *query, const uint16_t *row, size_t n)
{
    vec sum[4] = {vec_set1(0), vec_set1(0), vec_set1(0), vec_set1(0)};
    size_t i = 0;
    for (; n - i >= 4 * VEC; i += 4 * VEC) {
        UNROLL
        for (size_t k = 0; k < 4; k++)
            sum[k] =
                vec_fma(vec_load(query + i + k * VEC), vec_load_f16(row + i + k * VEC), sum[k]);
    }
    for (; n - i >= VEC; i += VEC)
        sum[0] = vec_fma(vec_load(query + i), vec_load_f16(row + i), sum[0]);
    if (i < n)
        sum[1] = vec_fma(vec_load_part(query + i, n - i, vec_set1(0)),
                         load_f16_part(row + i, n - i), sum[1]);
    return vec_sum(vec_add(vec_add(sum[0], sum[1]), vec_add(sum[2], sum[3])));
}

/* One row after the other: the matrix is read as one stream, which is what the hardware fetches
 * ahead best. Four rows at a time reached 0.4 of the machine's reading speed (2.6 GHz Zen 4, 1024
 * wide), with and without prefetching; this 0.9. The query stays in the first cache level. */
static void dot_f16_rows(float *scores, const float *query, const uint16_t *rows, size_t count,
                         size_t dim)
{
    for (size_t row = 0; row < count; row++)
        scores[row] = dot_f16(query, rows + row * dim, dim);
}

static void f16_to_f32(float *out, const uint16_t *in, size_t n)
{
    size_t i = 0;
    for (; n - i >= VEC; i += VEC)
        vec_store(out + i, vec_load_f16(in + i));
    if (i < n)
        vec_store_part(out + i, load_f16_part(in + i, n - i), n - i);
}

static void f32_to_f16(uint16_t *out, const float *in, size_t n)
{
    size_t i = 0;
    for (; n - i >= VEC; i += VEC)
        vec_store_f16(out + i, vec_load(in + i));
    if (i < n) {
        uint16_t whole[VEC];
        vec_store_f16(whole, vec_load_part(in + i, n - i, vec_set1(0)));
        memcpy(out + i, whole, (n - i) * sizeof *out);
    }
}

static void bf16_to_f32(float *out, const uint16_t *in, size_t n)
{
    size_t i = 0;
    for (; n - i >= VEC; i += VEC)
        vec_store(out + i, vec_load_bf16(in + i));
    if (i < n) {
        uint16_t whole[VEC] = {0};
        memcpy(whole, in + i, (n - i) * sizeof *in);
        vec_store_part(out + i, vec_load_bf16(whole), n - i);
    }
}

/* Reductions run in CHAINS interleaved partial results, or each step would wait for the one before.
 */
enum { CHAINS = 4 };

INLINE vec chains_sum(const vec part[CHAINS])
{
    return vec_add(vec_add(part[0], part[1]), vec_add(part[2], part[3]));
}

/* The largest |x|; NaN if one of them is not finite: then x * 0 is NaN, which the maximum might
 * lose. */
INLINE float largest_magnitude(const float *x, size_t n)
{
    const vec zero = vec_set1(0);
    vec largest[CHAINS] = {zero, zero, zero, zero}, probe[CHAINS] = {zero, zero, zero, zero};
    size_t i = 0;
    for (; n - i >= CHAINS * VEC; i += CHAINS * VEC) {
        UNROLL
        for (size_t c = 0; c < CHAINS; c++) {
            vec v = vec_load(x + i + c * VEC);
            largest[c] = vec_max(largest[c], vec_abs(v));
            probe[c] = vec_fma(v, zero, probe[c]);
        }
    }
    for (; i < n; i += VEC) {
        vec v = n - i >= VEC ? vec_load(x + i) : vec_load_part(x + i, n - i, zero);
        largest[0] = vec_max(largest[0], vec_abs(v));
        probe[0] = vec_fma(v, zero, probe[0]);
    }
    if (vec_sum(chains_sum(probe)) != 0)
        return NAN;
    return vec_largest(vec_max(vec_max(largest[0], largest[1]), vec_max(largest[2], largest[3])));
}

static float quantize(uint8_t *out, const float *in, size_t n)
{
    const size_t whole = n / VEC * VEC, rest = n % VEC;
    const float most = largest_magnitude(in, n);
    if (!(most >= QUANTIZE_LEAST)) { /* 127 / most would overflow */
        memset(out, 128, n);
        return isnan(most) ? NAN : 0;
    }
    const vec factor = vec_set1(127.0f / most);
    for (size_t i = 0; i < whole; i += VEC)
        vec_store_bytes(out + i, vec_mul(vec_load(in + i), factor));
    if (rest) {
        uint8_t bytes[VEC];
        vec_store_bytes(bytes, vec_mul(vec_load_part(in + whole, rest, vec_set1(0)), factor));
        memcpy(out + whole, bytes, rest);
    }
    return most / 127.0f;
}

INLINE vec row_sum(const float *x, size_t n)
{
    const vec zero = vec_set1(0);
    vec sum[CHAINS] = {zero, zero, zero, zero};
    size_t i = 0;
    for (; n - i >= CHAINS * VEC; i += CHAINS * VEC) {
        UNROLL
        for (size_t c = 0; c < CHAINS; c++)
            sum[c] = vec_add(sum[c], vec_load(x + i + c * VEC));
    }
    for (; i < n; i += VEC)
        sum[0] =
            vec_add(sum[0], n - i >= VEC ? vec_load(x + i) : vec_load_part(x + i, n - i, zero));
    return chains_sum(sum);
}

/* The corrected two-pass algorithm (Chan, Golub, LeVeque 1983): the rounding of the first mean is
 * measured in the second pass and taken out, so that a mean far above the deviation costs no
 * digits. */
static void layernorm(float *y, const float *x, const float *gain, const float *bias, size_t n,
                      float eps)
{
    const size_t whole = n / VEC * VEC, rest = n % VEC;
    const vec zero = vec_set1(0), mean = vec_set1(vec_sum(row_sum(x, n)) / (float)n);
    vec sum[CHAINS] = {zero, zero, zero, zero}, squares[CHAINS] = {zero, zero, zero, zero};
    size_t at = 0;
    for (; n - at >= CHAINS * VEC; at += CHAINS * VEC) {
        UNROLL
        for (size_t c = 0; c < CHAINS; c++) {
            vec d = vec_sub(vec_load(x + at + c * VEC), mean);
            sum[c] = vec_add(sum[c], d);
            squares[c] = vec_fma(d, d, squares[c]);
        }
    }
    for (; at < n; at += VEC) {
        vec v = n - at >= VEC ? vec_load(x + at) : vec_load_part(x + at, n - at, mean);
        vec d = vec_sub(v, mean);
        sum[0] = vec_add(sum[0], d);
        squares[0] = vec_fma(d, d, squares[0]);
    }
    const float shift = vec_sum(chains_sum(sum)) / (float)n;
    const float variance = vec_sum(chains_sum(squares)) / (float)n - shift * shift;
    const vec factor = vec_set1(1.0f / sqrtf(variance + eps)), correction = vec_set1(shift);

    for (size_t i = 0; i < whole; i += VEC) {
        vec d = vec_mul(vec_sub(vec_sub(vec_load(x + i), mean), correction), factor);
        vec_store(y + i, gain ? vec_fma(d, vec_load(gain + i), vec_load(bias + i)) : d);
    }
    if (rest) {
        vec d = vec_sub(vec_sub(vec_load_part(x + whole, rest, mean), mean), correction);
        d = vec_mul(d, factor);
        if (gain)
            d = vec_fma(d, vec_load_part(gain + whole, rest, zero),
                        vec_load_part(bias + whole, rest, zero));
        vec_store_part(y + whole, d, rest);
    }
}

static void add(float *y, const float *x, size_t n)
{
    size_t i = 0;
    for (; n - i >= VEC; i += VEC)
        vec_store(y + i, vec_add(vec_load(y + i), vec_load(x + i)));
    if (i < n) {
        vec sum = vec_add(vec_load_part(y + i, n - i, vec_set1(0)),
                          vec_load_part(x + i, n - i, vec_set1(0)));
        vec_store_part(y + i, sum, n - i);
    }
}

static void scale(float *y, const float *x, float factor, size_t n)
{
    map(y, x, vec_set1(factor), n, vec_mul);
}

static void softmax(float *x, size_t n)
{
    scale(x, x, 1.0f / exp_row(x, n), n);
}

/* x Φ(x). With t = |x|: Φ(-t) = exp(-t²/2) R(t), where R is half the scaled complementary error
 * function erfcx(t/√2), which is smooth and falls like 1/t. With u = 1/(t + 3.5), R / u is a
 * polynomial of degree 9 in s = (t - 3.5)/(t + 3.5) = 1 - 7u (Remez on [0, 15], relative error
 * 8.0e-9). So the left tail keeps its digits, down to where Φ(-t) leaves float32 at t = 14.2. The
 * rounding of t² would cost up to t²/4 ulp, and is put back. */
INLINE vec gelu_erf_lane(vec x, vec unused)
{
    (void)unused;
    vec t = vec_min(vec_set1(15.0f), vec_abs(x));
    vec square = vec_mul(t, t), excess = vec_fnma(t, t, square); /* t² = square - excess */
    vec e = vec_exp(vec_mul(square, vec_set1(-0.5f)));
    e = vec_fma(vec_mul(excess, vec_set1(0.5f)), e, e);
    vec u = vec_div(vec_set1(1.0f), vec_add(t, vec_set1(3.5f)));
    vec s = vec_fnma(vec_set1(7.0f), u, vec_set1(1.0f));
    vec p = vec_set1(0x1.c7e42cp-14f);
    p = vec_fma(p, s, vec_set1(0x1.b6a490p-12f));
    p = vec_fma(p, s, vec_set1(-0x1.038b0cp-11f));
    p = vec_fma(p, s, vec_set1(-0x1.9fde70p-9f));
    p = vec_fma(p, s, vec_set1(0x1.a992a8p-8f));
    p = vec_fma(p, s, vec_set1(0x1.1d2d4ep-6f));
    p = vec_fma(p, s, vec_set1(-0x1.db5a92p-4f));
    p = vec_fma(p, s, vec_set1(0x1.42feccp-2f));
    p = vec_fma(p, s, vec_set1(-0x1.21914ep-1f));
    p = vec_fma(p, s, vec_set1(0x1.7d241ap-1f));
    vec tail = vec_mul(vec_mul(e, u), p);
    return vec_mul(x, vec_by_sign(x, tail, vec_sub(vec_set1(1.0f), tail)));
}

static void gelu_erf(float *x, size_t n)
{
    map(x, x, vec_set1(0), n, gelu_erf_lane);
}

/* x / (1 + exp(-u)); an exp that overflows gives -0, as it should. */
INLINE vec x_sigmoid(vec x, vec minus_u)
{
    return vec_div(x, vec_add(vec_set1(1.0f), vec_exp(minus_u)));
}

INLINE vec gelu_quick_lane(vec x, vec minus_factor)
{
    return x_sigmoid(x, vec_mul(x, minus_factor));
}

static void gelu_quick(float *x, size_t n)
{
    map(x, x, vec_set1(-1.702f), n, gelu_quick_lane);
}

/* (1 + tanh w) / 2 = 1 / (1 + exp(-2w)), 2w = x (2√(2/π) + 2√(2/π) 0.044715 x²) */
INLINE vec gelu_tanh_lane(vec x, vec unused)
{
    (void)unused;
    vec factor = vec_fma(vec_mul(x, x), vec_set1(-0x1.2444f2p-4f), vec_set1(-0x1.988454p+0f));
    return x_sigmoid(x, vec_mul(x, factor));
}

static void gelu_tanh(float *x, size_t n)
{
    map(x, x, vec_set1(0), n, gelu_tanh_lane);
}

/* x (1/2 + odd(x)) with an odd polynomial in x, clamped where it reaches 1/2: minimax (Remez) in
 * the error of the whole, so that no exponential and no division is needed. */
INLINE vec gelu_coarse_lane(vec x, const float p[9])
{
    vec u = vec_max(vec_set1(-4.2f), vec_min(vec_set1(4.2f), x)), t = vec_mul(u, u);
    vec sum = vec_set1(p[8]);
    UNROLL
    for (size_t i = 8; i-- > 0;)
        sum = vec_fma(sum, t, vec_set1(p[i]));
    return vec_mul(x, vec_fma(sum, u, vec_set1(0.5f)));
}

INLINE vec gelu_erf_coarse_lane(vec x, vec unused)
{
    (void)unused;
    return gelu_coarse_lane(x, (const float[9]){0x1.98c50ap-2f, -0x1.11c056p-4f, 0x1.4b3a34p-7f,
                                                -0x1.39144ep-10f, 0x1.c2cefep-14f, -0x1.d475b4p-18f,
                                                0x1.43d8dp-22f, -0x1.0650d4p-27f, 0x1.75134cp-34f});
}

static void gelu_erf_coarse(float *x, size_t n)
{
    map(x, x, vec_set1(0), n, gelu_erf_coarse_lane);
}

INLINE vec gelu_tanh_coarse_lane(vec x, vec unused)
{
    (void)unused;
    return gelu_coarse_lane(x,
                            (const float[9]){0x1.98826cp-2f, -0x1.112402p-4f, 0x1.48ece4p-7f,
                                             -0x1.31ebb2p-10f, 0x1.aa9aaep-14f, -0x1.a83b14p-18f,
                                             0x1.175b06p-22f, -0x1.af7aecp-28f, 0x1.25a29ap-34f});
}

static void gelu_tanh_coarse(float *x, size_t n)
{
    map(x, x, vec_set1(0), n, gelu_tanh_coarse_lane);
}

#include "kern/attention_tmpl.h"

#include "kern/pair_tmpl.h"

#include "kern/attention_bf16_tmpl.h"

#ifdef BYTES
#include "kern/bytes_tmpl.h"
#endif

#include "kern/dot_bytes_tmpl.h"

void TABLE_INIT(struct kernels *table)
{
    table->dot = dot;
    table->dot_f16_rows = dot_f16_rows;
    table->dot_i8_rows = dot_i8_rows;
    table->f16_to_f32 = f16_to_f32;
    table->f32_to_f16 = f32_to_f16;
    table->bf16_to_f32 = bf16_to_f32;
    table->f32_to_bf16 = f32_to_bf16;
    table->quantize = quantize;
    table->layernorm = layernorm;
    table->add = add;
    table->scale = scale;
    table->softmax = softmax;
    table->gelu_erf = gelu_erf;
    table->gelu_tanh = gelu_tanh;
    table->gelu_quick = gelu_quick;
    table->gelu_erf_coarse = gelu_erf_coarse;
    table->gelu_tanh_coarse = gelu_tanh_coarse;
    table->attention = attention;
    table->attention_bf16 = attention_bf16;
    table->product_bf16 = product_bf16;
#ifdef BYTES
    table->product_q8 = product_q8;
#endif
}
