/* SPDX-License-Identifier: MIT
 *
 * Time in motion: what moves while the shutter is open.
 */
#include "scene/city.h"
#include "scene/land.h"
#include "scene/light.h"
#include "scene/noise.h"
#include "scene/paint.h"

#include <math.h>

static struct rgb colour_of(const struct scene *scene)
{
    return scene_has(scene, FACT_RED)      ? (struct rgb){0.75f, 0.04f, 0.03f}
           : scene_has(scene, FACT_BLUE)   ? (struct rgb){0.03f, 0.10f, 0.62f}
           : scene_has(scene, FACT_YELLOW) ? (struct rgb){0.90f, 0.55f, 0.03f}
           : scene_has(scene, FACT_GREEN)  ? (struct rgb){0.04f, 0.36f, 0.12f}
           : scene_has(scene, FACT_PINK)   ? (struct rgb){1.0f, 0.16f, 0.50f}
           : scene_has(scene, FACT_PURPLE) ? (struct rgb){0.45f, 0.10f, 0.85f}
                                           : (struct rgb){0.62f, 0.63f, 0.65f};
}

void paint_traffic(struct canvas *c, const struct scene *scene)
{
    struct random r = random_new(scene->seed, 101);
    struct light l = light_of(scene);
    float aspect = canvas_aspect(c), horizon = random_range(&r, 0.30f, 0.46f);
    struct sky sky = sky_of(scene, &l, horizon + 0.03f);
    sky_paint(c, &sky);
    bool city = scene->second == CATEGORY_CITY;
    if (city) {
        sky_glow_paint(c, horizon, 0.16f, (struct rgb){1, 0.62f, 0.34f});
        struct skyline line = {.base_v = horizon + 0.02f,
                               .height = random_range(&r, 0.14f, 0.22f),
                               .towers = 0.6f,
                               .lit = 0.45f,
                               .distance = 0.35f,
                               .seed = scene->seed};
        skyline_paint(c, &line, &l);
    } else {
        backdrop_paint(c, scene, &l, horizon - 0.02f, 0.75f);
        if (random_chance(&r, 0.5f))
            shore_lights_paint(c, horizon + 0.02f, 0.3f, scene->seed);
    }
    struct plain verge = {
        .horizon_v = horizon + 0.02f,
        .near = rgb_add(rgb_scale(l.ambient, 0.35f), (struct rgb){0.008f, 0.008f, 0.008f}),
        .far = rgb_scale(l.ambient, 0.35f),
        .streak = 0.3f,
        .flower = l.ambient};
    plain_paint(c, &verge, &l, scene->seed);
    bool curve = scene_has(scene, FACT_CURVE);
    struct road road = {
        .vanish_u = aspect * random_range(&r, 0.25f, 0.75f),
        .vanish_v = horizon + 0.02f,
        .near_u = aspect * random_range(&r, 0.2f, 0.8f),
        .near_width = aspect * random_range(&r, 0.5f, 1.0f),
        .bend = curve ? random_range(&r, 0.22f, 0.5f) * (random_chance(&r, 0.5f) ? 1 : -1) : 0,
        .trails = 26 + random_below(&r, 36),
        .seed = scene->seed};
    road_paint(c, &road, (struct rgb){0.022f, 0.022f, 0.025f});
    road_trails_paint(c, &road);
    canvas_bloom(c, 0.09f);
}

/* What passes by behind a vehicle that the camera follows. */
static void roadside_paint(struct canvas *c, const struct scene *scene, const struct light *l,
                           struct random *r)
{
    float aspect = canvas_aspect(c);
    struct rgb green = light_on(l, (struct rgb){0.10f, 0.20f, 0.06f}, 0.6f);
    bool town = l->hour <= HOUR_DUSK;
    for (int i = 0; i < 60; i++) {
        float u = aspect * random_range(r, -0.1f, 1.1f), v = random_range(r, 0.22f, 0.62f);
        float w = random_range(r, 0.03f, 0.2f), h = random_range(r, 0.03f, 0.22f);
        struct rgb colour =
            town ? rgb_scale((struct rgb){random_unit(r), random_unit(r), random_unit(r)}, 0.10f)
                 : rgb_scale(green, random_range(r, 0.3f, 1.6f));
        if (!town && random_chance(r, 0.25f))
            colour = light_on(
                l, (struct rgb){random_unit(r), random_unit(r) * 0.8f, random_unit(r) * 0.6f},
                0.5f);
        canvas_box(c, (struct box){u, v, u + w, v + h}, colour, 0.9f);
        if (town && random_chance(r, 0.5f))
            canvas_glow(
                c, u, v, 0.013f,
                (struct rgb){1.6f * random_unit(r) + 0.6f, 1.1f, 0.8f * random_unit(r) + 0.2f}, 1);
    }
}

static void wheel_of_car(struct canvas *c, float u, float v, float radius)
{
    canvas_ellipse(c, u, v, radius, radius, 0.1f, (struct rgb){0.012f, 0.012f, 0.013f}, 1);
    canvas_ellipse(c, u, v, radius * 0.62f, radius * 0.62f, 0.25f,
                   (struct rgb){0.22f, 0.22f, 0.23f}, 1);
    canvas_ellipse(c, u, v, radius * 0.22f, radius * 0.22f, 0.3f, (struct rgb){0.05f, 0.05f, 0.05f},
                   1);
}

static void car_paint(struct canvas *c, float u, float v, float size, struct rgb paint,
                      const struct light *l, bool bus)
{
    float long_half = size * (bus ? 0.72f : 0.5f), tall = size * (bus ? 0.50f : 0.16f);
    float body_v = v - size * 0.07f;
    struct rgb lit = light_on(l, paint, 0.8f), dark = light_on(l, paint, 0.15f);
    lit = rgb_add(lit, rgb_scale(paint, 0.10f));
    dark = rgb_add(dark, rgb_scale(paint, 0.03f));
    struct rgb glass = rgb_add(rgb_scale(l->horizon, 0.3f), (struct rgb){0.02f, 0.025f, 0.03f});
    canvas_ellipse(c, u, v + size * 0.02f, long_half * 1.05f, size * 0.05f, 0.7f,
                   (struct rgb){0, 0, 0}, 0.7f);
    if (!bus)
        for (int i = 0; i < 40; i++) { /* the cabin, row by row */
            float t = (float)i / 40, half = size * (0.17f + 0.14f * sqrtf(t));
            float y = body_v - tall - size * 0.145f * (1 - t);
            canvas_box(
                c, (struct box){u - half - size * 0.02f, y, u + half * 0.85f, y + size * 0.0045f},
                t < 0.12f ? lit : glass, 1);
        }
    for (int i = 0; i < 40; i++) { /* the body, rounded at its ends */
        float t = (float)i / 40, round = 1 - 0.06f * powf(fabsf(2 * t - 1), 3);
        float y = body_v - tall * (1 - t);
        canvas_box(c, (struct box){u - long_half * round, y, u + long_half * round, y + tall / 38},
                   rgb_mix(lit, dark, t), 1);
    }
    if (bus)
        for (int i = 0; i < 7; i++) {
            float x = u - long_half * 0.92f + long_half * 1.84f * (float)i / 7;
            canvas_box(c,
                       (struct box){x, body_v - tall * 0.85f, x + long_half * 0.22f,
                                    body_v - tall * 0.45f},
                       glass, 1);
        }
    wheel_of_car(c, u - long_half * 0.62f, v - size * 0.06f, size * 0.085f);
    wheel_of_car(c, u + long_half * 0.62f, v - size * 0.06f, size * 0.085f);
    canvas_glow(c, u + long_half * 0.97f, body_v - tall * 0.6f, size * 0.02f,
                (struct rgb){1.4f, 1.3f, 1}, 1);
    canvas_glow(c, u - long_half * 0.97f, body_v - tall * 0.6f, size * 0.018f,
                (struct rgb){1.2f, 0.05f, 0.03f}, 1);
}

void paint_panning(struct canvas *c, const struct scene *scene)
{
    struct random r = random_new(scene->seed, 102);
    struct light l = light_of(scene);
    float aspect = canvas_aspect(c);
    struct sky sky = sky_of(scene, &l, 0.4f);
    sky_paint(c, &sky);
    backdrop_paint(c, scene, &l, 0.34f, 0.1f);
    roadside_paint(c, scene, &l, &r);
    struct rgb road = light_on(&l, (struct rgb){0.11f, 0.11f, 0.12f}, 0.5f);
    canvas_box(c, (struct box){0, 0.66f, aspect, 1}, road, 1);
    canvas_box(c, (struct box){0, 0.655f, aspect, 0.675f}, rgb_scale(road, 2.2f), 0.8f);
    for (int i = 0; i < 60; i++) {
        float v = random_range(&r, 0.68f, 1), u = aspect * random_unit(&r);
        canvas_box(c, (struct box){u, v, u + 0.1f, v + 0.006f},
                   rgb_scale(road, random_range(&r, 0.5f, 1.6f)), 0.7f);
    }
    struct motion pan = {
        .du = random_range(&r, 0.28f, 0.6f), .dv = random_range(&r, -0.006f, 0.006f), .v1 = 1};
    canvas_motion_blur(c, &pan);
    bool bus = scene_has(scene, FACT_BUS);
    car_paint(c, aspect * random_range(&r, 0.4f, 0.6f), random_range(&r, 0.75f, 0.83f),
              random_range(&r, 0.55f, 0.75f) * fminf(aspect, 1.3f) / 1.3f, colour_of(scene), &l,
              bus);
    struct motion slight = {.du = 0.010f, .v1 = 1};
    canvas_motion_blur(c, &slight);
}

void paint_train(struct canvas *c, const struct scene *scene)
{
    struct random r = random_new(scene->seed, 103);
    struct light l = light_of(scene);
    float aspect = canvas_aspect(c), vanish_u = aspect * (random_chance(&r, 0.5f) ? 0.12f : 0.88f);
    float vanish_v = random_range(&r, 0.36f, 0.48f), far = vanish_u < aspect / 2 ? aspect : 0;
    uint32_t s = (uint32_t)random_bits(&r);
    struct rgb paint = colour_of(scene);
    bool inside = l.hour == HOUR_NIGHT || random_chance(&r, 0.5f);
    for (int y = 0; y < c->height; y++)
        for (int x = 0; x < c->width; x++) {
            float u = canvas_u(c, x), v = ((float)y + 0.5f) / (float)c->height;
            float near = (u - vanish_u) / (far - vanish_u),
                  up = (vanish_v - v) / fmaxf(near, 0.02f);
            struct rgb hall = inside ? (struct rgb){0.045f, 0.043f, 0.040f}
                                     : rgb_mix(l.horizon, l.zenith, clampf(up, 0, 1));
            struct rgb floor = rgb_scale(
                (struct rgb){0.15f, 0.145f, 0.14f},
                (inside ? 0.45f : 0.4f + l.ambient.g) *
                    (0.55f + 0.9f * noise_value(u * 3, 1 / (v - vanish_v + 0.05f), s + 30)));
            struct rgb colour = v < vanish_v ? hall : floor;
            if (near > 0 && up < 0.62f &&
                up > -0.46f) { /* the train: bands drawn out by its speed */
                float band = noise_fbm(up * 22, 0.1f + near * 0.25f, 3, 0.6f, s);
                float smear = noise_fbm(up * 70, near * 0.8f, 3, 0.6f, s + 5);
                colour = rgb_scale(paint, 0.06f + 0.9f * band * band + 0.25f * smear);
                if (up > 0.02f && up < 0.34f) {
                    float pane = 0.45f + 0.65f * noise_value(1 / (near + 0.1f) * 2.4f, 3, s + 9);
                    colour =
                        rgb_scale((struct rgb){1.0f, 0.86f, 0.60f},
                                  pane * pane * (0.25f + 0.75f * smear) * (inside ? 0.9f : 0.45f));
                }
                if (fabsf(up - 0.52f) < 0.03f)
                    colour = (struct rgb){1.1f, 1.05f, 0.95f};
            }
            if (near > 0 && up <= -0.46f && up > -0.52f) /* the yellow line */
                colour = (struct rgb){0.85f, 0.60f, 0.05f};
            if (inside && v < vanish_v && up > 0.95f && noise_cell((int)(up * 5), 0, s) > 0.5f)
                colour = rgb_add(colour, rgb_scale((struct rgb){0.9f, 0.95f, 1}, 0.8f));
            *canvas_at(c, x, y) = colour;
        }
    struct motion rush = {.zoom = 0.12f, .centre_u = vanish_u, .centre_v = vanish_v, .v1 = 1};
    canvas_motion_blur(c, &rush);
    canvas_bloom(c, 0.07f);
}

void paint_sparks(struct canvas *c, const struct scene *scene)
{
    struct random r = random_new(scene->seed, 104);
    struct light l = light_of(scene);
    float aspect = canvas_aspect(c), base = random_range(&r, 0.66f, 0.76f);
    struct sky sky = sky_of(scene, &l, base);
    sky_paint(c, &sky);
    backdrop_paint(c, scene, &l, base - 0.05f, 0.8f);
    struct plain ground = {.horizon_v = base,
                           .near = (struct rgb){0.03f, 0.022f, 0.016f},
                           .far = (struct rgb){0.015f, 0.012f, 0.011f},
                           .streak = 0.2f,
                           .flower = l.haze};
    plain_paint(c, &ground, &l, scene->seed);
    float cu = aspect * random_range(&r, 0.35f, 0.65f), radius = random_range(&r, 0.15f, 0.24f);
    float cv = base + 0.05f - radius;
    struct rgb fire = {1.7f, 0.72f, 0.16f};
    canvas_glow(c, cu, cv, 0.5f, rgb_scale(fire, 0.05f), 1);
    canvas_glow(c, cu, base + 0.12f, 0.22f, rgb_scale(fire, 0.10f), 1);
    for (int i = 0; i < 420; i++) {
        float a = random_range(&r, 0, 6.2832f), turn = random_chance(&r, 0.92f) ? 1 : -1;
        float u = cu + radius * cosf(a), v = cv + radius * sinf(a);
        float speed = random_range(&r, 0.10f, 0.55f) * random_unit(&r);
        float du = -sinf(a) * turn * speed + 0.3f * cosf(a) * speed,
              dv = cosf(a) * turn * speed + 0.3f * sinf(a) * speed;
        float flux = random_range(&r, 0.2f, 1.1f);
        for (int k = 0; k < 14; k++) {
            float t = (float)k / 14, n = (float)(k + 1) / 14;
            float v0 = v + dv * t + 0.30f * t * t * speed * 2,
                  v1 = v + dv * n + 0.30f * n * n * speed * 2;
            float floor_v = base + 0.16f;
            if (v1 > floor_v) /* they bounce */
                v0 = 2 * floor_v - v0, v1 = 2 * floor_v - v1;
            canvas_streak(c, u + du * t, v0, u + du * n, v1, 0.0022f,
                          rgb_scale(fire, flux * (1 - 0.8f * t)));
        }
    }
    for (int i = 0; i < 90; i++) {
        float a = 6.2832f * (float)i / 90, b = 6.2832f * (float)(i + 1) / 90,
              d = radius * random_range(&r, 0.97f, 1.03f);
        canvas_streak(c, cu + d * cosf(a), cv + d * sinf(a), cu + d * cosf(b), cv + d * sinf(b),
                      0.010f, fire);
    }
    canvas_box(c, (struct box){cu - 0.014f, base - 0.09f, cu + 0.014f, base + 0.05f},
               (struct rgb){0.004f, 0.003f, 0.003f}, 0.95f);
    canvas_ellipse(c, cu, base - 0.105f, 0.013f, 0.016f, 0.2f, (struct rgb){0.004f, 0.003f, 0.003f},
                   0.95f);
    canvas_bloom(c, 0.12f);
}

void paint_carousel(struct canvas *c, const struct scene *scene)
{
    struct random r = random_new(scene->seed, 105);
    struct light l = light_of(scene);
    float aspect = canvas_aspect(c), base = random_range(&r, 0.82f, 0.92f);
    struct sky sky = sky_of(scene, &l, base);
    sky_paint(c, &sky);
    float u = aspect * random_range(&r, 0.35f, 0.65f), radius = random_range(&r, 0.30f, 0.42f);
    struct rgb colour = rgb_scale(colour_of(scene), 1.7f);
    float v = base - radius * 1.15f;
    wheel_paint(c, u, v, radius, colour, 1, scene->seed);
    struct motion turn = {
        .turn = random_range(&r, 0.5f, 1.3f), .centre_u = u, .centre_v = v, .v1 = 1};
    canvas_motion_blur(c, &turn);
    for (int ring = 0; ring < 7; ring++) { /* what the lamps left on the sensor */
        float d = radius * (0.3f + 0.115f * (float)ring), from = random_range(&r, 0, 6.28f);
        struct rgb light = rgb_scale(ring % 2 ? colour : (struct rgb){1, 0.85f, 0.6f},
                                     random_range(&r, 0.35f, 0.9f));
        for (int i = 0; i < 64; i++) {
            float a = from + 6.2832f * (float)i / 64, b = a + 6.2832f / 64;
            float flicker = 0.5f + 0.5f * sinf(a * 9 + (float)ring * 2);
            canvas_streak(c, u + d * cosf(a), v + d * sinf(a), u + d * cosf(b), v + d * sinf(b),
                          0.006f, rgb_scale(light, flicker));
        }
    }
    canvas_line(c, u, v, u - radius * 0.45f, base + 0.05f, 0.016f,
                (struct rgb){0.02f, 0.02f, 0.025f}, 1);
    canvas_line(c, u, v, u + radius * 0.45f, base + 0.05f, 0.016f,
                (struct rgb){0.02f, 0.02f, 0.025f}, 1);
    canvas_box(c, (struct box){0, base, aspect, 1}, (struct rgb){0.012f, 0.012f, 0.015f}, 1);
    for (int i = 0; i < 26; i++) { /* booths, and people who would not stand still */
        float pu = aspect * random_unit(&r), size = random_range(&r, 0.004f, 0.009f);
        struct rgb lamp = {random_range(&r, 0.5f, 1.6f), random_range(&r, 0.3f, 1.1f),
                           random_range(&r, 0.2f, 1.2f)};
        canvas_glow(c, pu, base - random_range(&r, 0, 0.05f), size, lamp, 1);
        canvas_glow(c, pu, base + 0.04f, 0.03f, rgb_scale(lamp, 0.06f), 1);
    }
    canvas_bloom(c, 0.10f);
}

void paint_moved_trees(struct canvas *c, const struct scene *scene)
{
    struct random r = random_new(scene->seed, 106);
    struct light l = light_of(scene);
    float aspect = canvas_aspect(c);
    struct sky sky = sky_of(scene, &l, 0.6f);
    sky_paint(c, &sky);
    struct rgb leaves = scene_has(scene, FACT_AUTUMN) ? (struct rgb){0.55f, 0.24f, 0.04f}
                                                      : (struct rgb){0.14f, 0.34f, 0.07f};
    for (int i = 0; i < 150; i++) {
        float u = aspect * random_unit(&r), v = random_range(&r, 0.02f, 0.75f),
              size = random_range(&r, 0.03f, 0.13f);
        struct rgb tone = light_on(&l, rgb_scale(leaves, random_range(&r, 0.3f, 1.8f)),
                                   random_range(&r, 0.1f, 0.9f));
        canvas_ellipse(c, u, v, size, size, 0.7f, tone, 0.8f);
    }
    struct rgb moss = light_on(&l, rgb_scale(leaves, 0.5f), 0.4f);
    struct plain floor = {.horizon_v = 0.74f,
                          .near = moss,
                          .far = rgb_scale(moss, 0.7f),
                          .streak = 0.3f,
                          .flower = moss};
    plain_paint(c, &floor, &l, scene->seed);
    int trunks = 9 + random_below(&r, 14);
    for (int i = 0; i < trunks; i++) {
        float near = (float)i / (float)trunks, u = aspect * random_unit(&r),
              width = 0.008f + 0.035f * near * random_unit(&r);
        struct rgb bark =
            light_on(&l, (struct rgb){0.10f, 0.08f, 0.065f}, random_range(&r, 0.1f, 0.8f));
        canvas_line(c, u, -0.05f, u + 0.01f * random_normal(&r), 0.76f + 0.2f * near, width,
                    rgb_mix(bark, l.haze, 0.4f * (1 - near)), 1);
    }
    struct motion shake = {
        .du = random_range(&r, -0.012f, 0.012f), .dv = random_range(&r, 0.16f, 0.4f), .v1 = 1};
    canvas_motion_blur(c, &shake);
}
