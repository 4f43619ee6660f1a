/* SPDX-License-Identifier: MIT
 *
 * search: the scan by bytes gives the very hits of the scan by vectors, on matrices made to be hard
 * for it: a narrow cone with components that are large in every row (as CLIP's), near-duplicates
 * and exact ones at the top, damaged rows, lengths far from 1, sets of rows, any number of threads,
 * every level of kernels. And what the bytes promise of each row.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "search/scan.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t random_state;

static uint64_t random_bits(void)
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* About normal: the sum of 12 uniform numbers less 6. */
static float random_normal(void)
{
    float sum = -6;
    for (int i = 0; i < 12; i++)
        sum += (float)(random_bits() >> 40) * 0x1p-24f;
    return sum;
}

static int setup(void **state)
{
    const char *seed = getenv("FOVEA_TEST_SEED");
    random_state = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
    print_message("FOVEA_TEST_SEED=%llu\n", (unsigned long long)random_state);
    return 0;
}

enum kind { CONE, UNIFORM, LONG, SAME, DAMAGED, KINDS };

struct data {
    size_t count;
    int dim;
    uint16_t *vectors;
    float *query; /* near some row, so that there are close calls */
};

static float component(enum kind kind, int d)
{
    float x = random_normal();
    if (kind == CONE) /* two components of every row are large */
        x = x * 0.6f + (d % 97 == 3 ? 12.0f : 0.8f);
    return kind == SAME ? 1 : x;
}

static void normalize(float *x, int dim, float length)
{
    double square = 0;
    for (int d = 0; d < dim; d++)
        square += (double)x[d] * (double)x[d];
    for (int d = 0; d < dim; d++)
        x[d] = (float)(x[d] / sqrt(square)) * length;
}

static struct data make(const struct kernels *k, enum kind kind, size_t count, int dim)
{
    struct data data = {.count = count, .dim = dim};
    size_t width = (size_t)dim;
    data.vectors = malloc(count * width * sizeof *data.vectors);
    data.query = malloc(width * sizeof *data.query);
    assert_non_null(data.vectors);
    assert_non_null(data.query);
    for (size_t i = 0; i < count; i++) {
        for (int d = 0; d < dim; d++)
            data.query[d] = component(kind, d);
        normalize(data.query, dim, kind == LONG ? (float)(1 + i % 300) : 1);
        k->f32_to_f16(data.vectors + i * width, data.query, width);
        if (i % 5 == 4) /* a copy, or all but one component of one */
            memcpy(data.vectors + i * width, data.vectors + i / 3 * width,
                   (i % 2 ? width : width - 1) * sizeof *data.vectors);
        if (kind == DAMAGED && i % 11 == 0)
            data.vectors[i * width + i % width] = i % 2 ? 0x7e00 : 0xfc00; /* NaN, -infinity */
    }
    k->f16_to_f32(data.query, data.vectors + count / 3 * width, width);
    if (kind == DAMAGED) /* that row may be */
        k->f16_to_f32(data.query, data.vectors + 7 * width, width);
    for (int d = 0; d < dim; d++)
        data.query[d] += 0.3f / (float)sqrt(dim) * random_normal();
    normalize(data.query, dim, 1);
    return data;
}

static void drop(struct data *data)
{
    free(data->vectors);
    free(data->query);
}

/* --- what the bytes promise --------------------------------------------------------------- */

static void check_row(const struct kernels *k, const struct data *data,
                      const struct bytes_matrix *bytes, size_t i)
{
    double rest = 0, square = 0;
    const size_t width = (size_t)data->dim;
    for (size_t d = 0; d < width; d++) {
        float v;
        k->f16_to_f32(&v, data->vectors + i * width + d, 1);
        double off = (double)v - (double)bytes->mean[d] -
                     (double)bytes->rows[i].scale * bytes->values[i * width + d];
        rest += off * off;
        square += (double)v * (double)v;
        assert_true(bytes->values[i * width + d] >= -127);
    }
    if (isfinite(square)) {
        assert_true(sqrt(rest) <= (double)bytes->rows[i].error);
        assert_true(sqrt(square) <= (double)bytes->most_length);
    } else {
        assert_true(isinf(bytes->rows[i].error));
    }
}

static void test_errors_are_bounds(void **state)
{
    struct kernels k;
    kernels_init(&k, cpu_flags_detect());
    static const int dims[] = {1, 2, 17, 64, 513};
    for (enum kind kind = 0; kind < KINDS; kind++) {
        for (size_t d = 0; d < sizeof dims / sizeof dims[0]; d++) {
            struct data data = make(&k, kind, 700, dims[d]);
            struct bytes_matrix *bytes, *again;
            struct err err;
            assert_int_equal(
                bytes_matrix_make(&bytes, &k, data.vectors, data.count, data.dim, 1, &err), OK);
            assert_int_equal(
                bytes_matrix_make(&again, &k, data.vectors, data.count, data.dim, 3, &err), OK);
            for (size_t i = 0; i < data.count; i++)
                check_row(&k, &data, bytes, i);
            assert_memory_equal(bytes->values, again->values, data.count * (size_t)data.dim);
            assert_memory_equal(bytes->rows, again->rows, data.count * sizeof *bytes->rows);
            bytes_matrix_free(bytes);
            bytes_matrix_free(again);
            drop(&data);
        }
    }
}

/* --- the scan ----------------------------------------------------------------------------- */

static size_t scan(const struct scan_request *request, struct scan_hit *hits)
{
    struct err err;
    size_t found = 0;
    assert_int_equal(scan_top(request, hits, &found, &err), OK);
    return found;
}

static void check_same(const struct scan_request *request, struct scan_hit *expected,
                       struct scan_hit *hits)
{
    struct scan_request plain = *request;
    plain.bytes = NULL;
    plain.rescored = NULL;
    plain.threads = 1;
    size_t count = scan(&plain, expected), found = scan(request, hits);
    assert_int_equal(found, count);
    for (size_t i = 0; i < found; i++) {
        assert_int_equal(hits[i].row, expected[i].row);
        assert_memory_equal(&hits[i].score, &expected[i].score, sizeof(float));
    }
}

static void check_matrix(const struct kernels *k, enum kind kind, size_t count, int dim)
{
    static const size_t limits[] = {1, 10, 60, 1000};
    static const int threads[] = {1, 3};
    struct data data = make(k, kind, count, dim);
    struct scan_hit *expected = malloc(count * sizeof *expected);
    struct scan_hit *hits = malloc(count * sizeof *hits);
    struct bytes_matrix *bytes;
    struct row_set some;
    struct err err;
    assert_int_equal(bytes_matrix_make(&bytes, k, data.vectors, count, dim, 0, &err), OK);
    assert_int_equal(row_set_open(&some, count, false, &err), OK);
    for (size_t i = 0; i < count; i++)
        if (random_bits() % 16 < 11 || (i > 700 && i < 1400))
            row_set_add(&some, i);
    for (size_t l = 0; l < sizeof limits / sizeof limits[0]; l++) {
        for (size_t t = 0; t < sizeof threads / sizeof threads[0]; t++) {
            size_t rescored = 0;
            struct scan_request request = {k,     data.vectors, count,     dim,        data.query,
                                           bytes, NULL,         limits[l], threads[t], &rescored};
            check_same(&request, expected, hits);
            /* uniform in 64 dimensions is a mild case; the point is that it prunes at all */
            if (kind == UNIFORM && dim == 64 && limits[l] <= 10)
                assert_true(rescored < count / 4);
            request.rows = &some;
            check_same(&request, expected, hits);
        }
    }
    row_set_close(&some);
    bytes_matrix_free(bytes);
    free(expected);
    free(hits);
    drop(&data);
}

static void test_same_hits_as_without(void **state)
{
    static const unsigned levels[] = {0, CPU_AVX2, CPU_AVX2 | CPU_AVX512,
                                      CPU_AVX2 | CPU_AVX512 | CPU_AVX512_VNNI, CPU_NEON};
    static const int dims[] = {2, 33, 64, 300};
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        if ((cpu_flags_detect() & levels[i]) != levels[i])
            continue;
        struct kernels k;
        kernels_init(&k, levels[i]);
        for (enum kind kind = 0; kind < KINDS; kind++)
            for (size_t d = 0; d < sizeof dims / sizeof dims[0]; d++)
                check_matrix(&k, kind, 9001, dims[d]);
    }
}

/* --- sets of rows ------------------------------------------------------------------------- */

static void test_row_sets(void **state)
{
    static const size_t sizes[] = {0, 1, 63, 64, 65, 127, 128, 1000};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        struct row_set all, none;
        struct err err;
        assert_int_equal(row_set_open(&all, sizes[s], true, &err), OK);
        assert_int_equal(row_set_open(&none, sizes[s], false, &err), OK);
        assert_int_equal(row_set_count(&all), sizes[s]);
        assert_int_equal(row_set_count(&none), 0);
        for (size_t i = 0; i < sizes[s]; i++) {
            assert_true(row_set_has(&all, i));
            assert_false(row_set_has(&none, i));
        }
        if (sizes[s] > 0) {
            row_set_add(&none, sizes[s] - 1);
            row_set_remove(&all, sizes[s] - 1);
            assert_int_equal(row_set_count(&none), 1);
            assert_int_equal(row_set_count(&all), sizes[s] - 1);
            assert_true(row_set_has(&none, sizes[s] - 1));
        }
        row_set_close(&all);
        row_set_close(&none);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors_are_bounds),
        cmocka_unit_test(test_same_hits_as_without),
        cmocka_unit_test(test_row_sets),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
