/* SPDX-License-Identifier: MIT
 *
 * Resized position embeddings against numbers worked out by hand, against the formula written down
 * in another way (one sum over the whole grid instead of two passes over windows), and by what has
 * to hold whatever the numbers are. Seeds are printed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "clip/positions.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static float *resized(const float *in, int from, int to, int width)
{
    struct err err;
    float *out = malloc((1 + (size_t)to * (size_t)to) * (size_t)width * sizeof *out);
    assert_non_null(out);
    assert_int_equal(positions_resize(out, to, in, from, width, &err), OK);
    return out;
}

static void assert_near(double got, double want, double limit)
{
    if (!(fabs(got - want) <= limit))
        fail_msg("%.9g, should be %.9g", got, want);
}

/* A ramp along the rows has the one-dimensional result in every row. The fractions follow from
 * cubic(1/4) = 111/128, cubic(3/4) = 29/128, cubic(5/4) = -9/128 (Keys, a = -1/2):
 * of [0, 1] at 1/4 of a sample: -9 / (111 - 9); at 3/4: 29 / (111 + 29);
 * of [0, 1, 2, 3] by half: (111 + 2*29 - 3*9) / (2*111 + 29 - 9). */
static void test_by_hand(void **state)
{
    const float two[] = {7, 0, 1, 0, 1};
    float *four = resized(two, 2, 4, 1);
    const double up[] = {-9.0 / 102, 29.0 / 140, 111.0 / 140, 111.0 / 102};
    assert_near(four[0], 7, 0);
    for (size_t i = 0; i < 16; i++)
        assert_near(four[1 + i], up[i % 4], 1e-6);
    free(four);
    const float ramp[] = {7, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3};
    float *half = resized(ramp, 4, 2, 1);
    const double first = (111.0 + 2 * 29 - 3 * 9) / (2 * 111 + 29 - 9);
    for (size_t i = 0; i < 4; i++)
        assert_near(half[1 + i], i % 2 ? 3 - first : first, 1e-6);
    free(half);
}

/* Weight of sample `from` for output `to`, not yet divided by the sum. */
static double keys(double distance)
{
    double x = fabs(distance);
    return x <= 1   ? 1.5 * x * x * x - 2.5 * x * x + 1
           : x <= 2 ? -0.5 * x * x * x + 2.5 * x * x - 4 * x + 2
                    : 0;
}

static double weight(int sample, int output, int from, int to)
{
    double ratio = (double)from / to, wide = ratio > 1 ? ratio : 1;
    return keys((sample + 0.5 - (output + 0.5) * ratio) / wide);
}

static double reference(const float *in, int from, int to, int width, int row, int column, int c)
{
    double sum = 0, weights = 0;
    for (int y = 0; y < from; y++)
        for (int x = 0; x < from; x++) {
            double w = weight(y, row, from, to) * weight(x, column, from, to);
            sum +=
                w *
                in[((size_t)1 + (size_t)y * (size_t)from + (size_t)x) * (size_t)width + (size_t)c];
            weights += w;
        }
    return sum / weights;
}

static float *random_positions(int grid, int width, unsigned seed)
{
    size_t count = (1 + (size_t)grid * (size_t)grid) * (size_t)width;
    float *out = malloc(count * sizeof *out);
    assert_non_null(out);
    uint64_t z = seed;
    for (size_t i = 0; i < count; i++) {
        z = z * 6364136223846793005u + 1442695040888963407u;
        out[i] = (float)(int32_t)(z >> 32) / 2147483648.0f;
    }
    return out;
}

static const int sizes[][2] = {{7, 12}, {16, 24}, {24, 16}, {1, 5},  {5, 1},
                               {2, 3},  {3, 2},   {14, 13}, {4, 16}, {16, 4}};

static void test_formula(void **state)
{
    enum { WIDTH = 3 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int from = sizes[i][0], to = sizes[i][1];
        float *in = random_positions(from, WIDTH, (unsigned)i);
        float *out = resized(in, from, to, WIDTH);
        for (int c = 0; c < WIDTH; c++) {
            assert_near(out[c], in[c], 0); /* the class token */
            for (int cell = 0; cell < to * to; cell++)
                assert_near(out[(1 + cell) * WIDTH + c],
                            reference(in, from, to, WIDTH, cell / to, cell % to, c), 1e-6);
        }
        free(in);
        free(out);
    }
}

static void test_same_grid(void **state)
{
    for (int grid = 1; grid < 9; grid++) {
        float *in = random_positions(grid, 5, (unsigned)grid);
        float *out = resized(in, grid, grid, 5);
        assert_memory_equal(in, out, (1 + (size_t)grid * (size_t)grid) * 5 * sizeof *in);
        free(in);
        free(out);
    }
}

/* The weights of every output sum up to one, so that what is the same everywhere stays so; and
 * nothing prefers a side. */
static void test_invariants(void **state)
{
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int from = sizes[i][0], to = sizes[i][1];
        float *in = random_positions(from, 1, 9), *mirrored = random_positions(from, 1, 9);
        for (int cell = 0; cell < from * from; cell++)
            mirrored[1 + cell] = in[1 + from * from - 1 - cell];
        float *out = resized(in, from, to, 1), *back = resized(mirrored, from, to, 1);
        for (int cell = 0; cell < to * to; cell++)
            assert_near(out[1 + cell], back[1 + to * to - 1 - cell], 1e-6);
        for (int cell = 0; cell < from * from; cell++)
            in[1 + cell] = 0.75f;
        float *flat = resized(in, from, to, 1);
        for (int cell = 0; cell < to * to; cell++)
            assert_near(flat[1 + cell], 0.75, 1e-7);
        free(in);
        free(mirrored);
        free(out);
        free(back);
        free(flat);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_same_grid),
        cmocka_unit_test(test_invariants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
