/* SPDX-License-Identifier: MIT
 *
 * AVX-512 BF16: two products of bfloat16 per lane and instruction. It takes denormals as zero and
 * rounds once per product, unlike the other levels, which is far below what bfloat16 itself loses.
 */
#include "kern/avx512_vec.h"

#define PAIR_NATIVE
typedef __m512i pair;
#define pair_load lanes_load
#define pair_set1 lanes_set1

static inline vec vec_dot2(pair left, pair right, vec sum)
{
    return _mm512_dpbf16_ps(sum, (__m512bh)left, (__m512bh)right);
}

#include "kern/common_tmpl.h"

#include "kern/pair_tmpl.h"

#include "kern/attention_bf16_tmpl.h"

void kernels_init_avx512bf16(struct kernels *table)
{
    table->f32_to_bf16 = f32_to_bf16;
    table->product_bf16 = product_bf16;
    table->attention_bf16 = attention_bf16;
}
