/* SPDX-License-Identifier: MIT
 *
 * Products of bfloat16, part of the template of kernels_tmpl.h. Two numbers that follow each other
 * along the depth share a lane of 32 bits, the first one in its low half. Where the CPU has no
 * instruction for that (PAIR_NATIVE), each half becomes a float by a shift or a mask: exact, and
 * the memory that weights take and the cache lines that they fill are halved all the same.
 */
#ifndef PAIR_NATIVE
typedef struct {
    vec low, high;
} pair;

INLINE pair pair_of(vec bits)
{
    return (pair){vec_low_half(bits), vec_high_half(bits)};
}

INLINE pair pair_load(const void *p)
{
    return pair_of(vec_load(p));
}

INLINE pair pair_set1(const void *p)
{
    return pair_of(vec_set1(*(const float *)p));
}

INLINE vec vec_dot2(pair left, pair right, vec sum)
{
    return vec_fma(left.high, right.high, vec_fma(left.low, right.low, sum));
}
#endif

static void f32_to_bf16(uint16_t *out, const float *in, size_t n)
{
    size_t i = 0;
    for (; n - i >= VEC; i += VEC)
        vec_store_bf16(out + i, vec_load(in + i));
    if (i < n) {
        uint16_t whole[VEC];
        vec_store_bf16(whole, vec_load_part(in + i, n - i, vec_set1(0)));
        memcpy(out + i, whole, (n - i) * sizeof *out);
    }
}

struct pair_product {
    TILE_FACTORS;
    float *c;
    size_t c_stride;   /* floats */
    const float *bias; /* what the sums begin with; NULL: 0 */
    bool accumulate;
};

INLINE vec pair_begin(const struct pair_product *p, size_t column)
{
    return p->bias ? vec_load(p->bias + column) : vec_set1(0);
}

INLINE void pair_end(const struct pair_product *p, size_t column, size_t rows, size_t columns,
                     vec sums[ROWS][COLUMNS])
{
    tile_put(p->c + column, p->c_stride, p->accumulate, rows, columns, sums);
}

#define TILE_NAME pair_product
#define TILE_ARGS struct pair_product
#define TILE_LEFT pair
#define TILE_RIGHT pair
#define TILE_SUM vec
#define TILE_SET1(p) pair_set1(p)
#define TILE_LOAD(p) pair_load(p)
#define TILE_DOT(left, right, sum) vec_dot2(left, right, sum)
#define TILE_BEGIN pair_begin
#define TILE_END pair_end
#include "kern/tile_tmpl.h"

static void product_bf16(const struct panel_product *p)
{
    struct pair_product part = {.left_stride = p->x_stride / TILE_ELEMENT,
                                .right = p->weights,
                                .right_stride = PRODUCT_COLUMNS,
                                .depth = (p->k + 1) / 2,
                                .c_stride = p->y_stride,
                                .bias = p->bias,
                                .accumulate = p->accumulate};
    for (size_t row = 0; row < p->rows; row += ROWS) {
        part.left = (const char *)p->x + row * p->x_stride;
        part.c = p->y + row * p->y_stride;
        pair_product_rows[p->rows - row < ROWS ? p->rows - row : ROWS](&part,
                                                                       PRODUCT_COLUMNS / VEC);
    }
}
