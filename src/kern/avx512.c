/* SPDX-License-Identifier: MIT
 *
 * AVX-512 without its dot products. product_q8 is left to AVX2: what it needs (a multiplication of
 * bytes by signs) has no 512-bit form, and every CPU since Cascade Lake has avx512vnni.c's.
 */
#include "kern/avx512_vec.h"

#define TABLE_INIT kernels_init_avx512

#include "kern/kernels_tmpl.h"
