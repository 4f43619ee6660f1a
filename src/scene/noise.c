/* SPDX-License-Identifier: MIT
 *
 * See noise.h. This is where a picture's time goes: the hash is one that compilers vectorise, and
 * floor() is by conversion.
 */
#include "scene/noise.h"

#include <math.h>

static inline uint32_t hash_cell(int x, int y, uint32_t seed)
{
    uint32_t h = (uint32_t)x * 0x8DA6B343u ^ (uint32_t)y * 0xD8163841u ^ seed * 0xCB1AB31Fu;
    h ^= h >> 16;
    h *= 0x7FEB352Du;
    h ^= h >> 15;
    h *= 0x846CA68Bu;
    return h ^ h >> 16;
}

static inline float cell(int x, int y, uint32_t seed)
{
    return (float)(hash_cell(x, y, seed) >> 8) * 0x1p-24f;
}

float noise_cell(int x, int y, uint32_t seed)
{
    return cell(x, y, seed);
}

static inline int floor_int(float x)
{
    int i = (int)x;
    return i - (x < (float)i);
}

static inline float fade(float t)
{
    return t * t * t * (t * (t * 6 - 15) + 10);
}

static inline float value(float x, float y, uint32_t seed)
{
    int ix = floor_int(x), iy = floor_int(y);
    float fx = fade(x - (float)ix), fy = fade(y - (float)iy);
    float a = cell(ix, iy, seed), b = cell(ix + 1, iy, seed);
    float c = cell(ix, iy + 1, seed), d = cell(ix + 1, iy + 1, seed);
    float top = a + (b - a) * fx, bottom = c + (d - c) * fx;
    return top + (bottom - top) * fy;
}

float noise_value(float x, float y, uint32_t seed)
{
    return value(x, y, seed);
}

/* Octaves are turned against each other, so that the grid does not show. */
float noise_fbm(float x, float y, int octaves, float gain, uint32_t seed)
{
    float sum = 0, weight = 1, weights = 0;
    for (int i = 0; i < octaves; i++) {
        sum += weight * value(x, y, seed + (uint32_t)i);
        weights += weight;
        weight *= gain;
        float turned = 1.6f * x - 1.2f * y + 17.3f;
        y = 1.2f * x + 1.6f * y + 5.1f;
        x = turned;
    }
    return sum / weights;
}

float noise_ridged(float x, float y, int octaves, uint32_t seed)
{
    float sum = 0, weight = 1, weights = 0;
    for (int i = 0; i < octaves; i++) {
        float fold = 1 - fabsf(2 * value(x, y, seed + (uint32_t)i) - 1);
        sum += weight * fold * fold;
        weights += weight;
        weight *= 0.5f;
        float turned = 1.6f * x - 1.2f * y + 11.7f;
        y = 1.2f * x + 1.6f * y + 3.9f;
        x = turned;
    }
    return sum / weights;
}
