/* SPDX-License-Identifier: MIT
 *
 * Cities by night: skylines, streets, lights. Internal to the scene room.
 */
#ifndef FOVEA_SCENE_CITY_H
#define FOVEA_SCENE_CITY_H

#include "scene/light.h"

struct skyline {
    float base_v;   /* where the buildings stand */
    float height;   /* of the usual ones */
    float towers;   /* 0..1: how many are far taller */
    float lit;      /* part of the windows with light */
    float distance; /* 0: near; 1: at the horizon, windows are dots */
    uint64_t seed;
};
void skyline_paint(struct canvas *, const struct skyline *, const struct light *);
/* The light of a city in the sky above it. */
void sky_glow_paint(struct canvas *, float base_v, float strength, struct rgb colour);

/* Lights along a far shore. */
void shore_lights_paint(struct canvas *, float v, float density, uint64_t seed);
void bridge_paint(struct canvas *, const struct light *, float deck_v, float height, uint64_t seed);
/* A big wheel with lamps; turn > 0: as a long exposure sees it. */
void wheel_paint(struct canvas *, float u, float v, float radius, struct rgb colour, float turn,
                 uint64_t seed);

/* A street between two rows of buildings, running to a vanishing point. */
struct street {
    float vanish_u, vanish_v;
    struct rgb neon; /* the colour that is most seen */
    bool wet, signs;
    uint64_t seed;
};
void street_paint(struct canvas *, const struct street *, const struct light *);

/* The lamps of cars that have passed, along a road from the bottom to a vanishing point. */
struct road {
    float vanish_u, vanish_v;
    float near_u, near_width; /* where it leaves the picture at the bottom */
    float bend;
    int trails;
    uint64_t seed;
};
void road_paint(struct canvas *, const struct road *, struct rgb asphalt);
void road_trails_paint(struct canvas *, const struct road *);
/* Cars as they stand or come: two lamps each. */
void road_cars_paint(struct canvas *, const struct road *, int count);

#endif
