/* SPDX-License-Identifier: MIT
 *
 * A picture being painted: linear light, float. Places are given in heights of the picture: v from
 * 0 at the top to 1 at the bottom, u from 0 to the aspect ratio; so a scene looks the same at every
 * size, and what is smaller than a pixel keeps its light and not its size.
 */
#ifndef FOVEA_SCENE_CANVAS_H
#define FOVEA_SCENE_CANVAS_H

#include "base/status.h"
#include "scene/colour.h"
#include "scene/random.h"

#include <stdint.h>

struct canvas {
    int width, height;
    struct rgb *pixels; /* [height, width] */
    struct rgb *spare;  /* [height, width]: of the filters */
};

MUST_USE enum status canvas_open(struct canvas *, int width, int height, struct err *err);
void canvas_close(struct canvas *); /* NULL-safe */

static inline float canvas_aspect(const struct canvas *c)
{
    return (float)c->width / (float)c->height;
}

static inline struct rgb *canvas_at(struct canvas *c, int x, int y)
{
    return &c->pixels[(long)y * c->width + x];
}

/* Centre of a pixel. */
static inline float canvas_u(const struct canvas *c, int x)
{
    return ((float)x + 0.5f) / (float)c->height;
}

/* A row's number, cut to the picture: for loops. */
static inline int canvas_row(const struct canvas *c, float v)
{
    return (int)clampf(v * (float)c->height, 0, (float)c->height);
}

static inline int canvas_column(const struct canvas *c, float u)
{
    return (int)clampf(u * (float)c->height, 0, (float)c->width);
}

/* Bilinear; the border goes on outside. */
struct rgb canvas_sample(const struct canvas *, float u, float v);

/* Adds light: a soft spot whose brightness falls to a third at `radius`. `clip_v`: nothing below.
 */
void canvas_glow(struct canvas *, float u, float v, float radius, struct rgb light, float clip_v);

/* Adds light along a line of the given width (soft edges). */
void canvas_streak(struct canvas *, float u0, float v0, float u1, float v1, float width,
                   struct rgb light);

/* Covers a rectangle, edges antialiased. opacity: 0..1 */
struct box {
    float u0, v0, u1, v1;
};
void canvas_box(struct canvas *, struct box, struct rgb colour, float opacity);

/* Covers an ellipse, soft over `soft` of its radius. */
void canvas_ellipse(struct canvas *, float u, float v, float ru, float rv, float soft,
                    struct rgb colour, float opacity);

/* Covers a line of the given width. */
void canvas_line(struct canvas *, float u0, float v0, float u1, float v1, float width,
                 struct rgb colour, float opacity);

/* Blurs each pixel along a vector: by (du, dv), or towards (and away from) a centre by `zoom`, or
 * around it by `turn` radians. Rows outside [v0, v1] stay. */
struct motion {
    float du, dv, zoom, turn;
    float centre_u, centre_v;
    float v0, v1;
};
void canvas_motion_blur(struct canvas *, const struct motion *);

/* A blur of the given radius, all around. */
void canvas_soften(struct canvas *, float radius);

/* Light that scatters in a lens: adds `amount` of the picture, blurred twice: near and far. */
void canvas_bloom(struct canvas *, float amount);

/* How a camera would have it. */
struct develop {
    float exposure, contrast, saturation, warmth; /* 1, 1, 1, 0 are neutral */
    float vignette, grain;                        /* 0: none */
    uint64_t seed;                                /* of the grain */
};
/* rgb: [height, width, 3], sRGB. */
void canvas_develop(const struct canvas *, const struct develop *, uint8_t *rgb);

#endif
