/* SPDX-License-Identifier: MIT
 *
 * Chance, repeatable: a stream of numbers that a seed decides (SplitMix64, Steele, Lea and Flood,
 * OOPSLA 2014), and numbers that hang on a place instead of an order. Nothing else in the room may
 * be a source of chance, so that a seed is a picture.
 */
#ifndef FOVEA_SCENE_RANDOM_H
#define FOVEA_SCENE_RANDOM_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

struct random {
    uint64_t state;
};

static inline uint64_t random_mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

/* Streams of different purposes under one seed do not resemble each other. */
static inline struct random random_new(uint64_t seed, uint64_t purpose)
{
    return (struct random){random_mix(seed + 0x9E3779B97F4A7C15u) ^ random_mix(purpose * 2 + 1)};
}

static inline uint64_t random_bits(struct random *r)
{
    return random_mix(r->state += 0x9E3779B97F4A7C15u);
}

/* In [0, 1). */
static inline float random_unit(struct random *r)
{
    return (float)(random_bits(r) >> 40) * 0x1p-24f;
}

static inline float random_range(struct random *r, float low, float high)
{
    return low + (high - low) * random_unit(r);
}

/* In 0..n-1. */
static inline int random_below(struct random *r, int n)
{
    return (int)((random_bits(r) >> 32) * (uint64_t)n >> 32);
}

static inline bool random_chance(struct random *r, float probability)
{
    return random_unit(r) < probability;
}

/* Roughly normal: mean 0, deviation 1, never beyond 3.5. */
static inline float random_normal(struct random *r)
{
    float sum = 0;
    for (int i = 0; i < 4; i++)
        sum += random_unit(r);
    return (sum - 2) * 1.732f;
}

#endif
