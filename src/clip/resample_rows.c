/* SPDX-License-Identifier: MIT
 *
 * Built once per instruction set, with its flags and RESAMPLE_TABLE naming the table to define.
 *
 * Written with the compilers' generic vectors of eight 32-bit lanes: one AVX2 register, two of
 * SSE2 or NEON. A block of eight RGB pixels is 24 samples, three such vectors; the eight weights
 * are spread over them (000111 22 | 2333 444 5 | 55 666 777), so that nothing has to be
 * de-interleaved until the 24 (RGBA: 32) partial sums are folded into three (four).
 *
 * A sum fits 32 bits: the weights of one output sample add up to 1 in 22-bit fixed point, and
 * with a bicubic's negative lobes their absolute values stay under 2; 255 * 2^22 * 2 < 2^31.
 */
#include "clip/resample_rows.h"

#include <string.h>

typedef int32_t lanes __attribute__((vector_size(32)));
typedef uint8_t bytes8 __attribute__((vector_size(8)));

#define HALF (1 << (RESAMPLE_BITS - 1))

static inline uint8_t round_to_byte(int32_t sum)
{
    int32_t v = sum >> RESAMPLE_BITS;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static inline void load_weights(lanes *w, const int32_t *from)
{
    memcpy(w, from, sizeof *w);
}

static inline void multiply_add(lanes *sum, const uint8_t *samples, lanes weights)
{
    bytes8 b;
    memcpy(&b, samples, sizeof b);
    *sum += __builtin_convertvector(b, lanes) * weights;
}

static void across_rgb(uint8_t *out, const uint8_t *row, const struct resample_axis *x)
{
    for (int i = 0; i < x->count; i++, out += 3) {
        const uint8_t *p = row + (size_t)x->start[i] * 3;
        const int32_t *weights = x->weights + x->offset[i];
        lanes a = {0}, b = {0}, c = {0}, w;
        for (int t = 0; t < x->taps[i]; t += RESAMPLE_BLOCK_ACROSS, p += 24) {
            load_weights(&w, weights + t);
            multiply_add(&a, p, __builtin_shufflevector(w, w, 0, 0, 0, 1, 1, 1, 2, 2));
            multiply_add(&b, p + 8, __builtin_shufflevector(w, w, 2, 3, 3, 3, 4, 4, 4, 5));
            multiply_add(&c, p + 16, __builtin_shufflevector(w, w, 5, 5, 6, 6, 6, 7, 7, 7));
        }
        /* Sample j of the 24 belongs to channel j % 3. */
        out[0] = round_to_byte(HALF + a[0] + a[3] + a[6] + b[1] + b[4] + b[7] + c[2] + c[5]);
        out[1] = round_to_byte(HALF + a[1] + a[4] + a[7] + b[2] + b[5] + c[0] + c[3] + c[6]);
        out[2] = round_to_byte(HALF + a[2] + a[5] + b[0] + b[3] + b[6] + c[1] + c[4] + c[7]);
    }
}

static void across_rgba(uint8_t *out, const uint8_t *row, const struct resample_axis *x)
{
    for (int i = 0; i < x->count; i++, out += 4) {
        const uint8_t *p = row + (size_t)x->start[i] * 4;
        const int32_t *weights = x->weights + x->offset[i];
        lanes sum = {0}, w;
        for (int t = 0; t < x->taps[i]; t += RESAMPLE_BLOCK_ACROSS, p += 32) {
            load_weights(&w, weights + t);
            multiply_add(&sum, p, __builtin_shufflevector(w, w, 0, 0, 0, 0, 1, 1, 1, 1));
            multiply_add(&sum, p + 8, __builtin_shufflevector(w, w, 2, 2, 2, 2, 3, 3, 3, 3));
            multiply_add(&sum, p + 16, __builtin_shufflevector(w, w, 4, 4, 4, 4, 5, 5, 5, 5));
            multiply_add(&sum, p + 24, __builtin_shufflevector(w, w, 6, 6, 6, 6, 7, 7, 7, 7));
        }
        for (int c = 0; c < 4; c++)
            out[c] = round_to_byte(HALF + sum[c] + sum[c + 4]);
    }
}

static void accumulate(int32_t *sum, const uint8_t *row, int32_t weight, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sum[i] += weight * row[i];
}

static void finish(uint8_t *out, const int32_t *sum, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = round_to_byte(HALF + sum[i]);
}

const struct resample_rows RESAMPLE_TABLE = {
    .across_rgb = across_rgb,
    .across_rgba = across_rgba,
    .accumulate = accumulate,
    .finish = finish,
};
