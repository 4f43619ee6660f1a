/* SPDX-License-Identifier: MIT
 *
 * Streets and roads, in one-point perspective: a place on a wall or on the road is its distance
 * from the vanishing point.
 */
#include "scene/city.h"
#include "scene/noise.h"
#include "scene/water.h"

#include <math.h>

static const struct rgb neons[] = {{1.6f, 0.12f, 0.55f}, {0.15f, 0.75f, 1.7f},
                                   {1.7f, 0.16f, 0.10f}, {0.25f, 1.35f, 0.45f},
                                   {1.5f, 0.85f, 0.18f}, {0.75f, 0.20f, 1.7f}};

/* A sign on a wall: near 0 at the vanishing point, 1 at the picture's side. */
static void sign_paint(struct canvas *c, const struct street *s, int side, float near,
                       struct random *r)
{
    float reach = side < 0 ? s->vanish_u : canvas_aspect(c) - s->vanish_u;
    float u = s->vanish_u + (float)side * reach * near, size = 0.30f * near;
    float v = s->vanish_v - near * random_range(r, 0.08f, 0.62f);
    struct rgb light = random_chance(r, 0.55f) ? s->neon : neons[random_below(r, 6)];
    bool upright = random_chance(r, 0.6f);
    float wide = size * (upright ? 0.22f : 0.62f), tall = size * (upright ? 0.75f : 0.25f);
    float u0 = side < 0 ? u : u - wide;
    struct box b = {u0, v - tall / 2, u0 + wide, v + tall / 2};
    canvas_box(c, b, rgb_scale(light, 0.16f), 0.9f);
    float rim = fmaxf(0.10f * wide, 0.0016f);
    canvas_line(c, b.u0, b.v0, b.u1, b.v0, rim, light, 1);
    canvas_line(c, b.u0, b.v1, b.u1, b.v1, rim, light, 1);
    canvas_line(c, b.u0, b.v0, b.u0, b.v1, rim, light, 1);
    canvas_line(c, b.u1, b.v0, b.u1, b.v1, rim, light, 1);
    int glyphs = 2 + random_below(r, 4);
    struct rgb letter = random_chance(r, 0.5f) ? light : (struct rgb){1.4f, 1.35f, 1.2f};
    for (int i = 0; i < glyphs; i++) { /* strokes that look like writing from afar */
        float t = ((float)i + 0.5f) / (float)glyphs;
        float gu = upright ? (b.u0 + b.u1) / 2 : mixf(b.u0, b.u1, t);
        float gv = upright ? mixf(b.v0, b.v1, t) : (b.v0 + b.v1) / 2;
        float g = 0.28f * fminf(upright ? wide : wide / (float)glyphs,
                                upright ? tall / (float)glyphs : tall);
        for (int k = 0; k < 3; k++)
            canvas_line(c, gu + g * random_range(r, -1, 1), gv + g * random_range(r, -1, 1),
                        gu + g * random_range(r, -1, 1), gv + g * random_range(r, -1, 1),
                        fmaxf(0.25f * g, 0.0012f), letter, 1);
    }
    canvas_glow(c, u0 + wide / 2, v, size * 0.6f, rgb_scale(light, 0.045f), 1);
}

static struct rgb wall_light(const struct street *s, float near, float up, int side, uint32_t seed)
{
    float along = 1 / (near + 0.06f); /* distance into the picture */
    float floor = up / near * 9, bay = along * 5;
    int cell_x = (int)floorf(bay), cell_y = (int)floorf(floor);
    float fx = bay - floorf(bay), fy = floor - floorf(floor);
    int house = (int)floorf(along * 0.9f + (float)side);
    float tone = 0.5f + noise_cell(house, side, seed + 3);
    struct rgb wall = {0.030f * tone, 0.028f * tone, 0.036f * tone};
    wall = rgb_add(wall, rgb_scale(s->neon, 0.02f * expf(-floor * 0.35f)));
    bool glass = fx > 0.2f && fx < 0.8f && fy > 0.25f && fy < 0.78f;
    float chance = noise_cell(cell_x, cell_y, seed + (side < 0 ? 7 : 8));
    if (cell_y < 1 && fy > 0.1f) { /* shop windows */
        struct rgb shop = {1.0f, 0.82f, 0.52f};
        float on = noise_cell((int)floorf(bay / 3), 0, seed + 19);
        return rgb_scale(shop, on > 0.3f ? (0.04f + 0.30f * on) * (0.5f + 0.5f * fx) : 0.02f);
    }
    if (glass && chance > 0.68f)
        return rgb_scale((struct rgb){1.1f, 0.74f, 0.38f}, 0.25f + chance * 0.5f);
    return glass ? rgb_scale(wall, 0.5f) : wall;
}

static void walls_paint(struct canvas *c, const struct street *s, const struct light *l)
{
    uint32_t seed = (uint32_t)random_mix(s->seed + 70);
    for (int side = -1; side <= 1; side += 2)
        for (int x = 0; x < c->width; x++) {
            float du = (canvas_u(c, x) - s->vanish_u) * (float)side;
            float reach = side < 0 ? s->vanish_u : canvas_aspect(c) - s->vanish_u;
            float near = du / reach;
            if (near < 0.05f)
                continue;
            int house = (int)floorf(0.9f / (near + 0.06f) + (float)side);
            float roof = s->vanish_v - near * (0.75f + 0.75f * noise_cell(house, 5, seed));
            float foot = s->vanish_v + near * 0.16f;
            for (int y = canvas_row(c, roof); y < canvas_row(c, foot); y++) {
                float v = ((float)y + 0.5f) / (float)c->height;
                struct rgb wall = wall_light(s, near, foot - v, side, seed);
                float haze = 0.6f * expf(-near * 7);
                *canvas_at(c, x, y) =
                    rgb_mix(wall, rgb_add(l->haze, rgb_scale(s->neon, 0.05f)), haze);
            }
        }
}

static void pavement_paint(struct canvas *c, const struct street *s)
{
    for (int y = canvas_row(c, s->vanish_v); y < c->height; y++) {
        float v = ((float)y + 0.5f) / (float)c->height, below = v - s->vanish_v;
        for (int x = 0; x < c->width; x++) {
            float du = canvas_u(c, x) - s->vanish_u;
            float reach = du < 0 ? s->vanish_u : canvas_aspect(c) - s->vanish_u;
            if (below > fabsf(du) / reach * 0.16f)
                *canvas_at(c, x, y) = (struct rgb){0.020f, 0.020f, 0.024f};
        }
    }
}

/* The road throws back what stands at its sides: mirrored where the walls meet it. */
static void wet_road_paint(struct canvas *c, const struct street *s)
{
    uint32_t seed = (uint32_t)random_mix(s->seed + 74);
    float part = s->wet ? 0.60f : 0.13f;
    for (int y = canvas_row(c, s->vanish_v); y < c->height; y++) {
        float v = ((float)y + 0.5f) / (float)c->height;
        for (int x = 0; x < c->width; x++) {
            float u = canvas_u(c, x), du = u - s->vanish_u;
            float reach = du < 0 ? s->vanish_u : canvas_aspect(c) - s->vanish_u;
            float foot = s->vanish_v + fabsf(du) / reach * 0.16f, below = v - foot;
            if (below <= 0)
                continue;
            float rough = noise_fbm(u * 22, (v - s->vanish_v) * 70, 3, 0.6f, seed) - 0.5f;
            float puddle = smoothstepf(0.3f, 0.6f, noise_fbm(u * 4, v * 9, 3, 0.5f, seed + 9));
            struct rgb sum = {0, 0, 0};
            for (int i = 0; i < 7; i++)
                sum =
                    rgb_add(sum, canvas_sample(c, u + 0.05f * rough,
                                               fmaxf(foot - below * (0.45f + 0.2f * (float)i), 0)));
            struct rgb *pixel = canvas_at(c, x, y);
            *pixel = rgb_add(*pixel, rgb_scale(sum, part / 7 * (0.55f + 0.6f * puddle)));
        }
    }
}

void street_paint(struct canvas *c, const struct street *s, const struct light *l)
{
    struct random r = random_new(s->seed, 71);
    walls_paint(c, s, l);
    pavement_paint(c, s);
    int signs = s->signs ? 26 : 6;
    for (int i = 0; i < signs; i++) {
        float near = 0.10f + 0.8f * powf((float)i / (float)signs, 1.3f);
        sign_paint(c, s, random_chance(&r, 0.5f) ? 1 : -1, near, &r);
    }
    wet_road_paint(c, s);
}

/* A place across the road at a distance. near: 0 far .. 1 at the bottom; across: -1..1 */
static void road_place(const struct road *w, float near, float across, float *u, float *v)
{
    float p = near * near; /* evenly spaced steps crowd in the distance */
    *v = mixf(w->vanish_v, 1.06f, p);
    float middle = mixf(w->vanish_u, w->near_u, p) +
                   w->bend * (3.2f * p * (1 - p) + 0.5f * sinf(6.2832f * p) * (1 - p));
    *u = middle + across * w->near_width * 0.5f * (p + 0.004f);
}

void road_paint(struct canvas *c, const struct road *w, struct rgb asphalt)
{
    int steps = 260;
    for (int i = 0; i < steps; i++) {
        float near = (float)i / (float)steps, left_u, right_u, v, next_v, unused;
        road_place(w, near, -1.1f, &left_u, &v);
        road_place(w, near, 1.1f, &right_u, &v);
        road_place(w, near + 1.0f / (float)steps, 0, &unused, &next_v);
        canvas_box(c, (struct box){left_u, v, right_u, next_v + 0.001f},
                   rgb_scale(asphalt, 0.7f + 0.5f * near), 1);
        if (i % 6 < 3) {
            float mid_u;
            road_place(w, near, 0, &mid_u, &v);
            float half = 0.008f * w->near_width * near * near;
            canvas_box(c, (struct box){mid_u - half, v, mid_u + half, next_v},
                       rgb_scale(asphalt, 4), 0.6f);
        }
    }
}

void road_trails_paint(struct canvas *c, const struct road *w)
{
    struct random r = random_new(w->seed, 72);
    for (int i = 0; i < w->trails; i++) {
        bool away = i % 2;
        float across = (away ? 1 : -1) * random_range(&r, 0.12f, 0.92f);
        float lift = random_range(&r, 0.02f, 0.09f), flux = random_range(&r, 0.25f, 1.2f);
        struct rgb head = {1.30f, 1.10f, 0.74f}, tail = {1.6f, 0.10f, 0.05f};
        struct rgb light = rgb_scale(away ? tail : head, flux);
        float from = random_chance(&r, 0.2f) ? random_range(&r, 0, 0.4f) : 0;
        float to = random_chance(&r, 0.2f) ? random_range(&r, 0.6f, 1) : 1.05f;
        float width = random_range(&r, 0.004f, 0.014f);
        for (int k = 0; k < 60; k++) {
            float a = mixf(from, to, (float)k / 60), b = mixf(from, to, (float)(k + 1) / 60);
            float u0, v0, u1, v1;
            road_place(w, a, across, &u0, &v0);
            road_place(w, b, across, &u1, &v1);
            canvas_streak(c, u0, v0 - lift * a * a, u1, v1 - lift * b * b, width * (0.12f + b * b),
                          light);
        }
    }
}

void road_cars_paint(struct canvas *c, const struct road *w, int count)
{
    struct random r = random_new(w->seed, 73);
    for (int i = 0; i < count; i++) {
        bool away = random_chance(&r, 0.5f);
        float near = random_range(&r, 0.25f, 0.85f), across = (away ? 0.5f : -0.5f), u, v;
        road_place(w, near, across, &u, &v);
        float size = 0.05f * w->near_width * near * near;
        struct rgb light = away ? (struct rgb){1.8f, 0.1f, 0.06f} : (struct rgb){1.8f, 1.6f, 1.2f};
        canvas_ellipse(c, u, v - size * 0.7f, size * 2.1f, size * 1.1f, 0.3f,
                       (struct rgb){0.012f, 0.012f, 0.014f}, 1);
        for (int k = -1; k <= 1; k += 2) {
            canvas_glow(c, u + (float)k * size * 1.4f, v - size * 0.6f, size * 0.15f, light, 1);
            canvas_glow(c, u + (float)k * size * 1.4f, v - size * 0.6f, size * 1.3f,
                        rgb_scale(light, 0.14f), 1);
        }
    }
}
