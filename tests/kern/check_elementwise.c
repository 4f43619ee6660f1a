/* SPDX-License-Identifier: MIT
 *
 * add and scale give the reference's bits. The GELUs are held against double: dense sweeps for the
 * error, hostile values for what has to stay true at the ends of float32. Every kernel must give a
 * value the same bits wherever it stands in a row and however the row is aligned.
 */
#include "check.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const float hostile[] = {0.0f,     -0.0f,    1e-45f,  -1e-45f, 1e-40f,   -1e-40f, FLT_MIN,
                                -FLT_MIN, 1e-20f,   -1e-20f, 1.0f,    -1.0f,    3e38f,   -3e38f,
                                INFINITY, NAN,      88.7f,   -88.7f,  -104.0f,  -150.0f, 150.0f,
                                -12.999f, -14.171f, 15.5f,   FLT_MAX, -FLT_MAX, 1e19f,   -1e19f,
                                7e12f,    -7e12f,   52.1f,   -52.2f,  -5.5f,    5.5f,    -1e30f};
enum { HOSTILE = sizeof hostile / sizeof *hostile };

static void check_exact(struct check *check, size_t n, size_t slack)
{
    float *x = fence_normal(check, n, slack * 4), *y = fence_normal(check, n, slack * 8);
    float *expected = malloc(n * sizeof *expected + 1);
    for (size_t i = 0; i < n; i += 3) {
        x[i] = hostile[random_bits(check) % HOSTILE];
        y[i] = hostile[random_bits(check) % HOSTILE];
    }
    check->kernel = "scale";
    check->reference.scale(expected, x, -1.7f, n);
    float *scaled = fence_new(n * sizeof *scaled, slack * 4);
    check->kernels.scale(scaled, x, -1.7f, n);
    check_that(check, floats_same(scaled, expected, n), "n = %zu", n);

    check->kernel = "add";
    memcpy(expected, y, n * sizeof *y);
    check->reference.add(expected, x, n);
    check->kernels.add(y, x, n);
    check_that(check, floats_same(y, expected, n), "n = %zu", n);
    fence_free(check, x);
    fence_free(check, y);
    fence_free(check, scaled);
    free(expected);
}

static double gelu_erf(double x)
{
    return 0.5 * x * erfc(-x * 0.70710678118654752440);
}

static double gelu_tanh(double x)
{
    return x / (1 + exp(-2 * 0.79788456080286535588 * (x + 0.044715 * x * x * x)));
}

static double gelu_quick(double x)
{
    return x / (1 + exp(-1.702 * x));
}

static const struct gelu {
    const char *name;
    size_t kernel; /* offset in struct kernels */
    double (*truth)(double);
    double low; /* from here on up the result is a normal float32 */
    double left_bound;
} gelus[] = {
    {"gelu_erf", offsetof(struct kernels, gelu_erf), gelu_erf, -12.9, 1e-6},
    {"gelu_tanh", offsetof(struct kernels, gelu_tanh), gelu_tanh, -9.9, 2e-5},
    {"gelu_quick", offsetof(struct kernels, gelu_quick), gelu_quick, -50.9, 1e-5},
};

typedef void in_place(float *x, size_t n);

static in_place *gelu_kernel(const struct kernels *kernels, const struct gelu *gelu)
{
    in_place *kernel;
    memcpy(&kernel, (const char *)kernels + gelu->kernel, sizeof kernel);
    return kernel;
}

/* Half of the values are N(0, 2), for the relative L2 error (3.1e-8 to 4.2e-8 at every level), half
 * a sweep from `low` to 20, for that of a single value (up to 4.1e-7 above -1). Far to the left
 * gelu_tanh and gelu_quick pass an exponent of up to 88 through exp, which multiplies the rounding
 * of the exponent by that much (1.3e-5 and 5.0e-6); gelu_erf puts that rounding back (4.0e-7). */
static void check_gelu_error(struct check *check, const struct gelu *gelu, in_place *kernel)
{
    enum { POINTS = 400001 };
    float *x = malloc(POINTS * sizeof *x), *y = malloc(POINTS * sizeof *y);
    for (size_t i = 0; i < POINTS; i++)
        y[i] = x[i] = (float)(i & 1 ? random_normal(check) * 2
                                    : gelu->low + (20 - gelu->low) * (double)i / POINTS);
    kernel(y, POINTS);
    double error2 = 0, norm2 = 0, worst = 0, worst_left = 0;
    for (size_t i = 0; i < POINTS; i++) {
        double truth = gelu->truth(x[i]), error = fabs(y[i] - truth);
        double relative = truth != 0 ? error / fabs(truth) : error;
        if (i & 1) {
            error2 += error * error;
            norm2 += truth * truth;
        }
        if (x[i] > -1)
            worst = larger(worst, relative);
        else if (x[i] > gelu->low)
            worst_left = larger(worst_left, relative);
    }
    double l2 = sqrt(error2 / norm2);
    check_that(check, l2 < 1e-7, "relative L2 error %.2e", l2);
    check_that(check, worst < 5e-7, "relative error %.2e above -1", worst);
    check_that(check, worst_left < gelu->left_bound, "relative error %.2e below -1", worst_left);
    check_note(check, "relative L2 error %.1e, worst %.1e above -1, %.1e below", l2, worst,
               worst_left);
    free(x);
    free(y);
}

/* -inf is -inf * 0 = NaN, as in the formula. A result below 2e-37 may be flushed to 0. */
static void check_gelu_hostile(struct check *check, const struct gelu *gelu, in_place *kernel)
{
    for (size_t i = 0; i < HOSTILE; i++) {
        float x = hostile[i], y = x;
        double truth = isinf(x) ? x : gelu->truth(x);
        kernel(&y, 1);
        if (isnan(truth))
            check_that(check, isnan(y), "%g gives %g", x, y);
        else if (isinf(truth))
            check_that(check, y == x, "%g gives %g", x, y);
        else
            check_that(check, fabs(y - truth) <= 1.5e-5 * fabs(truth) + 2e-37,
                       "%a gives %a, not %a", x, y, truth);
        x = y = -INFINITY;
        kernel(&y, 1);
        check_that(check, isnan(y), "-inf gives %g", y);
    }
}

static void check_gelu_places(struct check *check, in_place *kernel, size_t n, size_t slack)
{
    float *x = fence_normal(check, n, slack * 4);
    float *alone = malloc(n * sizeof *alone + 1);
    for (size_t i = 0; i < n; i++) {
        if (i % 3 == 0)
            x[i] = hostile[random_bits(check) % HOSTILE];
        alone[i] = x[i];
        kernel(alone + i, 1);
    }
    kernel(x, n);
    check_that(check, floats_same(x, alone, n), "n = %zu: depends on the place in the row", n);
    fence_free(check, x);
    free(alone);
}

static const struct coarse {
    const char *name;
    size_t kernel;
    double (*truth)(double);
    double bound; /* of the error from -4.2 to 4.2; measured 6.5e-5 and 3.6e-5 */
} coarse[] = {
    {"gelu_erf_coarse", offsetof(struct kernels, gelu_erf_coarse), gelu_erf, 7e-5},
    {"gelu_tanh_coarse", offsetof(struct kernels, gelu_tanh_coarse), gelu_tanh, 4e-5},
};

static void check_gelu_coarse(struct check *check, const struct coarse *gelu)
{
    in_place *kernel;
    double worst = 0;
    memcpy(&kernel, (const char *)&check->kernels + gelu->kernel, sizeof kernel);
    check->kernel = gelu->name;
    for (int i = -100000; i <= 100000; i++) {
        float x = (float)i * 2e-4f, y = x;
        kernel(&y, 1);
        double error = fabs(y - gelu->truth(x));
        double far = fabs((double)x) > 4.2 ? 1e-6 * fabs((double)x) : 0;
        worst = larger(worst, error - far);
    }
    check_that(check, worst <= gelu->bound, "error %.2e", worst);
    check_note(check, "error %.1e", worst);
    float nan = NAN;
    kernel(&nan, 1);
    check_that(check, isnan(nan), "a NaN gives %g", nan);
    for (size_t i = 0; i < check_size_count; i++)
        check_gelu_places(check, kernel, check_sizes[i], i % 3);
}

void check_elementwise(struct check *check)
{
    for (size_t g = 0; g < sizeof coarse / sizeof *coarse; g++)
        check_gelu_coarse(check, coarse + g);
    for (size_t i = 0; i < check_size_count; i++)
        for (size_t slack = 0; slack < 3; slack++)
            check_exact(check, check_sizes[i], slack);
    for (size_t g = 0; g < sizeof gelus / sizeof *gelus; g++) {
        in_place *kernel = gelu_kernel(&check->kernels, gelus + g);
        check->kernel = gelus[g].name;
        check_gelu_error(check, gelus + g, kernel);
        check_gelu_hostile(check, gelus + g, kernel);
        for (size_t i = 0; i < check_size_count; i++)
            check_gelu_places(check, kernel, check_sizes[i], i % 3);
    }
}
