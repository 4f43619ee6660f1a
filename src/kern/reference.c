/* SPDX-License-Identifier: MIT
 *
 * The kernels in plain C: the definition of every table entry, and what runs where there is no
 * level for the CPU. Elementwise ones call libm. Sums run in LANES interleaved partial sums, which
 * is both closer to the true sum than one running sum and what a compiler can put into whatever
 * vectors the base instruction set has; layernorm and softmax sum in double.
 *
 * float16 <-> float32 is written on the bits, so that it is exact on machines without the
 * conversion: nearest even, denormals kept, a NaN keeps its sign and the payload that fits and
 * comes out quiet, which is what F16C and AArch64 do.
 */
#include "kern/levels.h"

#include <math.h>
#include <string.h>

enum { LANES = 8 };

static float bits_to_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint32_t float_to_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float fold(const float sum[LANES])
{
    return ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]));
}

static float dot(const float *a, const float *b, size_t n)
{
    float sum[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t lane = 0; lane < LANES; lane++)
            sum[lane] += a[i + lane] * b[i + lane];
    for (size_t lane = 0; i + lane < n; lane++)
        sum[lane] += a[i + lane] * b[i + lane];
    return fold(sum);
}

/* The float32 with the exponent and mantissa of `half` moved up is 2^-112 of the value, denormals
 * included; infinities (the largest exponent) need theirs filled, NaN a quiet bit too. Written
 * without branches, for the compiler's vectors. */
static float half_to_float(uint16_t half)
{
    uint32_t magnitude = half & 0x7fffu;
    uint32_t sign = (half & 0x8000u) << 16;
    uint32_t bits = float_to_bits(bits_to_float(magnitude << 13) * 0x1p112f);
    bits |= magnitude >= 0x7c00u ? 0x7f800000u : 0;
    bits |= magnitude > 0x7c00u ? 0x00400000u : 0;
    return bits_to_float(sign | bits);
}

static uint16_t float_to_half(float value)
{
    uint32_t bits = float_to_bits(value);
    uint32_t sign = bits >> 16 & 0x8000u;
    uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u)
        return (uint16_t)(sign | 0x7e00u | (magnitude >> 13 & 0x3ffu));
    if (magnitude >= 0x477ff000u) /* 65520 is half way to what would be the next float16 */
        return (uint16_t)(sign | 0x7c00u);

    uint32_t exponent = magnitude >> 23, rest, half, shift;
    if (exponent >= 113) { /* 2^-14, the least normal float16, and above */
        shift = 13;
        half = (magnitude - (112u << 23)) >> 13;
        rest = magnitude;
    } else { /* in units of 2^-24 */
        shift = 126 - exponent;
        if (shift > 24)
            return (uint16_t)sign;
        rest = (magnitude & 0x7fffffu) | 0x800000u;
        half = rest >> shift;
    }
    rest &= (1u << shift) - 1;
    uint32_t tie = 1u << (shift - 1);
    half += rest > tie || (rest == tie && (half & 1)); /* a carry reaches the exponent rightly */
    return (uint16_t)(sign | half);
}

static void dot_f16_rows(float *scores, const float *query, const uint16_t *rows, size_t count,
                         size_t dim)
{
    for (size_t row = 0; row < count; row++, rows += dim) {
        float sum[LANES] = {0};
        size_t i = 0;
        for (; i + LANES <= dim; i += LANES)
            for (size_t lane = 0; lane < LANES; lane++)
                sum[lane] += query[i + lane] * half_to_float(rows[i + lane]);
        for (size_t lane = 0; i + lane < dim; lane++)
            sum[lane] += query[i + lane] * half_to_float(rows[i + lane]);
        scores[row] = fold(sum);
    }
}

static void dot_i8_rows(int32_t *sums, const int16_t *query, const int8_t *rows, size_t count,
                        size_t dim)
{
    for (size_t row = 0; row < count; row++, rows += dim) {
        sums[row] = 0;
        for (size_t i = 0; i < dim; i++)
            sums[row] += query[i] * rows[i];
    }
}

static void f16_to_f32(float *out, const uint16_t *in, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = half_to_float(in[i]);
}

static void f32_to_f16(uint16_t *out, const float *in, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = float_to_half(in[i]);
}

static void bf16_to_f32(float *out, const uint16_t *in, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = (uint32_t)in[i] << 16;
        memcpy(out + i, &bits, sizeof bits); /* no arithmetic: a signalling NaN stays one */
    }
}

static void layernorm(float *y, const float *x, const float *gain, const float *bias, size_t n,
                      float eps)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    double mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (x[i] - mean) * (x[i] - mean);
    double factor = 1 / sqrt(squares / (double)n + eps);
    for (size_t i = 0; i < n; i++)
        y[i] = (float)((x[i] - mean) * factor) * (gain ? gain[i] : 1) + (bias ? bias[i] : 0);
}

static void add(float *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += x[i];
}

static void scale(float *y, const float *x, float factor, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = factor * x[i];
}

/* x = exp(x - max x); returns the sum. */
static double exp_row(float *x, size_t n)
{
    float largest = -INFINITY;
    for (size_t i = 0; i < n; i++)
        largest = x[i] > largest ? x[i] : largest;
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i] = expf(x[i] - largest);
    return sum;
}

static void softmax(float *x, size_t n)
{
    scale(x, x, (float)(1 / exp_row(x, n)), n);
}

/* erfc, not 1 + erf, and in double, so that the left tail keeps its digits: the rounding of x / √2
 * would be multiplied by x². */
static void gelu_erf(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(0.5 * x[i] * erfc(x[i] * -0.70710678118654752440));
}

/* (1 + tanh u) / 2 = 1 / (1 + exp(-2u)) */
static void gelu_tanh(float *x, size_t n)
{
    const float twice_sqrt_2_over_pi = 1.5957691216f;
    for (size_t i = 0; i < n; i++) {
        float u = twice_sqrt_2_over_pi * (x[i] + 0.044715f * x[i] * x[i] * x[i]);
        x[i] = x[i] / (1 + expf(-u));
    }
}

static void gelu_quick(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = x[i] / (1 + expf(-1.702f * x[i]));
}

static void attention(const struct attention_head *head, float *scratch)
{
    const size_t width = (size_t)head->head_width;
    for (int i = 0; i < head->queries; i++) {
        const float *q = head->q + (size_t)i * head->q_stride;
        float *out = head->out + (size_t)i * head->out_stride;
        int seen = head->causal ? i + 1 + head->keys - head->queries : head->keys;
        memset(out, 0, width * sizeof *out);
        if (seen <= 0)
            continue;
        for (int j = 0; j < seen; j++)
            scratch[j] = head->scale * dot(q, head->k + (size_t)j * head->kv_stride, width);
        double sum = exp_row(scratch, (size_t)seen);
        for (int j = 0; j < seen; j++) {
            const float *v = head->v + (size_t)j * head->kv_stride;
            for (size_t c = 0; c < width; c++)
                out[c] += scratch[j] * v[c];
        }
        scale(out, out, (float)(1 / sum), width);
    }
}

void kernels_init_reference(struct kernels *table)
{
    *table = (struct kernels){
        .dot = dot,
        .dot_f16_rows = dot_f16_rows,
        .dot_i8_rows = dot_i8_rows,
        .f16_to_f32 = f16_to_f32,
        .f32_to_f16 = f32_to_f16,
        .bf16_to_f32 = bf16_to_f32,
        .layernorm = layernorm,
        .add = add,
        .scale = scale,
        .softmax = softmax,
        .gelu_erf = gelu_erf,
        .gelu_tanh = gelu_tanh,
        .gelu_quick = gelu_quick,
        .gelu_erf_coarse = gelu_erf,
        .gelu_tanh_coarse = gelu_tanh,
        .attention = attention,
    };
    kernels_init_reference_products(table);
}
