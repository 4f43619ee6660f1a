/* SPDX-License-Identifier: MIT
 *
 * The products of packed weights and what prepares numbers for them, in plain C: the definition of
 * each, and what runs where there is no level for the CPU. The inner loops run over columns, which
 * a compiler can put into whatever vectors the base instruction set has.
 */
#include "kern/levels.h"

#include <math.h>
#include <string.h>

static float bf16_value(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Nearest even; a NaN keeps its sign and the payload that fits and comes out quiet. */
static uint16_t bf16_nearest(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)((bits | 0x00400000u) >> 16);
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
}

static void f32_to_bf16(uint16_t *out, const float *in, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = bf16_nearest(in[i]);
}

static float quantize(uint8_t *out, const float *in, size_t n)
{
    float most = 0;
    bool finite = true;
    for (size_t i = 0; i < n; i++) {
        finite &= isfinite(in[i]) != 0;
        most = fabsf(in[i]) > most ? fabsf(in[i]) : most;
    }
    if (!finite || most < QUANTIZE_LEAST) {
        memset(out, 128, n);
        return finite ? 0 : NAN;
    }
    const float factor = 127.0f / most;
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)(128 + (int)rintf(in[i] * factor));
    return most / 127.0f;
}

static void put_row(const struct panel_product *p, size_t row, const float *sums)
{
    float *y = p->y + row * p->y_stride;
    for (size_t c = 0; c < PRODUCT_COLUMNS; c++)
        y[c] = p->accumulate ? y[c] + sums[c] : sums[c];
}

static void product_bf16(const struct panel_product *p)
{
    for (size_t row = 0; row < p->rows; row++) {
        const char *x = (const char *)p->x + row * p->x_stride;
        const uint16_t *w = p->weights;
        float y[PRODUCT_COLUMNS];
        memcpy(y, p->bias, sizeof y);
        for (size_t k = 0; k < p->k; k += 2, w += (ptrdiff_t)2 * PRODUCT_COLUMNS) {
            uint16_t pair[2];
            memcpy(pair, x + k * sizeof *pair, sizeof pair);
            const float low = bf16_value(pair[0]), high = bf16_value(pair[1]);
            for (size_t c = 0; c < PRODUCT_COLUMNS; c++)
                y[c] += low * bf16_value(w[2 * c]) + high * bf16_value(w[2 * c + 1]);
        }
        put_row(p, row, y);
    }
}

/* The sum of one group of one row; x: [n] */
static void sum_group(int32_t *sum, const uint8_t *x, const int8_t *w, size_t n)
{
    memset(sum, 0, PRODUCT_COLUMNS * sizeof *sum);
    for (size_t k = 0; k < n; k += 4, w += (ptrdiff_t)4 * PRODUCT_COLUMNS)
        for (size_t c = 0; c < PRODUCT_COLUMNS; c++)
            for (size_t i = 0; i < 4; i++)
                sum[c] += (x[k + i] - 128) * w[4 * c + i];
}

static void product_q8(const struct panel_product *p)
{
    int32_t sum[PRODUCT_COLUMNS];
    for (size_t row = 0; row < p->rows; row++) {
        const uint8_t *x = (const uint8_t *)p->x + row * p->x_stride;
        const float *scale = p->x_scales + row * p->x_scales_stride;
        float y[PRODUCT_COLUMNS] = {0};
        for (size_t k = 0; k < p->k; k += QUANT_GROUP, scale++) {
            size_t n = p->k - k < QUANT_GROUP ? p->k - k : QUANT_GROUP;
            sum_group(sum, x + k, (const int8_t *)p->weights + k * PRODUCT_COLUMNS, n);
            for (size_t c = 0; c < PRODUCT_COLUMNS; c++)
                y[c] = k == 0 ? (float)sum[c] * *scale : fmaf((float)sum[c], *scale, y[c]);
        }
        for (size_t c = 0; c < PRODUCT_COLUMNS; c++)
            y[c] = fmaf(y[c], p->scales[c], p->bias[c]);
        put_row(p, row, y);
    }
}

/* scores = exp(q k^T - the largest), rounded to bfloat16 for what comes; → the sum before that */
static float weigh(float *scores, const struct attention_head_bf16 *head, const uint16_t *q,
                   int seen)
{
    float largest = -INFINITY, sum = 0;
    for (int j = 0; j < seen; j++) {
        const uint16_t *k = head->k + (size_t)j * head->kv_stride;
        scores[j] = 0;
        for (int c = 0; c < head->head_width; c++)
            scores[j] += bf16_value(q[c]) * bf16_value(k[c]);
        largest = scores[j] > largest ? scores[j] : largest;
    }
    for (int j = 0; j < seen; j++) {
        scores[j] = expf(scores[j] - largest);
        sum += scores[j];
        scores[j] = bf16_value(bf16_nearest(scores[j]));
    }
    return sum;
}

static void attention_bf16(const struct attention_head_bf16 *head, float *scratch)
{
    for (int i = 0; i < head->queries; i++) {
        uint16_t *out = head->out + (size_t)i * head->out_stride;
        int seen = head->causal ? i + 1 + head->keys - head->queries : head->keys;
        float sum = weigh(scratch, head, head->q + (size_t)i * head->q_stride, seen);
        for (int c = 0; c < head->head_width; c++) {
            float value = 0;
            for (int j = 0; j < seen; j++)
                value += scratch[j] * bf16_value(head->v[(size_t)j * head->kv_stride + (size_t)c]);
            out[c] = bf16_nearest(seen > 0 ? value / sum : 0);
        }
    }
}

void kernels_init_reference_products(struct kernels *table)
{
    table->f32_to_bf16 = f32_to_bf16;
    table->quantize = quantize;
    table->attention_bf16 = attention_bf16;
    table->product_bf16 = product_bf16;
    table->product_q8 = product_q8;
}
