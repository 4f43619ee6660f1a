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
    struct skyline line = {base,
                           stars ? random_range(&r, 0.12f, 0.2f) : random_range(&r, 0.2f, 0.34f),
                           towers ? 1 : 0.15f,
                           random_range(&r, 0.30f, 0.62f),
                           stars ? 0.4f : random_range(&r, 0, 0.35f),
                           scene->seed};
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
        struct mirror river = {base,
                               1,
                               random_range(&r, 0.15f, 0.8f),
                               random_range(&r, 0.25f, 0.6f),
                               rgb_scale(l.zenith, 0.5f),
                               random_range(&r, 0.6f, 0.85f),
                               scene->seed};
        mirror_paint(c, &river);
        return;
    }
    struct plain dark = {
        base, rgb_scale(l.ambient, 0.3f), rgb_scale(l.ambient, 0.3f), 0.2f, 0, false, l.haze};
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
    struct street street = {aspect * random_range(&r, 0.38f, 0.62f),
                            vanish_v,
                            neon,
                            scene_has(scene, FACT_WET),
                            scene_has(scene, FACT_NEON),
                            scene->seed};
    street_paint(c, &street, &l);
    if (scene_has(scene, FACT_CAR)) {
        struct road road = {street.vanish_u, vanish_v + 0.01f, street.vanish_u, aspect * 0.8f, 0, 0,
                            scene->seed};
        road_cars_paint(c, &road, 4 + random_below(&r, 5));
    }
    canvas_bloom(c, 0.12f);
}

/* Street lamps in rows, seen from a hill: each row is a line to its own vanishing point. */
static void lamp_grid_paint(struct canvas *c, float horizon, struct random *r)
{
    float aspect = canvas_aspect(c);
    for (int road = 0; road < 34; road++) {
        bool across = random_chance(r, 0.45f);
        float u = aspect * random_range(r, -0.3f, 1.3f),
              vanish = aspect * random_range(r, 0.2f, 0.8f);
        float own = random_unit(r), row = 0.10f / (own + 0.06f);
        struct rgb lamp = rgb_scale(random_chance(r, 0.75f) ? (struct rgb){1.5f, 0.75f, 0.25f}
                                                            : (struct rgb){1.1f, 1.15f, 1.2f},
                                    random_range(r, 0.5f, 1.2f));
        for (int i = 0; i < 70; i++) {
            float depth = 1 + (float)i * 0.30f,
                  near = across ? fminf(1 / (1 + row * 3), 1) : 1 / depth;
            float pu = across ? aspect * (float)i / 70 + 0.02f * random_unit(r)
                              : mixf(vanish, u + (u - vanish) * 0.6f, near);
            float pv = horizon + 0.01f + (1.05f - horizon) * near +
                       (across ? 0.03f * (pu - aspect / 2) * near : 0);
            canvas_glow(c, pu, pv, 0.0016f + 0.0042f * near, lamp, 1);
        }
    }
    for (int i = 0; i < (int)(2600 * aspect); i++) {
        float near = 1 / (1 + 24 * random_unit(r)), v = horizon + 0.006f + (1.02f - horizon) * near;
        struct rgb light = {random_range(r, 0.5f, 1.6f), random_range(r, 0.4f, 1.1f),
                            random_range(r, 0.2f, 0.9f)};
        canvas_glow(c, aspect * random_unit(r), v, 0.0010f + 0.0030f * near,
                    rgb_scale(light, random_range(r, 0.2f, 1)), 1);
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
    lamp_grid_paint(c, horizon, &r);
    if (scene_has(scene, FACT_TOWERS)) {
        struct skyline line = {random_range(&r, 0.62f, 0.8f), 0.22f, 1, 0.5f, 0.45f, scene->seed};
        struct light dim = l;
        for (int i = 0; i < 1; i++)
            skyline_paint(c, &line, &dim);
        lamp_grid_paint(c, line.base_v - 0.05f, &r);
    }
    canvas_bloom(c, 0.10f);
}
