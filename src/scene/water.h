/* SPDX-License-Identifier: MIT
 *
 * Water: mirrors, seas, shores, falls. Internal to the scene room.
 */
#ifndef FOVEA_SCENE_WATER_H
#define FOVEA_SCENE_WATER_H

#include "scene/light.h"

/* A mirror below `shore_v`: what is above it comes back, broken by ripples. */
struct mirror {
    float shore_v, bottom_v;
    float ripple; /* 0: glass; 1: choppy */
    float smear;  /* how far lights are drawn out downwards */
    struct rgb body;
    float reflectance; /* 0..1 */
    uint64_t seed;
};
void mirror_paint(struct canvas *, const struct mirror *);

/* A sea below horizon_v: waves in perspective, the sky in them, the sun's or moon's glitter. */
struct sea {
    float horizon_v;
    float waves; /* 0: smooth; 1: heavy */
    float foam;  /* white horses, 0..1 */
    struct rgb deep;
    bool glitter;
    struct rgb glitter_light;
    uint64_t seed;
};
void sea_paint(struct canvas *, const struct sea *, const struct light *);

/* Sand in front of the sea, with the waves' last edges running up. */
void beach_paint(struct canvas *, const struct light *, float edge_v, float slant, uint64_t seed);
/* Rocks standing in water, foam at their feet. v: their foot */
void sea_rock_paint(struct canvas *, const struct light *, float u, float v, float size,
                    uint64_t seed);
void boat_paint(struct canvas *, float u, float v, float size, struct rgb hull, struct rgb sail);
void lighthouse_paint(struct canvas *, const struct light *, float u, float base_v, float height);

/* Water that falls from (u, top) to bottom, as a long exposure has it. */
struct fall {
    float u, top_v, bottom_v;
    float top_width, bottom_width;
    uint64_t seed;
};
void fall_paint(struct canvas *, const struct fall *, struct rgb light, float opacity);
/* Rough water that comes towards the viewer between horizon_v and the bottom. */
struct torrent {
    float horizon_v;
    float middle, bend, far_width, near_width; /* of the river bed */
    float rough;
    struct rgb deep, foam;
    uint64_t seed;
};
void torrent_paint(struct canvas *, const struct torrent *);
/* A wet boulder. */
void boulder_paint(struct canvas *, const struct light *, float u, float v, float size,
                   struct rgb stone, float moss, uint64_t seed);

#endif
