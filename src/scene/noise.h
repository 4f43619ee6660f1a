/* SPDX-License-Identifier: MIT
 *
 * Noise over the plane: what clouds, rock, waves and grass are made of. Value noise with a quintic
 * fade (Perlin, "Improving noise", SIGGRAPH 2002, for the fade), summed over octaves (fBm), and
 * folded for ridges (Musgrave's ridged multifractal, simplified).
 */
#ifndef FOVEA_SCENE_NOISE_H
#define FOVEA_SCENE_NOISE_H

#include <stdint.h>

/* In [0, 1); the same place and seed, the same number. */
float noise_cell(int x, int y, uint32_t seed);

/* In [0, 1], smooth, mean 0.5. */
float noise_value(float x, float y, uint32_t seed);

/* In [0, 1], mean 0.5; each octave has twice the frequency and `gain` times the weight. */
float noise_fbm(float x, float y, int octaves, float gain, uint32_t seed);

/* In [0, 1], with sharp crests near 1. */
float noise_ridged(float x, float y, int octaves, uint32_t seed);

#endif
