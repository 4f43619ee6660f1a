/* SPDX-License-Identifier: MIT
 *
 * Linear layers against a product in double, over sizes around the tile (64 rows, panels of 128 and
 * 256 outputs) and every spelling of a source; the same bits at 1, 2, 3 and 8 threads; and a row's
 * result does not depend on what other rows come with it, as far as the library promises it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "kern/kernels.h"
#include "tensor/tensor.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t seed = 20240229;

static float next_value(void)
{
    seed = seed * 1664525u + 1013904223u;
    return (float)(int32_t)seed * 0x1p-31f;
}

static float *values(size_t n)
{
    float *v = malloc((n + 1) * sizeof *v);
    assert_non_null(v);
    for (size_t i = 0; i < n; i++)
        v[i] = next_value();
    return v;
}

static const struct tensor_ops *ops(void)
{
    const struct tensor_ops *table;
    struct err err;
    if (tensor_cpu(&table, &err) != OK)
        fail_msg("%s", err.text);
    return table;
}

static void run(const struct linear *l, const struct linear_call *call, int threads)
{
    struct runner *r;
    struct err err;
    const struct runner_options options = {
        .threads = threads, .max_queries = 1, .max_keys = 1, .max_head_width = 1};
    assert_int_equal(ops()->runner_open(&r, &options, &err), OK);
    if (ops()->linear(r, l, call, &err) != OK)
        fail_msg("%s", err.text);
    ops()->runner_close(r);
}

struct problem {
    int rows, in, out;
    float *x, *w, *bias, *y;
};

static struct problem problem_open(int rows, int in, int out)
{
    size_t m = (size_t)rows, k = (size_t)in, n = (size_t)out;
    struct problem p = {rows, in, out, values(m * k), values(n * k), values(n), values(m * n)};
    return p;
}

static void problem_close(struct problem *p)
{
    free(p->x);
    free(p->w);
    free(p->bias);
    free(p->y);
}

static struct linear *pack(const struct problem *p, const struct linear_source *extra)
{
    struct linear *l;
    struct err err;
    struct linear_source source = *extra;
    source.in = p->in;
    source.out = p->out;
    source.weights = source.weights ? source.weights : p->w;
    if (ops()->linear_open(&l, &source, 2, &err) != OK)
        fail_msg("%s", err.text);
    return l;
}

static double activate(double x, enum activation activation)
{
    switch (activation) {
    case ACTIVATION_GELU_ERF:
        return x / 2 * (1 + erf(x / sqrt(2)));
    case ACTIVATION_GELU_TANH:
        return x / 2 * (1 + tanh(sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x)));
    case ACTIVATION_GELU_QUICK:
        return x / (1 + exp(-1.702 * x));
    default:
        return x;
    }
}

/* Compares y with activation(x W^T * gain + bias * gain) (+ before). */
static void compare(const struct problem *p, const float *y, const float *bias, const float *gain,
                    const float *before, enum activation activation)
{
    for (int i = 0; i < p->rows; i++)
        for (int o = 0; o < p->out; o++) {
            double sum = bias ? bias[o] : 0, size = 1;
            for (int k = 0; k < p->in; k++) {
                double product = (double)p->x[(size_t)i * (size_t)p->in + (size_t)k] *
                                 p->w[(size_t)o * (size_t)p->in + (size_t)k];
                sum += product;
                size += fabs(product);
            }
            sum = activate(sum * (gain ? gain[o] : 1), activation);
            size_t at = (size_t)i * (size_t)p->out + (size_t)o;
            sum += before ? before[at] : 0;
            if (!(fabs(y[at] - sum) <= 1e-6 * size))
                fail_msg("%d x %d x %d at (%d, %d): %g, not %g", p->rows, p->out, p->in, i, o,
                         (double)y[at], sum);
        }
}

static const int sizes[][3] = {
    {1, 1, 1},     {1, 16, 64},   {2, 17, 63},    {6, 80, 240},  {63, 65, 127}, {64, 64, 128},
    {65, 33, 129}, {77, 96, 255}, {130, 48, 256}, {64, 40, 257}, {3, 24, 2048}, {70, 19, 2100},
};

static void test_products(void **state)
{
    printf("       %s, seed %u\n", (ops(), tensor_cpu_description()), (unsigned)seed);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct problem p = problem_open(sizes[i][0], sizes[i][1], sizes[i][2]);
        struct linear *l = pack(&p, &(struct linear_source){.bias = p.bias});
        for (int a = ACTIVATION_NONE; a <= ACTIVATION_GELU_QUICK; a++) {
            run(l,
                &(struct linear_call){
                    .y = p.y, .x = p.x, .rows = p.rows, .activation = (enum activation)a},
                2);
            compare(&p, p.y, p.bias, NULL, NULL, (enum activation)a);
        }
        ops()->linear_close(l);
        problem_close(&p);
    }
}

static void test_accumulates(void **state)
{
    struct problem p = problem_open(70, 64, 300);
    size_t n = (size_t)p.rows * (size_t)p.out;
    float *before = malloc(n * sizeof *before);
    memcpy(before, p.y, n * sizeof *before);
    struct linear *l = pack(&p, &(struct linear_source){.bias = p.bias});
    run(l, &(struct linear_call){.y = p.y, .x = p.x, .rows = p.rows, .accumulate = true}, 2);
    compare(&p, p.y, p.bias, NULL, before, ACTIVATION_NONE);
    ops()->linear_close(l);
    free(before);
    problem_close(&p);
}

static void test_sources(void **state)
{
    struct problem p = problem_open(9, 50, 150);
    struct linear *plain = pack(&p, &(struct linear_source){0});
    run(plain, &(struct linear_call){.y = p.y, .x = p.x, .rows = p.rows}, 1);
    compare(&p, p.y, NULL, NULL, NULL, ACTIVATION_NONE);
    ops()->linear_close(plain);

    float *gain = values(150);
    struct linear *scaled = pack(&p, &(struct linear_source){.bias = p.bias, .row_gain = gain});
    run(scaled, &(struct linear_call){.y = p.y, .x = p.x, .rows = p.rows}, 1);
    compare(&p, p.y, p.bias, gain, NULL, ACTIVATION_NONE);
    ops()->linear_close(scaled);
    free(gain);

    float *turned = values(50 * 150);
    for (size_t o = 0; o < 150; o++)
        for (size_t k = 0; k < 50; k++)
            turned[k * 150 + o] = p.w[o * 50 + k];
    struct linear *transposed =
        pack(&p, &(struct linear_source){.weights = turned, .transposed = true});
    run(transposed, &(struct linear_call){.y = p.y, .x = p.x, .rows = p.rows}, 1);
    compare(&p, p.y, NULL, NULL, NULL, ACTIVATION_NONE);
    ops()->linear_close(transposed);
    free(turned);
    problem_close(&p);
}

static void test_threads_change_no_bit(void **state)
{
    static const int shapes[][3] = {{400, 3072, 768}, {6, 4096, 1024}, {8, 5120, 1280},
                                    {130, 768, 520},  {1, 1280, 1024}, {65, 80, 240}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct problem p = problem_open(shapes[i][0], shapes[i][1], shapes[i][2]);
        size_t n = (size_t)p.rows * (size_t)p.out;
        float *one = malloc(n * sizeof *one);
        struct linear *l = pack(&p, &(struct linear_source){.bias = p.bias});
        const struct linear_call call = {
            .y = p.y, .x = p.x, .rows = p.rows, .activation = ACTIVATION_GELU_ERF};
        run(l, &call, 1);
        memcpy(one, p.y, n * sizeof *one);
        for (int threads = 2; threads <= 8; threads = threads == 2 ? 3 : threads + 5) {
            memset(p.y, 0xff, n * sizeof *p.y);
            run(l, &call, threads);
            if (memcmp(one, p.y, n * sizeof *one) != 0)
                fail_msg("%d x %d x %d differs at %d threads", p.rows, p.out, p.in, threads);
        }
        ops()->linear_close(l);
        free(one);
        problem_close(&p);
    }
}

/* Sessions of several threads at once share the weights and must not disturb each other. */
static void test_runners_side_by_side(void **state)
{
    struct problem p = problem_open(100, 96, 384);
    size_t n = (size_t)p.rows * (size_t)p.out;
    struct linear *l = pack(&p, &(struct linear_source){.bias = p.bias});
    run(l, &(struct linear_call){.y = p.y, .x = p.x, .rows = p.rows}, 1);
    int wrong = 0;
#pragma omp parallel for num_threads(4) reduction(+ : wrong)
    for (int i = 0; i < 16; i++) {
        float *y = malloc(n * sizeof *y);
        run(l, &(struct linear_call){.y = y, .x = p.x, .rows = p.rows}, 1);
        wrong += memcmp(y, p.y, n * sizeof *y) != 0;
        free(y);
    }
    assert_int_equal(wrong, 0);
    ops()->linear_close(l);
    problem_close(&p);
}

/* The caller's own OpenMP setting is left as it was. */
static void test_leaves_openmp_alone(void **state)
{
    struct problem p = problem_open(5, 5, 5);
    omp_set_num_threads(3);
    struct linear *l = pack(&p, &(struct linear_source){0});
    run(l, &(struct linear_call){.y = p.y, .x = p.x, .rows = p.rows}, 2);
    assert_int_equal(omp_get_max_threads(), 3);
    omp_set_num_threads(cpu_cores());
    ops()->linear_close(l);
    problem_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_accumulates),
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_threads_change_no_bit),
        cmocka_unit_test(test_runners_side_by_side),
        cmocka_unit_test(test_leaves_openmp_alone),
    };
    return cmocka_run_group_tests_name("linear", tests, NULL, NULL);
}
