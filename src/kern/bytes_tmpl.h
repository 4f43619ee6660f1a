/* SPDX-License-Identifier: MIT
 *
 * Products of 8-bit numbers, part of the template of kernels_tmpl.h. Four numbers that follow each
 * other along the depth share a lane of 32 bits. Within a group of QUANT_GROUP values sums are
 * whole numbers and exact; a group's sum becomes a float, times the group's scale, and joins the
 * row: the same operations in the same order at every level, hence the same bits.
 *
 * The including file defines ivec, left_bytes and ivec_load, left_set1, ivec_dot4, ivec_to_vec, and
 * BYTES_UNSIGNED if ivec_dot4 takes activations as they are stored, with 128 added.
 */
#include "kern/common_tmpl.h"

struct bytes_product {
    TILE_FACTORS;
    const int32_t *sums;                /* [64] of this group */
    const float *row_scales;            /* of this group; rows are row_scales_stride apart */
    const float *scales, *bias;         /* [64] */
    float *part;                        /* [rows, 64] the groups so far */
    float *c;                           /* the result */
    size_t row_scales_stride, c_stride; /* floats */
    bool first, last;                   /* group */
    bool accumulate;
};

INLINE ivec bytes_begin(const struct bytes_product *p, size_t column)
{
#ifdef BYTES_UNSIGNED
    return ivec_load(p->sums + column);
#else
    (void)p, (void)column;
    return ivec_zero();
#endif
}

/* A group's sums join those of the groups before it. */
INLINE void bytes_join(const struct bytes_product *p, size_t column, size_t rows, size_t columns,
                       ivec sums[ROWS][COLUMNS], vec values[ROWS][COLUMNS])
{
    UNROLL
    for (size_t r = 0; r < rows; r++) {
        const float *part = p->part + r * PRODUCT_COLUMNS + column;
        vec scale = vec_set1(p->row_scales[r * p->row_scales_stride]);
        if (p->first) {
            UNROLL
            for (size_t c = 0; c < columns; c++)
                values[r][c] = vec_mul(ivec_to_vec(sums[r][c]), scale);
        } else {
            UNROLL
            for (size_t c = 0; c < columns; c++)
                values[r][c] = vec_fma(ivec_to_vec(sums[r][c]), scale, vec_load(part + c * VEC));
        }
    }
}

INLINE void bytes_end(const struct bytes_product *p, size_t column, size_t rows, size_t columns,
                      ivec sums[ROWS][COLUMNS])
{
    vec values[ROWS][COLUMNS];
    bytes_join(p, column, rows, columns, sums, values);
    if (!p->last) {
        tile_put(p->part + column, PRODUCT_COLUMNS, false, rows, columns, values);
        return;
    }
    UNROLL
    for (size_t c = 0; c < columns; c++) {
        const vec scale = vec_load(p->scales + column + c * VEC);
        const vec bias = vec_load(p->bias + column + c * VEC);
        UNROLL
        for (size_t r = 0; r < rows; r++)
            values[r][c] = vec_fma(values[r][c], scale, bias);
    }
    tile_put(p->c + column, p->c_stride, p->accumulate, rows, columns, values);
}

#define TILE_NAME bytes_product
#define TILE_ARGS struct bytes_product
#define TILE_LEFT left_bytes
#define TILE_RIGHT ivec
#define TILE_SUM ivec
#define TILE_SET1(p) left_set1(p)
#define TILE_LOAD(p) ivec_load(p)
#define TILE_DOT(left, right, sum) ivec_dot4(left, right, sum)
#define TILE_BEGIN bytes_begin
#define TILE_END bytes_end
#include "kern/tile_tmpl.h"

static void product_q8(const struct panel_product *p)
{
    float sums[ROWS * PRODUCT_COLUMNS];
    struct bytes_product part = {.left_stride = p->x_stride / TILE_ELEMENT,
                                 .right_stride = PRODUCT_COLUMNS,
                                 .scales = p->scales,
                                 .bias = p->bias,
                                 .row_scales_stride = p->x_scales_stride,
                                 .c_stride = p->y_stride,
                                 .part = sums,
                                 .accumulate = p->accumulate};
    for (size_t row = 0; row < p->rows; row += ROWS) {
        const size_t rows = p->rows - row < ROWS ? p->rows - row : ROWS;
        part.c = p->y + row * p->y_stride;
        for (size_t k = 0, group = 0; k < p->k; k += QUANT_GROUP, group++) {
            size_t n = p->k - k < QUANT_GROUP ? p->k - k : QUANT_GROUP;
            part.first = k == 0;
            part.last = k + n == p->k;
            part.left = (const char *)p->x + row * p->x_stride + k;
            part.right = (const char *)p->weights + k * PRODUCT_COLUMNS;
            part.depth = (n + 3) / 4;
            part.sums = p->sums + group * PRODUCT_COLUMNS;
            part.row_scales = p->x_scales + row * p->x_scales_stride + group;
            bytes_product_rows[rows](&part, PRODUCT_COLUMNS / VEC);
        }
    }
}
