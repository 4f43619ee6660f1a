/* SPDX-License-Identifier: MIT
 *
 * The conversions are exact, so every level gives the reference's bits. The reference itself is
 * checked from the definition: a float16 is (-1)^s m 2^e, and a float32 rounds to the nearer
 * neighbour, to the even one of two equally near. As rounding is monotonic, the midpoint of every
 * two neighbours and the float32 on either side of it decide all the rest.
 */
#include "check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HALVES = 1 << 16, INFINITE = 0x7c00 };

static double half_value(unsigned half)
{
    unsigned exponent = half >> 10 & 31, mantissa = half & 1023;
    double value = exponent ? ldexp(1024 + mantissa, (int)exponent - 25) : ldexp(mantissa, -24);
    return half & 0x8000 ? -value : value;
}

static void check_every_half(struct check *check)
{
    uint16_t *in = fence_new(HALVES * sizeof *in, 0), *back = fence_new(HALVES * sizeof *back, 0);
    float *out = fence_new(HALVES * sizeof *out, 0), *expected = malloc(HALVES * sizeof *expected);
    for (unsigned i = 0; i < HALVES; i++)
        in[i] = (uint16_t)i;

    check->kernel = "f16_to_f32";
    check->kernels.f16_to_f32(out, in, HALVES);
    check->reference.f16_to_f32(expected, in, HALVES);
    check_that(check, memcmp(out, expected, HALVES * sizeof *out) == 0, "not the reference's bits");
    for (unsigned i = 0; i < HALVES; i++) {
        if ((i & 0x7fff) > INFINITE)
            check_that(check, isnan(out[i]), "%#x is %g, not a NaN", i, out[i]);
        else if ((i & 0x7fff) == INFINITE)
            check_that(check, isinf(out[i]) && !signbit(out[i]) == !(i >> 15), "%#x is %g", i,
                       out[i]);
        else
            check_that(check, out[i] == (float)half_value(i) && !signbit(out[i]) == !(i >> 15),
                       "%#x is %a", i, out[i]);
    }

    check->kernel = "f32_to_f16";
    check->kernels.f32_to_f16(back, out, HALVES);
    for (unsigned i = 0; i < HALVES; i++) {
        unsigned quiet = (i & 0x7fff) > INFINITE ? 0x200 : 0;
        check_that(check, back[i] == (i | quiet), "%#x comes back as %#x", i, back[i]);
    }
    fence_free(check, in);
    fence_free(check, back);
    fence_free(check, out);
    free(expected);
}

static void check_rounding(struct check *check)
{
    check->kernel = "f32_to_f16";
    for (unsigned i = 0; i < INFINITE; i++) { /* the last pair is 65504 and what would be 65536 */
        double next = i + 1 < INFINITE ? half_value(i + 1) : 65536;
        float middle = (float)((half_value(i) + next) / 2);
        float in[6] = {nextafterf(middle, 0), middle, nextafterf(middle, INFINITY)};
        for (int k = 0; k < 3; k++)
            in[3 + k] = -in[k];
        uint16_t out[6];
        check->kernels.f32_to_f16(out, in, 6);
        unsigned expected[3] = {i, i + (i & 1), i + 1};
        for (int k = 0; k < 6; k++)
            check_that(check, out[k] == (expected[k % 3] | (k < 3 ? 0 : 0x8000u)), "%a is %#x",
                       in[k], out[k]);
    }
}

static void check_sizes_of(struct check *check, size_t n, size_t slack)
{
    float *in = fence_new(n * sizeof *in, slack * sizeof *in), *wide = fence_new(n * 4, slack * 4);
    uint16_t *out = fence_new(n * sizeof *out, slack * sizeof *out);
    uint16_t *expected = malloc(n * sizeof *expected + 1);
    float *expected_wide = malloc(n * sizeof *expected_wide + 1);
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = random_bits(check);
        if (i & 1) /* into the range of float16, where half of all patterns are not */
            bits = (bits & 0x87ffffffu) | 0x38000000u;
        memcpy(in + i, &bits, sizeof bits);
    }

    check->kernel = "f32_to_f16";
    check->kernels.f32_to_f16(out, in, n);
    check->reference.f32_to_f16(expected, in, n);
    check_that(check, memcmp(out, expected, n * sizeof *out) == 0, "n = %zu", n);

    check->kernel = "f16_to_f32";
    check->kernels.f16_to_f32(wide, out, n);
    check->reference.f16_to_f32(expected_wide, out, n);
    check_that(check, memcmp(wide, expected_wide, n * sizeof *wide) == 0, "n = %zu", n);

    check->kernel = "bf16_to_f32";
    check->kernels.bf16_to_f32(wide, out, n);
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, wide + i, sizeof bits);
        check_that(check, bits == (uint32_t)out[i] << 16, "n = %zu: %#x is %#x", n, out[i], bits);
    }
    fence_free(check, in);
    fence_free(check, wide);
    fence_free(check, out);
    free(expected);
    free(expected_wide);
}

void check_convert(struct check *check)
{
    check_every_half(check);
    check_rounding(check);
    for (size_t i = 0; i < check_size_count; i++)
        for (size_t slack = 0; slack < 3; slack++)
            check_sizes_of(check, check_sizes[i], slack);
}
