/* SPDX-License-Identifier: MIT
 *
 * AVX-512 VNNI: four products of an unsigned by a signed byte per lane and instruction. Activations
 * are stored with 128 added, so they go in as they are; what the 128 adds to a sum is the panel's
 * `sums`, with which the sum begins.
 */
#include "kern/avx512_vec.h"

#define BYTES_UNSIGNED
typedef __m512i ivec;
typedef __m512i left_bytes;
#define ivec_load lanes_load
#define left_set1 lanes_set1

/* In assembler: gcc 12 moves the sums of the intrinsic through memory, which halves the speed. */
static inline ivec ivec_dot4(left_bytes left, ivec right, ivec sum)
{
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(left), "v"(right));
    return sum;
}

static inline vec ivec_to_vec(ivec a)
{
    return _mm512_cvtepi32_ps(a);
}

#include "kern/bytes_tmpl.h"

/* Two products of 16 bits per lane; in assembler for the same reason. */
static inline dots dots_step(dots sum, const int8_t *row, const int16_t *query)
{
    __m512i wide = _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)row));
    __asm__("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(wide), "v"(_mm512_loadu_si512(query)));
    return sum;
}

#include "kern/dot_bytes_tmpl.h"

void kernels_init_avx512vnni(struct kernels *table)
{
    table->product_q8 = product_q8;
    table->dot_i8_rows = dot_i8_rows;
}
