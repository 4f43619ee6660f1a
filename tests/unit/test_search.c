/* SPDX-License-Identifier: MIT
 *
 * search: the scan against a plain double loop at awkward sizes, the same bytes at any thread
 * count, ties, damaged vectors; the arithmetic of queries and the floor.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "search/query.h"
#include "search/scan.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t random_state;

static float random_float(void) /* [-1, 1) */
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (float)((z ^ (z >> 31)) >> 40) / (float)(1 << 23) - 1;
}

static int setup(void **state)
{
    static struct kernels kernels;
    unsigned flags;
    struct err err;
    assert_int_equal(cpu_flags(&flags, &err), OK);
    kernels_init(&kernels, flags);
    *state = &kernels;
    const char *seed = getenv("FOVEA_TEST_SEED");
    random_state = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
    print_message("FOVEA_TEST_SEED=%llu\n", (unsigned long long)random_state);
    return 0;
}

static void random_unit(float *v, int dim)
{
    double square = 0;
    for (int d = 0; d < dim; d++) {
        v[d] = random_float();
        square += (double)v[d] * (double)v[d];
    }
    for (int d = 0; d < dim; d++)
        v[d] = (float)(v[d] / sqrt(square));
}

/* [count, dim] unit vectors; every seventh row repeats an earlier one, so that there are ties. */
static uint16_t *random_matrix(const struct kernels *k, size_t count, int dim)
{
    size_t width = (size_t)dim;
    uint16_t *vectors = malloc(count * width * sizeof *vectors);
    float *row = malloc(width * sizeof *row);
    assert_non_null(vectors);
    assert_non_null(row);
    for (size_t i = 0; i < count; i++) {
        random_unit(row, dim);
        k->f32_to_f16(vectors + i * width, row, width);
        if (i % 7 == 6)
            memcpy(vectors + i * width, vectors + i / 2 * width, width * sizeof *vectors);
    }
    free(row);
    return vectors;
}

static double naive_score(const struct kernels *k, const uint16_t *row, const float *query, int dim)
{
    double sum = 0;
    for (int d = 0; d < dim; d++) {
        float value;
        k->f16_to_f32(&value, row + d, 1);
        sum += (double)value * (double)query[d];
    }
    return sum;
}

/* Scores agree with the double sum; nothing that was left out is better than what was taken. */
static void check_hits(const struct kernels *k, const uint16_t *vectors, size_t count, int dim,
                       const float *query, const struct scan_hit *hits, size_t found)
{
    const double tolerance = 1e-5;
    bool *taken = calloc(count, sizeof *taken);
    assert_non_null(taken);
    for (size_t i = 0; i < found; i++) {
        assert_true(hits[i].row < count);
        assert_false(taken[hits[i].row]);
        taken[hits[i].row] = true;
        double expected = naive_score(k, vectors + hits[i].row * (size_t)dim, query, dim);
        assert_true(fabs((double)hits[i].score - expected) < tolerance);
        if (i > 0)
            assert_true(hits[i - 1].score > hits[i].score ||
                        (hits[i - 1].score == hits[i].score && hits[i - 1].row < hits[i].row));
    }
    for (size_t i = 0; found > 0 && i < count; i++)
        if (!taken[i])
            assert_true(naive_score(k, vectors + i * (size_t)dim, query, dim) <=
                        (double)hits[found - 1].score + tolerance);
    free(taken);
}

static size_t top(const struct kernels *k, const uint16_t *vectors, size_t count, int dim,
                  const float *query, size_t limit, int threads, struct scan_hit *hits)
{
    const struct scan_request request = {.kernels = k,
                                         .vectors = vectors,
                                         .count = count,
                                         .dim = dim,
                                         .query = query,
                                         .limit = limit,
                                         .threads = threads};
    struct err err;
    size_t found = 9;
    assert_int_equal(scan_top(&request, hits, &found, &err), OK);
    return found;
}

static void test_scan_matches_a_plain_loop(void **state)
{
    const struct kernels *k = *state;
    static const size_t counts[] = {1, 2, 7, 511, 512, 513, 1024, 1537, 5000};
    static const int dims[] = {1, 3, 31, 64, 513};
    static const size_t limits[] = {1, 2, 12, 600, 100000};
    static const int threads[] = {1, 2, 3, 8, 0};
    static struct scan_hit first[5000], hits[5000];
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        for (size_t d = 0; d < sizeof dims / sizeof dims[0]; d++) {
            uint16_t *vectors = random_matrix(k, counts[c], dims[d]);
            float query[513];
            random_unit(query, dims[d]);
            for (size_t l = 0; l < sizeof limits / sizeof limits[0]; l++) {
                size_t expected = limits[l] < counts[c] ? limits[l] : counts[c];
                for (size_t t = 0; t < sizeof threads / sizeof threads[0]; t++) {
                    size_t found = top(k, vectors, counts[c], dims[d], query, limits[l], threads[t],
                                       t ? hits : first);
                    assert_int_equal(found, expected);
                    for (size_t i = 0; t > 0 && i < found; i++) {
                        assert_int_equal(hits[i].row, first[i].row);
                        assert_memory_equal(&hits[i].score, &first[i].score, sizeof(float));
                    }
                }
                check_hits(k, vectors, counts[c], dims[d], query, first, expected);
            }
            free(vectors);
        }
    }
}

static void test_scan_ties_go_to_the_lower_row(void **state)
{
    const struct kernels *k = *state;
    enum { COUNT = 3000, DIM = 8 };
    static uint16_t vectors[COUNT][DIM];
    float one[DIM] = {1};
    struct scan_hit hits[100];
    for (int i = 0; i < COUNT; i++)
        k->f32_to_f16(vectors[i], one, DIM); /* all the same */
    for (int threads = 1; threads <= 8; threads++) {
        size_t found = top(k, vectors[0], COUNT, DIM, one, 100, threads, hits);
        assert_int_equal(found, 100);
        for (size_t i = 0; i < found; i++)
            assert_int_equal(hits[i].row, i);
    }
}

static void test_scan_of_nothing(void **state)
{
    const struct kernels *k = *state;
    float query[4] = {1};
    uint16_t row[4] = {0};
    struct scan_hit hit;
    assert_int_equal(top(k, NULL, 0, 4, query, 10, 0, NULL), 0);
    assert_int_equal(top(k, row, 1, 4, query, 0, 0, &hit), 0);
}

static void test_scan_survives_damaged_vectors(void **state)
{
    const struct kernels *k = *state;
    enum { COUNT = 600, DIM = 16 };
    static uint16_t vectors[COUNT][DIM];
    static struct scan_hit hits[COUNT];
    float row[DIM], query[DIM];
    random_unit(query, DIM);
    for (int i = 0; i < COUNT; i++) {
        random_unit(row, DIM);
        k->f32_to_f16(vectors[i], row, DIM);
        if (i % 3 == 0)
            vectors[i][i % DIM] = i % 2 ? 0x7e00 : 0x7c00; /* NaN, infinity */
    }
    size_t found = top(k, vectors[0], COUNT, DIM, query, COUNT, 2, hits);
    assert_int_equal(found, COUNT);
    bool seen[COUNT] = {false};
    for (size_t i = 0; i < found; i++) {
        assert_true(hits[i].score >= -1.001f && hits[i].score <= 1.001f);
        assert_false(seen[hits[i].row]);
        seen[hits[i].row] = true;
        assert_int_equal(hits[i].row % 3 == 0, i >= COUNT * 2 / 3);
    }
}

/* --- queries ------------------------------------------------------------------------------ */

static void test_query_combine(void **state)
{
    const float x[3] = {1, 0, 0}, y[3] = {0, 1, 0}, nan[3] = {NAN, 0, 0};
    const struct {
        struct query_part parts[3];
        size_t count;
        enum status status;
        float expected[3];
    } cases[] = {
        {{{x, 1}}, 1, OK, {1, 0, 0}},
        {{{x, 5}}, 1, OK, {1, 0, 0}},
        {{{x, -2}}, 1, OK, {-1, 0, 0}},
        {{{x, 1}, {y, 1}}, 2, OK, {0.70710678f, 0.70710678f, 0}},
        {{{x, 3}, {y, -4}}, 2, OK, {0.6f, -0.8f, 0}},
        {{{x, 1}, {y, 1}, {y, -1}}, 3, OK, {1, 0, 0}},
        {{{x, 1}, {x, -0.999f}}, 2, OK, {1, 0, 0}},
        {{{x, 1e-30f}}, 1, OK, {1, 0, 0}},
        {{{x, 1e30f}}, 1, OK, {1, 0, 0}},
        {{{x, 1}, {x, -1}}, 2, ERR_ARGUMENT, {0}},
        {{{x, 0}}, 1, ERR_ARGUMENT, {0}},
        {{{x, 1}}, 0, ERR_ARGUMENT, {0}},
        {{{x, NAN}}, 1, ERR_ARGUMENT, {0}},
        {{{x, INFINITY}}, 1, ERR_ARGUMENT, {0}},
        {{{nan, 1}}, 1, ERR_ARGUMENT, {0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err err;
        float out[3];
        assert_int_equal(query_combine(cases[i].parts, cases[i].count, 3, out, &err),
                         cases[i].status);
        for (int d = 0; cases[i].status == OK && d < 3; d++)
            assert_true(fabsf(out[d] - cases[i].expected[d]) < 1e-6f);
    }
}

static void test_floor(void **state)
{
    const struct {
        float scores[4];
        size_t count;
        float floor;
        bool strong;
        size_t found;
    } cases[] = {
        {{0.31f, 0.28f, 0.21f, 0.1f}, 4, FLOOR_TEXT, true, 3},
        {{0.31f, 0.19f, 0.18f, 0.1f}, 4, FLOOR_TEXT, true, 1}, /* one strong hit is strong */
        {{0.31f}, 1, FLOOR_TEXT, true, 1},
        {{0.20f, 0.1f}, 2, FLOOR_TEXT, true, 1}, /* on the floor is above it */
        {{0.19f, 0.18f, 0.1f}, 3, FLOOR_TEXT, false, 1},
        {{0.44f}, 1, FLOOR_IMAGE, false, 1},
        {{0.9f, 0.8f, 0.7f, 0.6f}, 4, FLOOR_IMAGE, true, 4},
        {{-1, -1}, 2, FLOOR_TEXT, false, 1},
        {{-1, -1}, 2, -1, true, 2},
        {{0}, 0, FLOOR_TEXT, false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scan_hit hits[4];
        for (size_t j = 0; j < cases[i].count; j++)
            hits[j] = (struct scan_hit){j, cases[i].scores[j]};
        size_t found = cases[i].count;
        assert_int_equal(query_apply_floor(hits, &found, cases[i].floor), cases[i].strong);
        assert_int_equal(found, cases[i].found);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scan_matches_a_plain_loop),
        cmocka_unit_test(test_scan_ties_go_to_the_lower_row),
        cmocka_unit_test(test_scan_of_nothing),
        cmocka_unit_test(test_scan_survives_damaged_vectors),
        cmocka_unit_test(test_query_combine),
        cmocka_unit_test(test_floor),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
