/* SPDX-License-Identifier: MIT
 *
 * Attention of one head over bfloat16, part of the template of kernels_tmpl.h. The steps are those
 * of attention_tmpl.h; products are of bfloat16 with float32 sums, the softmax is float32:
 *
 *   scores  [ROWS, keys]   = q rows K^T         pairs of channels
 *   scores                 = exp(score - max of the row), its sum kept aside, then as bfloat16
 *   block   [ROWS, width]  = scores V           pairs of keys
 *   out rows               = block / sum
 *
 * Scratch: the panels of K^T, each [width / 2, PAIR_PANEL] pairs; V as [keys / 2, width] pairs;
 * block; scores. The bfloat16 of a row of scores take the first half of its floats.
 *
 * A block's rows of q are read before its rows of out are written: out may be q.
 */
enum { PAIR_PANEL = COLUMNS * VEC };
_Static_assert(VEC <= ATTENTION_VECTOR_MAX && PAIR_PANEL <= ATTENTION_PANEL_MAX &&
                   ATTENTION_PANEL_MAX % PAIR_PANEL == 0 && ROWS <= ATTENTION_ROWS_MAX,
               "attention_scratch() has to fit this tile");

/* The parts of the scratch, and the strides of their rows in floats or pairs. */
struct pair_parts {
    float *panels, *v, *block, *scores;
    size_t depth, width, columns;
};

/* Four keys to four columns of a panel, as pack_keys of attention_tmpl.h has it: a pair of channels
 * moves as one float would. */
static void pack_pair_keys(float *panel, const struct attention_head_bf16 *head, size_t first)
{
    const size_t pairs = (size_t)head->head_width / 2, last = (size_t)head->keys - 1;
    const float *row[4];
    for (size_t t = 0; t < 4; t++)
        row[t] = (const void *)(head->k + (first + t < last ? first + t : last) * head->kv_stride);
    for (size_t d = 0; d < pairs; d += VEC) {
        vec v[4];
        UNROLL
        for (size_t t = 0; t < 4; t++)
            v[t] = pairs - d >= VEC ? vec_load(row[t] + d)
                                    : vec_load_part(row[t] + d, pairs - d, vec_set1(0));
        vec_transpose4(v);
        UNROLL
        for (size_t t = 0; t < 4; t++)
            vec_store_parts(panel + (d + t) * PAIR_PANEL, 4 * PAIR_PANEL, v[t]);
    }
}

/* Two keys' values, channel by channel; b is NULL beyond the last key. to: [whole vectors] pairs */
static void pack_pair_values(float *to, const uint16_t *a, const uint16_t *b, size_t n)
{
    uint16_t rest_a[VEC] = {0}, rest_b[VEC] = {0};
    size_t c = 0;
    for (; n - c >= VEC; c += VEC)
        vec_store(to + c, vec_zip_halves(a + c, b ? b + c : rest_b));
    if (c == n)
        return;
    memcpy(rest_a, a + c, (n - c) * sizeof *a);
    if (b)
        memcpy(rest_b, b + c, (n - c) * sizeof *b);
    vec_store(to + c, vec_zip_halves(rest_a, rest_b));
}

static struct pair_parts pack_pairs(const struct attention_head_bf16 *head, float *scratch)
{
    const size_t keys = (size_t)head->keys, head_width = (size_t)head->head_width;
    struct pair_parts p = {.panels = scratch,
                           .depth = (head_width / 2 + VEC - 1) / VEC * VEC,
                           .width = (head_width + VEC - 1) / VEC * VEC,
                           .columns = (keys + PAIR_PANEL - 1) / PAIR_PANEL * PAIR_PANEL};
    p.v = p.panels + p.columns * p.depth;
    p.block = p.v + (keys + 1) / 2 * p.width;
    p.scores = p.block + ROWS * p.width;
    for (size_t j = 0; j < (keys + VEC - 1) / VEC * VEC; j += 4)
        pack_pair_keys(p.panels + j / PAIR_PANEL * PAIR_PANEL * p.depth + j % PAIR_PANEL, head, j);
    for (size_t j = 0; j < keys; j += 2)
        pack_pair_values(p.v + j / 2 * p.width, head->v + j * head->kv_stride,
                         j + 1 < keys ? head->v + (j + 1) * head->kv_stride : NULL, head_width);
    return p;
}

INLINE size_t pair_keys_seen(const struct attention_head_bf16 *head, size_t i)
{
    long long seen = head->keys;
    if (head->causal)
        seen += (long long)i + 1 - head->queries;
    return seen < 0 ? 0 : (size_t)seen;
}

INLINE float row_maximum(const float *x, size_t n)
{
    const size_t whole = n / VEC * VEC, rest = n % VEC;
    const vec least = vec_set1(-INFINITY);
    vec largest = least;
    for (size_t i = 0; i < whole; i += VEC)
        largest = vec_max(largest, vec_load(x + i));
    if (rest)
        largest = vec_max(largest, vec_load_part(x + whole, rest, least));
    return vec_largest(largest);
}

/* row [depth] floats = softmax without its division, as bfloat16 [depth rounded up to pairs], in
 * one pass (a store trails its load); returns the sum. The keys that are not seen get 0. */
static float weigh_row(float *row, size_t seen, size_t depth)
{
    const size_t whole = seen / VEC * VEC, end = (depth + 1) / 2 * 2;
    const vec largest = vec_set1(row_maximum(row, seen));
    uint16_t *to = (void *)row;
    vec sum = vec_set1(0);
    for (size_t i = 0; i < whole; i += VEC) {
        vec e = exp_negative(vec_sub(vec_load(row + i), largest));
        vec_store_bf16(to + i, e);
        sum = vec_add(sum, e);
    }
    if (whole < seen) { /* -inf beyond the last key: 0 */
        vec x = vec_load_part(row + whole, seen - whole, vec_set1(-INFINITY));
        vec e = exp_negative(vec_sub(x, largest));
        vec_store_bf16(to + whole, e);
        sum = vec_add(sum, e);
    }
    if (seen < end)
        memset(to + seen, 0, (end - seen) * sizeof *to);
    return seen ? vec_sum(sum) : 1.0f;
}

static void store_bf16_row(uint16_t *to, const float *from, vec factor, size_t n)
{
    uint16_t rest[VEC];
    size_t i = 0;
    for (; n - i >= VEC; i += VEC)
        vec_store_bf16(to + i, vec_mul(vec_load(from + i), factor));
    if (i < n) {
        vec_store_bf16(rest, vec_mul(vec_load(from + i), factor));
        memcpy(to + i, rest, (n - i) * sizeof *to);
    }
}

/* The queries first .. first + rows - 1, rows <= ROWS. */
static void attend_pairs(const struct attention_head_bf16 *head, const struct pair_parts *p,
                         size_t first, size_t rows)
{
    const size_t depth = pair_keys_seen(head, first + rows - 1);
    struct pair_product to_scores = {.left = head->q + first * head->q_stride,
                                     .left_stride = head->q_stride / 2,
                                     .right_stride = PAIR_PANEL,
                                     .c_stride = p->columns,
                                     .depth = (size_t)head->head_width / 2};
    for (size_t j = 0; j < depth; j += PAIR_PANEL) {
        size_t count = depth - j < PAIR_PANEL ? depth - j : PAIR_PANEL;
        to_scores.right = p->panels + j * p->depth;
        to_scores.c = p->scores + j;
        pair_product_rows[rows](&to_scores, (count + VEC - 1) / VEC);
    }

    float sum[ROWS];
    for (size_t r = 0; r < rows; r++)
        sum[r] = weigh_row(p->scores + r * p->columns, pair_keys_seen(head, first + r), depth);

    const struct pair_product to_block = {.left = p->scores,
                                          .left_stride = p->columns,
                                          .right = p->v,
                                          .right_stride = p->width,
                                          .c = p->block,
                                          .c_stride = p->width,
                                          .depth = (depth + 1) / 2};
    pair_product_rows[rows](&to_block, p->width / VEC);
    for (size_t r = 0; r < rows; r++)
        store_bf16_row(head->out + (first + r) * head->out_stride, p->block + r * p->width,
                       vec_set1(1.0f / sum[r]), (size_t)head->head_width);
}

static void attention_bf16(const struct attention_head_bf16 *head, float *scratch)
{
    const size_t queries = (size_t)head->queries;
    const struct pair_parts parts = pack_pairs(head, scratch);
    for (size_t i = 0; i < queries; i += ROWS)
        attend_pairs(head, &parts, i, queries - i < ROWS ? queries - i : ROWS);
}
