/* SPDX-License-Identifier: MIT
 *
 * Cities after dark: skylines, streets with neon, lights to the horizon.
 */
#include "scene/city.h"
#include "scene/land.h"
#include "scene/light.h"
#include "scene/noise.h"
#include "scene/paint.h"
#include "scene/water.h"

#include <math.h>

static struct rgb wheel_colour(const struct scene *scene)
{
    return scene_has(scene, FACT_PURPLE) ? (struct rgb){0.8f, 0.25f, 1.4f}
           : scene_has(scene, FACT_BLUE) ? (struct rgb){0.2f, 0.6f, 1.5f}
                                         : (struct rgb){1.5f, 0.35f, 0.5f};
}

void paint_skyline(struct canvas *c, const struct scene *scene)
{
    struct random r = random_new(scene->seed, 111);
    struct light l = light_of(scene);
    float aspect = canvas_aspect(c);
    bool water = scene_has(scene, FACT_REFLECTION), stars = scene->second == CATEGORY_STARS;
    float base = water ? random_range(&r, 0.58f, 0.70f) : random_range(&r, 0.80f, 0.95f);
    if (stars)
        base = random_range(&r, 0.78f, 0.9f);
    struct sky sky = sky_of(scene, &l, base);
    sky_paint(c, &sky);
    if (stars)
        night_sky_paint(c, scene, base, random_range(&r, 0.6f, 1));
    else if (scene_has(scene, FACT_MOON))
        night_sky_paint(c, scene, base * 0.8f, 0);
    sky_glow_paint(c, base, stars ? 0.10f : random_range(&r, 0.10f, 0.26f),
                   (struct rgb){1, random_range(&r, 0.5f, 0.66f), random_range(&r, 0.3f, 0.5f)});
    if (scene_has(scene, FACT_MOUNTAINS))
        backdrop_paint(c, scene, &l, base - 0.12f, 0.7f);
    bool towers = scene_has(scene, FACT_TOWERS);
    struct skyline line = {.base_v = base,
                           .height = stars ? random_range(&r, 0.12f, 0.2f)
                                           : random_range(&r, 0.2f, 0.34f),
                           .towers = towers ? 1 : 0.15f,
                           .lit = random_range(&r, 0.30f, 0.62f),
                           .distance = stars ? 0.4f : random_range(&r, 0, 0.35f),
                           .seed = scene->seed};
    if (!towers)
        line.height *= 0.72f;
    skyline_paint(c, &line, &l);
    if (scene_has(scene, FACT_WHEEL)) {
        float radius = random_range(&r, 0.13f, 0.19f);
        wheel_paint(c, aspect * random_range(&r, 0.2f, 0.8f), base - radius * 1.12f, radius,
                    wheel_colour(scene), 0, scene->seed);
    }
    if (water) {
        if (scene_has(scene, FACT_BRIDGE))
            bridge_paint(c, &l, base - 0.01f, random_range(&r, 0.2f, 0.3f), scene->seed);
        shore_lights_paint(c, base, 0.25f, scene->seed);
        canvas_bloom(c, 0.07f);
        struct mirror river = {.shore_v = base,
                               .bottom_v = 1,
                               .ripple = random_range(&r, 0.15f, 0.8f),
                               .smear = random_range(&r, 0.25f, 0.6f),
                               .body = rgb_scale(l.zenith, 0.5f),
                               .reflectance = random_range(&r, 0.6f, 0.85f),
                               .seed = scene->seed};
        mirror_paint(c, &river);
        return;
    }
    struct plain dark = {.horizon_v = base,
                         .near = rgb_scale(l.ambient, 0.3f),
                         .far = rgb_scale(l.ambient, 0.3f),
                         .streak = 0.2f,
                         .flower = l.haze};
    plain_paint(c, &dark, &l, scene->seed);
    canvas_bloom(c, 0.08f);
}

void paint_street(struct canvas *c, const struct scene *scene)
{
    struct random r = random_new(scene->seed, 112);
    struct light l = light_of(scene);
    float aspect = canvas_aspect(c), vanish_v = random_range(&r, 0.52f, 0.64f);
    struct sky sky = sky_of(scene, &l, vanish_v);
    sky_paint(c, &sky);
    sky_glow_paint(c, vanish_v, 0.14f, (struct rgb){1, 0.6f, 0.45f});
    struct rgb neon = scene_has(scene, FACT_BLUE)     ? (struct rgb){0.12f, 0.65f, 1.8f}
                      : scene_has(scene, FACT_GREEN)  ? (struct rgb){0.2f, 1.4f, 0.4f}
                      : scene_has(scene, FACT_PURPLE) ? (struct rgb){0.8f, 0.2f, 1.8f}
                      : scene_has(scene, FACT_RED)    ? (struct rgb){1.8f, 0.14f, 0.08f}
                      : scene_has(scene, FACT_PINK)   ? (struct rgb){1.8f, 0.15f, 0.65f}
                                                      : (struct rgb){1.3f, 0.8f, 0.35f};
    struct street street = {.vanish_u = aspect * random_range(&r, 0.38f, 0.62f),
                            .vanish_v = vanish_v,
                            .neon = neon,
                            .wet = scene_has(scene, FACT_WET),
                            .signs = scene_has(scene, FACT_NEON),
                            .seed = scene->seed};
    street_paint(c, &street, &l);
    if (scene_has(scene, FACT_CAR)) {
        struct road road = {.vanish_u = street.vanish_u,
                            .vanish_v = vanish_v + 0.01f,
                            .near_u = street.vanish_u,
                            .near_width = aspect * 0.8f,
                            .seed = scene->seed};
        road_cars_paint(c, &road, 4 + random_below(&r, 5));
    }
    canvas_bloom(c, 0.07f);
}

struct viewpoint {
    float horizon, height, middle, co, si; /* of the camera; turn of the streets */
};

/* A lamp at (x, z) on the ground. */
static void lamp_paint(struct canvas *c, const struct viewpoint *w, float x, float z,
                       struct rgb light)
{
    float px = x * w->co - z * w->si, pz = x * w->si + z * w->co;
    if (pz < 0.25f)
        return;
    float u = w->middle + px / pz * 0.9f, v = w->horizon + w->height / pz;
    if (v < 1.02f && u > -0.02f && u < canvas_aspect(c) + 0.02f)
        canvas_glow(c, u, v, 0.0008f + 0.0022f / pz, light, 1);
}

/* Streets with lamps, and windows between them, from a hill or an airplane. */
static void lamp_grid_paint(struct canvas *c, const struct viewpoint *w, struct random *r)
{
    for (int street = -34; street <= 34; street++) {
        bool main_street = random_chance(r, 0.25f);
        struct rgb lamp = random_chance(r, 0.75f) ? (struct rgb){1.6f, 0.78f, 0.25f}
                                                  : (struct rgb){1.1f, 1.15f, 1.2f};
        lamp = rgb_scale(lamp, main_street ? 1.5f : 0.6f);
        float at = 0.27f * ((float)street + 0.3f * random_normal(r));
        for (int i = -90; i < 90; i++) {
            float along = 0.105f * (float)i;
            lamp_paint(c, w, at, along, lamp);
            if (street % 2 == 0)
                lamp_paint(c, w, along, at, lamp);
        }
    }
    float aspect = canvas_aspect(c);
    for (int i = 0; i < (int)(3600 * aspect); i++) { /* the more of them the farther away */
        float near = random_unit(r) * random_unit(r),
              v = w->horizon + 0.004f + (1 - w->horizon) * near;
        struct rgb light = {random_range(r, 0.5f, 1.6f), random_range(r, 0.4f, 1.1f),
                            random_range(r, 0.2f, 0.9f)};
        canvas_glow(c, aspect * random_unit(r), v, 0.0008f + 0.0022f * near,
                    rgb_scale(light, 1.1f * powf(random_unit(r), 2)), 1);
    }
}

void paint_city_above(struct canvas *c, const struct scene *scene)
{
    struct random r = random_new(scene->seed, 113);
    struct light l = light_of(scene);
    float horizon = random_range(&r, 0.2f, 0.36f), aspect = canvas_aspect(c);
    struct sky sky = sky_of(scene, &l, horizon);
    sky_paint(c, &sky);
    if (scene_has(scene, FACT_MOUNTAINS))
        backdrop_paint(c, scene, &l, horizon - 0.02f, 0.75f);
    sky_glow_paint(c, horizon, 0.12f, (struct rgb){1, 0.58f, 0.3f});
    struct rgb dark = {0.010f, 0.011f, 0.015f};
    uint32_t s = (uint32_t)random_bits(&r);
    for (int y = canvas_row(c, horizon); y < c->height; y++)
        for (int x = 0; x < c->width; x++) {
            float v = ((float)y + 0.5f) / (float)c->height, depth = 0.2f / (v - horizon + 0.02f);
            float block =
                noise_fbm((canvas_u(c, x) - aspect / 2) * depth * 4, depth * 6, 3, 0.5f, s);
            *canvas_at(c, x, y) = rgb_add(
                rgb_scale(dark, 0.6f + block),
                rgb_scale((struct rgb){0.05f, 0.028f, 0.013f}, block * expf(-(v - horizon) * 4)));
        }
    float turn = random_range(&r, 0.15f, 1.4f);
    struct viewpoint view = {.horizon = horizon,
                             .height = random_range(&r, 0.22f, 0.42f),
                             .middle = aspect / 2,
                             .co = cosf(turn),
                             .si = sinf(turn)};
    lamp_grid_paint(c, &view, &r);
    if (scene_has(scene, FACT_TOWERS)) {
        struct skyline line = {.base_v = horizon + random_range(&r, 0.05f, 0.2f),
                               .height = 0.14f,
                               .towers = 1,
                               .lit = 0.45f,
                               .distance = 0.62f,
                               .seed = scene->seed};
        skyline_paint(c, &line, &l);
    }
    canvas_bloom(c, 0.10f);
}
