/* SPDX-License-Identifier: MIT
 *
 * The sea: open, at a beach, at a rocky coast; with a city across the water, under stars, or
 * smoothed by a long exposure.
 */
#include "scene/city.h"
#include "scene/land.h"
#include "scene/light.h"
#include "scene/noise.h"
#include "scene/paint.h"
#include "scene/water.h"

#include <math.h>

static struct rgb sea_colour(const struct light *l, struct random *r)
{
    struct rgb albedo = {random_range(r, 0.01f, 0.04f), random_range(r, 0.14f, 0.26f),
                         random_range(r, 0.22f, 0.36f)};
    return light_on(l, albedo, 0.35f);
}

static void island_paint(struct canvas *c, const struct light *l, float horizon, struct random *r)
{
    float aspect = canvas_aspect(c), h = 1 / (float)c->height;
    struct ridge crest = {.base = horizon,
                          .amplitude = 0.03f,
                          .frequency = 1,
                          .sharp = true,
                          .seed = (uint32_t)random_bits(r)};
    float at = aspect * random_range(r, 0.15f, 0.85f), wide = random_range(r, 0.14f, 0.32f);
    float tall = random_range(r, 0.04f, 0.09f);
    struct rgb rock = light_on(l, (struct rgb){0.10f, 0.11f, 0.09f}, 0.35f);
    rock = rgb_mix(rock, l->haze, 0.45f);
    for (int x = canvas_column(c, at - wide); x < canvas_column(c, at + wide); x++) {
        float u = canvas_u(c, x), d = (u - at) / wide, rise = 1 - d * d;
        float top = horizon - tall * rise * (0.6f + 8 * (horizon - ridge_at(&crest, u * 3)));
        canvas_box(c, (struct box){u - h / 2, fminf(top, horizon - 0.001f), u + h / 2, horizon},
                   rock, 1);
    }
}

static void far_city_paint(struct canvas *c, const struct scene *scene, const struct light *l,
                           float horizon, struct random *r)
{
    sky_glow_paint(c, horizon, 0.10f, (struct rgb){1, 0.6f, 0.4f});
    struct skyline line = {.base_v = horizon,
                           .height = random_range(r, 0.07f, 0.13f),
                           .towers = 0.6f,
                           .lit = 0.5f,
                           .distance = 0.62f,
                           .seed = scene->seed};
    skyline_paint(c, &line, l);
    shore_lights_paint(c, horizon, 0.7f, scene->seed);
    canvas_bloom(c, 0.06f);
}

/* A sea with waves; or a mirror, where lights are to be drawn out in it or time has smoothed it. */
static void water_paint(struct canvas *c, const struct scene *scene, const struct light *l,
                        float horizon, struct random *r)
{
    bool silky = scene->second == CATEGORY_MOTION,
         moonlit = l->night && scene_has(scene, FACT_MOON);
    bool low_sun = l->hour == HOUR_SUNSET || l->hour == HOUR_GOLDEN || l->hour == HOUR_DAWN;
    float waves = scene_has(scene, FACT_BIG_WAVES) ? random_range(r, 0.8f, 1.15f)
                  : scene_has(scene, FACT_CALM)    ? random_range(r, 0.12f, 0.25f)
                                                   : random_range(r, 0.35f, 0.6f);
    float glitter = moonlit ? 3 : scene_has(scene, FACT_SUN) ? 1 : 0.4f;
    struct sea sea = {.horizon_v = horizon,
                      .waves = waves,
                      .foam = scene_has(scene, FACT_BIG_WAVES) ? 0.75f : 0,
                      .deep = sea_colour(l, r),
                      .glitter = low_sun || moonlit,
                      .glitter_light = rgb_scale(l->sun, glitter),
                      .seed = scene->seed};
    if (!scene_has(scene, FACT_CITY_LIGHTS) && !silky) {
        sea_paint(c, &sea, l);
        return;
    }
    struct mirror smooth = {.shore_v = horizon,
                            .bottom_v = 1,
                            .ripple = silky ? 0.08f : random_range(r, 0.3f, 0.7f),
                            .smear = silky ? 0.9f : 0.5f,
                            .body = sea.deep,
                            .reflectance = 0.72f,
                            .seed = scene->seed};
    mirror_paint(c, &smooth);
}

/* Sky and sea, and what is on the horizon. Returns the light with the sun where it is. */
static struct light open_water(struct canvas *c, const struct scene *scene, float horizon)
{
    struct random r = random_new(scene->seed, 121);
    struct light l = light_of(scene);
    struct sky sky = sky_of(scene, &l, horizon);
    sky.streak = scene->second == CATEGORY_MOTION;
    sky_paint(c, &sky);
    l = sky.light;
    bool stars = scene->second == CATEGORY_STARS;
    if (l.night || stars)
        night_sky_paint(c, scene, horizon, stars ? random_range(&r, 0.7f, 1.1f) : 0.15f);
    if (scene_has(scene, FACT_ISLAND))
        island_paint(c, &l, horizon, &r);
    if (scene_has(scene, FACT_MOUNTAINS))
        backdrop_paint(c, scene, &l, horizon - 0.03f, 0.1f);
    if (scene_has(scene, FACT_CITY_LIGHTS))
        far_city_paint(c, scene, &l, horizon, &r);
    water_paint(c, scene, &l, horizon, &r);
    return l;
}

static void boats(struct canvas *c, const struct scene *scene, const struct light *l, float horizon)
{
    struct random r = random_new(scene->seed, 122);
    if (!scene_has(scene, FACT_BOAT))
        return;
    float size = random_range(&r, 0.07f, 0.16f),
          u = canvas_aspect(c) * random_range(&r, 0.2f, 0.8f);
    struct rgb hull = light_on(l, (struct rgb){0.10f, 0.07f, 0.05f}, 0.3f);
    bool against = l->hour == HOUR_SUNSET || l->hour == HOUR_DUSK || l->hour == HOUR_DAWN;
    struct rgb sail = light_on(l, (struct rgb){0.85f, 0.83f, 0.78f}, against ? 0.12f : 0.7f);
    boat_paint(c, u, horizon + size * 0.16f, size, hull, sail);
}

void paint_sea(struct canvas *c, const struct scene *scene)
{
    struct random r = random_new(scene->seed, 123);
    float horizon = random_range(&r, 0.36f, 0.62f);
    if (scene->second == CATEGORY_STARS)
        horizon = random_range(&r, 0.6f, 0.74f);
    struct light l = open_water(c, scene, horizon);
    boats(c, scene, &l, horizon);
    if (scene_has(scene, FACT_ROCKS))
        for (int i = 0; i < 3; i++) {
            float near = random_range(&r, 0.25f, 0.9f);
            sea_rock_paint(c, &l, canvas_aspect(c) * random_range(&r, 0.1f, 0.9f),
                           mixf(horizon, 1, near), 0.05f + 0.12f * near, random_bits(&r));
        }
}

void paint_beach(struct canvas *c, const struct scene *scene)
{
    struct random r = random_new(scene->seed, 124);
    float horizon = random_range(&r, 0.30f, 0.45f);
    struct light l = open_water(c, scene, horizon);
    boats(c, scene, &l, horizon);
    float slant = random_range(&r, -0.28f, 0.28f);
    beach_paint(c, &l, random_range(&r, 0.62f, 0.78f), slant, scene->seed);
    if (scene_has(scene, FACT_ROCKS))
        for (int i = 0; i < 3; i++)
            boulder_paint(c, &l, canvas_aspect(c) * random_unit(&r), random_range(&r, 0.75f, 0.97f),
                          random_range(&r, 0.04f, 0.12f), (struct rgb){0.15f, 0.13f, 0.12f}, 0.15f,
                          random_bits(&r));
}

/* A headland from one side, with grass on top. */
static void headland_paint(struct canvas *c, const struct scene *scene, const struct light *l,
                           float horizon, struct random *r)
{
    float aspect = canvas_aspect(c);
    bool left = random_chance(r, 0.5f), wild = scene->second == CATEGORY_LAND;
    for (int i = 0; i < (wild ? 3 : 2); i++) {
        float reach = aspect * random_range(r, 0.25f, 0.45f) * (wild ? 1.3f : 1) * (i ? 1 : 1.35f);
        float tall = (wild ? 0.25f : 0.19f) * random_range(r, 0.7f, 1.15f) * (i ? 1 : 0.7f),
              foot = horizon + 0.015f + 0.10f * (float)i;
        struct ridge shape = {
            .amplitude = 0.09f, .frequency = 2.2f, .sharp = true, .seed = (uint32_t)random_bits(r)};
        struct rgb grass = scene_has(scene, FACT_HILLS) || wild ? (struct rgb){0.13f, 0.26f, 0.06f}
                                                                : (struct rgb){0.15f, 0.17f, 0.08f};
        struct rgb rock = {0.21f, 0.18f, 0.15f};
        for (int x = 0; x < c->width; x++) {
            float u = canvas_u(c, x), d = (left ? u : aspect - u) / reach;
            if (d > 1)
                continue;
            float top =
                foot - tall * powf(1 - d, 0.45f) + 0.5f * ridge_at(&shape, u) * powf(1 - d, 0.3f);
            for (int y = canvas_row(c, top); y < canvas_row(c, foot); y++) {
                float v = ((float)y + 0.5f) / (float)c->height,
                      t = (v - top) / fmaxf(foot - top, 0.001f);
                float face = noise_ridged(u * 9, v * 5, 4, shape.seed + 7);
                struct rgb albedo = rgb_mix(grass, rgb_scale(rock, 0.5f + face),
                                            smoothstepf(0.12f, 0.34f, t + 0.4f * (face - 0.4f)));
                float cover = clampf((v - top) * (float)c->height + 0.5f, 0, 1);
                struct rgb lit =
                    rgb_mix(light_on(l, albedo, 0.2f + 0.5f * face), l->haze, i ? 0.08f : 0.34f);
                *canvas_at(c, x, y) = rgb_mix(*canvas_at(c, x, y), lit, cover);
            }
        }
        struct rgb foam = light_on(l, (struct rgb){0.9f, 0.93f, 0.95f}, 0.5f);
        for (int k = 0; k < 30; k++) {
            float d = reach * random_unit(r), u = left ? d : aspect - d;
            canvas_ellipse(c, u, foot + 0.004f, random_range(r, 0.01f, 0.05f),
                           random_range(r, 0.002f, 0.006f), 0.9f, foam, 0.6f);
        }
        if (i && scene_has(scene, FACT_LIGHTHOUSE)) {
            float d = reach * 0.45f, u = left ? d : aspect - d;
            float top = foot - tall * powf(1 - 0.45f, 0.45f) +
                        0.5f * ridge_at(&shape, u) * powf(1 - 0.45f, 0.3f);
            lighthouse_paint(c, l, u, top + 0.012f, random_range(r, 0.20f, 0.28f));
        }
    }
}

void paint_coast(struct canvas *c, const struct scene *scene)
{
    struct random r = random_new(scene->seed, 125);
    float horizon = random_range(&r, 0.40f, 0.55f);
    struct light l = open_water(c, scene, horizon);
    if (scene_has(scene, FACT_CLIFF) || scene_has(scene, FACT_LIGHTHOUSE) ||
        scene_has(scene, FACT_HILLS))
        headland_paint(c, scene, &l, horizon, &r);
    boats(c, scene, &l, horizon);
    if (scene_has(scene, FACT_ROCKS))
        for (int i = 0; i < 6; i++) {
            float near = 0.3f + 0.65f * (float)i / 5;
            sea_rock_paint(c, &l, canvas_aspect(c) * random_range(&r, 0.02f, 0.98f),
                           mixf(horizon, 1, near), 0.04f + 0.13f * near * random_unit(&r),
                           random_bits(&r));
        }
}
