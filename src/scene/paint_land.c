/* SPDX-License-Identifier: MIT
 *
 * Wild land by day: mountains, hills, forests, valleys, canyons.
 */
#include "scene/land.h"
#include "scene/light.h"
#include "scene/noise.h"
#include "scene/paint.h"
#include "scene/water.h"

#include <math.h>

static struct rgb green_of(const struct scene *scene, struct random *r)
{
    if (scene_has(scene, FACT_AUTUMN))
        return (struct rgb){random_range(r, 0.34f, 0.50f), random_range(r, 0.18f, 0.26f), 0.035f};
    return (struct rgb){random_range(r, 0.11f, 0.19f), random_range(r, 0.185f, 0.255f),
                        random_range(r, 0.045f, 0.08f)};
}

static struct rgb flower_of(const struct scene *scene)
{
    return scene_has(scene, FACT_RED)      ? (struct rgb){0.95f, 0.06f, 0.04f}
           : scene_has(scene, FACT_YELLOW) ? (struct rgb){1.0f, 0.75f, 0.05f}
           : scene_has(scene, FACT_BLUE)   ? (struct rgb){0.18f, 0.22f, 0.95f}
                                           : (struct rgb){0.75f, 0.25f, 0.85f};
}

static struct sky open_sky(struct canvas *c, const struct scene *scene, struct light *l, float v)
{
    *l = light_of(scene);
    struct sky sky = sky_of(scene, l, v);
    sky_paint(c, &sky);
    *l = sky.light;
    return sky;
}

static void far_peaks(struct canvas *c, const struct scene *scene, const struct light *l,
                      float base, float grandeur)
{
    struct random r = random_new(scene->seed, 91);
    struct rgb rock = {random_range(&r, 0.17f, 0.27f), random_range(&r, 0.17f, 0.22f),
                       random_range(&r, 0.18f, 0.24f)};
    for (int i = 0; i < 2; i++) {
        struct ridge ridge = {.base = base - 0.06f + 0.09f * (float)i,
                              .amplitude =
                                  grandeur * random_range(&r, 0.19f, 0.29f) * (i ? 0.55f : 1),
                              .frequency = random_range(&r, 0.9f, 1.7f),
                              .sharp = true,
                              .seed = (uint32_t)random_bits(&r)};
        struct ground g = {
            .low = rgb_scale(rock, 0.8f),
            .high = rock,
            .relief = 1,
            .grain = 1 + 0.3f * (float)i,
            .fog = (scene_has(scene, FACT_FOG) ? 0.55f : 0.34f) - 0.16f * (float)i,
            .snow_v = scene_has(scene, FACT_SNOW) ? ridge.base - 0.12f * ridge.amplitude : 0};
        ridge_paint(c, &ridge, &g, l, base + 0.2f);
        if (scene_has(scene, FACT_FOG))
            fog_paint(c, base + 0.02f + 0.08f * (float)i, 0.06f, l->haze, 0.9f, random_bits(&r));
    }
}

static void near_woods(struct canvas *c, const struct scene *scene, const struct light *l,
                       float base, float height, uint64_t seed)
{
    struct random r = random_new(scene->seed ^ seed, 92);
    struct rgb pine = light_on(l, (struct rgb){0.045f, 0.085f, 0.045f}, 0.5f);
    struct rgb leaves = light_on(l, green_of(scene, &r), 0.75f);
    struct ridge ridge = {.base = base,
                          .amplitude = random_range(&r, 0.02f, 0.05f),
                          .frequency = random_range(&r, 0.8f, 1.6f),
                          .seed = (uint32_t)random_bits(&r)};
    struct ground g = {.low = pine, .high = pine, .relief = 0.6f, .grain = 0.5f, .fog = 0.06f};
    ridge_paint(c, &ridge, &g, l, 1);
    struct woods woods = {.count = (int)(110 * canvas_aspect(c)),
                          .height = height,
                          .sink = 0.05f,
                          .colour = pine,
                          .leafy = scene_has(scene, FACT_AUTUMN) ? 0.55f : 0.06f,
                          .leaves = leaves};
    woods_paint(c, &ridge, &woods, seed);
}

void paint_mountains(struct canvas *c, const struct scene *scene)
{
    struct random r = random_new(scene->seed, 93);
    struct light l;
    float base = random_range(&r, 0.46f, 0.6f);
    open_sky(c, scene, &l, base + 0.02f);
    far_peaks(c, scene, &l, base, random_range(&r, 0.9f, 1.35f));
    if (scene_has(scene, FACT_LAKE)) {
        float shore = base + random_range(&r, 0.10f, 0.16f);
        if (scene_has(scene, FACT_FOREST))
            near_woods(c, scene, &l, shore - 0.035f, random_range(&r, 0.05f, 0.09f), 1);
        struct mirror lake = {.shore_v = shore,
                              .bottom_v = 1,
                              .ripple = random_range(&r, 0.0f, 0.5f),
                              .smear = 0.08f,
                              .body = light_on(&l, (struct rgb){0.03f, 0.09f, 0.10f}, 0.5f),
                              .reflectance = 0.82f,
                              .seed = scene->seed};
        mirror_paint(c, &lake);
        if (scene_has(scene, FACT_ROCKS))
            for (int i = 0; i < 9; i++)
                boulder_paint(c, &l, canvas_aspect(c) * random_unit(&r),
                              random_range(&r, 0.86f, 1.02f), random_range(&r, 0.03f, 0.10f),
                              (struct rgb){0.26f, 0.24f, 0.22f}, 0.2f, random_bits(&r));
        return;
    }
    struct rgb grass = light_on(&l, green_of(scene, &r), 0.7f);
    struct plain meadow = {.horizon_v = base + 0.10f,
                           .near = grass,
                           .far = rgb_scale(grass, 0.7f),
                           .streak = 0.2f,
                           .blades = scene_has(scene, FACT_FLOWERS) ? 1 : random_range(&r, 0, 0.7f),
                           .flowers = scene_has(scene, FACT_FLOWERS),
                           .flower = light_on(&l, flower_of(scene), 0.7f),
                           .haze = 0.5f};
    plain_paint(c, &meadow, &l, scene->seed);
    if (scene_has(scene, FACT_FOREST)) {
        near_woods(c, scene, &l, base + random_range(&r, 0.16f, 0.24f),
                   random_range(&r, 0.10f, 0.18f), 2);
        near_woods(c, scene, &l, random_range(&r, 0.86f, 0.96f), random_range(&r, 0.18f, 0.3f), 3);
    }
}

void paint_hills(struct canvas *c, const struct scene *scene)
{
    struct random r = random_new(scene->seed, 94);
    struct light l;
    float base = random_range(&r, 0.40f, 0.55f);
    open_sky(c, scene, &l, base + 0.02f);
    int layers = 4;
    struct rgb green = green_of(scene, &r);
    for (int i = 0; i < layers; i++) {
        float t = (float)i / (float)(layers - 1);
        struct ridge ridge = {.base = base + 0.30f * t,
                              .amplitude = random_range(&r, 0.05f, 0.10f),
                              .frequency = random_range(&r, 0.7f, 1.3f) * (1.3f - 0.4f * t),
                              .seed = (uint32_t)random_bits(&r)};
        struct rgb own = rgb_scale(green, random_range(&r, 0.75f, 1.2f));
        struct ground g = {.low = rgb_scale(own, 0.75f),
                           .high = own,
                           .relief = 0.35f,
                           .grain = 0.55f + 0.4f * t,
                           .fog = 0.42f * (1 - t)};
        ridge_paint(c, &ridge, &g, &l, 1);
        if (scene_has(scene, FACT_FOG) && i < layers - 1)
            fog_paint(c, ridge.base + 0.05f, 0.05f, l.haze, 0.85f, random_bits(&r));
        if (scene_has(scene, FACT_FOREST) && i == 2) {
            struct rgb leaf = light_on(&l, rgb_scale(green, 0.6f), 0.6f);
            struct woods woods = {.count = (int)(26 * canvas_aspect(c)),
                                  .height = 0.06f,
                                  .sink = 0.10f,
                                  .colour = rgb_scale(leaf, 0.6f),
                                  .leafy = 0.8f,
                                  .leaves = leaf};
            woods_paint(c, &ridge, &woods, scene->seed);
        }
        if (scene_has(scene, FACT_LONE_TREE) && i == layers - 2) {
            float u = canvas_aspect(c) * random_range(&r, 0.22f, 0.78f);
            struct rgb leaf = light_on(&l, rgb_scale(green, 0.9f), 0.8f);
            leaf_tree_paint(c, u, ridge_at(&ridge, u) + 0.012f, random_range(&r, 0.22f, 0.34f),
                            light_on(&l, (struct rgb){0.03f, 0.05f, 0.02f}, 0.3f), leaf, &r);
        }
    }
    if (!scene_has(scene, FACT_FLOWERS))
        return;
    struct rgb lit = light_on(&l, green, 0.7f);
    struct plain field = {.horizon_v = base + 0.30f,
                          .near = lit,
                          .far = lit,
                          .streak = 0.2f,
                          .blades = 1.6f,
                          .flowers = true,
                          .flower = light_on(&l, flower_of(scene), 0.8f)};
    plain_paint(c, &field, &l, scene->seed);
}

void paint_forest(struct canvas *c, const struct scene *scene)
{
    struct random r = random_new(scene->seed, 95);
    struct light l;
    float base = random_range(&r, 0.28f, 0.42f);
    open_sky(c, scene, &l, base + 0.1f);
    int layers = 4;
    bool fog = scene_has(scene, FACT_FOG);
    for (int i = 0; i < layers; i++) {
        float t = (float)i / (float)(layers - 1);
        struct rgb pine = light_on(&l, (struct rgb){0.04f, 0.085f, 0.045f}, 0.55f);
        float gone = (fog ? 0.9f : 0.55f) * (1 - t);
        struct rgb shade = rgb_mix(pine, l.haze, gone);
        struct rgb leaves = rgb_mix(light_on(&l, green_of(scene, &r), 0.8f), l.haze, gone);
        struct ridge ridge = {.base = base + 0.52f * t,
                              .amplitude = random_range(&r, 0.05f, 0.10f),
                              .frequency = random_range(&r, 0.6f, 1.3f),
                              .seed = (uint32_t)random_bits(&r)};
        struct ground g = {.low = shade, .high = shade, .grain = 1};
        ridge_paint(c, &ridge, &g, &l, 1);
        struct woods woods = {.count = (int)((110 - 50 * t) * canvas_aspect(c)),
                              .height = 0.07f + 0.22f * t,
                              .sink = 0.10f,
                              .colour = shade,
                              .leafy = scene_has(scene, FACT_AUTUMN) ? 0.6f : 0.08f,
                              .leaves = leaves};
        woods_paint(c, &ridge, &woods, scene->seed + (uint64_t)i);
        if (fog && i < layers - 1)
            fog_paint(c, ridge.base + 0.10f, 0.07f, l.haze, 0.95f, random_bits(&r));
    }
}

void paint_valley(struct canvas *c, const struct scene *scene)
{
    struct random r = random_new(scene->seed, 96);
    struct light l;
    float base = random_range(&r, 0.40f, 0.5f);
    open_sky(c, scene, &l, base + 0.02f);
    far_peaks(c, scene, &l, base, random_range(&r, 0.9f, 1.3f));
    struct rgb grass = light_on(&l, green_of(scene, &r), 0.7f);
    struct plain floor = {.horizon_v = base + 0.06f,
                          .near = grass,
                          .far = rgb_scale(grass, 0.75f),
                          .streak = 0.3f,
                          .blades = random_range(&r, 0.3f, 1),
                          .flowers = scene_has(scene, FACT_FLOWERS),
                          .flower = light_on(&l, flower_of(scene), 0.7f),
                          .haze = 0.5f};
    plain_paint(c, &floor, &l, scene->seed);
    /* The river takes its colour from the sky overhead. */
    struct rgb sheen = rgb_mix(rgb_scale(l.horizon, 0.45f), l.zenith, 0.62f);
    struct torrent river = {.horizon_v = base + 0.065f,
                            .middle = canvas_aspect(c) * random_range(&r, 0.35f, 0.65f),
                            .bend =
                                random_range(&r, 0.2f, 0.5f) * (random_chance(&r, 0.5f) ? 1 : -1),
                            .far_width = 0.012f,
                            .near_width = random_range(&r, 0.5f, 0.8f),
                            .rough = 0.1f,
                            .deep = rgb_scale(sheen, 0.75f),
                            .foam = rgb_scale(sheen, 1.2f),
                            .seed = scene->seed};
    torrent_paint(c, &river);
    if (scene_has(scene, FACT_FOREST))
        for (int side = 0; side < 2; side++)
            for (int i = 0; i < 34; i++) {
                float near = (float)i / 34, spread = random_range(&r, 0, 0.5f) * canvas_aspect(c);
                float u = side ? canvas_aspect(c) - spread * (0.3f + 0.4f * near)
                               : spread * (0.3f + 0.4f * near);
                struct rgb pine = light_on(&l, (struct rgb){0.045f, 0.09f, 0.045f}, 0.5f);
                conifer_paint(c, u, base + 0.09f + 0.42f * near * near, 0.05f + 0.3f * near * near,
                              rgb_mix(pine, l.haze, 0.3f * (1 - near)), &r);
            }
}

/* Rock in layers: what weather leaves of a plateau. */
static void mesa_paint(struct canvas *c, const struct light *l, float u, float base, float width,
                       float height, float fog, uint32_t s)
{
    for (int x = canvas_column(c, u - width); x < canvas_column(c, u + width); x++) {
        float pu = canvas_u(c, x), d = fabsf(pu - u) / width;
        float rough = 0.06f * (noise_fbm(pu * 14, 1, 4, 0.6f, s) - 0.5f);
        float wall = 1 - smoothstepf(0.50f, 0.60f, d + rough * 2),
              talus = 0.45f * clampf((1 - d) / 0.45f, 0, 1);
        float profile = fmaxf(wall, talus);
        float top = base - height * (profile + rough);
        for (int y = canvas_row(c, top); y < canvas_row(c, base + 0.03f); y++) {
            float v = ((float)y + 0.5f) / (float)c->height;
            float layer = noise_fbm(1.5f + pu * 0.8f, v * 46 + pu, 4, 0.6f, s + 4);
            float flute = noise_ridged(pu * 26, v * 3, 3, s + 8);
            float side = clampf(0.5f + (pu - u) / width * (l->sun_u > u ? 0.6f : -0.6f) +
                                    0.5f * (flute - 0.5f),
                                0.05f, 1);
            struct rgb rock = rgb_mix((struct rgb){0.42f, 0.13f, 0.06f},
                                      (struct rgb){0.66f, 0.32f, 0.16f}, layer);
            float cover = clampf((v - top) * (float)c->height + 0.5f, 0, 1);
            struct rgb lit = rgb_mix(light_on(l, rock, side), l->haze, fog);
            *canvas_at(c, x, y) = rgb_mix(*canvas_at(c, x, y), lit, cover);
        }
    }
}

void paint_canyon(struct canvas *c, const struct scene *scene)
{
    struct random r = random_new(scene->seed, 97);
    struct light l;
    float base = random_range(&r, 0.55f, 0.68f), aspect = canvas_aspect(c);
    open_sky(c, scene, &l, base);
    struct rgb sand = light_on(&l,
                               scene_has(scene, FACT_DUNES) ? (struct rgb){0.62f, 0.38f, 0.18f}
                                                            : (struct rgb){0.48f, 0.20f, 0.10f},
                               0.7f);
    if (scene_has(scene, FACT_DUNES)) {
        for (int i = 0; i < 4; i++) {
            float t = (float)i / 3;
            struct ridge ridge = {.base = base - 0.06f + 0.30f * t,
                                  .amplitude = random_range(&r, 0.07f, 0.13f),
                                  .frequency = random_range(&r, 0.5f, 1.1f),
                                  .seed = (uint32_t)random_bits(&r)};
            struct rgb own = {0.60f, 0.36f, 0.17f};
            struct ground g = {.low = rgb_scale(own, 0.55f),
                               .high = own,
                               .relief = 0.25f,
                               .grain = 1.6f,
                               .fog = 0.3f * (1 - t)};
            ridge_paint(c, &ridge, &g, &l, 1);
        }
        return;
    }
    for (int i = 0; i < 5; i++) {
        float t = (float)i / 4;
        mesa_paint(c, &l, aspect * random_range(&r, 0, 1), base + 0.05f * t,
                   random_range(&r, 0.14f, 0.5f) * (0.6f + 0.6f * t),
                   random_range(&r, 0.09f, 0.26f) * (0.6f + 0.5f * t), 0.45f * (1 - t),
                   (uint32_t)random_bits(&r));
    }
    struct plain desert = {.horizon_v = base + 0.035f,
                           .near = sand,
                           .far = rgb_scale(sand, 0.8f),
                           .streak = 0.5f,
                           .flower = sand,
                           .haze = 0.4f};
    plain_paint(c, &desert, &l, scene->seed);
    for (int i = 0; i < 40; i++) {
        float near = sqrtf(random_unit(&r)), v = mixf(base + 0.06f, 1, near);
        canvas_ellipse(c, aspect * random_unit(&r), v, 0.03f * near, 0.014f * near, 0.6f,
                       light_on(&l, (struct rgb){0.13f, 0.14f, 0.06f}, 0.4f), 0.9f);
    }
}
