/* SPDX-License-Identifier: MIT
 *
 * Attention of one head, part of the template of kernels_tmpl.h.
 *
 * K^T and V are packed once; then, for each block of ROWS queries, three steps that stay in the
 * first two cache levels, so that no [queries, keys] matrix exists:
 *
 *   block   [ROWS, width]  = scale * q rows
 *   scores  [ROWS, keys]   = block K^T          tiles of ROWS x COLUMNS vectors, in registers
 *   scores                 = exp(score - max of the row), its sum kept aside
 *   block   [ROWS, width]  = scores V           the same tiles
 *   out rows               = block / sum
 *
 * Scratch: the panels of K^T, each [width, PANEL] with PANEL = COLUMNS * VEC keys; V as [keys,
 * width]; block; scores. width is head_width in whole vectors, zero filled. The columns of the last
 * panel beyond `keys` repeat the last key: they are computed and never read.
 *
 * Every score and every output is one sum in the order of its index, so that a query's row does
 * not depend on which others it shares a block with. With a causal mask the weights of a block's
 * unseen keys are 0; an infinity or a NaN in their v therefore reaches earlier rows of the block.
 */
enum { PANEL = COLUMNS * VEC };
_Static_assert(VEC <= ATTENTION_VECTOR_MAX && PANEL <= ATTENTION_PANEL_MAX &&
                   ATTENTION_PANEL_MAX % PANEL == 0 && ROWS <= ATTENTION_ROWS_MAX,
               "attention_scratch() has to fit this tile");

/* c[rows, columns] = a[rows, depth] b[depth, columns] */
struct product {
    TILE_FACTORS;
    float *c;
    size_t c_stride; /* floats */
};

INLINE vec product_begin(const struct product *p, size_t column)
{
    (void)p, (void)column;
    return vec_set1(0);
}

INLINE void product_end(const struct product *p, size_t column, size_t rows, size_t columns,
                        vec sums[ROWS][COLUMNS])
{
    tile_put(p->c + column, p->c_stride, false, rows, columns, sums);
}

#define TILE_NAME product
#define TILE_ARGS struct product
#define TILE_LEFT vec
#define TILE_RIGHT vec
#define TILE_SUM vec
#define TILE_SET1(p) vec_set1(*(const float *)(const void *)(p))
#define TILE_LOAD(p) vec_load((const void *)(p))
#define TILE_DOT(left, right, sum) vec_fma(left, right, sum)
#define TILE_BEGIN product_begin
#define TILE_END product_end
#include "kern/tile_tmpl.h"

/* Four keys (those beyond the end repeat the last) to four columns of a panel [width, PANEL].
 * vec_transpose4 transposes the 4x4 in each 128-bit part of four vectors: part l of v[t] then has
 * channel d + 4l + t of the four keys. Each line of a key is read once: the rows of K often lie a
 * multiple of 4096 bytes apart and would throw each other out of the first cache level. */
static void pack_keys(float *panel, const struct attention_head *head, size_t first)
{
    const size_t width = (size_t)head->head_width, last = (size_t)head->keys - 1;
    const float *row[4];
    for (size_t t = 0; t < 4; t++)
        row[t] = head->k + (first + t < last ? first + t : last) * head->kv_stride;
    for (size_t d = 0; d < width; d += VEC) {
        vec v[4];
        UNROLL
        for (size_t t = 0; t < 4; t++)
            v[t] = width - d >= VEC ? vec_load(row[t] + d)
                                    : vec_load_part(row[t] + d, width - d, vec_set1(0));
        vec_transpose4(v);
        UNROLL
        for (size_t t = 0; t < 4; t++)
            vec_store_parts(panel + (d + t) * PANEL, 4 * PANEL, v[t]);
    }
}

/* to [rows, whole vectors] = factor[row] * from [rows, n] */
INLINE void scale_in(float *to, const float *from, size_t n, vec factor)
{
    size_t i = 0;
    for (; n - i >= VEC; i += VEC)
        vec_store(to + i, vec_mul(factor, vec_load(from + i)));
    if (i < n)
        vec_store(to + i, vec_mul(factor, vec_load_part(from + i, n - i, vec_set1(0))));
}

/* The keys that query i sees. */
INLINE size_t keys_seen(const struct attention_head *head, size_t i)
{
    long long seen = head->keys;
    if (head->causal)
        seen += (long long)i + 1 - head->queries;
    return seen < 0 ? 0 : (size_t)seen;
}

/* The parts of the scratch, and the strides of their rows in floats. */
struct parts {
    float *panels, *v, *block, *scores;
    size_t width, columns;
};

static struct parts pack(const struct attention_head *head, float *scratch)
{
    const size_t keys = (size_t)head->keys, head_width = (size_t)head->head_width;
    struct parts p = {.panels = scratch,
                      .width = (head_width + VEC - 1) / VEC * VEC,
                      .columns = (keys + PANEL - 1) / PANEL * PANEL};
    p.v = p.panels + p.columns * p.width;
    p.block = p.v + keys * p.width;
    p.scores = p.block + ROWS * p.width;
    for (size_t j = 0; j < (keys + VEC - 1) / VEC * VEC; j += 4)
        pack_keys(p.panels + j / PANEL * PANEL * p.width + j % PANEL, head, j);
    for (size_t j = 0; j < keys; j++)
        scale_in(p.v + j * p.width, head->v + j * head->kv_stride, head_width, vec_set1(1.0f));
    return p;
}

/* The queries first .. first + rows - 1, rows <= ROWS. */
static void attend(const struct attention_head *head, const struct parts *p, size_t first,
                   size_t rows)
{
    const size_t head_width = (size_t)head->head_width;
    const size_t depth = keys_seen(head, first + rows - 1);
    for (size_t r = 0; r < rows; r++)
        scale_in(p->block + r * p->width, head->q + (first + r) * head->q_stride, head_width,
                 vec_set1(head->scale));

    struct product to_scores = {.left = p->block,
                                .left_stride = p->width,
                                .right_stride = PANEL,
                                .c_stride = p->columns,
                                .depth = head_width};
    for (size_t j = 0; j < depth; j += PANEL) {
        size_t count = depth - j < PANEL ? depth - j : PANEL;
        to_scores.right = p->panels + j * p->width;
        to_scores.c = p->scores + j;
        product_rows[rows](&to_scores, (count + VEC - 1) / VEC);
    }

    float sum[ROWS];
    for (size_t r = 0; r < rows; r++) {
        float *row = p->scores + r * p->columns;
        size_t seen = keys_seen(head, first + r);
        sum[r] = seen ? exp_row(row, seen) : 1.0f;
        memset(row + seen, 0, (depth - seen) * sizeof *row);
    }

    const struct product to_block = {.left = p->scores,
                                     .left_stride = p->columns,
                                     .right = p->v,
                                     .right_stride = p->width,
                                     .c = p->block,
                                     .c_stride = p->width,
                                     .depth = depth};
    product_rows[rows](&to_block, p->width / VEC);
    for (size_t r = 0; r < rows; r++)
        map(head->out + (first + r) * head->out_stride, p->block + r * p->width,
            vec_set1(1.0f / sum[r]), head_width, vec_mul);
}

static void attention(const struct attention_head *head, float *scratch)
{
    const size_t queries = (size_t)head->queries;
    const struct parts parts = pack(head, scratch);
    for (size_t i = 0; i < queries; i += ROWS)
        attend(head, &parts, i, queries - i < ROWS ? queries - i : ROWS);
}
