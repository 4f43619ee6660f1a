/* SPDX-License-Identifier: MIT
 *
 * Skylines: rows of buildings one behind another, windows with light or without, and what stands
 * by the water. Sizes follow the usual: a floor is about a 30th of a tall building.
 */
#include "scene/city.h"
#include "scene/noise.h"

#include <math.h>

static struct rgb window_light(struct random *r)
{
    static const struct rgb kinds[] = {
        {1.25f, 0.78f, 0.34f}, {1.20f, 0.92f, 0.58f}, {0.95f, 0.98f, 1.00f}, {1.3f, 0.62f, 0.22f}};
    return rgb_scale(kinds[random_below(r, 4)], 0.12f + 1.2f * powf(random_unit(r), 1.8f));
}

struct building {
    float u0, u1, top, base;
    float lit, floor, bay; /* sizes of a window's cell */
    struct rgb wall;
};

static void windows_paint(struct canvas *c, const struct building *b, struct random *r)
{
    int floors = (int)((b->base - b->top) / b->floor), bays = (int)((b->u1 - b->u0) / b->bay);
    float margin = (b->u1 - b->u0 - (float)bays * b->bay) / 2;
    bool bands = random_chance(r, 0.25f);
    for (int i = 0; i < floors; i++) {
        bool row = random_chance(r, b->lit * 1.2f);
        for (int k = 0; k < bays; k++) {
            bool on = bands ? row && random_chance(r, 0.85f) : random_chance(r, b->lit);
            struct rgb light = window_light(r);
            float u = b->u0 + margin + (float)k * b->bay, v = b->top + ((float)i + 0.3f) * b->floor;
            struct box glass = {u + b->bay * 0.16f, v, u + b->bay * 0.84f, v + b->floor * 0.58f};
            if (on)
                canvas_box(c, glass, light, 0.95f);
            else
                canvas_box(c, glass, rgb_scale(b->wall, 0.5f), 0.5f);
        }
    }
}

static void roof_paint(struct canvas *c, const struct building *b, struct random *r)
{
    float wide = b->u1 - b->u0, mid = (b->u0 + b->u1) / 2, tall = b->base - b->top;
    int kind = random_below(r, 8);
    if (kind == 0 && tall > 0.12f) { /* a mast with a red lamp */
        float up = tall * random_range(r, 0.12f, 0.3f);
        canvas_line(c, mid, b->top, mid, b->top - up, 0.0025f, rgb_scale(b->wall, 0.9f), 1);
        canvas_glow(c, mid, b->top - up, 0.004f, (struct rgb){1.8f, 0.12f, 0.08f}, 1);
    } else if (kind == 1) { /* set back */
        float up = wide * random_range(r, 0.2f, 0.5f);
        struct building upper = *b;
        upper.u0 += wide * 0.22f;
        upper.u1 -= wide * 0.22f;
        upper.base = b->top;
        upper.top = b->top - up;
        canvas_box(c, (struct box){upper.u0, upper.top, upper.u1, upper.base}, b->wall, 1);
        windows_paint(c, &upper, r);
    } else if (kind == 2 && tall > 0.12f) { /* a lit crown */
        struct rgb crown = {random_range(r, 0.2f, 1.2f), random_range(r, 0.3f, 0.9f),
                            random_range(r, 0.3f, 1.3f)};
        canvas_box(c, (struct box){b->u0, b->top, b->u1, b->top + 0.012f}, crown, 1);
        canvas_glow(c, mid, b->top, wide * 0.4f, rgb_scale(crown, 0.05f), 1);
    } else if (kind == 3 && tall > 0.15f) { /* a spire */
        float up = wide * random_range(r, 0.5f, 1.1f);
        for (int i = 0; i < 16; i++) {
            float t = (float)i / 16, half = wide * 0.5f * (1 - t);
            canvas_box(
                c,
                (struct box){mid - half, b->top - up * (t + 0.0625f), mid + half, b->top - up * t},
                b->wall, 1);
        }
    }
}

static void row_paint(struct canvas *c, const struct skyline *s, const struct light *l, int row,
                      struct random *r)
{
    float aspect = canvas_aspect(c), scale = 1 - 0.55f * s->distance;
    float back = row == 0 ? 1 : row == 1 ? 0.5f : 0;
    struct rgb wall = {0.055f, 0.058f, 0.070f};
    float crowd = noise_cell(row, 3, (uint32_t)s->seed) * 6;
    for (float u = -0.05f; u < aspect;) {
        float wide = scale * random_range(r, 0.05f, 0.13f);
        float middle = u + wide / 2;
        float dense =
            0.45f + 0.9f * noise_fbm(middle * 1.6f + crowd, 2, 2, 0.5f, (uint32_t)s->seed);
        float tall = s->height * dense * random_range(r, 0.45f, 1.15f) * (0.75f + 0.4f * back);
        if (random_chance(r, 0.28f * s->towers))
            tall *= random_range(r, 1.4f, 2.1f);
        struct building b = {.u0 = u,
                             .u1 = u + wide,
                             .top = s->base_v - tall,
                             .base = s->base_v,
                             .lit = s->lit * (1 - 0.3f * back),
                             .floor = scale * random_range(r, 0.0085f, 0.0135f),
                             .bay = scale * random_range(r, 0.0065f, 0.0115f),
                             .wall = wall};
        b.wall = rgb_add(rgb_scale(rgb_multiply(wall, rgb_add(rgb_scale(l->ambient, 2.5f),
                                                              (struct rgb){0.16f, 0.15f, 0.16f})),
                                   random_range(r, 0.6f, 1.4f)),
                         rgb_scale(l->haze, 0.25f * back));
        canvas_box(c, (struct box){b.u0, b.top, b.u1, b.base}, b.wall, 1);
        canvas_box(c, (struct box){b.u1 - wide * 0.22f, b.top, b.u1, b.base},
                   rgb_scale(b.wall, 0.5f), 0.6f);
        windows_paint(c, &b, r);
        roof_paint(c, &b, r);
        u += wide * random_range(r, 0.75f, 1.25f);
    }
}

void skyline_paint(struct canvas *c, const struct skyline *s, const struct light *l)
{
    struct random r = random_new(s->seed, 61);
    for (int row = 0; row < 3; row++)
        row_paint(c, s, l, row, &r);
}

void sky_glow_paint(struct canvas *c, float base_v, float strength, struct rgb colour)
{
    for (int y = 0; y < c->height; y++) {
        float v = ((float)y + 0.5f) / (float)c->height;
        float light = strength * expf(-fabsf(base_v - v) * (v < base_v ? 4.5f : 40));
        for (int x = 0; x < c->width; x++) {
            float side = canvas_u(c, x) / canvas_aspect(c) - 0.5f;
            struct rgb *pixel = canvas_at(c, x, y);
            *pixel = rgb_add(*pixel, rgb_scale(colour, light * (1 - 0.8f * side * side)));
        }
    }
}

void shore_lights_paint(struct canvas *c, float v, float density, uint64_t seed)
{
    struct random r = random_new(seed, 62);
    float aspect = canvas_aspect(c);
    int count = (int)(170 * density * aspect);
    for (int i = 0; i < count; i++) {
        float u = aspect * random_unit(&r), up = 0.03f * random_unit(&r) * random_unit(&r);
        float size = random_range(&r, 0.0016f, 0.0034f);
        struct rgb light = rgb_scale(window_light(&r), 2.2f);
        canvas_glow(c, u, v - 0.003f - up, size, light, v);
        if (random_chance(&r, 0.15f))
            canvas_glow(c, u, v - 0.003f - up, size * 4, rgb_scale(light, 0.18f), v);
    }
}

void bridge_paint(struct canvas *c, const struct light *l, float deck_v, float height,
                  uint64_t seed)
{
    struct random r = random_new(seed, 63);
    float aspect = canvas_aspect(c), first = aspect * random_range(&r, 0.18f, 0.3f);
    float span = aspect * random_range(&r, 0.42f, 0.55f);
    struct rgb steel = rgb_add(rgb_scale(l->ambient, 0.7f), (struct rgb){0.10f, 0.045f, 0.02f});
    struct rgb lamp = {1.5f, 0.95f, 0.45f};
    canvas_line(c, -0.1f, deck_v, aspect + 0.1f, deck_v, 0.014f, steel, 1);
    for (int i = 0; i < 2; i++) {
        float u = first + span * (float)i;
        canvas_box(c, (struct box){u - 0.011f, deck_v - height, u + 0.011f, deck_v + 0.10f}, steel,
                   1);
        canvas_glow(c, u, deck_v - height, 0.005f, (struct rgb){2, 0.2f, 0.1f}, 1);
    }
    for (float u = 0; u < aspect; u += 0.014f) { /* cables: parabolas from tower to tower */
        float t = (u - first) / span, between = t - floorf(t);
        float sag = 4 * (between - 0.5f) * (between - 0.5f);
        float v = deck_v - height * (0.06f + 0.94f * sag);
        float next = (u + 0.014f - first) / span;
        next -= floorf(next);
        float next_v = deck_v - height * (0.06f + 0.94f * 4 * (next - 0.5f) * (next - 0.5f));
        canvas_line(c, u, v, u + 0.014f, next_v, 0.0035f, steel, 1);
        canvas_line(c, u, v, u, deck_v, 0.0014f, steel, 0.7f);
        canvas_glow(c, u, v, 0.0022f, rgb_scale(lamp, 1.2f), 1);
        canvas_glow(c, u, deck_v - 0.008f, 0.003f, lamp, 1);
    }
}

void wheel_paint(struct canvas *c, float u, float v, float radius, struct rgb colour, float turn,
                 uint64_t seed)
{
    struct random r = random_new(seed, 64);
    struct rgb steel = rgb_scale(colour, 0.22f);
    canvas_line(c, u, v, u - radius * 0.42f, v + radius * 1.18f, radius * 0.035f, steel, 1);
    canvas_line(c, u, v, u + radius * 0.42f, v + radius * 1.18f, radius * 0.035f, steel, 1);
    int spokes = 20 + random_below(&r, 10);
    for (int i = 0; i < spokes; i++) {
        float a = 6.2832f * (float)i / (float)spokes;
        struct rgb light = i % 2 ? colour : rgb_scale((struct rgb){1, 0.95f, 0.85f}, 0.9f);
        if (turn <= 0)
            canvas_streak(c, u, v, u + radius * cosf(a), v + radius * sinf(a), 0.0022f, steel);
        for (int k = 0; k < 8; k++) {
            float d = radius * (0.3f + 0.1f * (float)k);
            canvas_glow(c, u + d * cosf(a), v + d * sinf(a), 0.0032f, rgb_scale(light, 1.3f), 1);
        }
    }
    for (int i = 0; i < 96; i++) {
        float a = 6.2832f * (float)i / 96, b = 6.2832f * (float)(i + 1) / 96;
        canvas_streak(c, u + radius * cosf(a), v + radius * sinf(a), u + radius * cosf(b),
                      v + radius * sinf(b), 0.005f, rgb_scale(colour, 0.8f));
    }
    canvas_glow(c, u, v, radius * 0.75f, rgb_scale(colour, 0.07f), 1);
}
