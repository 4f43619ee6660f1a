/* SPDX-License-Identifier: MIT
 *
 * Falling water: tall falls over cliffs, rapids between boulders, cascades over ledges.
 */
#include "scene/land.h"
#include "scene/light.h"
#include "scene/noise.h"
#include "scene/paint.h"
#include "scene/water.h"

#include <math.h>

/* A wall of wet rock from crest_v to bottom_v, green where plants hold. */
static void cliff_paint(struct canvas *c, const struct light *l, const struct ridge *crest,
                        float bottom_v, float moss, uint32_t s)
{
    for (int x = 0; x < c->width; x++) {
        float u = canvas_u(c, x), top = ridge_at(crest, u);
        for (int y = canvas_row(c, top); y < canvas_row(c, bottom_v); y++) {
            float v = ((float)y + 0.5f) / (float)c->height;
            float strata =
                noise_fbm(u * 2.5f, v * 17 + 1.2f * noise_value(u * 3, v, s), 4, 0.55f, s);
            float cracks = noise_ridged(u * 8 + 0.35f * strata, v * 5 + 0.5f * strata, 5, s + 9);
            float deeper = noise_ridged(u * 8 + 0.35f * strata + 0.06f,
                                        v * 5 + 0.5f * strata - 0.10f, 5, s + 9);
            float lit = clampf(0.36f + 2.4f * (cracks - deeper), 0.03f, 1);
            float green =
                moss *
                smoothstepf(0.42f, 0.7f, noise_fbm(u * 5, v * 6, 5, 0.6f, s + 30) + 0.25f * lit);
            struct rgb rock = rgb_scale((struct rgb){0.15f, 0.14f, 0.13f}, 0.35f + 0.9f * strata);
            float leaf = noise_fbm(u * 40, v * 40, 3, 0.6f, s + 50);
            struct rgb plants = rgb_scale((struct rgb){0.085f, 0.145f, 0.04f}, 0.3f + 1.3f * leaf);
            struct rgb colour = light_on(l, rgb_mix(rock, plants, green), lit);
            float cover = clampf((v - top) * (float)c->height + 0.5f, 0, 1);
            *canvas_at(c, x, y) = rgb_mix(*canvas_at(c, x, y), colour, cover);
        }
    }
}

static struct rgb white_water(const struct light *l)
{
    return rgb_add(light_on(l, (struct rgb){0.86f, 0.91f, 0.95f}, 0.42f),
                   rgb_scale(l->ambient, 0.55f));
}

static void mist_paint(struct canvas *c, float u, float v, float size, struct rgb white,
                       float amount, struct random *r)
{
    for (int i = 0; i < 26; i++) {
        float part = size * random_range(r, 0.4f, 1.0f);
        canvas_ellipse(c, u + size * 0.8f * random_normal(r),
                       v - size * 0.35f * fabsf(random_normal(r)), part, part * 0.5f, 1,
                       rgb_scale(white, 0.85f), 0.09f * amount);
    }
}

static void bank_boulders(struct canvas *c, const struct scene *scene, const struct light *l,
                          float from_v, int count, float keep_u, float keep_half, struct random *r)
{
    for (int i = 0; i < count; i++) {
        float near = (float)i / (float)count, v = mixf(from_v, 1.03f, near),
              u = canvas_aspect(c) * random_unit(r);
        float gap = keep_half * (0.5f + near);
        if (fabsf(u - keep_u) < gap)
            u = keep_u + (u < keep_u ? -gap : gap) * random_range(r, 1, 1.4f);
        boulder_paint(c, l, u, v, (0.03f + 0.11f * near) * random_range(r, 0.6f, 1.2f),
                      (struct rgb){0.17f, 0.16f, 0.15f}, scene_has(scene, FACT_MOSS) ? 0.9f : 0.15f,
                      random_bits(r));
    }
}

static void pool_paint(struct canvas *c, const struct scene *scene, const struct light *l, float v,
                       float fall_u, struct random *r)
{
    struct rgb body = light_on(l, (struct rgb){0.025f, 0.13f, 0.12f}, 0.5f);
    struct mirror pool = {.shore_v = v,
                          .bottom_v = 1,
                          .ripple = random_range(r, 0.5f, 0.9f),
                          .smear = 0.35f,
                          .body = body,
                          .reflectance = 0.45f,
                          .seed = scene->seed};
    mirror_paint(c, &pool);
    struct rgb white = white_water(l);
    for (int i = 0; i < 90; i++) {
        float out = random_unit(r), spread = 0.04f + 0.22f * out;
        canvas_ellipse(c, fall_u + spread * random_normal(r), v + 0.005f + 0.10f * out * out,
                       random_range(r, 0.01f, 0.05f), random_range(r, 0.002f, 0.007f), 0.9f, white,
                       0.45f * (1 - out));
    }
}

static void one_fall(struct canvas *c, const struct light *l, float u, float top, float bottom,
                     float width, struct random *r)
{
    struct fall fall = {.u = u,
                        .top_v = top,
                        .bottom_v = bottom,
                        .top_width = width * random_range(r, 0.5f, 0.8f),
                        .bottom_width = width * random_range(r, 0.9f, 1.35f),
                        .seed = random_bits(r)};
    fall_paint(c, &fall, white_water(l), 1);
}

/* Several steps, each beside and wider than the one above. */
static void tiers(struct canvas *c, const struct light *l, float u, float top, float bottom,
                  float width, struct random *r)
{
    int count = 2 + random_below(r, 2);
    float step = (bottom - top) / (float)count;
    for (int i = 0; i < count; i++) {
        float a = top + step * (float)i, b = a + step * 1.02f, w = width * (0.7f + 0.4f * (float)i);
        one_fall(c, l, u, a, b, w, r);
        mist_paint(c, u, b, w * 0.5f, white_water(l), 1, r);
        if (i + 1 < count)
            for (int k = 0; k < 4; k++)
                boulder_paint(c, l, u + (k % 2 ? 1 : -1) * w * random_range(r, 0.55f, 0.9f),
                              b + 0.01f, random_range(r, 0.03f, 0.06f),
                              (struct rgb){0.12f, 0.115f, 0.11f}, 0.4f, random_bits(r));
        u += random_range(r, -0.04f, 0.04f);
    }
}

/* The stony ground on both sides of a stream. */
static void cliff_floor(struct canvas *c, const struct light *l, float v, const struct scene *scene)
{
    struct rgb stones = light_on(l,
                                 scene_has(scene, FACT_MOSS) ? (struct rgb){0.10f, 0.14f, 0.05f}
                                                             : (struct rgb){0.17f, 0.16f, 0.14f},
                                 0.45f);
    struct plain floor = {.horizon_v = v,
                          .near = stones,
                          .far = rgb_scale(stones, 0.7f),
                          .blades = scene_has(scene, FACT_MOSS) ? 0.8f : 0.15f,
                          .flower = stones};
    plain_paint(c, &floor, l, scene->seed + 3);
}

/* What a waterfall's painting is made of, as it is decided on the way. */
struct fall_view {
    struct light l;
    float aspect, top, bottom, u, width; /* u: of the fall */
    struct ridge crest;
    struct woods woods;
    bool tall, land, stars;
};

static void fall_sky(struct canvas *c, const struct scene *scene, struct fall_view *v)
{
    struct sky sky = sky_of(scene, &v->l, v->top + 0.05f);
    sky_paint(c, &sky);
    if (v->stars) { /* the fall is lit by a moon behind the viewer */
        v->l.ambient = rgb_scale(v->l.ambient, 3.2f);
        v->l.sun = rgb_scale(v->l.sun, 4);
        night_sky_paint(c, scene, v->top + 0.1f, 1);
    }
    if (v->land)
        backdrop_paint(c, scene, &v->l, v->top - 0.02f, 0.1f);
}

static void fall_cliff(struct canvas *c, const struct scene *scene, struct fall_view *v,
                       struct random *r)
{
    v->crest = (struct ridge){.base = v->top,
                              .amplitude = v->land ? 0.03f : 0.045f,
                              .frequency = random_range(r, 1.0f, 2.0f),
                              .seed = (uint32_t)random_bits(r)};
    struct rgb autumn = {0.45f, 0.20f, 0.04f}, green = {0.10f, 0.22f, 0.05f};
    v->woods = (struct woods){
        .count = (int)(60 * v->aspect),
        .height = random_range(r, 0.12f, 0.2f) * (v->land ? 0.5f : 1),
        .sink = 0.03f,
        .colour = light_on(&v->l, (struct rgb){0.04f, 0.08f, 0.04f}, 0.45f),
        .leafy = 0.45f,
        .leaves = light_on(&v->l, scene_has(scene, FACT_AUTUMN) ? autumn : green, 0.6f)};
    if (scene_has(scene, FACT_FOREST))
        woods_paint(c, &v->crest, &v->woods, scene->seed);
    cliff_paint(c, &v->l, &v->crest, v->bottom + 0.04f, scene_has(scene, FACT_MOSS) ? 1 : 0.35f,
                (uint32_t)random_bits(r));
}

static void fall_water(struct canvas *c, const struct scene *scene, struct fall_view *v,
                       struct random *r)
{
    v->width = (v->tall ? 0.15f : 0.22f) * random_range(r, 0.7f, 1.4f) * (v->land ? 0.5f : 1);
    float lip = ridge_at(&v->crest, v->u) + 0.005f;
    if (scene_has(scene, FACT_TIERS))
        tiers(c, &v->l, v->u, lip, v->bottom, v->width, r);
    else
        one_fall(c, &v->l, v->u, lip, v->bottom, v->width, r);
    if (scene_has(scene, FACT_TWIN)) {
        float other = v->u + (v->u < v->aspect / 2 ? 1 : -1) * random_range(r, 0.26f, 0.36f);
        one_fall(c, &v->l, other, ridge_at(&v->crest, other) + 0.005f, v->bottom, v->width * 0.6f,
                 r);
    }
}

/* From afar: a meadow before it, and a stream. */
static void fall_meadow(struct canvas *c, const struct scene *scene, struct fall_view *v,
                        struct random *r)
{
    struct rgb grass = light_on(&v->l, (struct rgb){0.13f, 0.26f, 0.06f}, 0.6f);
    struct plain meadow = {.horizon_v = v->bottom,
                           .near = grass,
                           .far = rgb_scale(grass, 0.75f),
                           .streak = 0.2f,
                           .blades = 0.8f,
                           .flowers = scene_has(scene, FACT_FLOWERS),
                           .flower = light_on(&v->l, (struct rgb){0.8f, 0.3f, 0.8f}, 0.6f)};
    plain_paint(c, &meadow, &v->l, scene->seed);
    struct torrent stream = {.horizon_v = v->bottom,
                             .middle = v->u,
                             .bend = 0.12f,
                             .far_width = v->width * 0.9f,
                             .near_width = 0.4f,
                             .rough = 0.35f,
                             .deep = light_on(&v->l, (struct rgb){0.04f, 0.12f, 0.14f}, 0.5f),
                             .foam = white_water(&v->l),
                             .seed = scene->seed};
    torrent_paint(c, &stream);
    mist_paint(c, v->u, v->bottom, v->width * 1.2f, white_water(&v->l), 1, r);
    if (!scene_has(scene, FACT_FOREST))
        return;
    struct ridge line = {.base = v->bottom + 0.04f,
                         .amplitude = 0.02f,
                         .frequency = 1,
                         .seed = (uint32_t)random_bits(r)};
    for (int i = 0; i < 30; i++) {
        float u = random_chance(r, 0.5f) ? random_range(r, 0, v->u - 0.25f)
                                         : random_range(r, v->u + 0.25f, v->aspect);
        conifer_paint(c, u, ridge_at(&line, u) + 0.03f * random_unit(r),
                      random_range(r, 0.1f, 0.22f), v->woods.colour, r);
    }
}

/* From near: the pool or stream that it falls into, stones, trees at the sides. */
static void fall_foot(struct canvas *c, const struct scene *scene, struct fall_view *v,
                      struct random *r)
{
    if (scene_has(scene, FACT_POOL)) {
        pool_paint(c, scene, &v->l, v->bottom, v->u, r);
    } else {
        struct torrent stream = {.horizon_v = v->bottom - 0.01f,
                                 .middle = v->u,
                                 .bend = random_range(r, -0.1f, 0.1f),
                                 .far_width = v->width * 1.5f,
                                 .near_width = random_range(r, 0.7f, 1.1f),
                                 .rough = 0.8f,
                                 .deep = light_on(&v->l, (struct rgb){0.035f, 0.10f, 0.10f}, 0.5f),
                                 .foam = white_water(&v->l),
                                 .seed = scene->seed};
        cliff_floor(c, &v->l, v->bottom, scene);
        torrent_paint(c, &stream);
    }
    mist_paint(c, v->u, v->bottom + 0.01f, v->width * 0.9f, white_water(&v->l), 1.6f, r);
    bank_boulders(c, scene, &v->l, v->bottom, 16, v->u, 0.22f, r);
    if (scene_has(scene, FACT_FOREST) && !v->tall)
        for (int side = 0; side < 2; side++)
            leaf_tree_paint(c, v->aspect * (side ? 0.99f : 0.01f), 0.95f,
                            random_range(r, 0.7f, 0.95f), rgb_scale(v->woods.leaves, 0.2f),
                            rgb_scale(v->woods.leaves, 0.8f), r);
}

void paint_waterfall(struct canvas *c, const struct scene *scene)
{
    struct random r = random_new(scene->seed, 131);
    struct fall_view v = {.l = light_of(scene),
                          .aspect = canvas_aspect(c),
                          .tall = scene_has(scene, FACT_TALL),
                          .land = scene->second == CATEGORY_LAND,
                          .stars = scene->second == CATEGORY_STARS};
    v.top = v.land    ? random_range(&r, 0.40f, 0.5f)
            : v.stars ? random_range(&r, 0.46f, 0.56f)
            : v.tall  ? random_range(&r, 0.08f, 0.18f)
                      : random_range(&r, 0.26f, 0.38f);
    v.bottom = v.land ? random_range(&r, 0.66f, 0.76f) : random_range(&r, 0.76f, 0.86f);
    v.u = v.aspect * random_range(&r, 0.34f, 0.66f);
    fall_sky(c, scene, &v);
    fall_cliff(c, scene, &v, &r);
    fall_water(c, scene, &v, &r);
    if (v.land)
        fall_meadow(c, scene, &v, &r);
    else
        fall_foot(c, scene, &v, &r);
}

/* Stones along both edges of a river, bushes behind them. */
static void banks_paint(struct canvas *c, const struct scene *scene, const struct light *l,
                        const struct torrent *w, struct rgb leaf, struct random *r)
{
    float moss = scene_has(scene, FACT_MOSS) ? 0.8f : 0.2f;
    for (int i = 0; i < 56; i++) {
        int pair = i / 2;
        float near = (float)pair / 28, side = i % 2 ? 1 : -1, v = mixf(w->horizon_v, 1.02f, near);
        float middle = w->middle + w->bend * sinf(3.2f * (1 - near)) * (1 - near);
        float edge = mixf(w->far_width, w->near_width, powf(near, 1.15f)) / 2,
              size = (0.018f + 0.085f * near);
        float out = edge * random_range(r, 0.96f, 1.1f) + size * random_range(r, 1.0f, 3.4f);
        for (int k = 0; k < 14; k++) {
            struct rgb tone = rgb_scale(leaf, random_range(r, 0.25f, 1.0f));
            canvas_ellipse(c, middle + side * (out + size * random_normal(r)),
                           v - size * 0.6f * random_unit(r), size * random_range(r, 0.25f, 0.6f),
                           size * random_range(r, 0.15f, 0.4f), 0.5f, tone, 0.9f);
        }
        boulder_paint(c, l, middle + side * edge * random_range(r, 0.86f, 1.04f), v,
                      size * random_range(r, 0.5f, 1.2f), (struct rgb){0.17f, 0.16f, 0.15f}, moss,
                      random_bits(r));
    }
}

void paint_rapids(struct canvas *c, const struct scene *scene)
{
    struct random r = random_new(scene->seed, 132);
    struct light l = light_of(scene);
    float aspect = canvas_aspect(c), horizon = random_range(&r, 0.26f, 0.40f);
    struct sky sky = sky_of(scene, &l, horizon);
    sky_paint(c, &sky);
    if (scene_has(scene, FACT_MOUNTAINS))
        backdrop_paint(c, scene, &l, horizon - 0.03f, 0.1f);
    struct ridge bank = {
        .base = horizon, .amplitude = 0.03f, .frequency = 1.4f, .seed = (uint32_t)random_bits(&r)};
    struct rgb leaf = light_on(&l,
                               scene_has(scene, FACT_AUTUMN) ? (struct rgb){0.5f, 0.22f, 0.04f}
                                                             : (struct rgb){0.11f, 0.23f, 0.05f},
                               0.6f);
    struct woods woods = {.count = (int)(80 * aspect),
                          .height = 0.16f,
                          .sink = 0.06f,
                          .colour = light_on(&l, (struct rgb){0.04f, 0.085f, 0.04f}, 0.5f),
                          .leafy = scene_has(scene, FACT_AUTUMN) ? 0.7f : 0.35f,
                          .leaves = leaf};
    struct ground g = {
        .low = woods.colour, .high = woods.colour, .relief = 0.5f, .grain = 0.5f, .fog = 0.05f};
    ridge_paint(c, &bank, &g, &l, 1);
    if (scene_has(scene, FACT_FOREST))
        woods_paint(c, &bank, &woods, scene->seed);
    cliff_floor(c, &l, horizon + 0.05f, scene);
    float u = aspect * random_range(&r, 0.4f, 0.6f);
    struct torrent river = {.horizon_v = horizon + 0.04f,
                            .middle = u,
                            .bend = random_range(&r, -0.35f, 0.35f),
                            .far_width = 0.16f,
                            .near_width = aspect * random_range(&r, 0.95f, 1.4f),
                            .rough = random_range(&r, 0.75f, 1),
                            .deep = light_on(&l, (struct rgb){0.03f, 0.13f, 0.15f}, 0.5f),
                            .foam = white_water(&l),
                            .seed = scene->seed};
    torrent_paint(c, &river);
    struct rgb white = white_water(&l);
    for (int i = 0; i < 20; i++) {
        float near = (float)i / 20, v = mixf(horizon + 0.08f, 1, near),
              size = (0.02f + 0.09f * near) * random_range(&r, 0.5f, 1.2f);
        float pu = u + river.bend * (1 - near) +
                   aspect * 0.62f * (random_unit(&r) - 0.5f) * (0.35f + near);
        boulder_paint(c, &l, pu, v, size, (struct rgb){0.15f, 0.14f, 0.13f},
                      scene_has(scene, FACT_MOSS) ? 0.7f : 0.1f, random_bits(&r));
        for (int k = 0; k < 12; k++)
            canvas_ellipse(c, pu + size * random_range(&r, -1.1f, 1.1f),
                           v + size * random_range(&r, 0.10f, 0.45f),
                           size * random_range(&r, 0.1f, 0.35f),
                           size * random_range(&r, 0.03f, 0.08f), 0.9f, white, 0.5f);
    }
    banks_paint(c, scene, &l, &river, leaf, &r);
}

/* One of a cascade's streams: it falls, slides aside on a ledge, and falls again. */
static void strand_paint(struct canvas *c, const struct light *l, float u, float v, float width,
                         float moss, struct random *r)
{
    struct rgb white = white_water(l);
    while (v < 0.93f) {
        float drop = random_range(r, 0.06f, 0.24f), aside = 0.05f * random_normal(r);
        struct fall fall = {.u = u,
                            .top_v = v,
                            .bottom_v = fminf(v + drop, 1),
                            .top_width = width,
                            .bottom_width = width * random_range(r, 1.15f, 1.6f),
                            .seed = random_bits(r)};
        fall_paint(c, &fall, white, 0.95f);
        v += drop * 0.94f;
        for (int i = 0; i < 12; i++)
            canvas_ellipse(c, u + aside * random_unit(r) + width * 0.5f * random_normal(r),
                           v + 0.012f * random_unit(r), width * random_range(r, 0.2f, 0.6f),
                           random_range(r, 0.003f, 0.008f), 0.9f, white, 0.4f);
        for (int i = 0; i < 3; i++)
            boulder_paint(c, l, u + width * random_range(r, -1.5f, 1.5f), v + 0.03f,
                          random_range(r, 0.02f, 0.06f), (struct rgb){0.13f, 0.125f, 0.12f},
                          moss * 0.9f, random_bits(r));
        u += aside;
        width *= random_range(r, 1.0f, 1.25f);
    }
}

void paint_cascade(struct canvas *c, const struct scene *scene)
{
    struct random r = random_new(scene->seed, 133);
    struct light l = light_of(scene);
    float aspect = canvas_aspect(c);
    struct ridge crest = {
        .base = 0.10f, .amplitude = 0.05f, .frequency = 1.5f, .seed = (uint32_t)random_bits(&r)};
    struct sky sky = sky_of(scene, &l, 0.2f);
    sky_paint(c, &sky);
    struct rgb leaf = light_on(&l,
                               scene_has(scene, FACT_AUTUMN) ? (struct rgb){0.5f, 0.22f, 0.04f}
                                                             : (struct rgb){0.10f, 0.22f, 0.05f},
                               0.5f);
    struct woods woods = {.count = (int)(40 * aspect),
                          .height = 0.2f,
                          .sink = 0.02f,
                          .colour = rgb_scale(leaf, 0.4f),
                          .leafy = 0.8f,
                          .leaves = leaf};
    woods_paint(c, &crest, &woods, scene->seed);
    float moss = scene_has(scene, FACT_MOSS) ? 1 : 0.2f;
    cliff_paint(c, &l, &crest, 1, moss, (uint32_t)random_bits(&r));
    float spread = aspect * random_range(&r, 0.22f, 0.40f),
          middle = aspect * random_range(&r, 0.42f, 0.58f);
    int strands = 5 + random_below(&r, 4);
    for (int k = 0; k < strands; k++) {
        float u = middle + spread * random_range(&r, -0.8f, 0.8f),
              v = 0.10f + 0.10f * random_unit(&r);
        strand_paint(c, &l, u, v, random_range(&r, 0.04f, 0.11f), moss, &r);
    }
    bank_boulders(c, scene, &l, 0.84f, 9, middle, spread * 0.5f, &r);
}
