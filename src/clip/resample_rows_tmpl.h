/* SPDX-License-Identifier: MIT
 *
 * What the row loops of every instruction set have in common: rounding, and the plain vertical
 * loops, which each file compiles with its own flags. Included once per instruction set.
 */
#include "clip/resample_rows.h"

#define HALF (1 << (RESAMPLE_BITS - 1))

static inline uint8_t round_to_byte(int32_t sum)
{
    int32_t v = sum >> RESAMPLE_BITS;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static void accumulate(int32_t *restrict sum, const uint8_t *restrict row, int32_t weight, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sum[i] += weight * row[i];
}

static void finish(uint8_t *restrict out, const int32_t *restrict sum, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = round_to_byte(HALF + sum[i]);
}
