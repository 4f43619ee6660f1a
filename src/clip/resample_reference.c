/* SPDX-License-Identifier: MIT
 *
 * The row loops in plain C: what the others are compared with, and what runs where there is none.
 *
 * A sum fits 32 bits: the weights of one output sample add up to 1 in 22-bit fixed point, and with
 * a bicubic's negative lobes their absolute values stay under 2; 255 * 2^22 * 2 < 2^31.
 */
#include "clip/resample_rows.h"

#define HALF (1 << (RESAMPLE_BITS - 1))

static uint8_t round_to_byte(int32_t sum)
{
    int32_t v = sum >> RESAMPLE_BITS;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static void across_rgb(uint8_t *out, const uint8_t *row, const struct resample_axis *x)
{
    for (int i = 0; i < x->count; i++, out += 3) {
        const uint8_t *p = row + (size_t)x->start[i] * 3;
        const int32_t *weights = x->weights + x->offset[i];
        int32_t r = HALF, g = HALF, b = HALF;
        for (int t = 0; t < x->taps[i]; t++, p += 3) {
            r += weights[t] * p[0];
            g += weights[t] * p[1];
            b += weights[t] * p[2];
        }
        out[0] = round_to_byte(r);
        out[1] = round_to_byte(g);
        out[2] = round_to_byte(b);
    }
}

static void across_rgba(uint8_t *out, const uint8_t *row, const struct resample_axis *x)
{
    for (int i = 0; i < x->count; i++, out += 4) {
        const uint8_t *p = row + (size_t)x->start[i] * 4;
        const int32_t *weights = x->weights + x->offset[i];
        int32_t sum[4] = {HALF, HALF, HALF, HALF};
        for (int t = 0; t < x->taps[i]; t++, p += 4)
            for (int c = 0; c < 4; c++)
                sum[c] += weights[t] * p[c];
        for (int c = 0; c < 4; c++)
            out[c] = round_to_byte(sum[c]);
    }
}

static void accumulate(int32_t *restrict sum, const uint8_t *restrict row, int32_t weight, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sum[i] += weight * row[i];
}

static void finish(uint8_t *restrict out, const int32_t *restrict sum, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = round_to_byte(HALF + sum[i]);
}

const struct resample_rows resample_rows_reference = {
    .across_rgb = across_rgb,
    .across_rgba = across_rgba,
    .accumulate = accumulate,
    .finish = finish,
};
