/* SPDX-License-Identifier: MIT
 *
 * The row loops for AVX2.
 *
 * Across: a block of eight RGB pixels is 24 samples, three vectors of eight 32-bit lanes. The eight
 * weights are spread over them (000111 22 | 2333 444 5 | 55 666 777), so that nothing is
 * de-interleaved until the 24 partial sums of all blocks are folded into three. RGBA likewise,
 * with four vectors of two pixels.
 *
 * Down: the plain loops; with -mavx2 the compiler makes of them what one would write.
 */
#include "clip/resample_rows_tmpl.h"

#include <immintrin.h>

/* sum + weights[spread] * samples */
static inline __m256i multiply_add(__m256i sum, const uint8_t *samples, __m256i weights,
                                   __m256i spread)
{
    __m256i v = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)samples));
    __m256i w = _mm256_permutevar8x32_epi32(weights, spread);
    return _mm256_add_epi32(sum, _mm256_mullo_epi32(v, w));
}

static void across_rgb(uint8_t *out, const uint8_t *row, const struct resample_axis *x)
{
    const __m256i spread_a = _mm256_setr_epi32(0, 0, 0, 1, 1, 1, 2, 2),
                  spread_b = _mm256_setr_epi32(2, 3, 3, 3, 4, 4, 4, 5),
                  spread_c = _mm256_setr_epi32(5, 5, 6, 6, 6, 7, 7, 7);
    for (int i = 0; i < x->count; i++, out += 3) {
        const uint8_t *p = row + (size_t)x->start[i] * 3;
        const int32_t *weights = x->weights + x->offset[i];
        __m256i a = _mm256_setzero_si256(), b = a, c = a;
        for (int t = 0; t < x->taps[i]; t += RESAMPLE_BLOCK_ACROSS, p += 24) {
            __m256i w = _mm256_loadu_si256((const __m256i *)(const void *)(weights + t));
            a = multiply_add(a, p, w, spread_a);
            b = multiply_add(b, p + 8, w, spread_b);
            c = multiply_add(c, p + 16, w, spread_c);
        }
        int32_t sum[24]; /* sample j belongs to channel j % 3 */
        _mm256_storeu_si256((__m256i *)(void *)sum, a);
        _mm256_storeu_si256((__m256i *)(void *)(sum + 8), b);
        _mm256_storeu_si256((__m256i *)(void *)(sum + 16), c);
        for (int k = 0; k < 3; k++)
            out[k] = round_to_byte(HALF + sum[k] + sum[k + 3] + sum[k + 6] + sum[k + 9] +
                                   sum[k + 12] + sum[k + 15] + sum[k + 18] + sum[k + 21]);
    }
}

static void across_rgba(uint8_t *out, const uint8_t *row, const struct resample_axis *x)
{
    const __m256i spread_a = _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1),
                  spread_b = _mm256_setr_epi32(2, 2, 2, 2, 3, 3, 3, 3),
                  spread_c = _mm256_setr_epi32(4, 4, 4, 4, 5, 5, 5, 5),
                  spread_d = _mm256_setr_epi32(6, 6, 6, 6, 7, 7, 7, 7);
    for (int i = 0; i < x->count; i++, out += 4) {
        const uint8_t *p = row + (size_t)x->start[i] * 4;
        const int32_t *weights = x->weights + x->offset[i];
        __m256i a = _mm256_setzero_si256(), b = a;
        for (int t = 0; t < x->taps[i]; t += RESAMPLE_BLOCK_ACROSS, p += 32) {
            __m256i w = _mm256_loadu_si256((const __m256i *)(const void *)(weights + t));
            a = multiply_add(a, p, w, spread_a);
            b = multiply_add(b, p + 8, w, spread_b);
            a = multiply_add(a, p + 16, w, spread_c);
            b = multiply_add(b, p + 24, w, spread_d);
        }
        int32_t sum[8];
        _mm256_storeu_si256((__m256i *)(void *)sum, _mm256_add_epi32(a, b));
        for (int k = 0; k < 4; k++)
            out[k] = round_to_byte(HALF + sum[k] + sum[k + 4]);
    }
}

const struct resample_rows resample_rows_avx2 = {
    .across_rgb = across_rgb,
    .across_rgba = across_rgba,
    .accumulate = accumulate,
    .finish = finish,
};
