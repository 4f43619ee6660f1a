/* SPDX-License-Identifier: MIT
 *
 * Falling and rushing water, stones, and the few things that stand at a shore.
 */
#include "scene/land.h"
#include "scene/noise.h"
#include "scene/water.h"

#include <math.h>

void fall_paint(struct canvas *c, const struct fall *f, struct rgb light, float opacity)
{
    uint32_t s = (uint32_t)random_mix(f->seed + 51);
    float tall = f->bottom_v - f->top_v;
    for (int y = canvas_row(c, f->top_v); y < canvas_row(c, f->bottom_v); y++) {
        float v = ((float)y + 0.5f) / (float)c->height, t = (v - f->top_v) / tall;
        if (t < 0) /* the middle of the row that its lip crosses */
            continue;
        float half = mixf(f->top_width, f->bottom_width, powf(t, 0.8f)) / 2;
        float middle = f->u + 0.25f * half * (noise_fbm(t * 3, 1.7f, 3, 0.5f, s) - 0.5f);
        int x1 = canvas_column(c, middle + half * 1.5f);
        for (int x = canvas_column(c, middle - half * 1.5f); x < x1; x++) {
            float du = (canvas_u(c, x) - middle) / half;
            /* Strands are long; they spread with the fall. */
            float strand = noise_fbm(du * 6.5f, t * 1.6f + 0.8f * fabsf(du), 5, 0.62f, s + 7);
            float veil = noise_fbm(du * 2.1f, t * 3.5f, 3, 0.5f, s + 17);
            float edge = 1 - smoothstepf(0.62f, 1.08f, fabsf(du) + 0.55f * (strand - 0.5f));
            float body = smoothstepf(0.18f, 0.62f, 0.55f * strand + 0.5f * veil);
            struct rgb *pixel = canvas_at(c, x, y);
            struct rgb water = rgb_scale(light, 0.50f + 0.85f * strand);
            *pixel = rgb_mix(*pixel, water, clampf(edge * (0.25f + 0.75f * body) * opacity, 0, 1));
        }
    }
}

void torrent_paint(struct canvas *c, const struct torrent *w)
{
    uint32_t s = (uint32_t)random_mix(w->seed + 52);
    for (int y = canvas_row(c, w->horizon_v); y < c->height; y++) {
        float v = ((float)y + 0.5f) / (float)c->height;
        float near = (v - w->horizon_v) / (1.001f - w->horizon_v);
        if (near < 0)
            continue;
        float depth = 0.35f / (near + 0.10f);
        float middle = w->middle + w->bend * sinf(3.2f * (1 - near)) * (1 - near);
        float half = mixf(w->far_width, w->near_width, powf(near, 1.15f)) / 2;
        int x1 = canvas_column(c, middle + half * 1.3f);
        for (int x = canvas_column(c, middle - half * 1.3f); x < x1; x++) {
            float du = (canvas_u(c, x) - middle) / half;
            float bank = 0.22f * (noise_fbm(v * 9, du > 0 ? 3 : 8, 4, 0.5f, s + 30) - 0.5f);
            float inside = 1 - smoothstepf(0.88f + bank, 0.97f + bank, fabsf(du));
            if (inside <= 0)
                continue;
            float px = du * half * depth * 3;
            float flow = noise_fbm(px * 2.6f, depth * 6.5f, 5, 0.6f, s);
            float silk = noise_fbm(px * 9 + 2 * flow, depth * 5, 3, 0.6f, s + 11);
            float white = smoothstepf(0.72f - 0.36f * w->rough, 0.92f - 0.30f * w->rough,
                                      0.62f * flow + 0.42f * silk);
            struct rgb water = rgb_scale(w->deep, 0.6f + 0.9f * flow);
            water = rgb_mix(water, rgb_scale(w->foam, 0.6f + 0.6f * silk), white);
            struct rgb *pixel = canvas_at(c, x, y);
            *pixel = rgb_mix(*pixel, water, inside);
        }
    }
}

void boulder_paint(struct canvas *c, const struct light *l, float u, float v, float size,
                   struct rgb stone, float moss, uint64_t seed)
{
    uint32_t s = (uint32_t)random_mix(seed + 53);
    float ru = size, rv = size * 0.62f, pixel_part = 1.2f / (rv * (float)c->height);
    for (int y = canvas_row(c, v - rv * 1.4f); y < canvas_row(c, v + rv * 0.5f); y++)
        for (int x = canvas_column(c, u - ru * 1.4f); x < canvas_column(c, u + ru * 1.4f); x++) {
            float du = (canvas_u(c, x) - u) / ru,
                  dv = (((float)y + 0.5f) / (float)c->height - v) / rv;
            float lump = 0.5f * (noise_fbm(du * 1.3f + 7, dv * 1.3f, 2, 0.4f, s) - 0.5f) +
                         0.16f * (noise_ridged(du * 1.6f, dv * 1.6f + 5, 2, s + 3) - 0.5f);
            float d = sqrtf(du * du + dv * dv) + lump;
            float inside = 1 - smoothstepf(1 - pixel_part, 1 + pixel_part, d);
            inside *= 1 - smoothstepf(0.28f, 0.42f, dv);
            if (inside <= 0)
                continue;
            float crack = noise_ridged(du * 2.2f, dv * 2.6f, 4, s + 5);
            float top = clampf(
                0.45f - 0.75f * dv + 0.35f * lump - 0.25f * du * (l->sun_u < u ? 1 : -1), 0, 1);
            float green = moss * smoothstepf(0.35f, 0.75f, top + 0.4f * (crack - 0.5f));
            struct rgb albedo = rgb_mix(rgb_scale(stone, 0.6f + 0.6f * crack),
                                        (struct rgb){0.10f, 0.17f, 0.035f}, green);
            struct rgb colour =
                light_on(l, rgb_scale(albedo, 0.25f + 0.95f * top), 0.15f + 0.75f * top);
            struct rgb *pixel = canvas_at(c, x, y);
            *pixel = rgb_mix(*pixel, colour, inside);
        }
}

void sea_rock_paint(struct canvas *c, const struct light *l, float u, float v, float size,
                    uint64_t seed)
{
    struct random r = random_new(seed, 54);
    struct rgb stone = {0.16f, 0.14f, 0.13f};
    for (int i = 0; i < 4; i++) {
        float part = size * random_range(&r, 0.45f, 1);
        boulder_paint(c, l, u + size * random_range(&r, -0.7f, 0.7f), v - part * 0.1f, part, stone,
                      0.1f, random_bits(&r));
    }
    struct rgb foam = light_on(l, (struct rgb){0.9f, 0.93f, 0.95f}, 0.5f);
    for (int i = 0; i < 26; i++) {
        float du = size * 1.3f * random_normal(&r) * 0.6f;
        canvas_ellipse(c, u + du, v + size * random_range(&r, 0.10f, 0.24f),
                       size * random_range(&r, 0.08f, 0.3f), size * random_range(&r, 0.02f, 0.06f),
                       0.9f, foam, 0.4f);
    }
}

static void triangle_paint(struct canvas *c, float tip_u, float tip_v, const float foot[2],
                           float base_v, struct rgb colour)
{
    float h = (float)c->height;
    int y0 = canvas_row(c, tip_v), y1 = canvas_row(c, base_v);
    for (int y = y0; y < y1; y++) {
        float t = ((float)y + 0.5f - tip_v * h) / fmaxf((base_v - tip_v) * h, 1);
        float a = mixf(tip_u, foot[0], t), b = mixf(tip_u, foot[1], t), v = (float)y / h;
        canvas_box(c, (struct box){fminf(a, b), v, fmaxf(a, b), v + 1 / h}, colour, 1);
    }
}

void boat_paint(struct canvas *c, float u, float v, float size, struct rgb hull, struct rgb sail)
{
    float h = (float)c->height;
    int y1 = canvas_row(c, v);
    for (int y = canvas_row(c, v - size * 0.13f); y < y1; y++) {
        float t = (v - (float)y / h) / (size * 0.13f), half = size * (0.26f + 0.14f * t);
        canvas_box(c, (struct box){u - half, (float)y / h, u + half, ((float)y + 1) / h}, hull, 1);
    }
    canvas_line(c, u, v, u, v - size, size * 0.018f, hull, 1);
    const float main_sail[2] = {u + size * 0.03f, u + size * 0.36f};
    const float jib[2] = {u - size * 0.03f, u - size * 0.28f};
    triangle_paint(c, u + size * 0.03f, v - size * 0.98f, main_sail, v - size * 0.2f, sail);
    triangle_paint(c, u - size * 0.03f, v - size * 0.85f, jib, v - size * 0.2f,
                   rgb_scale(sail, 0.8f));
}

void lighthouse_paint(struct canvas *c, const struct light *l, float u, float base_v, float height)
{
    float h = (float)c->height, top = base_v - height;
    struct rgb white = {0.85f, 0.84f, 0.80f}, red = {0.55f, 0.05f, 0.04f};
    int y1 = canvas_row(c, base_v);
    for (int y = canvas_row(c, top + height * 0.16f); y < y1; y++) {
        float t = ((float)y / h - top) / height, half = height * (0.060f + 0.035f * t);
        struct rgb paint = (int)(t * 5.2f) % 2 ? red : white;
        canvas_box(c, (struct box){u - half, (float)y / h, u + half, ((float)y + 1) / h},
                   light_on(l, paint, 0.55f), 1);
        canvas_box(c, (struct box){u + half * 0.3f, (float)y / h, u + half, ((float)y + 1) / h},
                   light_on(l, paint, 0.1f), 0.6f);
    }
    float half = height * 0.05f;
    struct rgb lamp = {1.6f, 1.25f, 0.6f};
    bool dark = l->hour <= HOUR_DUSK || l->hour == HOUR_STORM;
    canvas_box(c, (struct box){u - half, top + height * 0.07f, u + half, top + height * 0.16f},
               dark ? lamp : light_on(l, (struct rgb){0.2f, 0.25f, 0.3f}, 0.5f), 1);
    const float roof[2] = {u - half * 1.5f, u + half * 1.5f};
    triangle_paint(c, u, top, roof, top + height * 0.075f, light_on(l, red, 0.4f));
    if (dark)
        canvas_glow(c, u, top + height * 0.11f, height * 0.35f, rgb_scale(lamp, 0.35f), 1);
}
