/* SPDX-License-Identifier: MIT
 *
 * The light of an hour, and the sky that it makes. Internal to the scene room.
 */
#ifndef FOVEA_SCENE_LIGHT_H
#define FOVEA_SCENE_LIGHT_H

#include "scene/canvas.h"
#include "scene/scene.h"

struct light {
    enum scene_hour hour;
    struct rgb zenith, horizon; /* of the sky */
    struct rgb sun;             /* what falls on things from the sun or moon */
    struct rgb ambient;         /* what falls on things from everywhere */
    struct rgb haze;            /* what far things fade into */
    float sun_u, sun_v;         /* where the sun is, or where it went down */
    bool night;
};

struct light light_of(const struct scene *);

struct sky {
    struct light light;
    float horizon_v;   /* where the gradient ends; below it the colour stays */
    float clouds;      /* covered part, 0..1 */
    float cloud_scale; /* size of the clouds, 1 is usual */
    float streak;      /* 0: as they are; 1: drawn out, as in a long exposure */
    bool sun_disc;
    float sun_radius;
    uint32_t seed;
};

struct sky sky_of(const struct scene *, const struct light *, float horizon_v);
void sky_paint(struct canvas *, const struct sky *);

/* Stars above bottom_v, the more the darker `density` (1: a clear night, 0.2: over a city). */
void stars_paint(struct canvas *, uint64_t seed, float density, float bottom_v);
/* A band from side to side, `tilt` radians from the horizontal, through (u, v). */
void milky_way_paint(struct canvas *, uint64_t seed, float u, float v, float tilt, float strength);
void star_trails_paint(struct canvas *, uint64_t seed, float pole_u, float pole_v, float sweep);
void aurora_paint(struct canvas *, uint64_t seed, struct rgb low, struct rgb high);
void meteor_paint(struct canvas *, uint64_t seed, float bottom_v);
void moon_paint(struct canvas *, float u, float v, float radius, float phase, uint64_t seed);
/* What the facts of a night say is in its sky. */
void night_sky_paint(struct canvas *, const struct scene *, float bottom_v, float density);

#endif
