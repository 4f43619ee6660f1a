/* SPDX-License-Identifier: MIT
 *
 * Mirrors and seas. A plane of water in perspective is noise over (x·depth, depth); its slope
 * decides how much of the sky it throws back (Schlick, 1994) and where the sun glitters.
 */
#include "scene/water.h"
#include "scene/land.h"
#include "scene/noise.h"

#include <math.h>

enum { MIRROR_TAPS = 6 };

static struct rgb mirrored(const struct canvas *c, const struct mirror *m, float u, float v,
                           uint32_t s)
{
    float below = v - m->shore_v, depth = 0.12f / (below + 0.02f);
    float wave = noise_fbm(u * depth * 5, depth * 30, 3, 0.6f, s) - 0.5f;
    float swing = m->ripple * (0.02f + 0.10f * below) * wave;
    struct rgb sum = {0, 0, 0};
    for (int i = 0; i < MIRROR_TAPS; i++) {
        float t = ((float)i + 0.5f) / MIRROR_TAPS - 0.5f;
        float away = m->smear * t * (0.10f + 0.9f * below) * 1.2f;
        float source = m->shore_v - below * (1 - 0.1f * below) + away + swing * 1.5f;
        source = fminf(source, m->shore_v - 0.5f / (float)c->height);
        sum = rgb_add(sum, canvas_sample(c, u + swing, fmaxf(source, 0.002f)));
    }
    return rgb_scale(sum, 1.0f / MIRROR_TAPS);
}

void mirror_paint(struct canvas *c, const struct mirror *m)
{
    uint32_t s = (uint32_t)random_mix(m->seed + 40);
    for (int y = canvas_row(c, m->shore_v); y < canvas_row(c, m->bottom_v); y++) {
        float v = ((float)y + 0.5f) / (float)c->height;
        float near = (v - m->shore_v) / (1.001f - m->shore_v);
        for (int x = 0; x < c->width; x++) {
            struct rgb image = mirrored(c, m, canvas_u(c, x), v, s);
            float part = m->reflectance * (1 - 0.35f * near);
            *canvas_at(c, x, y) = rgb_mix(m->body, image, part);
        }
    }
}

/* Slope of the waves towards the viewer, about -1..1. Far ones are too small to be seen. */
static float wave_slope(const struct sea *sea, float px, float depth, uint32_t s)
{
    float a = noise_fbm(px * 1.1f, depth * 4.5f, 4, 0.62f, s) - 0.5f;
    float b = noise_fbm(px * 3.7f + 9, depth * 15.0f, 3, 0.6f, s + 20) - 0.5f;
    return (a * 1.3f + b * 0.9f) * 2;
}

static float glitter_at(const struct sea *sea, const struct light *l, float u, float near,
                        float slope)
{
    float du = (u - l->sun_u) / (0.05f + 0.30f * near);
    float path = expf(-du * du);
    float spark = smoothstepf(0.10f - 0.2f * path, 0.75f, slope + 0.28f);
    return path * (0.22f + 2.4f * spark * (0.35f + 0.65f * sea->waves));
}

void sea_paint(struct canvas *c, const struct sea *sea, const struct light *l)
{
    uint32_t s = (uint32_t)random_mix(sea->seed + 41);
    float mid = canvas_aspect(c) / 2;
    for (int y = canvas_row(c, sea->horizon_v); y < c->height; y++) {
        float v = ((float)y + 0.5f) / (float)c->height, below = v - sea->horizon_v;
        float depth = 0.22f / (below + 0.012f), near = below / (1.001f - sea->horizon_v);
        float fresnel = 0.10f + 0.85f * powf(1 - clampf(near, 0, 1), 3.2f);
        for (int x = 0; x < c->width; x++) {
            float u = canvas_u(c, x), px = (u - mid) * depth;
            float slope = sea->waves * wave_slope(sea, px * 2, depth * 2, s);
            float source = sea->horizon_v - fminf(0.03f + below * 0.8f + 0.12f * slope, 0.9f);
            source = fminf(source, sea->horizon_v - 0.004f);
            struct rgb sky = canvas_sample(c, u, fmaxf(source, 0.01f));
            float part = clampf(fresnel + 0.30f * slope, 0.04f, 0.95f);
            struct rgb colour = rgb_mix(rgb_scale(sea->deep, 1 + 0.7f * slope), sky, part);
            if (sea->glitter)
                colour = rgb_add(colour,
                                 rgb_scale(sea->glitter_light, glitter_at(sea, l, u, near, slope)));
            if (sea->foam > 0) {
                float white =
                    smoothstepf(0.95f - 0.5f * sea->foam, 1.15f, slope + 0.55f * near * sea->foam);
                colour = rgb_mix(colour, light_on(l, (struct rgb){0.85f, 0.9f, 0.92f}, 0.6f),
                                 0.85f * white);
            }
            float haze = expf(-near * 30) * 0.5f;
            *canvas_at(c, x, y) = rgb_mix(colour, l->haze, haze);
        }
    }
}

/* Where the water's edge is: wave number `i` of those that run up the sand. */
static float shore_edge(float edge_v, float slant, float u, int i, uint32_t s)
{
    float wander = noise_fbm(u * 1.5f, (float)i * 5.3f, 4, 0.5f, s) - 0.5f;
    return edge_v + slant * (u - 0.75f) + 0.11f * wander - 0.055f * (float)i;
}

void beach_paint(struct canvas *c, const struct light *l, float edge_v, float slant, uint64_t seed)
{
    uint32_t s = (uint32_t)random_mix(seed + 42);
    struct random r = random_new(seed, 42);
    struct rgb dry = {random_range(&r, 0.62f, 0.80f), random_range(&r, 0.50f, 0.60f),
                      random_range(&r, 0.34f, 0.44f)};
    struct rgb foam = light_on(l, (struct rgb){0.92f, 0.95f, 0.97f}, 0.65f);
    for (int y = canvas_row(c, edge_v - 0.5f); y < c->height; y++) {
        float v = ((float)y + 0.5f) / (float)c->height;
        for (int x = 0; x < c->width; x++) {
            float u = canvas_u(c, x), edge = shore_edge(edge_v, slant, u, 0, s);
            struct rgb *pixel = canvas_at(c, x, y);
            float past = v - edge;
            if (past > -0.004f) {
                float fine = noise_fbm(u * 60, v * 110, 3, 0.6f, s + 9);
                float dunes = noise_fbm(u * 3, v * 9, 3, 0.5f, s + 5);
                float wet = 1 - smoothstepf(0.02f, 0.15f, past + 0.04f * (dunes - 0.5f));
                struct rgb sand = rgb_scale(dry, (0.72f + 0.3f * fine + 0.25f * dunes));
                struct rgb lit = light_on(l, rgb_scale(sand, 1 - 0.5f * wet), 0.55f);
                struct rgb sheen = canvas_sample(c, u, fmaxf(edge_v - 0.45f - past, 0.02f));
                lit = rgb_mix(lit, sheen, 0.42f * wet);
                *pixel = rgb_mix(*pixel, lit, smoothstepf(-0.004f, 0.004f, past));
            }
            for (int i = 0; i < 4; i++) {
                float d = v - shore_edge(edge_v, slant, u, i, s);
                float width = 0.020f - 0.003f * (float)i;
                float lace = noise_fbm(u * 28, v * 50, 4, 0.6f, s + 60 + (uint32_t)i);
                float front = smoothstepf(0.004f, -0.002f, d) * smoothstepf(-width * 2.6f, 0, d);
                float amount = front * smoothstepf(0.28f, 0.62f, lace + 0.35f * (d > -0.006f));
                *pixel = rgb_mix(*pixel, foam, clampf(amount * (1 - 0.16f * (float)i), 0, 1));
            }
        }
    }
}
