/* SPDX-License-Identifier: MIT
 *
 * What the templates of this room share: the exponential, rows, what a product is described by.
 * Included first.
 */
#ifndef FOVEA_KERN_COMMON_TMPL_H
#define FOVEA_KERN_COMMON_TMPL_H

#include "kern/levels.h"

#include <math.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
/* Whole, or arrays of vectors would not be in registers. (full: clang would otherwise unroll by two
 * before inlining tells it the counts.) */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* The factors of a product (tile_tmpl.h); strides in elements. */
#define TILE_FACTORS                                                                               \
    const void *left, *right;                                                                      \
    size_t left_stride, right_stride, depth

enum { TILE_ELEMENT = 4 };

#define TILE_JOIN_(a, b) a##_##b
#define TILE_JOIN(a, b) TILE_JOIN_(a, b)

/* e^r = 1 + r + r² p(r) for |r| <= ln 2 / 2, p of degree 4 (Remez, relative error 3.1e-9), where
 * x = n ln 2 + r and ln 2 is in two parts, so that the product with the first is exact. */
INLINE vec exp_of_rest(vec x, vec n)
{
    vec r = vec_fnma(n, vec_set1(0x1.62e4p-1f), x);
    r = vec_fnma(n, vec_set1(0x1.7f7d1cp-20f), r);
    vec p = vec_set1(0x1.6a23d0p-10f);
    p = vec_fma(p, r, vec_set1(0x1.123a20p-7f));
    p = vec_fma(p, r, vec_set1(0x1.5558f2p-5f));
    p = vec_fma(p, r, vec_set1(0x1.555492p-3f));
    p = vec_fma(p, r, vec_set1(0x1.fffffcp-2f));
    p = vec_fma(p, vec_mul(r, r), r);
    return vec_add(p, vec_set1(1.0f));
}

/* e^x for every x: 0 below -103.97, infinity above 88.73, denormals between, NaN for NaN. */
INLINE vec vec_exp(vec x)
{
    x = vec_max(vec_set1(-104.0f), vec_min(vec_set1(89.0f), x));
    vec n = vec_round(vec_mul(x, vec_set1(0x1.715476p+0f)));
    return vec_ldexp(exp_of_rest(x, n), n);
}

/* e^x for x <= 0, 0 where it would be less than FLT_MIN: two thirds of the work. n + 127 appears in
 * the last bits of a float of 1.5 * 2^23 + 127, from where a shift puts it into the exponent.
 * Measured within 2.1 roundings of 2^-24, one of them that of the measurement: check_exp. */
INLINE vec exp_negative(vec x)
{
    const vec magic = vec_set1(0x1.8p23f + 127);
    x = vec_max(vec_set1(-88.0f), x);
    vec shifted = vec_fma(x, vec_set1(0x1.715476p+0f), magic);
    return vec_mul(exp_of_rest(x, vec_sub(shifted, magic)), vec_low_byte_to_exponent(shifted));
}

/* y = f(x, factor), lane by lane */
INLINE void map(float *y, const float *x, vec factor, size_t n, vec (*f)(vec x, vec factor))
{
    size_t i = 0;
    for (; n - i >= VEC; i += VEC)
        vec_store(y + i, f(vec_load(x + i), factor));
    if (i < n)
        vec_store_part(y + i, f(vec_load_part(x + i, n - i, vec_set1(0)), factor), n - i);
}

/* x = exp(x - max x); returns the sum. */
INLINE float exp_row(float *x, size_t n)
{
    const size_t whole = n / VEC * VEC, rest = n % VEC;
    const vec least = vec_set1(-INFINITY);
    vec largest = least, sum = vec_set1(0);
    for (size_t i = 0; i < whole; i += VEC)
        largest = vec_max(largest, vec_load(x + i));
    if (rest)
        largest = vec_max(largest, vec_load_part(x + whole, rest, least));
    largest = vec_set1(vec_largest(largest));
    for (size_t i = 0; i < whole; i += VEC) {
        vec e = exp_negative(vec_sub(vec_load(x + i), largest));
        vec_store(x + i, e);
        sum = vec_add(sum, e);
    }
    if (rest) {
        vec e = exp_negative(vec_sub(vec_load_part(x + whole, rest, least), largest));
        vec_store_part(x + whole, e, rest);
        sum = vec_add(sum, e);
    }
    return vec_sum(sum);
}

/* values → c, or added to it; for the ends of tile_tmpl.h's blocks. c: rows of `stride` floats */
INLINE void tile_put(float *c, size_t stride, bool accumulate, size_t rows, size_t columns,
                     vec values[ROWS][COLUMNS])
{
    UNROLL
    for (size_t r = 0; r < rows; r++, c += stride) {
        if (accumulate) {
            UNROLL
            for (size_t i = 0; i < columns; i++)
                values[r][i] = vec_add(vec_load(c + i * VEC), values[r][i]);
        }
        UNROLL
        for (size_t i = 0; i < columns; i++)
            vec_store(c + i * VEC, values[r][i]);
    }
}

#endif
