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

typedef float floats __attribute__((vector_size(PEAK_BYTES)));
typedef uint64_t words __attribute__((vector_size(PEAK_BYTES)));

float PEAK(peak_fma_)(size_t rounds);
uint64_t PEAK(peak_read_)(const void *memory, size_t bytes);

/* 12 chains, which hide the latency of every pipeline; 24 flop for each float of a vector a round.
 * This file is compiled with contraction, so that these are fused where the level has it. */
float PEAK(peak_fma_)(size_t rounds)
{
    floats a = {1}, b = {0}, s[12];
    memset(s, 0, sizeof s);
    for (size_t i = 0; i < rounds; i++) {
        s[0] = s[0] * a + b;
        s[1] = s[1] * a + b;
        s[2] = s[2] * a + b;
        s[3] = s[3] * a + b;
        s[4] = s[4] * a + b;
        s[5] = s[5] * a + b;
        s[6] = s[6] * a + b;
        s[7] = s[7] * a + b;
        s[8] = s[8] * a + b;
        s[9] = s[9] * a + b;
        s[10] = s[10] * a + b;
        s[11] = s[11] * a + b;
        __asm__ volatile("" ::: "memory");
    }
    floats sum = s[0];
    for (int i = 1; i < 12; i++)
        sum += s[i];
    return sum[0];
}

uint64_t PEAK(peak_read_)(const void *memory, size_t bytes)
{
    const char *at = memory;
    words sum[4];
    memset(sum, 0, sizeof sum);
    for (size_t i = 0; i + sizeof sum <= bytes; i += sizeof sum) {
        words now[4];
        memcpy(now, at + i, sizeof now);
        for (int k = 0; k < 4; k++)
            sum[k] ^= now[k];
    }
    words all = sum[0] ^ sum[1] ^ sum[2] ^ sum[3];
    return all[0];
}
