/* SPDX-License-Identifier: MIT
 *
 * A query of 16-bit numbers against rows of bytes: the first pass of the scan. Part of the template
 * of kernels_tmpl.h. Bytes are widened to 16 bits and multiplied in pairs into sums of 32; as these
 * are whole numbers that do not overflow (kernels.h says why), every level gives the same bits.
 *
 * The rows are read once, one behind the other, as one stream: that is all the time there is. The
 * arithmetic is two or three instructions for what the memory brings in eight cycles.
 *
 * The including file defines DOTS, the bytes of one step, `dots` (its sums), and
 *   dots_zero()                       of sums
 *   dots_step(sum, row, query)        + row[0 .. DOTS) · query[0 .. DOTS), any alignment
 *   dots_add(a, b), dots_total(a)     lane by lane; all lanes
 */
#include "kern/common_tmpl.h"

INLINE dots dots_tail(dots sum, const int8_t *row, const int16_t *query, size_t n)
{
    int8_t whole_row[DOTS] = {0};
    int16_t whole_query[DOTS] = {0};
    memcpy(whole_row, row, n);
    memcpy(whole_query, query, n * sizeof *query);
    return dots_step(sum, whole_row, whole_query);
}

static int32_t dot_i8(const int16_t *query, const int8_t *row, size_t n)
{
    dots sum[4] = {dots_zero(), dots_zero(), dots_zero(), dots_zero()};
    size_t i = 0;
    for (; n - i >= 4 * DOTS; i += 4 * DOTS) {
        UNROLL
        for (size_t k = 0; k < 4; k++)
            sum[k] = dots_step(sum[k], row + i + k * DOTS, query + i + k * DOTS);
    }
    for (; n - i >= DOTS; i += DOTS)
        sum[0] = dots_step(sum[0], row + i, query + i);
    if (i < n)
        sum[1] = dots_tail(sum[1], row + i, query + i, n - i);
    return dots_total(dots_add(dots_add(sum[0], sum[1]), dots_add(sum[2], sum[3])));
}

static void dot_i8_rows(int32_t *sums, const int16_t *query, const int8_t *rows, size_t count,
                        size_t dim)
{
    for (size_t row = 0; row < count; row++)
        sums[row] = dot_i8(query, rows + row * dim, dim);
}
