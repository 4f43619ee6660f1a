/* SPDX-License-Identifier: MIT
 *
 * Ridges, plains and fog. A ridge is a curve; what is below it is lit as if it were folded rock:
 * the difference of a noise to itself, a step towards the light, stands for the slope.
 */
#include "scene/land.h"
#include "scene/noise.h"

#include <math.h>

float ridge_at(const struct ridge *r, float u)
{
    float x = u * r->frequency;
    float shape = r->sharp ? 0.72f * noise_ridged(x, 3.3f, 6, r->seed) +
                                 0.45f * noise_value(x * 0.6f, 8.1f, r->seed + 50)
                           : noise_fbm(x, 3.3f, 5, 0.42f, r->seed);
    return r->base - r->amplitude * (shape - 0.45f) * 2;
}

/* The same noise that makes the crest, carried on downwards: gullies and spurs come down from the
 * peaks. */
static float relief_at(const struct ridge *r, const struct ground *g, float u, float below)
{
    float f = r->frequency, y = 3.3f + below * f * 1.7f / g->grain;
    return r->sharp ? noise_ridged(u * f, y, 6, r->seed)
                    : noise_fbm(u * f * 1.6f, y * 1.6f, 5, 0.5f, r->seed);
}

static struct rgb rock_light(const struct ridge *r, const struct ground *g, const struct light *l,
                             float u, float v, float crest)
{
    float below = v - crest, side = l->sun_u > u ? 1 : -1, step = 0.022f / r->frequency;
    float here = relief_at(r, g, u, below);
    float there = relief_at(r, g, u + side * step, below - 0.3f * step);
    float lit = clampf(0.42f + (here - there) * 2.6f * g->relief, 0, 1);
    float depth = clampf(below / (r->amplitude * 1.6f + 0.02f), 0, 1);
    struct rgb albedo = rgb_scale(rgb_mix(g->high, g->low, depth), 0.7f + 0.6f * here);
    if (!r->sharp) /* grass and bushes */
        albedo =
            rgb_scale(albedo, 0.80f + 0.4f * noise_fbm(u * 55, v * 110, 3, 0.6f, r->seed + 90));
    if (g->snow_v > 0) {
        float snow = smoothstepf(-0.035f, 0.05f, g->snow_v - v + 0.30f * (here - 0.42f));
        albedo = rgb_mix(albedo, (struct rgb){0.84f, 0.89f, 0.97f}, snow);
    }
    return light_on(l, albedo, lit);
}

void ridge_paint(struct canvas *c, const struct ridge *r, const struct ground *g,
                 const struct light *l, float bottom_v)
{
    int bottom = canvas_row(c, bottom_v);
    for (int x = 0; x < c->width; x++) {
        float u = canvas_u(c, x), crest = ridge_at(r, u);
        for (int y = canvas_row(c, crest - 1.0f / (float)c->height); y < bottom; y++) {
            float v = ((float)y + 0.5f) / (float)c->height;
            float cover = clampf((v - crest) * (float)c->height + 0.5f, 0, 1);
            struct rgb colour = g->relief > 0 ? rock_light(r, g, l, u, v, crest) : g->low;
            /* Haze lies in the valleys. */
            float fog = clampf(g->fog * (0.8f + 1.6f * (v - crest)), 0, 0.97f);
            struct rgb *pixel = canvas_at(c, x, y);
            *pixel = rgb_mix(*pixel, rgb_mix(colour, l->haze, fog), cover);
        }
    }
}

static void blades_paint(struct canvas *c, const struct plain *p, uint64_t seed)
{
    struct random r = random_new(seed, 31);
    float aspect = canvas_aspect(c);
    int count = (int)(900 * p->blades * aspect);
    for (int i = 0; i < count; i++) {
        float near = sqrtf((float)i / (float)count); /* far ones first */
        float v = mixf(p->horizon_v + 0.35f * (1 - p->horizon_v), 1.04f, near);
        float u = aspect * random_unit(&r), tall = 0.075f * near * random_range(&r, 0.4f, 1);
        struct rgb colour =
            rgb_scale(rgb_mix(p->far, p->near, near), random_range(&r, 0.35f, 1.5f));
        canvas_line(c, u, v, u + 0.4f * tall * random_normal(&r) * 0.5f, v - tall,
                    0.0022f + 0.002f * near, colour, 0.85f);
        if (p->flowers && random_chance(&r, 0.42f)) {
            float size = (0.0025f + 0.0085f * near) * random_range(&r, 0.6f, 1.2f);
            struct rgb petal = rgb_scale(p->flower, random_range(&r, 0.6f, 1.1f));
            canvas_ellipse(c, u, v - tall, size, size * 0.75f, 0.35f, petal, 0.95f);
        }
    }
}

void plain_paint(struct canvas *c, const struct plain *p, const struct light *l, uint64_t seed)
{
    uint32_t s = (uint32_t)random_mix(seed + 5);
    float mid = canvas_aspect(c) / 2;
    for (int y = canvas_row(c, p->horizon_v); y < c->height; y++) {
        float v = ((float)y + 0.5f) / (float)c->height;
        float depth = 0.30f / (v - p->horizon_v + 0.035f);
        float near = clampf((v - p->horizon_v) / (1 - p->horizon_v + 1e-4f), 0, 1);
        for (int x = 0; x < c->width; x++) {
            float px = (canvas_u(c, x) - mid) * depth, pz = depth * 2.2f;
            float patch = noise_fbm(px * 2.5f * (1 - 0.8f * p->streak), pz * 2.5f, 5, 0.55f, s);
            float fine = noise_value(px * 60, pz * 45, s + 3);
            struct rgb colour = rgb_mix(p->far, p->near, near);
            colour = rgb_scale(colour, 0.45f + 0.9f * patch + 0.25f * (fine - 0.5f) * near);
            float fog = clampf(p->haze - near * 2.4f, 0, 1);
            *canvas_at(c, x, y) = rgb_mix(colour, l->haze, fog);
        }
    }
    if (p->blades > 0)
        blades_paint(c, p, seed);
}

void fog_paint(struct canvas *c, float v, float thickness, struct rgb colour, float amount,
               uint64_t seed)
{
    uint32_t s = (uint32_t)random_mix(seed + 6);
    int y1 = canvas_row(c, v + 2.2f * thickness);
    for (int y = canvas_row(c, v - 2.2f * thickness); y < y1; y++)
        for (int x = 0; x < c->width; x++) {
            float pv = ((float)y + 0.5f) / (float)c->height, d = (pv - v) / thickness;
            float n = noise_fbm(canvas_u(c, x) * 2.4f, pv * 7, 4, 0.5f, s);
            float density = amount * expf(-d * d) * smoothstepf(0.15f, 0.75f, n + 0.2f);
            struct rgb *pixel = canvas_at(c, x, y);
            *pixel = rgb_mix(*pixel, colour, clampf(density, 0, 0.98f));
        }
}

void tent_paint(struct canvas *c, float u, float base_v, float size)
{
    struct rgb glow = {1.15f, 0.52f, 0.14f};
    canvas_glow(c, u, base_v - size * 0.3f, size * 1.6f, rgb_scale(glow, 0.014f), 1);
    canvas_glow(c, u, base_v - size * 0.3f, size * 0.7f, rgb_scale(glow, 0.05f), 1);
    int y0 = canvas_row(c, base_v - size * 0.7f), y1 = canvas_row(c, base_v);
    for (int y = y0; y < y1; y++) {
        float t = (float)(y - y0) / (float)(y1 - y0); /* a dome */
        float half = size * 0.62f * sqrtf(1 - (1 - t) * (1 - t));
        float v = ((float)y + 0.5f) / (float)c->height;
        canvas_box(c,
                   (struct box){u - half, v - 0.5f / (float)c->height, u + half,
                                v + 0.5f / (float)c->height},
                   rgb_scale(glow, 0.45f + 0.9f * t), 1);
    }
    struct rgb pole = {0.05f, 0.03f, 0.02f};
    canvas_line(c, u, base_v - size * 0.7f, u - size * 0.16f, base_v, size * 0.03f, pole, 0.8f);
    canvas_line(c, u, base_v - size * 0.7f, u + size * 0.16f, base_v, size * 0.03f, pole, 0.8f);
}

static struct rgb backdrop_colour(const struct light *l, struct rgb albedo, float darkness)
{
    struct rgb lit = light_on(l, albedo, 0.4f);
    return rgb_mix(lit, rgb_scale(l->ambient, 0.08f), darkness);
}

void backdrop_paint(struct canvas *c, const struct scene *scene, const struct light *l,
                    float base_v, float darkness)
{
    struct random r = random_new(scene->seed, 32);
    bool peaks = scene_has(scene, FACT_MOUNTAINS);
    struct rgb rock = {0.20f, 0.19f, 0.20f}, wood = {0.07f, 0.11f, 0.06f};
    for (int i = 0; i < 2; i++) {
        struct ridge ridge = {.base = base_v - (i       ? 0.0f
                                                : peaks ? 0.10f
                                                        : 0.04f),
                              .amplitude = (peaks && !i) ? random_range(&r, 0.11f, 0.17f)
                                                         : random_range(&r, 0.03f, 0.06f),
                              .frequency = random_range(&r, 1.0f, 1.9f),
                              .sharp = peaks && !i,
                              .seed = (uint32_t)random_bits(&r)};
        struct rgb colour = backdrop_colour(l, i ? wood : rock, darkness);
        struct ground ground = {
            .low = colour, .high = colour, .grain = 1, .fog = i ? 0.08f : 0.42f};
        if (darkness < 0.6f)
            ground =
                (struct ground){.low = wood,
                                .high = rock,
                                .relief = 0.8f,
                                .grain = 1,
                                .fog = i ? 0.10f : 0.4f,
                                .snow_v = scene_has(scene, FACT_SNOW) && !i ? base_v - 0.2f : 0};
        ridge_paint(c, &ridge, &ground, l, 1);
        if (i && scene_has(scene, FACT_PINES)) {
            struct woods woods = {.count = (int)(90 * canvas_aspect(c)),
                                  .height = random_range(&r, 0.06f, 0.13f),
                                  .sink = 0.02f,
                                  .colour = colour,
                                  .leaves = colour};
            woods_paint(c, &ridge, &woods, scene->seed);
        }
    }
}
