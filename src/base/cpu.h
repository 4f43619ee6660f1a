/* SPDX-License-Identifier: MIT
 *
 * What the CPU can do, as far as fovea has kernels for it. FOVEA_CPU=reference|avx2|avx512|neon
 * in the environment lowers the level (it never raises it past what the machine has).
 */
#ifndef FOVEA_BASE_CPU_H
#define FOVEA_BASE_CPU_H

#include "base/status.h"

enum cpu_flag {
    CPU_AVX2 = 1 << 0,        /* AVX2, FMA and F16C */
    CPU_AVX512 = 1 << 1,      /* AVX-512 F, BW, DQ and VL; implies CPU_AVX2 */
    CPU_NEON = 1 << 2,        /* AArch64 Advanced SIMD */
    CPU_AVX512_VNNI = 1 << 3, /* dot products of bytes; implies CPU_AVX512 */
    CPU_AVX512_BF16 = 1 << 4, /* dot products of bfloat16; implies CPU_AVX512 */
};

/* Flags of this machine, whatever the environment says. */
unsigned cpu_flags_detect(void);

/* Flags to use: detection limited by FOVEA_CPU. A level that is unknown or that this machine does
 * not have is an ERR_ARGUMENT that lists the levels. */
MUST_USE enum status cpu_flags(unsigned *flags, struct err *err);

/* "avx512", "avx2", "neon" or "reference"; "avx512" with "+vnni", "+bf16" where it has them. */
const char *cpu_level_name(unsigned flags);

/* Cores this process may run on (affinity and cgroup-style limits included through
 * sched_getaffinity), at least 1. */
int cpu_cores(void);

#endif
