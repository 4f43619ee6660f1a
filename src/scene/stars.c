/* SPDX-License-Identifier: MIT
 *
 * The night sky: stars with the distribution of magnitudes and colours that the eye knows, the
 * milky way, trails around a pole, northern lights, the moon.
 */
#include "scene/light.h"
#include "scene/noise.h"

#include <math.h>

/* From hot and blue to cool and orange; most are near white. */
static struct rgb star_colour(struct random *r)
{
    float t = random_normal(r);
    struct rgb white = {1, 0.97f, 0.93f}, blue = {0.62f, 0.76f, 1.15f},
               orange = {1.2f, 0.72f, 0.42f};
    return t < 0 ? rgb_mix(white, blue, fminf(-t * 0.6f, 1))
                 : rgb_mix(white, orange, fminf(t * 0.45f, 1));
}

/* Ten times fainter, about ten times more of them: the flux has a power law. */
static float star_flux(struct random *r)
{
    return fminf(0.05f * powf(random_unit(r) + 0.0004f, -0.78f), 14);
}

static void star(struct canvas *c, float u, float v, struct random *r, float bottom_v)
{
    float flux = star_flux(r);
    float radius = 0.00062f + 0.00022f * fminf(flux, 4);
    struct rgb light = rgb_scale(star_colour(r), fminf(flux, 3.5f) * 2.0f);
    canvas_glow(c, u, v, radius, light, bottom_v);
    if (flux > 2.2f)
        canvas_glow(c, u, v, radius * 4, rgb_scale(light, 0.035f), bottom_v);
}

void stars_paint(struct canvas *c, uint64_t seed, float density, float bottom_v)
{
    struct random r = random_new(seed, 21);
    int count = (int)(4200 * density * canvas_aspect(c) * bottom_v);
    for (int i = 0; i < count; i++)
        star(c, random_unit(&r) * canvas_aspect(c), random_unit(&r) * bottom_v, &r, bottom_v);
}

struct band {
    float u, v, co, si, strength, aspect;
    uint32_t seed;
};

/* How bright and how warm the band is at a place; `along` runs from its middle. */
static struct rgb band_light(const struct band *b, float u, float v)
{
    float du = u - b->u, dv = v - b->v;
    float along = du * b->co + dv * b->si, across = -du * b->si + dv * b->co;
    float wobble = 0.09f * (noise_fbm(along * 2.2f, 4.0f, 3, 0.5f, b->seed + 9) - 0.5f);
    across += wobble;
    float core = expf(-along * along * 2.2f);
    float width = 0.060f + 0.062f * core;
    float profile = expf(-across * across / (width * width));
    float halo = expf(-across * across / (6 * width * width));
    if (halo < 0.01f)
        return (struct rgb){0, 0, 0};
    float cloud = noise_fbm(u * 7, v * 7, 5, 0.58f, b->seed);
    float fine = noise_fbm(u * 26, v * 26, 3, 0.6f, b->seed + 40);
    float lane = noise_ridged(along * 3.1f + 5, across * 8, 4, b->seed + 80);
    float dust = smoothstepf(0.40f, 0.66f, lane) * expf(-across * across / (0.35f * width * width));
    float light = profile * (0.12f + 1.9f * cloud * cloud * cloud) * (0.5f + 1.0f * fine);
    light *= (0.55f + 0.9f * core) * (1 - 0.93f * dust);
    struct rgb cool = {0.052f, 0.064f, 0.105f}, warm = {0.150f, 0.108f, 0.085f};
    struct rgb colour = rgb_mix(cool, warm, clampf(core * 1.1f * profile, 0, 1));
    struct rgb rose = {0.11f, 0.035f, 0.06f}; /* hydrogen */
    float nebula = smoothstepf(0.66f, 0.86f, noise_fbm(u * 9 + 3, v * 9, 3, 0.5f, b->seed + 120));
    struct rgb sum = rgb_scale(colour, 1.9f * light);
    sum = rgb_add(sum, rgb_scale(rose, nebula * profile));
    return rgb_add(sum, rgb_scale(cool, 0.12f * halo));
}

void milky_way_paint(struct canvas *c, uint64_t seed, float u, float v, float tilt, float strength)
{
    struct random r = random_new(seed, 22);
    struct band b = {.u = u,
                     .v = v,
                     .co = cosf(tilt),
                     .si = sinf(tilt),
                     .strength = strength,
                     .aspect = canvas_aspect(c),
                     .seed = (uint32_t)random_bits(&r)};
    for (int y = 0; y < c->height; y++)
        for (int x = 0; x < c->width; x++) {
            struct rgb light = band_light(&b, canvas_u(c, x), ((float)y + 0.5f) / (float)c->height);
            struct rgb *pixel = canvas_at(c, x, y);
            *pixel = rgb_add(*pixel, rgb_scale(light, strength));
        }
    int count = (int)(4200 * strength);
    for (int i = 0; i < count; i++) { /* more stars within the band */
        float along = random_range(&r, -1.3f, 1.3f), across = 0.075f * random_normal(&r);
        star(c, u + along * b.co - across * b.si, v + along * b.si + across * b.co, &r, 1);
    }
}

static void trail(struct canvas *c, float u, float v, float radius, const float arc[2], float width,
                  struct rgb light)
{
    int steps = 2 + (int)(fabsf(arc[1]) * radius * 26);
    float a = arc[0], step = arc[1] / (float)steps;
    for (int i = 0; i < steps; i++, a += step)
        canvas_streak(c, u + radius * cosf(a), v + radius * sinf(a), u + radius * cosf(a + step),
                      v + radius * sinf(a + step), width, light);
}

void star_trails_paint(struct canvas *c, uint64_t seed, float pole_u, float pole_v, float sweep)
{
    struct random r = random_new(seed, 23);
    float reach = canvas_aspect(c) + 0.6f;
    for (int i = 0; i < 620; i++) {
        float radius = reach * sqrtf(random_unit(&r) * 0.98f + 0.0002f);
        float flux = fminf(0.10f * powf(random_unit(&r) + 0.002f, -0.6f), 1.5f);
        float arc[2] = {random_range(&r, 0, 6.2832f), sweep};
        trail(c, pole_u, pole_v, radius, arc, 0.0011f + 0.0007f * flux,
              rgb_scale(star_colour(&r), flux));
    }
}

void aurora_paint(struct canvas *c, uint64_t seed, struct rgb low, struct rgb high)
{
    struct random r = random_new(seed, 24);
    uint32_t s = (uint32_t)random_bits(&r);
    float base = random_range(&r, 0.42f, 0.6f), tall = random_range(&r, 0.28f, 0.42f);
    for (int curtain = 0; curtain < 2; curtain++)
        for (int x = 0; x < c->width; x++) {
            float u = canvas_u(c, x);
            float foot = base - 0.13f * (float)curtain +
                         0.34f * (noise_fbm(u * 1.3f, (float)curtain * 7, 3, 0.5f, s) - 0.5f);
            float ray = noise_fbm(u * 24, (float)curtain * 3, 3, 0.6f, s + 5);
            float part = noise_fbm(u * 1.9f, 9 + (float)curtain, 2, 0.5f, s + 8);
            float strength = (0.25f + ray) * smoothstepf(0.25f, 0.65f, part);
            for (int y = 0; y < canvas_row(c, foot + 0.03f); y++) {
                float up = (foot - ((float)y + 0.5f) / (float)c->height) / tall;
                float light = up < 0 ? expf(up * 40) : expf(-up * (2.2f + 1.6f * ray));
                struct rgb colour = rgb_mix(low, high, clampf(up * 1.1f, 0, 1));
                struct rgb *pixel = canvas_at(c, x, y);
                *pixel = rgb_add(*pixel, rgb_scale(colour, 0.42f * light * strength));
            }
        }
}

void meteor_paint(struct canvas *c, uint64_t seed, float bottom_v)
{
    struct random r = random_new(seed, 25);
    float u = canvas_aspect(c) * random_range(&r, 0.25f, 0.75f);
    float v = bottom_v * random_range(&r, 0.12f, 0.4f);
    float du = random_range(&r, 0.16f, 0.3f) * (random_chance(&r, 0.5f) ? 1 : -1);
    float dv = random_range(&r, 0.08f, 0.18f);
    for (int i = 0; i < 24; i++) {
        float t = (float)i / 24, next = (float)(i + 1) / 24;
        float light = 2.4f * t * t;
        canvas_streak(c, u + du * t, v + dv * t, u + du * next, v + dv * next, 0.0018f + 0.003f * t,
                      (struct rgb){light * 0.85f, light, light * 0.95f});
    }
}

void moon_paint(struct canvas *c, float u, float v, float radius, float phase, uint64_t seed)
{
    struct rgb light = {1.35f, 1.28f, 1.12f};
    canvas_glow(c, u, v, radius * 5, rgb_scale(light, 0.025f), 1);
    canvas_glow(c, u, v, radius * 2, rgb_scale(light, 0.07f), 1);
    int y0 = canvas_row(c, v - radius), y1 = canvas_row(c, v + radius) + 1;
    int x0 = canvas_column(c, u - radius), x1 = canvas_column(c, u + radius) + 1;
    for (int y = y0; y < y1 && y < c->height; y++)
        for (int x = x0; x < x1 && x < c->width; x++) {
            float du = (canvas_u(c, x) - u) / radius;
            float dv = (((float)y + 0.5f) / (float)c->height - v) / radius;
            float d = sqrtf(du * du + dv * dv), edge = 1 / (radius * (float)c->height);
            float inside = 1 - smoothstepf(1 - edge, 1 + edge, d);
            /* The terminator is half an ellipse. */
            float limb = sqrtf(fmaxf(1 - dv * dv, 0));
            float lit = smoothstepf(-edge, edge, du - phase * limb);
            float maria = noise_fbm(du * 1.8f, dv * 1.8f, 4, 0.55f, (uint32_t)seed);
            float tone = 1.5f * (0.55f + 0.75f * smoothstepf(0.3f, 0.62f, maria));
            struct rgb *pixel = canvas_at(c, x, y);
            *pixel = rgb_mix(*pixel, rgb_scale(light, tone), inside * lit);
        }
}

void night_sky_paint(struct canvas *c, const struct scene *scene, float bottom_v, float density)
{
    struct random r = random_new(scene->seed, 26);
    float aspect = canvas_aspect(c);
    float u = aspect * random_range(&r, 0.3f, 0.7f), v = bottom_v * random_range(&r, 0.3f, 0.6f);
    float tilt = random_range(&r, 0.45f, 1.35f) * (random_chance(&r, 0.5f) ? 1 : -1);
    if (scene_has(scene, FACT_TRAILS)) {
        star_trails_paint(c, scene->seed, u, v * 0.9f, random_range(&r, 0.35f, 1.2f));
        return;
    }
    if (scene_has(scene, FACT_AURORA)) {
        struct rgb low = {0.10f, 0.95f, 0.38f}, high = {0.42f, 0.12f, 0.62f};
        aurora_paint(c, scene->seed, low, high);
    }
    if (scene_has(scene, FACT_MILKY_WAY))
        milky_way_paint(c, scene->seed, u, v, tilt, random_range(&r, 0.85f, 1.35f));
    stars_paint(c, scene->seed, density, bottom_v);
    if (scene_has(scene, FACT_METEOR))
        meteor_paint(c, scene->seed, bottom_v);
    if (scene_has(scene, FACT_MOON))
        moon_paint(c, aspect * random_range(&r, 0.15f, 0.85f),
                   bottom_v * random_range(&r, 0.16f, 0.45f), random_range(&r, 0.030f, 0.06f),
                   random_chance(&r, 0.5f) ? -1.1f : random_range(&r, -0.5f, 0.5f), scene->seed);
}
