/* SPDX-License-Identifier: MIT
 *
 * Chance by place instead of by order: a number is a hash of (seed, purpose, item, round), so that
 * it does not matter which thread asks for it, or when. The hash is SplitMix64's finisher (Steele,
 * Lea and Flood, OOPSLA 2014), as a counter-based generator. Nothing else in the room may be a
 * source of chance.
 */
#ifndef FOVEA_MAP_RANDOM_H
#define FOVEA_MAP_RANDOM_H

#include <math.h>
#include <stdint.h>

static inline uint64_t chance_mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

/* A stream of its own for each (seed, purpose, item, round). */
struct chance {
    uint64_t state;
};

static inline struct chance chance_at(uint64_t seed, uint32_t purpose, uint64_t item,
                                      uint64_t round)
{
    uint64_t x = chance_mix(seed + 0x9E3779B97F4A7C15u * (purpose + 1u));
    x = chance_mix(x ^ (item + 0x632BE59BD9B4E019u));
    return (struct chance){chance_mix(x ^ (round * 0x9E3779B97F4A7C15u + 1))};
}

static inline uint64_t chance_bits(struct chance *c)
{
    return chance_mix(c->state += 0x9E3779B97F4A7C15u);
}

/* In 0 .. n - 1; n > 0. */
static inline uint32_t chance_below(struct chance *c, uint32_t n)
{
    return (uint32_t)((chance_bits(c) >> 32) * n >> 32);
}

/* In [0, 1). */
static inline double chance_unit(struct chance *c)
{
    return (double)(chance_bits(c) >> 11) * 0x1p-53;
}

/* Normal, mean 0, deviation 1 (Box and Muller). */
static inline double chance_normal(struct chance *c)
{
    double u = 1 - chance_unit(c), v = chance_unit(c);
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

/* What for. */
enum {
    CHANCE_SPECTRAL,
    CHANCE_JITTER,
    CHANCE_COMPONENT,
    CHANCE_NEGATIVE,
    CHANCE_DEAL,
    CHANCE_TRANSFORM,
    CHANCE_TREE,
    CHANCE_DESCENT,
    CHANCE_QUALITY,
    CHANCE_START,
};

#endif
