/* SPDX-License-Identifier: MIT
 *
 * The row loops in plain C: what the others are compared with, and what runs where there is none.
 *
 * A sum fits 32 bits: the weights of one output sample add up to 1 in 22-bit fixed point, and with
 * a bicubic's negative lobes their absolute values stay under 2; 255 * 2^22 * 2 < 2^31.
 */
#include "clip/resample_rows_tmpl.h"

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

const struct resample_rows resample_rows_reference = {
    .across_rgb = across_rgb,
    .across_rgba = across_rgba,
    .accumulate = accumulate,
    .finish = finish,
};
