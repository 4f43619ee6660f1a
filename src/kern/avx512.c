/* SPDX-License-Identifier: MIT
 *
 * AVX-512 without its dot products. product_q8 is left to AVX2: what it needs (a multiplication of
 * bytes by signs) has no 512-bit form, and every CPU since Cascade Lake has avx512vnni.c's.
 */
#include "kern/avx512_vec.h"

#define TABLE_INIT kernels_init_avx512

static inline dots dots_step(dots sum, const int8_t *row, const int16_t *query)
{
    __m512i wide = _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)row));
    return dots_add(sum, _mm512_madd_epi16(wide, _mm512_loadu_si512(query)));
}

#include "kern/kernels_tmpl.h"
