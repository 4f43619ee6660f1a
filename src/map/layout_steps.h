/* SPDX-License-Identifier: MIT
 *
 * The single steps of UMAP's descent, for layout.c and layout_place.c: the gradient of the cross
 * entropy with the curve 1 / (1 + a d^2b), each component clipped (umap-learn, layouts.py).
 * Inlined, so that a constant dimension unrolls their loops.
 */
#ifndef FOVEA_MAP_LAYOUT_STEPS_H
#define FOVEA_MAP_LAYOUT_STEPS_H

#include "map/layout.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#define STEPS_CLIP 4.0f
#define STEPS_NEAR 0.001f  /* keeps the repulsion of points that coincide finite */
#define STEPS_LEAST 1e-30f /* a squared distance that is none */

enum { STEPS_NEGATIVES_MAX = 15 };

struct layout_steps {
    float a, b, gamma, rate;
};

static inline struct layout_steps steps_of(const struct layout_options *o)
{
    return (struct layout_steps){(float)o->a, (float)o->b, (float)o->gamma, (float)o->rate};
}

/* 0 for an edge that is never sampled. */
static inline uint32_t steps_share(float weight, float most, int epochs)
{
    double share = most > 0 ? (double)weight / most : 0;
    return share * epochs < 1 ? 0 : (uint32_t)(share * UINT32_MAX);
}

/* Whether an edge's count of samples rises in this epoch: the fraction of the sum runs over. */
static inline bool steps_is_due(uint32_t share, uint32_t epoch)
{
    return (uint32_t)((uint64_t)(epoch + 1) * share) < share;
}

static inline float steps_clip(float x)
{
    return x > STEPS_CLIP ? STEPS_CLIP : x < -STEPS_CLIP ? -STEPS_CLIP : x;
}

static inline float steps_square(const float *y, const float *other, int dim)
{
    float square = 0;
    for (int d = 0; d < dim; d++)
        square += (y[d] - other[d]) * (y[d] - other[d]);
    return square;
}

/* Four at once, by the compilers' vector extension: the same operations, and bits, on every CPU. */
typedef float steps_f32 __attribute__((vector_size(16)));
typedef int32_t steps_i32 __attribute__((vector_size(16)));
typedef uint32_t steps_u32 __attribute__((vector_size(16)));

/* x^y for x in [1e-30, 1e30], within 4e-6 of it: as 2^(y log2 x), both by polynomials. An optimiser
 * needs no more, and powf() is not to be had for four. */
static inline steps_f32 steps_power(steps_f32 x, float y)
{
    union {
        steps_f32 f;
        steps_u32 bits;
        steps_i32 i;
    } u = {x}, v;
    /* x = 2^e m with m in [sqrt(1/2), sqrt(2)); log2 m by the series of atanh((m - 1) / (m + 1)) */
    u.bits = u.bits - 0x3f3504f3u;
    v.i = u.i >> 23;
    steps_f32 e = __builtin_convertvector(v.i, steps_f32);
    u.bits = (u.bits & 0x007fffffu) + 0x3f3504f3u;
    steps_f32 z = (u.f - 1) / (u.f + 1), z2 = z * z;
    steps_f32 p = 0.57707802f + z2 * 0.4121979f;
    p = y * (e + z * (2.8853901f + z2 * (0.96179669f + z2 * p)));
    /* 2^p = 2^n 2^f, f in [-1/2, 1/2], by its series; |p| < 126 as x and y are */
    steps_f32 n = (p + 12582912.0f) - 12582912.0f, f = p - n;
    steps_f32 g = 0.05550411f + f * (0.0096181291f + f * 0.0013333558f);
    g = 1 + f * (0.69314718f + f * (0.24022651f + f * g));
    v.i = (__builtin_convertvector(n, steps_i32) + 127) << 23;
    return v.f * g;
}

static inline float steps_least(float square)
{
    return square > STEPS_LEAST ? square : STEPS_LEAST;
}

/* One sample of an edge: y is attracted by `tail` and repelled by each of others[negatives], an odd
 * number; step: [dim] is what attraction moved y by, for the other end. A pointer to y itself among
 * the others is nobody.
 *
 * Two moves at a time are made together: one by one, each would wait for the one before; more at
 * once overshoot where it is crowded (with all of them, the silhouette of the digits falls by
 * 0.01). */
static inline void steps_sample(const struct layout_steps *s, float *y, const float *tail,
                                const float *const *others, int negatives, float *step, int dim)
{
    const float attraction = -2 * s->a * s->b, repulsion = 2 * s->gamma * s->b;
    for (int n = -1; n < negatives; n += 2) {
        const float *one = n < 0 ? tail : others[n], *two = others[n + 1];
        steps_f32 square = {steps_least(steps_square(y, one, dim)),
                            steps_least(steps_square(y, two, dim)), 1, 1};
        steps_f32 power = steps_power(square, s->b);
        steps_f32 near = {n < 0 ? 0 : STEPS_NEAR, STEPS_NEAR, 0, 0};
        steps_f32 weight = {n < 0 ? attraction * power[0] : repulsion, repulsion, 0, 0};
        steps_f32 factor = weight / ((near + square) * (1 + s->a * power));
        for (int d = 0; d < dim; d++) {
            float first = s->rate * steps_clip(factor[0] * (y[d] - one[d]));
            float second = s->rate * steps_clip(factor[1] * (y[d] - two[d]));
            if (n < 0)
                step[d] = first;
            y[d] += first + second;
        }
    }
}

#endif
