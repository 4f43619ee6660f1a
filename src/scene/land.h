/* SPDX-License-Identifier: MIT
 *
 * Land: ridges with haze between them, trees, meadows, paths of rivers. Internal to the scene room.
 */
#ifndef FOVEA_SCENE_LAND_H
#define FOVEA_SCENE_LAND_H

#include "scene/light.h"

/* A skyline of land: v of its crest over u. */
struct ridge {
    float base, amplitude, frequency;
    bool sharp; /* peaks; else hills */
    uint32_t seed;
};
float ridge_at(const struct ridge *, float u);

struct ground {
    struct rgb low, high; /* what it is made of: valley and crest */
    float relief;         /* how much the light models it, 0..1 */
    float grain;          /* size of its structures; 1 is usual */
    float fog;            /* 0..1: how far it is gone in the haze */
    float snow_v;         /* snow above; 0: none */
};
void ridge_paint(struct canvas *, const struct ridge *, const struct ground *, const struct light *,
                 float bottom_v);

void conifer_paint(struct canvas *, float u, float base_v, float height, struct rgb colour,
                   struct random *);
/* With a round crown. */
void leaf_tree_paint(struct canvas *, float u, float base_v, float height, struct rgb dark,
                     struct rgb light, struct random *);

struct woods {
    int count;
    float height; /* of a tree, in the middle */
    float sink;   /* how far below the crest they may stand */
    struct rgb colour;
    float leafy; /* part of them with round crowns */
    struct rgb leaves;
};
void woods_paint(struct canvas *, const struct ridge *, const struct woods *, uint64_t seed);

/* Flat land from horizon_v down: grass, sand, snow. */
struct plain {
    float horizon_v;
    struct rgb near, far; /* lit colours */
    float streak;         /* 0: patches; 1: drawn out sideways */
    float blades;         /* 0..1: grass in the foreground */
    bool flowers;
    struct rgb flower;
    float haze; /* at its far end */
};
void plain_paint(struct canvas *, const struct plain *, const struct light *, uint64_t seed);

/* A band of fog around v. */
void fog_paint(struct canvas *, float v, float thickness, struct rgb colour, float amount,
               uint64_t seed);

void tent_paint(struct canvas *, float u, float base_v, float size);
/* Far mountains, near ridges, woods: what lies under many a sky. darkness 1: silhouettes. */
void backdrop_paint(struct canvas *, const struct scene *, const struct light *, float base_v,
                    float darkness);

/* Falls on a thing: its colour under the hour's light. lit: 0..1 */
static inline struct rgb light_on(const struct light *l, struct rgb albedo, float lit)
{
    return rgb_multiply(albedo, rgb_add(l->ambient, rgb_scale(l->sun, lit)));
}

#endif
