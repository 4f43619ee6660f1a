/* SPDX-License-Identifier: MIT
 *
 * What the machine gives at most at one level, for the benchmark to hold the kernels against:
 * multiply-adds on registers and plain reading of memory. Compiled once per level with its flags,
 * PEAK_BYTES (of a vector) and PEAK(name).
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define PEAK(name) JOIN(name, PEAK_LEVEL)

/* The compiler may not know that the chains are all the same. */
#if defined(__x86_64__)
#define HIDE(a, b, c, d) __asm__ volatile("" : "+v"(a), "+v"(b), "+v"(c), "+v"(d))
#elif defined(__aarch64__)
#define HIDE(a, b, c, d) __asm__ volatile("" : "+w"(a), "+w"(b), "+w"(c), "+w"(d))
#else
#define HIDE(a, b, c, d) (void)0
#endif

typedef float floats __attribute__((vector_size(PEAK_BYTES)));
typedef uint64_t words __attribute__((vector_size(PEAK_BYTES), aligned(8), may_alias));

float PEAK(peak_fma_)(size_t rounds);
uint64_t PEAK(peak_read_)(const void *memory, size_t bytes);

/* 12 chains, which hide the latency of every pipeline, as named variables, which stay in registers;
 * 24 flop for each float of a vector a round. This file is compiled with contraction, so that these
 * are fused where the level has it. */
float PEAK(peak_fma_)(size_t rounds)
{
    floats zero, a, b;
    memset(&zero, 0, sizeof zero);
    a = zero + 0.5f;
    b = zero + (float)rounds; /* so that nothing is known before it runs */
    floats s0 = b, s1 = b, s2 = b, s3 = b, s4 = b, s5 = b, s6 = b, s7 = b, s8 = b, s9 = b, s10 = b,
           s11 = b;
    for (size_t i = 0; i < rounds; i++) {
        s0 = s0 * a + b;
        s1 = s1 * a + b;
        s2 = s2 * a + b;
        s3 = s3 * a + b;
        s4 = s4 * a + b;
        s5 = s5 * a + b;
        s6 = s6 * a + b;
        s7 = s7 * a + b;
        s8 = s8 * a + b;
        s9 = s9 * a + b;
        s10 = s10 * a + b;
        s11 = s11 * a + b;
        HIDE(s0, s1, s2, s3);
        HIDE(s4, s5, s6, s7);
        HIDE(s8, s9, s10, s11);
    }
    floats sum = s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7 + s8 + s9 + s10 + s11;
    return sum[0];
}

uint64_t PEAK(peak_read_)(const void *memory, size_t bytes)
{
    const words *at = memory;
    words a = {0}, b = {0}, c = {0}, d = {0};
    for (size_t i = 0; i + 4 <= bytes / sizeof *at; i += 4) {
        a ^= at[i];
        b ^= at[i + 1];
        c ^= at[i + 2];
        d ^= at[i + 3];
    }
    a ^= b ^ c ^ d;
    return a[0];
}
