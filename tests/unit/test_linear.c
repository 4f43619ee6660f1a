/* SPDX-License-Identifier: MIT
 *
 * Linear layers of every precision against a product in double of what the precision makes of the
 * numbers, over sizes around the tiles and every spelling of a source and a result; the same bits
 * at 1, 2, 3 and 8 threads, and in bf16 and int8 whatever other rows come with a row.
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

static const enum precision precisions[] = {PRECISION_F32, PRECISION_BF16, PRECISION_INT8};
enum { PRECISIONS = sizeof precisions / sizeof *precisions };

/* Rows in memory of their own. */
struct held {
    float *memory;
    struct rows rows;
};

static struct held hold(enum element element, int count, int width)
{
    struct held h;
    struct err err;
    size_t floats = rows_floats(element, (size_t)count, width);
    assert_int_equal(ops()->floats_open(&h.memory, floats, &err), OK);
    memset(h.memory, 0xff, floats * sizeof(float)); /* not what anybody may rely on */
    h.rows = rows_view(h.memory, element, (size_t)count, width);
    return h;
}

static void release(struct held *h)
{
    ops()->floats_close(h->memory);
}

static float half_value(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static double element_at(const struct rows *r, int row, int column)
{
    size_t at = (size_t)row * r->stride + (size_t)column;
    if (r->element == ELEMENT_F32)
        return ((const float *)r->data)[at];
    if (r->element == ELEMENT_BF16)
        return half_value(((const uint16_t *)r->data)[at]);
    size_t group = (size_t)row * (size_t)r->groups + (size_t)column / QUANT_GROUP;
    return (((const uint8_t *)r->data)[at] - 128) * (double)r->scales[group];
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

struct layer {
    struct linear *linear;
    float *packed;
};

static struct layer pack(const struct problem *p, const struct linear_source *extra,
                         enum precision precision)
{
    struct layer l;
    struct err err;
    struct linear_source source = *extra;
    const struct linear_shape shape = {p->out, p->in, precision};
    size_t bytes;
    source.in = p->in;
    source.out = p->out;
    source.weights = source.weights ? source.weights : p->w;
    if (ops()->linear_bytes(&bytes, &shape, &err) != OK ||
        ops()->floats_open(&l.packed, bytes / sizeof(float), &err) != OK)
        fail_msg("%s", err.text);
    memset(l.packed, 0xff, bytes);
    if (ops()->linear_pack(l.packed, &source, precision, 2, &err) != OK ||
        ops()->linear_open(&l.linear, l.packed, &shape, &err) != OK)
        fail_msg("%s", err.text);
    return l;
}

static void layer_close(struct layer *l)
{
    ops()->linear_close(l->linear);
    ops()->floats_close(l->packed);
}

/* p->x as the precision takes it. */
static struct held input_of(const struct problem *p, enum precision precision)
{
    struct held x = hold(rows_element(precision), p->rows, p->in);
    ops()->rows_write(NULL, &x.rows, p->x, p->rows);
    return x;
}

/* p->x through the layer into p->y. */
static void run_floats(const struct problem *p, const struct layer *l, enum precision precision,
                       struct linear_call call, int threads)
{
    struct held x = input_of(p, precision);
    call.x = x.rows;
    call.y = rows_of_floats(p->y, p->out);
    call.rows = p->rows;
    run(l->linear, &call, threads);
    release(&x);
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

/* What a y is compared with: activation((x g + s) W^T * gain + bias * gain) (+ before). */
struct truth {
    const float *bias, *gain, *column_gain, *column_shift, *before;
    enum activation activation;
};

/* Errors are allowed in units of the sum of the terms' magnitudes: float32's rounding; bfloat16's
 * of both factors; 1/254 of the largest of a row's or output's numbers, which those here, uniform
 * in -1 .. 1, are near to. Of random signs, errors stay far below their sum. */
static const double tolerances[] = {
    [PRECISION_F32] = 1e-6, [PRECISION_BF16] = 4e-3, [PRECISION_INT8] = 1.2e-2};

static void compare(const struct problem *p, const struct rows *y, const struct truth *t,
                    double tolerance)
{
    for (int i = 0; i < p->rows; i++)
        for (int o = 0; o < p->out; o++) {
            double sum = t->bias ? t->bias[o] : 0, size = 1 + fabs(sum);
            for (int k = 0; k < p->in; k++) {
                double x = p->x[(size_t)i * (size_t)p->in + (size_t)k];
                if (t->column_gain)
                    x = x * t->column_gain[k] + t->column_shift[k];
                double product = x * p->w[(size_t)o * (size_t)p->in + (size_t)k];
                sum += product;
                size += fabs(product);
            }
            sum = activate(sum * (t->gain ? t->gain[o] : 1), t->activation);
            sum += t->before ? t->before[(size_t)i * (size_t)p->out + (size_t)o] : 0;
            double got = element_at(y, i, o);
            if (!(fabs(got - sum) <= tolerance * size))
                fail_msg("%d x %d x %d at (%d, %d): %g, not %g", p->rows, p->out, p->in, i, o, got,
                         sum);
        }
}

static void compare_floats(const struct problem *p, const struct truth *t, enum precision precision)
{
    const struct rows y = rows_of_floats(p->y, p->out);
    compare(p, &y, t, tolerances[precision]);
}

static const int sizes[][3] = {
    {1, 1, 1},     {1, 16, 64},    {2, 17, 63},    {6, 80, 240},    {63, 65, 127},
    {64, 64, 128}, {65, 33, 129},  {77, 96, 255},  {130, 48, 256},  {64, 40, 257},
    {3, 24, 2048}, {70, 19, 2100}, {13, 513, 512}, {8, 1100, 1090}, {97, 1030, 33},
};

static void test_products(void **state)
{
    printf("       %s, seed %u\n", (ops(), tensor_cpu_description()), (unsigned)seed);
    for (size_t i = 0; i < PRECISIONS * sizeof sizes / sizeof *sizes; i++) {
        const int *size = sizes[i / PRECISIONS];
        enum precision precision = precisions[i % PRECISIONS];
        struct problem p = problem_open(size[0], size[1], size[2]);
        struct layer l = pack(&p, &(struct linear_source){.bias = p.bias}, precision);
        for (int a = ACTIVATION_NONE; a <= ACTIVATION_GELU_QUICK; a++) {
            const struct truth truth = {.bias = p.bias, .activation = (enum activation)a};
            run_floats(&p, &l, precision, (struct linear_call){.activation = truth.activation}, 2);
            compare_floats(&p, &truth, precision);
        }
        layer_close(&l);
        problem_close(&p);
    }
}

/* Results of the other elements, padding included. */
static void test_results(void **state)
{
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct problem p = problem_open(sizes[i][0], sizes[i][1], sizes[i][2]);
        const struct truth truth = {.bias = p.bias, .activation = ACTIVATION_GELU_QUICK};
        for (int e = ELEMENT_BF16; e <= ELEMENT_BYTES; e++) {
            enum precision precision = e == ELEMENT_BF16 ? PRECISION_BF16 : PRECISION_INT8;
            struct layer l = pack(&p, &(struct linear_source){.bias = p.bias}, precision);
            struct held x = input_of(&p, precision), y = hold((enum element)e, p.rows, p.out);
            const struct linear_call call = {
                .y = y.rows, .x = x.rows, .rows = p.rows, .activation = truth.activation};
            run(l.linear, &call, 2);
            compare(&p, &y.rows, &truth, 2 * tolerances[precision]);
            for (int row = 0; row < p.rows; row++)
                for (size_t c = (size_t)p.out; c < y.rows.stride; c++) {
                    size_t at = (size_t)row * y.rows.stride + c;
                    assert_int_equal(e == ELEMENT_BF16 ? ((uint16_t *)y.rows.data)[at] + 128
                                                       : ((uint8_t *)y.rows.data)[at],
                                     128);
                }
            release(&x);
            release(&y);
            layer_close(&l);
        }
        problem_close(&p);
    }
}

static void test_accumulates(void **state)
{
    for (int i = 0; i < PRECISIONS; i++) {
        struct problem p = problem_open(70, 64, 300);
        size_t n = (size_t)p.rows * (size_t)p.out;
        float *before = malloc(n * sizeof *before);
        memcpy(before, p.y, n * sizeof *before);
        struct layer l = pack(&p, &(struct linear_source){.bias = p.bias}, precisions[i]);
        run_floats(&p, &l, precisions[i], (struct linear_call){.accumulate = true}, 2);
        compare_floats(&p, &(struct truth){.bias = p.bias, .before = before}, precisions[i]);
        layer_close(&l);
        free(before);
        problem_close(&p);
    }
}

static void check_source(const struct problem *p, const struct linear_source *source,
                         const struct truth *truth)
{
    for (int i = 0; i < PRECISIONS; i++) {
        struct layer l = pack(p, source, precisions[i]);
        run_floats(p, &l, precisions[i], (struct linear_call){0}, 1);
        compare_floats(p, truth, precisions[i]);
        layer_close(&l);
    }
}

static void test_sources(void **state)
{
    struct problem p = problem_open(9, 50, 150);
    float *gain = values(150), *column_gain = values(50), *column_shift = values(50);
    check_source(&p, &(struct linear_source){0}, &(struct truth){0});
    check_source(&p, &(struct linear_source){.bias = p.bias, .row_gain = gain},
                 &(struct truth){.bias = p.bias, .gain = gain});
    check_source(&p,
                 &(struct linear_source){.bias = p.bias,
                                         .row_gain = gain,
                                         .column_gain = column_gain,
                                         .column_shift = column_shift},
                 &(struct truth){.bias = p.bias,
                                 .gain = gain,
                                 .column_gain = column_gain,
                                 .column_shift = column_shift});

    float *turned = values(50 * 150);
    for (size_t o = 0; o < 150; o++)
        for (size_t k = 0; k < 50; k++)
            turned[k * 150 + o] = p.w[o * 50 + k];
    check_source(&p, &(struct linear_source){.weights = turned, .transposed = true},
                 &(struct truth){0});
    free(turned);
    free(gain);
    free(column_gain);
    free(column_shift);
    problem_close(&p);
}

static const int shapes[][3] = {{400, 3072, 768}, {6, 4096, 1024}, {8, 5120, 1280},
                                {130, 768, 520},  {1, 1280, 1024}, {65, 80, 240}};

static void test_threads_change_no_bit(void **state)
{
    for (size_t i = 0; i < PRECISIONS * sizeof shapes / sizeof *shapes; i++) {
        const int *shape = shapes[i / PRECISIONS];
        enum precision precision = precisions[i % PRECISIONS];
        struct problem p = problem_open(shape[0], shape[1], shape[2]);
        size_t n = (size_t)p.rows * (size_t)p.out;
        float *one = malloc(n * sizeof *one);
        struct layer l = pack(&p, &(struct linear_source){.bias = p.bias}, precision);
        const struct linear_call call = {.activation = ACTIVATION_GELU_ERF};
        run_floats(&p, &l, precision, call, 1);
        memcpy(one, p.y, n * sizeof *one);
        for (int threads = 2; threads <= 8; threads = threads == 2 ? 3 : threads + 5) {
            memset(p.y, 0xff, n * sizeof *p.y);
            run_floats(&p, &l, precision, call, threads);
            if (memcmp(one, p.y, n * sizeof *one) != 0)
                fail_msg("%s, %d x %d x %d differs at %d threads", precision_names[precision],
                         p.rows, p.out, p.in, threads);
        }
        layer_close(&l);
        free(one);
        problem_close(&p);
    }
}

/* In this program's own products. */
static void test_rows_do_not_meet(void **state)
{
    for (int i = 1; i < PRECISIONS; i++) {
        struct problem p = problem_open(101, 700, 100);
        struct layer l = pack(&p, &(struct linear_source){.bias = p.bias}, precisions[i]);
        struct held x = input_of(&p, precisions[i]);
        run_floats(&p, &l, precisions[i], (struct linear_call){0}, 2);
        for (size_t row = 0; row < (size_t)p.rows; row += 7) {
            float alone[100];
            run(l.linear,
                &(struct linear_call){
                    .y = rows_of_floats(alone, p.out), .x = rows_from(&x.rows, row), .rows = 1},
                1);
            assert_memory_equal(alone, p.y + row * 100, sizeof alone);
        }
        release(&x);
        layer_close(&l);
        problem_close(&p);
    }
}

/* Sessions of several threads at once share the weights and must not disturb each other. */
static void test_runners_side_by_side(void **state)
{
    for (int precision = 0; precision < PRECISIONS; precision++) {
        struct problem p = problem_open(100, 96, 384);
        size_t n = (size_t)p.rows * (size_t)p.out;
        struct layer l = pack(&p, &(struct linear_source){.bias = p.bias}, precisions[precision]);
        struct held x = input_of(&p, precisions[precision]);
        run_floats(&p, &l, precisions[precision], (struct linear_call){0}, 1);
        int wrong = 0;
#pragma omp parallel for num_threads(4) reduction(+ : wrong)
        for (int i = 0; i < 16; i++) {
            float *y = malloc(n * sizeof *y);
            run(l.linear,
                &(struct linear_call){.y = rows_of_floats(y, p.out), .x = x.rows, .rows = p.rows},
                1);
            wrong += memcmp(y, p.y, n * sizeof *y) != 0;
            free(y);
        }
        assert_int_equal(wrong, 0);
        release(&x);
        layer_close(&l);
        problem_close(&p);
    }
}

/* The caller's own OpenMP setting is left as it was. */
static void test_leaves_openmp_alone(void **state)
{
    struct problem p = problem_open(5, 5, 5);
    omp_set_num_threads(3);
    struct layer l = pack(&p, &(struct linear_source){0}, PRECISION_F32);
    run_floats(&p, &l, PRECISION_F32, (struct linear_call){0}, 2);
    assert_int_equal(omp_get_max_threads(), 3);
    omp_set_num_threads(cpu_cores());
    layer_close(&l);
    problem_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_results),
        cmocka_unit_test(test_accumulates),
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_threads_change_no_bit),
        cmocka_unit_test(test_rows_do_not_meet),
        cmocka_unit_test(test_runners_side_by_side),
        cmocka_unit_test(test_leaves_openmp_alone),
    };
    return cmocka_run_group_tests_name("linear", tests, NULL, NULL);
}
