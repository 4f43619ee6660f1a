/* SPDX-License-Identifier: MIT
 *
 * Fills the table: the reference first, then every level that the flags name and this build has,
 * from narrow to wide, so that the widest implementation of each entry wins.
 */
#include "kern/levels.h"

#include "base/cpu.h"

void kernels_init(struct kernels *table, unsigned cpu_flags)
{
    kernels_init_reference(table);
#ifdef KERN_AVX2
    if (cpu_flags & CPU_AVX2)
        kernels_init_avx2(table);
#endif
#ifdef KERN_AVX512
    if (cpu_flags & CPU_AVX512)
        kernels_init_avx512(table);
#endif
#ifdef KERN_AVX512VNNI
    if (cpu_flags & CPU_AVX512_VNNI)
        kernels_init_avx512vnni(table);
#endif
#ifdef KERN_AVX512BF16
    if (cpu_flags & CPU_AVX512_BF16)
        kernels_init_avx512bf16(table);
#endif
#ifdef KERN_NEON
    if (cpu_flags & CPU_NEON)
        kernels_init_neon(table);
#endif
}

static size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

/* K^T in zero-free panels, V in whole vectors, a block of scaled query rows, a block of scores;
 * each part a multiple of a cache line. See attention in kernels_tmpl.h. */
size_t attention_scratch(int queries, int keys, int head_width)
{
    size_t width = round_up((size_t)head_width, ATTENTION_VECTOR_MAX);
    size_t columns = round_up((size_t)keys, ATTENTION_PANEL_MAX);
    return columns * width + (size_t)keys * width + ATTENTION_ROWS_MAX * (width + columns);
}
