/* SPDX-License-Identifier: MIT
 *
 * Night skies over land, over water, over nothing.
 */
#include "scene/land.h"
#include "scene/light.h"
#include "scene/noise.h"
#include "scene/paint.h"
#include "scene/water.h"

#include <math.h>

/* Clouds of gas, far away. */
static void nebula_paint(struct canvas *c, uint64_t seed)
{
    struct random r = random_new(seed, 81);
    uint32_t s = (uint32_t)random_bits(&r);
    struct rgb one = {random_range(&r, 0.25f, 0.6f), 0.06f, random_range(&r, 0.1f, 0.3f)};
    struct rgb two = {0.04f, random_range(&r, 0.1f, 0.25f), random_range(&r, 0.25f, 0.55f)};
    float cu = canvas_aspect(c) * random_range(&r, 0.3f, 0.7f), cv = random_range(&r, 0.3f, 0.7f);
    for (int y = 0; y < c->height; y++)
        for (int x = 0; x < c->width; x++) {
            float u = canvas_u(c, x), v = ((float)y + 0.5f) / (float)c->height;
            float d = sqrtf((u - cu) * (u - cu) + (v - cv) * (v - cv));
            float warp = noise_fbm(u * 2.2f, v * 2.2f, 4, 0.55f, s);
            float gas = noise_fbm(u * 3 + 1.8f * warp, v * 3 - 1.8f * warp, 5, 0.56f, s + 9);
            float dark = noise_ridged(u * 4 + warp, v * 4, 4, s + 30);
            float light =
                smoothstepf(0.42f, 0.85f, gas + 0.25f * (0.55f - d)) * (1.15f - dark * 0.8f);
            struct rgb colour = rgb_mix(one, two, smoothstepf(0.35f, 0.65f, warp));
            struct rgb *pixel = canvas_at(c, x, y);
            *pixel = rgb_add(*pixel, rgb_scale(colour, fmaxf(light, 0) * 1.3f));
        }
}

static void galaxy_paint(struct canvas *c, uint64_t seed)
{
    struct random r = random_new(seed, 82);
    float cu = canvas_aspect(c) * random_range(&r, 0.35f, 0.65f),
          cv = random_range(&r, 0.35f, 0.65f);
    float size = random_range(&r, 0.2f, 0.34f), flat = random_range(&r, 0.35f, 0.75f);
    float turn = random_range(&r, 0, 3.14f), wind = random_range(&r, 2.6f, 4.2f);
    uint32_t s = (uint32_t)random_bits(&r);
    for (int y = 0; y < c->height; y++)
        for (int x = 0; x < c->width; x++) {
            float du = canvas_u(c, x) - cu, dv = ((float)y + 0.5f) / (float)c->height - cv;
            float a = (du * cosf(turn) + dv * sinf(turn)) / size;
            float b = (-du * sinf(turn) + dv * cosf(turn)) / (size * flat);
            float d = sqrtf(a * a + b * b);
            if (d > 2.2f)
                continue;
            float angle = atan2f(b, a),
                  arm = 0.5f + 0.5f * cosf(2 * angle + wind * logf(d + 0.15f) * 2);
            float dust = noise_fbm(a * 5, b * 5, 4, 0.6f, s);
            float disc = expf(-d * 2.3f) * (0.35f + 1.2f * arm * arm) * (0.4f + 1.1f * dust);
            struct rgb core = rgb_scale((struct rgb){1.25f, 1.0f, 0.7f}, 1.6f * expf(-d * d * 38));
            struct rgb light = rgb_mix((struct rgb){0.8f, 0.65f, 0.5f},
                                       (struct rgb){0.4f, 0.55f, 0.95f}, clampf(d * 1.3f, 0, 1));
            struct rgb *pixel = canvas_at(c, x, y);
            *pixel = rgb_add(*pixel, rgb_add(core, rgb_scale(light, disc * 0.8f)));
        }
}

static void deep_sky(struct canvas *c, const struct scene *scene)
{
    if (scene_has(scene, FACT_PURPLE))
        nebula_paint(c, scene->seed);
    else if (scene_has(scene, FACT_BLUE))
        galaxy_paint(c, scene->seed);
    stars_paint(c, scene->seed, 1.25f, 1);
}

/* What lies under the sky; returns the v where the sky ends. */
static void foreground(struct canvas *c, const struct scene *scene, const struct light *l,
                       float base_v)
{
    struct random r = random_new(scene->seed, 83);
    bool water = scene_has(scene, FACT_LAKE);
    backdrop_paint(c, scene, l, base_v, 0.72f);
    if (water) {
        struct mirror lake = {.shore_v = base_v + 0.045f,
                              .bottom_v = 1,
                              .ripple = random_range(&r, 0.05f, 0.4f),
                              .smear = 0.12f,
                              .body = rgb_scale(l->zenith, 0.5f),
                              .reflectance = 0.8f,
                              .seed = scene->seed};
        mirror_paint(c, &lake);
        return;
    }
    struct rgb earth = rgb_scale(l->ambient, 0.45f);
    if (scene_has(scene, FACT_DUNES))
        earth = (struct rgb){0.020f, 0.016f, 0.013f};
    struct light dim = *l;
    dim.haze = rgb_scale(earth, 0.8f);
    struct plain plain = {.horizon_v = base_v + 0.05f,
                          .near = earth,
                          .far = rgb_scale(earth, 0.8f),
                          .streak = 0.3f,
                          .blades = 0.7f,
                          .flower = earth};
    plain_paint(c, &plain, &dim, scene->seed);
    if (scene_has(scene, FACT_LONE_TREE))
        leaf_tree_paint(c, canvas_aspect(c) * random_range(&r, 0.25f, 0.75f), base_v + 0.12f,
                        random_range(&r, 0.28f, 0.45f), (struct rgb){0.003f, 0.003f, 0.004f},
                        (struct rgb){0.010f, 0.011f, 0.014f}, &r);
    if (scene_has(scene, FACT_TENT))
        tent_paint(c, canvas_aspect(c) * random_range(&r, 0.25f, 0.75f), base_v + 0.16f,
                   random_range(&r, 0.09f, 0.14f));
}

void paint_night(struct canvas *c, const struct scene *scene)
{
    struct random r = random_new(scene->seed, 84);
    struct light light = light_of(scene);
    bool bare = scene->kind == KIND_DEEP_SKY;
    float base = scene->kind == KIND_MILKY_WAY ? random_range(&r, 0.86f, 0.96f)
                                               : random_range(&r, 0.68f, 0.84f);
    struct sky sky = sky_of(scene, &light, bare ? 1.3f : base);
    sky_paint(c, &sky);
    if (bare) {
        deep_sky(c, scene);
        return;
    }
    if (random_chance(&r, 0.4f)) { /* airglow, or a village behind the hills */
        struct rgb glow = {0.05f, 0.035f, 0.02f};
        for (int y = 0; y < c->height; y++) {
            float d = base - ((float)y + 0.5f) / (float)c->height;
            for (int x = 0; x < c->width; x++) {
                struct rgb *pixel = canvas_at(c, x, y);
                *pixel = rgb_add(*pixel, rgb_scale(glow, expf(-fabsf(d) * 9)));
            }
        }
    }
    night_sky_paint(c, scene, base + 0.02f, random_range(&r, 0.7f, 1.15f));
    foreground(c, scene, &light, base);
}
