/* SPDX-License-Identifier: MIT
 *
 * The products of packed panels, quantisation, bfloat16 and attention over it: product_q8 and the
 * conversions against the reference bit for bit, the others against double arithmetic. Weights
 * and activations end at a page that may not be touched; a row alone gives what it gives among
 * others.
 */
#include "check.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static float value_of(uint16_t bf16)
{
    uint32_t bits = (uint32_t)bf16 << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint16_t *fence_bf16(struct check *check, size_t n, size_t slack_bytes)
{
    float *plain = malloc((n + 1) * sizeof *plain);
    uint16_t *x = fence_new(n * sizeof *x, slack_bytes);
    for (size_t i = 0; i < n; i++)
        plain[i] = (float)random_normal(check);
    check->reference.f32_to_bf16(x, plain, n);
    free(plain);
    return x;
}

/* ---- conversions ------------------------------------------------------------------------- */

static const float hostile[] = {0.0f,      -0.0f,      1e-45f,      -1e-45f,    1e-40f, FLT_MIN,
                                FLT_MAX,   -FLT_MAX,   INFINITY,    -INFINITY,  NAN,    0x1.01p0f,
                                0x1.03p0f, -0x1.01p0f, 0x1.01ffp0f, 3.3895e38f, 1.0f,   -127.5f};

static void check_f32_to_bf16(struct check *check, size_t n, size_t slack)
{
    float *x = fence_normal(check, n, 4 * slack);
    uint16_t *expected = malloc(n * 2 + 1), *got = fence_new(n * 2, 2 * slack);
    for (size_t i = 0; i < n; i += 2)
        x[i] = hostile[random_bits(check) % (sizeof hostile / sizeof *hostile)];
    check->reference.f32_to_bf16(expected, x, n);
    check->kernels.f32_to_bf16(got, x, n);
    for (size_t i = 0; i < n; i++)
        check_that(check, expected[i] == got[i] || fabsf(x[i]) < FLT_MIN || isnan(x[i]),
                   "%a becomes %a, not %a", x[i], value_of(got[i]), value_of(expected[i]));
    for (size_t i = 0; i < n; i++) {
        double error = fabs((double)value_of(got[i]) - x[i]);
        bool right = isnan(x[i])                ? isnan(value_of(got[i]))
                     : fabsf(x[i]) > 3.3895e38f ? fabsf(value_of(got[i])) >= 3.3895e38f
                                                : error <= ldexp(fabs(x[i]), -8) + FLT_MIN;
        check_that(check, right, "%a becomes %a", x[i], value_of(got[i]));
    }
    fence_free(check, x);
    fence_free(check, got);
    free(expected);
}

static void check_quantize(struct check *check, size_t n, size_t slack)
{
    float *x = fence_normal(check, n, 4 * slack);
    uint8_t *expected = malloc(n + 1), *got = fence_new(n, slack);
    float scale = check->kernels.quantize(got, x, n);
    float reference = check->reference.quantize(expected, x, n);
    check_that(check, scale == reference && memcmp(expected, got, n) == 0, "n = %zu", n);
    for (size_t i = 0; i < n; i++)
        check_that(check,
                   got[i] >= 1 && fabs((got[i] - 128) * (double)scale - x[i]) <= 0.5001 * scale,
                   "%g becomes %d * %g", x[i], got[i] - 128, scale);
    if (n > 0) {
        static const float bad[] = {NAN, INFINITY, -INFINITY};
        for (size_t i = 0; i < 3; i++) {
            size_t at = random_bits(check) % n;
            float before = x[at];
            x[at] = bad[i];
            check_that(check, isnan(check->kernels.quantize(got, x, n)), "%g is lost", bad[i]);
            x[at] = before;
        }
        memset(x, 0, n * sizeof *x);
        x[n - 1] = -1e-40f;
        check_that(check, check->kernels.quantize(got, x, n) == 0 && got[n - 1] == 128,
                   "what is next to nothing");
    }
    fence_free(check, x);
    fence_free(check, got);
    free(expected);
}

/* ---- panels ------------------------------------------------------------------------------ */

struct panel {
    struct panel_product call;
    void *x, *weights;
    float *y, *x_scales, *scales, *bias;
    int32_t *sums;
};

static size_t groups_of(size_t k)
{
    return (k + QUANT_GROUP - 1) / QUANT_GROUP;
}

/* element_bytes: 2 for bfloat16, 1 for bytes; a row of x is padded to 4 bytes. */
static struct panel panel_new(struct check *check, size_t rows, size_t k, size_t element_bytes)
{
    const size_t unit = 4 / element_bytes, depth = (k + unit - 1) / unit;
    const size_t weights = depth * PRODUCT_COLUMNS * 4;
    struct panel p = {0};
    p.bias = fence_normal(check, PRODUCT_COLUMNS, 0);
    p.y = fence_new(rows * PRODUCT_COLUMNS * sizeof *p.y, 0);
    p.weights = fence_new(weights, 0);
    if (element_bytes == 2) {
        p.x = fence_bf16(check, rows * depth * 2, 0);
        uint16_t *w = p.weights, *random = fence_bf16(check, depth * 2 * PRODUCT_COLUMNS, 0);
        memcpy(w, random, weights);
        fence_free(check, random);
        for (size_t c = 0; c < PRODUCT_COLUMNS && k % 2; c++)
            w[(depth - 1) * 2 * PRODUCT_COLUMNS + 2 * c + 1] = 0;
    } else {
        uint8_t *x = p.x = fence_new(rows * depth * 4, 0);
        int8_t *w = p.weights;
        p.x_scales = fence_normal(check, rows * groups_of(k), 0);
        p.scales = fence_normal(check, PRODUCT_COLUMNS, 0);
        p.sums = fence_new(groups_of(k) * PRODUCT_COLUMNS * sizeof *p.sums, 0);
        memset(p.sums, 0, groups_of(k) * PRODUCT_COLUMNS * sizeof *p.sums);
        for (size_t i = 0; i < rows * depth * 4; i++) /* the ends often: they saturate what can */
            x[i] = random_bits(check) % 4 ? (uint8_t)(1 + random_bits(check) % 255)
                                          : (random_bits(check) % 2 ? 255 : 1);
        for (size_t i = 0; i < weights; i++) {
            size_t in = i / 4 / PRODUCT_COLUMNS * 4 + i % 4;
            w[i] = random_bits(check) % 4 ? (int8_t)((int)(random_bits(check) % 255) - 127)
                                          : (random_bits(check) % 2 ? 127 : -127);
            if (in >= k)
                w[i] = 0;
            p.sums[in / QUANT_GROUP * PRODUCT_COLUMNS * (in < k) + i / 4 % PRODUCT_COLUMNS] -=
                128 * w[i];
        }
    }
    p.call = (struct panel_product){.x = p.x,
                                    .x_stride = depth * 4,
                                    .x_scales = p.x_scales,
                                    .x_scales_stride = groups_of(k),
                                    .weights = p.weights,
                                    .sums = p.sums,
                                    .scales = p.scales,
                                    .bias = p.bias,
                                    .rows = rows,
                                    .k = k,
                                    .y = p.y,
                                    .y_stride = PRODUCT_COLUMNS};
    return p;
}

static void panel_free(struct check *check, struct panel *p)
{
    void *all[] = {p->x, p->weights, p->y, p->x_scales, p->scales, p->bias, p->sums};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i])
            fence_free(check, all[i]);
}

/* The largest error of a sum relative to the sum of its terms' magnitudes. */
static double bf16_error(const struct panel *p)
{
    double worst = 0;
    for (size_t row = 0; row < p->call.rows; row++)
        for (size_t c = 0; c < PRODUCT_COLUMNS; c++) {
            const uint16_t *x = (const uint16_t *)p->x + row * p->call.x_stride / 2;
            const uint16_t *w = p->weights;
            double sum = (double)p->bias[c], size = fabs(sum);
            for (size_t k = 0; k < p->call.k; k++) {
                double term =
                    (double)value_of(x[k]) * value_of(w[(k / 2 * PRODUCT_COLUMNS + c) * 2 + k % 2]);
                sum += term;
                size += fabs(term);
            }
            worst = larger(worst, fabs(p->y[row * PRODUCT_COLUMNS + c] - sum) / size);
        }
    return worst;
}

static void check_row_alone(struct check *check, const struct panel *p,
                            void (*product)(const struct panel_product *))
{
    float y[PRODUCT_COLUMNS];
    struct panel_product one = p->call;
    if (one.rows == 0)
        return;
    const size_t row = random_bits(check) % one.rows;
    one.x = (const char *)one.x + row * one.x_stride;
    one.x_scales = one.x_scales ? one.x_scales + row * one.x_scales_stride : NULL;
    one.y = y;
    one.rows = 1;
    product(&one);
    check_that(check, floats_same(y, p->y + row * PRODUCT_COLUMNS, PRODUCT_COLUMNS),
               "%zu x %zu: a row depends on its neighbours", p->call.rows, p->call.k);
}

/* y += the same, to the rounding of the addition. */
static void check_accumulates(struct check *check, const struct panel *p,
                              void (*product)(const struct panel_product *))
{
    const size_t n = p->call.rows * PRODUCT_COLUMNS;
    struct panel_product again = p->call;
    float *once = malloc(n * sizeof *once + 1);
    memcpy(once, p->y, n * sizeof *once);
    again.accumulate = true;
    product(&again);
    bool doubled = true;
    for (size_t i = 0; i < n; i++)
        doubled &= p->y[i] == once[i] + once[i];
    check_that(check, doubled, "%zu x %zu: does not accumulate", p->call.rows, p->call.k);
    free(once);
}

static void check_product_bf16(struct check *check, size_t rows, size_t k)
{
    struct panel p = panel_new(check, rows, k, 2);
    check->kernels.product_bf16(&p.call);
    double error = bf16_error(&p); /* measured up to 2.4e-7 */
    check_that(check, error < 1e-6, "%zu x %zu: error %.2e of the terms", rows, k, error);
    if (k >= 768)
        check_note(check, "%zu x %zu: error %.1e of the terms", rows, k, error);
    check_row_alone(check, &p, check->kernels.product_bf16);
    check_accumulates(check, &p, check->kernels.product_bf16);
    panel_free(check, &p);
}

static void check_product_q8(struct check *check, size_t rows, size_t k)
{
    struct panel p = panel_new(check, rows, k, 1);
    size_t bytes = rows * PRODUCT_COLUMNS * sizeof(float);
    float *expected = malloc(bytes + 1);
    check->reference.product_q8(&p.call);
    memcpy(expected, p.y, bytes);
    memset(p.y, 0, bytes);
    check->kernels.product_q8(&p.call);
    check_that(check, memcmp(expected, p.y, bytes) == 0, "%zu x %zu: not the reference's bits",
               rows, k);
    check_row_alone(check, &p, check->kernels.product_q8);
    check_accumulates(check, &p, check->kernels.product_q8);
    free(expected);
    panel_free(check, &p);
}

/* ---- attention over bfloat16 -------------------------------------------------------------- */

static const struct shape {
    int queries, keys, head_width;
    bool causal;
} shapes[] = {
    {50, 50, 64, false}, {257, 257, 80, false}, {1, 257, 104, false}, {77, 77, 64, true},
    {6, 6, 64, true},    {17, 17, 16, false},   {65, 65, 24, false},  {33, 31, 32, false},
    {40, 63, 88, false}, {1, 1, 2, false},      {5, 3, 6, true},      {3, 9, 14, true},
    {7, 129, 2, false},  {0, 5, 16, false},     {9, 730, 64, true},
};

static void attend_in_double(const struct attention_head_bf16 *h, int i, double *out,
                             double *weight)
{
    int seen = h->causal ? i + 1 + h->keys - h->queries : h->keys;
    double largest = -INFINITY, sum = 0;
    for (int j = 0; j < seen; j++) {
        weight[j] = 0;
        for (int c = 0; c < h->head_width; c++)
            weight[j] += (double)value_of(h->q[(size_t)i * h->q_stride + (size_t)c]) *
                         value_of(h->k[(size_t)j * h->kv_stride + (size_t)c]);
        largest = fmax(largest, weight[j]);
    }
    for (int j = 0; j < seen; j++)
        sum += weight[j] = exp(weight[j] - largest);
    for (int c = 0; c < h->head_width; c++) {
        out[c] = 0;
        for (int j = 0; j < seen; j++)
            out[c] += weight[j] / sum * value_of(h->v[(size_t)j * h->kv_stride + (size_t)c]);
    }
}

/* Relative L2 error; bfloat16 weights and results: measured up to 2.6e-3. */
static void check_attention_shape(struct check *check, const struct shape *s, bool in_place)
{
    const size_t width = (size_t)s->head_width, stride = 3 * width + 2;
    const size_t q_size = s->queries ? ((size_t)s->queries - 1) * stride + width : 0;
    const size_t kv_size = ((size_t)s->keys - 1) * stride + width;
    uint16_t *q = fence_bf16(check, q_size, 0);
    uint16_t *k = fence_bf16(check, kv_size, 0), *v = fence_bf16(check, kv_size, 0);
    uint16_t *out = in_place ? q : fence_new(q_size * 2, 0), *kept = malloc(q_size * 2 + 1);
    size_t floats = attention_scratch(s->queries, s->keys, s->head_width);
    float *scratch = fence_new(floats * sizeof *scratch, 0);
    memcpy(kept, q, q_size * 2);
    const struct attention_head_bf16 head = {
        q, k, v, out, stride, stride, stride, s->queries, s->keys, s->head_width, s->causal};
    struct attention_head_bf16 truth = head;
    truth.q = kept;
    check->kernels.attention_bf16(&head, scratch);
    double *row = malloc(width * sizeof *row), *weight = malloc((size_t)s->keys * sizeof *weight);
    double error2 = 0, norm2 = 0;
    for (int i = 0; i < s->queries; i++) {
        attend_in_double(&truth, i, row, weight);
        for (size_t c = 0; c < width; c++) {
            double error = value_of(out[(size_t)i * stride + c]) - row[c];
            error2 += error * error;
            norm2 += row[c] * row[c];
        }
    }
    double relative = norm2 > 0 ? sqrt(error2 / norm2) : 0;
    check_that(check, relative < 5e-3, "%d x %d x %d: relative L2 error %.2e", s->queries, s->keys,
               s->head_width, relative);
    check_note(check, "%d x %d x %d: relative L2 error %.1e", s->queries, s->keys, s->head_width,
               relative);
    free(row);
    free(weight);
    free(kept);
    fence_free(check, q);
    if (!in_place)
        fence_free(check, out);
    fence_free(check, k);
    fence_free(check, v);
    fence_free(check, scratch);
}

void check_products(struct check *check)
{
    static const size_t rows[] = {0, 1, 2, 5, 6, 7, 13};
    static const size_t depths[] = {1, 2, 3, 4, 5, 64, 75, 511, 512, 513, 588, 768, 1025, 3072};
    for (size_t i = 0; i < check_size_count; i++)
        for (size_t slack = 0; slack < 3; slack++) {
            check->kernel = "f32_to_bf16";
            check_f32_to_bf16(check, check_sizes[i], slack);
            check->kernel = "quantize";
            check_quantize(check, check_sizes[i], slack);
        }
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
        for (size_t d = 0; d < sizeof depths / sizeof *depths; d++) {
            check->kernel = "product_bf16";
            check_product_bf16(check, rows[r], depths[d]);
            check->kernel = "product_q8";
            check_product_q8(check, rows[r], depths[d]);
        }
    check->kernel = "attention_bf16";
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int in_place = 0; in_place < 2; in_place++)
            check_attention_shape(check, shapes + i, in_place);
}
