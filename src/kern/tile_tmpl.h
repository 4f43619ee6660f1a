/* SPDX-License-Identifier: MIT
 *
 * The inner loop of every matrix product here: a block of up to ROWS rows of the left factor times
 * COLUMNS vectors of columns of the right one, all sums in registers over the whole depth. Included
 * once per kind of number; an element is 4 bytes whatever it holds: a float, two bfloat16, or four
 * 8-bit numbers that follow each other along the depth.
 *
 *   left   [rows, depth]      an element is broadcast
 *   right  [depth, columns]   VEC elements are loaded
 *
 * The includer defines TILE_NAME, TILE_ARGS (a struct with TILE_FACTORS in it), the types
 * TILE_LEFT, TILE_RIGHT, TILE_SUM, and
 *   TILE_SET1(p), TILE_LOAD(p)      left and right from memory
 *   TILE_DOT(left, right, sum)      sum + left right
 *   TILE_BEGIN(args, column)        the sum to begin with
 *   TILE_END(args, column, rows, columns, sums)   what to do with TILE_SUM sums[ROWS][COLUMNS]
 * and gets NAME_rows[n](args, vectors) for n = 1 .. ROWS rows and any number of vectors of columns.
 *
 * A sum runs in the order of the depth, so that it does not depend on the rows beside it.
 */
#define TILE_BLOCK TILE_JOIN(TILE_NAME, block)
#define TILE_ACROSS TILE_JOIN(TILE_NAME, across)

/* rows and columns (in vectors) are constants where this is inlined, and `sum` is in registers. */
INLINE void TILE_BLOCK(const TILE_ARGS *args, size_t column, size_t rows, size_t columns)
{
    /* A copy that nothing points to: the stores at the end might else change what they need. */
    const TILE_ARGS own = *args, *p = &own;
    const char *left = p->left;
    const char *right = (const char *)p->right + column * TILE_ELEMENT;
    const size_t left_stride = p->left_stride * TILE_ELEMENT;
    const size_t right_stride = p->right_stride * TILE_ELEMENT;
    TILE_SUM sum[ROWS][COLUMNS];
    UNROLL
    for (size_t r = 0; r < rows; r++) {
        UNROLL
        for (size_t c = 0; c < columns; c++)
            sum[r][c] = TILE_BEGIN(p, column + c * VEC);
    }
    for (size_t d = 0; d < p->depth; d++, left += TILE_ELEMENT, right += right_stride) {
        TILE_RIGHT b[COLUMNS];
        UNROLL
        for (size_t c = 0; c < columns; c++)
            b[c] = TILE_LOAD(right + c * VEC * TILE_ELEMENT);
        UNROLL
        for (size_t r = 0; r < rows; r++) {
            TILE_LEFT a = TILE_SET1(left + r * left_stride);
            UNROLL
            for (size_t c = 0; c < columns; c++)
                sum[r][c] = TILE_DOT(a, b[c], sum[r][c]);
        }
    }
    TILE_END(p, column, rows, columns, sum);
}

INLINE void TILE_ACROSS(const TILE_ARGS *p, size_t vectors, size_t rows)
{
    size_t at = 0;
    for (; vectors - at >= COLUMNS; at += COLUMNS)
        TILE_BLOCK(p, at * VEC, rows, COLUMNS);
    switch (vectors - at) {
#if COLUMNS > 3
    case 3:
        TILE_BLOCK(p, at * VEC, rows, 3);
        break;
#endif
#if COLUMNS > 2
    case 2:
        TILE_BLOCK(p, at * VEC, rows, 2);
        break;
#endif
    case 1:
        TILE_BLOCK(p, at * VEC, rows, 1);
        break;
    }
}

#define TILE_FUNCTION(rows)                                                                        \
    static void TILE_JOIN(TILE_NAME, rows)(const TILE_ARGS *p, size_t vectors)                     \
    {                                                                                              \
        TILE_ACROSS(p, vectors, rows);                                                             \
    }
TILE_FUNCTION(1)
TILE_FUNCTION(2)
TILE_FUNCTION(3)
TILE_FUNCTION(4)
TILE_FUNCTION(5)
TILE_FUNCTION(6)

static void (*const TILE_JOIN(TILE_NAME, rows)[])(const TILE_ARGS *p, size_t vectors) = {
    NULL,
    TILE_JOIN(TILE_NAME, 1),
    TILE_JOIN(TILE_NAME, 2),
    TILE_JOIN(TILE_NAME, 3),
    TILE_JOIN(TILE_NAME, 4),
    TILE_JOIN(TILE_NAME, 5),
    TILE_JOIN(TILE_NAME, 6),
};
_Static_assert(sizeof TILE_JOIN(TILE_NAME, rows) / sizeof *TILE_JOIN(TILE_NAME, rows) == ROWS + 1,
               "one function per count of rows");

#undef TILE_FUNCTION
#undef TILE_BLOCK
#undef TILE_ACROSS
#undef TILE_NAME
#undef TILE_ARGS
#undef TILE_LEFT
#undef TILE_RIGHT
#undef TILE_SUM
#undef TILE_SET1
#undef TILE_LOAD
#undef TILE_DOT
#undef TILE_BEGIN
#undef TILE_END
