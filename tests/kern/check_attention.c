/* SPDX-License-Identifier: MIT
 *
 * Attention against double arithmetic at the shapes of the CLIP towers and at awkward ones: rows
 * with strides, scratch of exactly attention_scratch() floats, a query's row alone against the same
 * row among others, NaN and saturated softmax.
 */
#include "check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct shape {
    int queries, keys, head_width;
    bool causal;
} shapes[] = {
    {50, 50, 64, false},  {257, 257, 80, false}, {257, 257, 64, false}, {1, 257, 104, false},
    {77, 77, 64, true},   {77, 77, 80, true},    {6, 6, 64, true},      {17, 17, 16, false},
    {65, 65, 24, false},  {33, 31, 32, false},   {40, 64, 88, false},   {13, 63, 104, false},
    {1, 1, 1, false},     {1, 1, 64, true},      {5, 3, 7, true},       {3, 9, 13, true},
    {16, 128, 33, false}, {7, 129, 2, false},    {8, 0, 16, false},     {0, 5, 16, false},
    {2, 577, 64, false},  {9, 730, 64, true},
};

struct head_data {
    struct attention_head head;
    float *q, *k, *v, *out, *scratch;
};

static float *rows_new(struct check *check, int rows, int width, size_t stride, size_t slack)
{
    return fence_normal(check, rows > 0 ? (size_t)(rows - 1) * stride + (size_t)width : 0, slack);
}

static struct head_data head_new(struct check *check, const struct shape *s, size_t gap,
                                 size_t slack)
{
    struct head_data d = {.head = {.q_stride = (size_t)s->head_width + gap,
                                   .kv_stride = (size_t)s->head_width + 2 * gap,
                                   .out_stride = (size_t)s->head_width + 3 * gap,
                                   .queries = s->queries,
                                   .keys = s->keys,
                                   .head_width = s->head_width,
                                   .scale = (float)(1 / sqrt(s->head_width)),
                                   .causal = s->causal}};
    d.head.q = d.q = rows_new(check, s->queries, s->head_width, d.head.q_stride, slack);
    d.head.k = d.k = rows_new(check, s->keys, s->head_width, d.head.kv_stride, slack);
    d.head.v = d.v = rows_new(check, s->keys, s->head_width, d.head.kv_stride, slack);
    d.head.out = d.out = rows_new(check, s->queries, s->head_width, d.head.out_stride, slack);
    size_t floats = attention_scratch(s->queries, s->keys, s->head_width);
    d.scratch = fence_new(floats * sizeof *d.scratch, 0);
    return d;
}

static void head_free(struct check *check, struct head_data *d)
{
    fence_free(check, d->q);
    fence_free(check, d->k);
    fence_free(check, d->v);
    fence_free(check, d->out);
    fence_free(check, d->scratch);
}

/* out: [head_width], weights: [keys] */
static void attend_in_double(const struct attention_head *h, int i, double *out, double *weights)
{
    int seen = h->causal ? i + 1 + h->keys - h->queries : h->keys;
    double largest = -INFINITY, sum = 0;
    for (int j = 0; j < seen; j++) {
        weights[j] = 0;
        for (int c = 0; c < h->head_width; c++)
            weights[j] += (double)h->q[(size_t)i * h->q_stride + (size_t)c] *
                          h->k[(size_t)j * h->kv_stride + (size_t)c];
        largest = fmax(largest, weights[j] *= (double)h->scale);
    }
    for (int j = 0; j < seen; j++)
        sum += weights[j] = exp(weights[j] - largest);
    for (int c = 0; c < h->head_width; c++) {
        out[c] = 0;
        for (int j = 0; j < seen; j++)
            out[c] += weights[j] / sum * h->v[(size_t)j * h->kv_stride + (size_t)c];
    }
}

/* Relative L2 error: with these inputs 1.1e-7 (few keys) to 5.7e-7 (730 keys), 1.2e-6 with vectors
 * of 4. */
static void check_error(struct check *check, const struct attention_head *h, const char *what)
{
    double error2 = 0, norm2 = 0;
    double *out = malloc((size_t)h->head_width * sizeof *out);
    double *weights = malloc(((size_t)h->keys + 1) * sizeof *weights);
    for (int i = 0; i < h->queries; i++) {
        attend_in_double(h, i, out, weights);
        for (int c = 0; c < h->head_width; c++) {
            double error = h->out[(size_t)i * h->out_stride + (size_t)c] - out[c];
            error2 += error * error;
            norm2 += out[c] * out[c];
        }
    }
    double relative = sqrt(error2 / (norm2 > 0 ? norm2 : 1));
    check_that(check, relative < 2e-6, "%d x %d x %d%s: relative L2 error %.2e", h->queries,
               h->keys, h->head_width, what, relative);
    if (h->keys >= 50)
        check_note(check, "%d x %d x %d%s: relative L2 error %.1e", h->queries, h->keys,
                   h->head_width, what, relative);
    free(out);
    free(weights);
}

/* The last query (which sees every key also with a causal mask) by itself, at another alignment. */
static void check_alone(struct check *check, const struct head_data *d)
{
    struct attention_head one = d->head;
    if (one.queries == 0)
        return;
    const size_t last = (size_t)one.queries - 1;
    float *out = malloc((size_t)one.head_width * sizeof *out);
    float *q = fence_new((size_t)one.head_width * sizeof *q, 20);
    memcpy(q, one.q + last * one.q_stride, (size_t)one.head_width * sizeof *q);
    one.q = q;
    one.queries = 1;
    one.out = out;
    check->kernels.attention(&one, d->scratch);
    check_that(check,
               floats_same(out, d->head.out + last * d->head.out_stride, (size_t)one.head_width),
               "%d x %d x %d: a query depends on its neighbours", d->head.queries, one.keys,
               one.head_width);
    fence_free(check, q);
    free(out);
}

static void check_shape(struct check *check, const struct shape *s, size_t gap, size_t slack)
{
    struct head_data d = head_new(check, s, gap, slack);
    const size_t width = (size_t)s->head_width, stride = d.head.out_stride;
    const size_t floats = s->queries ? ((size_t)s->queries - 1) * stride + width : 0;
    float *before = malloc(floats * sizeof *before + 1);
    memcpy(before, d.out, floats * sizeof *before);

    check->kernels.attention(&d.head, d.scratch);
    check_error(check, &d.head, "");
    bool intact = true;
    for (size_t i = 0; i < floats; i++)
        intact &= i % stride < width || memcmp(before + i, d.out + i, sizeof *before) == 0;
    check_that(check, intact, "%d x %d x %d: wrote between the rows", s->queries, s->keys,
               s->head_width);

    memcpy(before, d.out, floats * sizeof *before);
    check->kernels.attention(&d.head, d.scratch);
    check_that(check, floats_same(before, d.out, floats), "%d x %d x %d: depends on old scratch",
               s->queries, s->keys, s->head_width);
    check_alone(check, &d);
    free(before);
    head_free(check, &d);
}

static void check_hostile(struct check *check)
{
    const struct shape shape = {20, 40, 24, false};
    struct head_data d = head_new(check, &shape, 0, 4);
    for (int c = 0; c < 24; c++)
        d.q[3 * 24 + c] *= 1e4f; /* one weight is 1 and the others 0 */
    check->kernels.attention(&d.head, d.scratch);
    check_error(check, &d.head, ", saturated");

    d.q[5 * 24 + 1] = NAN;
    check->kernels.attention(&d.head, d.scratch);
    for (int i = 0; i < 20; i++)
        check_that(check, !isnan(d.out[i * 24]) == (i != 5), "a NaN in query 5 gives %g in row %d",
                   d.out[i * 24], i);
    d.k[7] = INFINITY;
    d.k[39 * 24] = NAN;
    d.v[9] = -INFINITY;
    check->kernels.attention(&d.head, d.scratch);
    for (int i = 0; i < 20; i++)
        check_that(check, isnan(d.out[i * 24]), "a NaN in a key is lost in row %d", i);
    head_free(check, &d);
}

void check_attention(struct check *check)
{
    check->kernel = "attention";
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        check_shape(check, shapes + i, 0, 0);
        check_shape(check, shapes + i, i % 2 ? 5 : 2 * (size_t)shapes[i].head_width, 4);
    }
    check_hostile(check);
}
