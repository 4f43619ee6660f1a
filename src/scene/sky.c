/* SPDX-License-Identifier: MIT
 *
 * Hours and skies. An hour is a row of colours, moved a little by the seed. The sky is a gradient
 * from the zenith to the horizon, a glow around the sun, and clouds on a plane above the viewer,
 * which is what makes them smaller and denser towards the horizon.
 */
#include "scene/light.h"
#include "scene/noise.h"

#include <math.h>

static const struct hour {
    struct rgb zenith, horizon, sun, ambient, haze;
} hours[HOUR_COUNT] = {
    [HOUR_NIGHT] = {{0.004f, 0.008f, 0.022f},
                    {0.016f, 0.026f, 0.055f},
                    {0.020f, 0.024f, 0.035f},
                    {0.006f, 0.008f, 0.014f},
                    {0.014f, 0.022f, 0.045f}},
    [HOUR_DUSK] = {{0.025f, 0.055f, 0.19f},
                   {0.34f, 0.20f, 0.26f},
                   {0.16f, 0.10f, 0.12f},
                   {0.045f, 0.060f, 0.12f},
                   {0.16f, 0.15f, 0.27f}},
    [HOUR_SUNSET] = {{0.13f, 0.17f, 0.38f},
                     {1.05f, 0.42f, 0.14f},
                     {1.30f, 0.55f, 0.20f},
                     {0.20f, 0.16f, 0.20f},
                     {0.80f, 0.40f, 0.24f}},
    [HOUR_DAWN] = {{0.22f, 0.32f, 0.58f},
                   {0.98f, 0.58f, 0.55f},
                   {0.95f, 0.62f, 0.50f},
                   {0.26f, 0.27f, 0.36f},
                   {0.74f, 0.56f, 0.62f}},
    [HOUR_GOLDEN] = {{0.22f, 0.40f, 0.68f},
                     {1.00f, 0.74f, 0.40f},
                     {1.50f, 0.95f, 0.42f},
                     {0.24f, 0.24f, 0.24f},
                     {0.85f, 0.66f, 0.42f}},
    [HOUR_DAY] = {{0.09f, 0.24f, 0.64f},
                  {0.50f, 0.70f, 0.92f},
                  {1.25f, 1.15f, 1.00f},
                  {0.26f, 0.32f, 0.42f},
                  {0.55f, 0.70f, 0.88f}},
    [HOUR_OVERCAST] = {{0.42f, 0.46f, 0.51f},
                       {0.66f, 0.69f, 0.72f},
                       {0.30f, 0.30f, 0.30f},
                       {0.42f, 0.44f, 0.46f},
                       {0.64f, 0.67f, 0.70f}},
    [HOUR_STORM] = {{0.06f, 0.08f, 0.11f},
                    {0.26f, 0.30f, 0.34f},
                    {0.16f, 0.17f, 0.18f},
                    {0.15f, 0.17f, 0.19f},
                    {0.24f, 0.28f, 0.32f}},
};

static struct rgb moved(struct rgb c, struct random *r)
{
    float all = random_range(r, 0.85f, 1.18f);
    return (struct rgb){c.r * all * random_range(r, 0.92f, 1.08f),
                        c.g * all * random_range(r, 0.94f, 1.06f),
                        c.b * all * random_range(r, 0.92f, 1.08f)};
}

/* A fact about colour dyes the sky of the hours that have one. */
static void dye(struct light *light, const struct scene *scene)
{
    static const struct {
        enum scene_fact fact;
        struct rgb horizon, zenith;
    } dyes[] = {
        {FACT_PINK, {1.0f, 0.62f, 0.95f}, {1.3f, 0.95f, 1.1f}},
        {FACT_PURPLE, {0.72f, 0.55f, 1.5f}, {1.5f, 0.75f, 1.35f}},
    };
    for (size_t i = 0; i < sizeof dyes / sizeof *dyes; i++)
        if (scene_has(scene, dyes[i].fact)) {
            light->horizon = rgb_multiply(light->horizon, dyes[i].horizon);
            light->zenith = rgb_multiply(light->zenith, dyes[i].zenith);
            light->haze = rgb_multiply(light->haze, dyes[i].horizon);
        }
}

struct light light_of(const struct scene *scene)
{
    struct random r = random_new(scene->seed, 11);
    const struct hour *h = &hours[scene->hour];
    struct light light = {.hour = scene->hour,
                          .zenith = moved(h->zenith, &r),
                          .horizon = moved(h->horizon, &r),
                          .sun = moved(h->sun, &r),
                          .ambient = moved(h->ambient, &r),
                          .haze = moved(h->haze, &r),
                          .night = scene->hour == HOUR_NIGHT};
    light.sun_u = scene->aspect * random_range(&r, 0.12f, 0.88f);
    bool high = scene->hour == HOUR_DAY || scene->hour == HOUR_OVERCAST;
    light.sun_v = high ? random_range(&r, -0.3f, 0.05f) : random_range(&r, 0.0f, 1.0f);
    if (scene->hour <= HOUR_DAWN || scene->hour == HOUR_STORM)
        dye(&light, scene);
    return light;
}

struct sky sky_of(const struct scene *scene, const struct light *light, float horizon_v)
{
    struct random r = random_new(scene->seed, 12);
    struct sky sky = {.light = *light, .horizon_v = horizon_v};
    sky.seed = (uint32_t)random_bits(&r);
    sky.cloud_scale = random_range(&r, 0.7f, 1.5f);
    sky.clouds = scene_has(scene, FACT_CLOUDS) ? random_range(&r, 0.42f, 0.66f)
                 : random_chance(&r, 0.5f)     ? random_range(&r, 0.05f, 0.22f)
                                               : 0;
    if (scene->hour == HOUR_OVERCAST || scene->hour == HOUR_STORM)
        sky.clouds = random_range(&r, 0.75f, 0.95f);
    sky.sun_disc = scene_has(scene, FACT_SUN);
    sky.sun_radius = random_range(&r, 0.018f, 0.034f);
    /* A low sun stands just above the horizon; one that has set, below it. */
    if (sky.sun_disc)
        sky.light.sun_v = horizon_v - random_range(&r, 0.02f, 0.15f);
    else if (light->hour == HOUR_DUSK || light->hour == HOUR_SUNSET || light->hour == HOUR_DAWN)
        sky.light.sun_v = horizon_v + 0.03f;
    else if (light->hour == HOUR_GOLDEN)
        sky.light.sun_v = horizon_v - random_range(&r, 0.3f, 0.5f);
    return sky;
}

static struct rgb clear_sky(const struct sky *sky, float u, float v)
{
    const struct light *l = &sky->light;
    float t = clampf((sky->horizon_v - v) / fmaxf(sky->horizon_v, 0.2f), 0, 1);
    struct rgb colour = rgb_mix(l->horizon, l->zenith, 1 - powf(1 - t, 2.2f));
    if (l->hour == HOUR_NIGHT || l->hour == HOUR_OVERCAST || l->hour == HOUR_STORM)
        return colour;
    float du = u - l->sun_u, dv = (v - l->sun_v) * 1.5f, d2 = du * du + dv * dv;
    float wide = 0.55f / (1 + d2 * 9), near = 1.1f / (1 + d2 * 160);
    float low = l->hour == HOUR_DAY ? 0.35f : l->hour == HOUR_DUSK ? 1.1f : 0.75f;
    colour = rgb_add(colour, rgb_scale(l->sun, low * wide));
    if (sky->sun_disc || l->hour == HOUR_GOLDEN)
        colour = rgb_add(colour, rgb_scale(l->sun, near));
    return colour;
}

static float cloud_density(const struct sky *sky, float u, float v)
{
    float depth = 0.32f / (sky->horizon_v - v + 0.13f);
    float x = (u - 0.8f) * depth * 3.0f / sky->cloud_scale, y = depth * 5.0f / sky->cloud_scale;
    float pull = 1 - 0.93f * sky->streak;
    if (sky->streak > 0) /* drawn out towards the viewer */
        x = (u - 0.75f) * depth * 5.0f / sky->cloud_scale;
    float n = noise_fbm(x + 31.7f, y * pull, 5, 0.55f, sky->seed);
    float edge = 0.80f - 0.52f * sky->clouds;
    return smoothstepf(edge, edge + 0.22f, n);
}

static struct rgb with_clouds(const struct sky *sky, float u, float v, struct rgb colour)
{
    const struct light *l = &sky->light;
    float density = cloud_density(sky, u, v);
    if (density <= 0)
        return colour;
    /* Towards the sun thinner means lit; a cloud's middle is in its own shadow. */
    float to_u = (l->sun_u - u) * 0.06f, to_v = clampf(l->sun_v - v, -0.5f, 0.5f) * 0.06f;
    float shade = cloud_density(sky, u + to_u, v + to_v);
    float du = u - l->sun_u, dv = v - l->sun_v, near = 1 / (1 + 7 * (du * du + dv * dv));
    struct rgb lit =
        rgb_add(rgb_scale(l->sun, 0.30f + 0.55f * near), rgb_mix(l->horizon, l->ambient, 0.4f));
    struct rgb dark = rgb_mix(rgb_scale(l->zenith, 0.9f), l->haze, 0.35f);
    if (l->hour == HOUR_STORM)
        dark = rgb_scale(dark, 0.55f);
    if (l->night)
        lit = rgb_scale(l->horizon, 1.6f);
    struct rgb cloud = rgb_mix(lit, dark, 0.25f + 0.65f * shade * density);
    float fade = smoothstepf(-0.02f, 0.10f, sky->horizon_v - v);
    return rgb_mix(colour, cloud, density * (0.35f + 0.6f * fade));
}

void sky_paint(struct canvas *c, const struct sky *sky)
{
    const struct light *l = &sky->light;
    int bottom = canvas_row(c, fminf(sky->horizon_v + 0.06f, 1));
    for (int y = 0; y < c->height; y++) {
        float v = ((float)y + 0.5f) / (float)c->height;
        for (int x = 0; x < c->width; x++) {
            float u = canvas_u(c, x);
            if (y > bottom) {
                *canvas_at(c, x, y) = *canvas_at(c, x, bottom);
                continue;
            }
            struct rgb colour = clear_sky(sky, u, v);
            if (sky->clouds > 0 && v < sky->horizon_v)
                colour = with_clouds(sky, u, v, colour);
            *canvas_at(c, x, y) = colour;
        }
    }
    if (sky->sun_disc) {
        struct rgb disc = rgb_scale(l->sun, 9);
        canvas_ellipse(c, l->sun_u, l->sun_v, sky->sun_radius, sky->sun_radius, 0.12f, disc, 1);
        canvas_glow(c, l->sun_u, l->sun_v, sky->sun_radius * 3.2f, rgb_scale(l->sun, 0.8f), 1);
    }
}
