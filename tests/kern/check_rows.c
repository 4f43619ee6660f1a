/* SPDX-License-Identifier: MIT
 *
 * The kernels that reduce a row: dot, dot_f16_rows, layernorm, softmax, each against double with a
 * bound that follows from how many roundings a level's sums go through. The error of exp is
 * measured through softmax: of a row whose largest value is 0, y_i / y_0 is exp(x_i) but for the
 * rounding of one product.
 */
#include "check.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double ulp = 0x1p-24; /* relative error of one rounding */

/* No level has more than n/8 roundings behind one another, and fewer than 16 more at the end. */
static double sum_bound(size_t n)
{
    return ((double)n / 8 + 16) * ulp;
}

static void check_dot(struct check *check, size_t n)
{
    float *a = fence_normal(check, n, 0), *b = fence_normal(check, n, 0);
    float *c = fence_normal(check, n, 12);
    double truth = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        truth += (double)a[i] * b[i];
        size += fabs((double)a[i] * b[i]);
        c[i] = b[i];
    }
    float x = check->kernels.dot(a, b, n), y = check->kernels.dot(a, c, n);
    check->kernel = "dot";
    check_that(check, fabs(x - truth) <= sum_bound(n) * size, "n = %zu: %a, not %a", n, x, truth);
    check_that(check, floats_same(&x, &y, 1), "n = %zu: depends on the alignment", n);
    if (n) {
        a[random_bits(check) % n] = NAN;
        check_that(check, isnan(check->kernels.dot(a, b, n)), "n = %zu: loses a NaN", n);
    }
    fence_free(check, a);
    fence_free(check, b);
    fence_free(check, c);
}

static void check_dot_rows(struct check *check, size_t count, size_t dim)
{
    const size_t n = count * dim;
    float *query = fence_normal(check, dim, 0), *wide = fence_normal(check, n, 0);
    float *scores = fence_new(count * sizeof *scores, 0);
    uint16_t *rows = fence_new(n * sizeof *rows, 0);
    check->kernel = "dot_f16_rows";
    if (n > 8) {
        wide[0] = 65000; /* and denormals of float16 */
        wide[n / 2] = 1e-7f;
        wide[n - 2] = -3e-5f;
    }
    check->reference.f32_to_f16(rows, wide, n);
    check->reference.f16_to_f32(wide, rows, n);
    check->kernels.dot_f16_rows(scores, query, rows, count, dim);
    for (size_t r = 0; r < count; r++) {
        double truth = 0, size = 0;
        for (size_t i = 0; i < dim; i++) {
            truth += (double)query[i] * wide[r * dim + i];
            size += fabs((double)query[i] * wide[r * dim + i]);
        }
        check_that(check, fabs(scores[r] - truth) <= sum_bound(dim) * size,
                   "row %zu of %zu x %zu: %a, not %a", r, count, dim, scores[r], truth);
        float alone;
        check->kernels.dot_f16_rows(&alone, query, rows + r * dim, 1, dim);
        check_that(check, floats_same(&alone, scores + r, 1),
                   "row %zu of %zu x %zu: depends on its place", r, count, dim);
    }
    fence_free(check, query);
    fence_free(check, wide);
    fence_free(check, scores);
    fence_free(check, rows);
}

/* Whole numbers: the reference's bits, also where the sums come as close to overflowing as they
 * may.
 */
static void check_dot_bytes(struct check *check, size_t count, size_t dim, bool extreme)
{
    const size_t n = count * dim;
    int16_t *query = fence_new(dim * sizeof *query, 0);
    int8_t *rows = fence_new(n, 0);
    int32_t *sums = fence_new(count * sizeof *sums, 0);
    int32_t *expected = malloc(count * sizeof *expected);
    const int32_t most = (int32_t)(dim ? DOT_I8_MOST / 127 / (double)dim : 0);
    for (size_t i = 0; i < dim; i++) {
        int32_t value = most > INT16_MAX ? INT16_MAX : most;
        query[i] = (int16_t)(extreme ? value : (int32_t)(random_bits(check) % 65536) - 32768);
        if (!extreme && dim > 512)
            query[i] /= (int16_t)(dim / 256);
    }
    for (size_t i = 0; i < n; i++)
        rows[i] = (int8_t)(extreme ? (i / dim % 2 ? -127 : 127)
                                   : (int32_t)(random_bits(check) % 255) - 127);
    check->kernel = "dot_i8_rows";
    check->kernels.dot_i8_rows(sums, query, rows, count, dim);
    check->reference.dot_i8_rows(expected, query, rows, count, dim);
    check_that(check, memcmp(sums, expected, count * sizeof *sums) == 0,
               "%zu x %zu%s: not the reference's bits", count, dim, extreme ? ", extreme" : "");
    if (extreme && count)
        check_that(check, dim == 0 || sums[0] == (int32_t)dim * 127 * query[0],
                   "%zu x %zu: overflows", count, dim);
    fence_free(check, query);
    fence_free(check, rows);
    fence_free(check, sums);
    free(expected);
}

/* The error in units of the parts a result is the sum of: 4.6e-8 to 1.2e-7 at a width of 1280,
 * however far the mean lies from 0. */
static void check_layernorm(struct check *check, size_t n, double mean, double deviation)
{
    float *x = fence_normal(check, n, 0), *y = fence_new(n * sizeof *y, 4);
    float *gain = fence_normal(check, n, 4), *bias = fence_normal(check, n, 8);
    double sum = 0, squares = 0, worst = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i] = (float)(mean + deviation * x[i]);
    for (size_t i = 0; i < n; i++)
        squares += (x[i] - sum / (double)n) * (x[i] - sum / (double)n);
    const double factor = 1 / sqrt(squares / (double)n + (double)1e-5f);
    check->kernels.layernorm(y, x, gain, bias, n, 1e-5f);
    for (size_t i = 0; i < n; i++) {
        double part = (x[i] - sum / (double)n) * factor * gain[i], truth = part + bias[i];
        double size = fabs(part) + fabs(bias[i]) + fabs((double)gain[i]);
        worst = larger(worst, fabs(y[i] - truth) / size);
    }
    check->kernel = "layernorm";
    check_that(check, worst <= 5e-7, "n = %zu, mean %g, deviation %g: error %.2e", n, mean,
               deviation, worst);
    if (n == 1280)
        check_note(check, "mean %g, deviation %g: error %.1e", mean, deviation, worst);
    check->kernels.layernorm(x, x, gain, bias, n, 1e-5f);
    check_that(check, floats_same(x, y, n), "n = %zu: in place is another result", n);
    fence_free(check, x);
    fence_free(check, y);
    fence_free(check, gain);
    fence_free(check, bias);
}

static void check_softmax(struct check *check, size_t n, double spread)
{
    float *x = fence_normal(check, n, 0), *y = fence_new(n * sizeof *y, 4);
    double sum = 0, worst = 0;
    float largest = -INFINITY;
    for (size_t i = 0; i < n; i++)
        largest = fmaxf(largest, x[i] *= (float)spread);
    for (size_t i = 0; i < n; i++)
        sum += exp((double)(y[i] = x[i]) - largest);
    check->kernel = "softmax";
    check->kernels.softmax(y, n);
    for (size_t i = 0; i < n; i++) {
        /* the difference is rounded before exp, which multiplies that by its size */
        double truth = exp((double)x[i] - largest) / sum;
        double scale = 1 + fabs((double)x[i] - largest) / 8;
        worst = larger(worst, (fabs(y[i] - truth) - FLT_MIN) / (truth * scale + FLT_MIN));
    }
    check_that(check, worst <= sum_bound(n), "n = %zu, spread %g: error %.2e", n, spread, worst);
    check->kernels.softmax(x, n);
    check_that(check, floats_same(x, y, n), "n = %zu: depends on the alignment", n);
    if (n) {
        x[random_bits(check) % n] = NAN;
        check->kernels.softmax(x, n);
        size_t numbers = n;
        for (size_t i = 0; i < n; i++)
            numbers -= isnan(x[i]) != 0;
        check_that(check, numbers == 0, "n = %zu: a NaN does not reach the whole row", n);
    }
    fence_free(check, x);
    fence_free(check, y);
}

static void check_softmax_ends(struct check *check)
{
    float far[20];
    for (int i = 0; i < 20; i++)
        far[i] = i == 7 ? 3e38f : i % 2 ? -INFINITY : -3e38f;
    check->kernels.softmax(far, 20);
    for (int i = 0; i < 20; i++)
        check_that(check, far[i] == (i == 7), "one of 3e38 leaves %g in the others", far[i]);
}

/* 2.0 roundings of 2^-24 at the reference level, 2.1 at the others, the product's included. */
static void check_exp(struct check *check)
{
    enum { ROW = 61, SWEEP = 20000 };
    double worst = 0;
    for (int r = 0; r < SWEEP; r++) {
        float x[ROW], y[ROW];
        for (int i = 0; i < ROW; i++)
            x[i] = i ? (float)(-80.0 * (r + (double)i / ROW) / SWEEP) : 0;
        memcpy(y, x, sizeof x);
        check->kernels.softmax(y, ROW);
        for (int i = 1; i < ROW; i++)
            worst = larger(worst, fabs((double)y[i] / y[0] / exp(x[i]) - 1) / ulp);
    }
    check_that(check, worst <= 3, "exp is wrong by %.2f roundings", worst);
    check_note(check, "exp is within %.2f roundings of 2^-24", worst);
}

void check_rows(struct check *check)
{
    static const struct {
        double mean, deviation;
    } moments[] = {{0, 1}, {1000, 1}, {-3, 1e-3}, {0, 1e-20}, {1e15, 1e17}, {7, 0}};

    for (size_t i = 0; i < check_size_count; i++) {
        const size_t n = check_sizes[i];
        check_dot(check, n);
        for (size_t count = 0; count < 10; count++)
            if (count < 6 || n < 100)
                check_dot_rows(check, count, n);
        for (size_t count = 0; count < 4; count++) {
            check_dot_bytes(check, count, n, false);
            check_dot_bytes(check, count, n, true);
        }
        for (size_t m = 0; m < sizeof moments / sizeof *moments; m++)
            check_layernorm(check, n, moments[m].mean, moments[m].deviation);
        check_softmax(check, n, 1);
        check_softmax(check, n, 20);
    }
    check->kernel = "softmax";
    check_softmax_ends(check);
    check_exp(check);
}
