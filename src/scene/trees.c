/* SPDX-License-Identifier: MIT
 *
 * Trees: conifers as stacks of drooping branches, round crowns as heaps of leaves.
 */
#include "scene/land.h"
#include "scene/noise.h"

#include <math.h>

void conifer_paint(struct canvas *c, float u, float base_v, float height, struct rgb colour,
                   struct random *r)
{
    float top = base_v - height, width = height * random_range(r, 0.16f, 0.24f);
    float tiers = random_range(r, 7, 12), lean = height * 0.03f * random_normal(r);
    uint32_t seed = (uint32_t)random_bits(r);
    float h = (float)c->height;
    int y0 = canvas_row(c, top), y1 = canvas_row(c, base_v);
    for (int y = y0; y < y1; y++) {
        float t = fmaxf((((float)y + 0.5f) / h - top) / height, 0);
        float tier = t * tiers, saw = tier - floorf(tier);
        float half = width * powf(t, 0.85f) * (0.45f + 0.62f * saw);
        float middle = u + lean * (1 - t);
        float left = half * (0.75f + 0.5f * noise_cell((int)tier, y / 2, seed));
        float right = half * (0.75f + 0.5f * noise_cell((int)tier, y / 2, seed + 1));
        if (t > 0.94f)
            left = right = width * 0.09f;
        float v0 = (float)y / h, tone = 0.8f + 0.4f * saw;
        canvas_box(c, (struct box){middle - left, v0, middle + right, v0 + 1 / h},
                   rgb_scale(colour, tone), 1);
    }
}

void leaf_tree_paint(struct canvas *c, float u, float base_v, float height, struct rgb dark,
                     struct rgb light, struct random *r)
{
    float crown = height * 0.36f, middle = base_v - height * 0.62f;
    canvas_line(c, u, base_v, u + 0.02f * height * random_normal(r), middle, height * 0.055f,
                rgb_scale(dark, 0.5f), 1);
    for (int i = 0; i < 5; i++)
        canvas_line(c, u, base_v - height * 0.32f, u + crown * 0.8f * random_normal(r) * 0.5f,
                    middle - crown * 0.4f * random_unit(r), height * 0.02f, rgb_scale(dark, 0.5f),
                    1);
    float lobe_u[5], lobe_v[5];
    for (int i = 0; i < 5; i++) {
        lobe_u[i] = crown * 0.75f * random_range(r, -1, 1);
        lobe_v[i] = crown * (0.55f * random_range(r, -1, 1) - 0.1f);
    }
    int clumps = height * (float)c->height > 40 ? 170 : 60;
    for (int i = 0; i < clumps; i++) {
        float t = (float)i / (float)clumps; /* dark ones first, light on top */
        int lobe = random_below(r, 5);
        float du = lobe_u[lobe] + crown * 0.26f * random_normal(r);
        float dv = lobe_v[lobe] + crown * 0.22f * random_normal(r) - crown * 0.12f * t;
        float lit = clampf(0.10f + 0.5f * t + 0.45f * (-dv / crown) * t, 0, 1);
        struct rgb colour = rgb_scale(rgb_mix(dark, light, lit), random_range(r, 0.7f, 1.2f));
        float size = crown * random_range(r, 0.07f, 0.16f) * (clumps > 100 ? 0.8f : 1.5f);
        canvas_ellipse(c, u + du, middle + dv, size, size * 0.7f, 0.4f, colour, 0.9f);
    }
}

void woods_paint(struct canvas *c, const struct ridge *ridge, const struct woods *w, uint64_t seed)
{
    struct random r = random_new(seed ^ ridge->seed, 33);
    float aspect = canvas_aspect(c);
    for (int i = 0; i < w->count; i++) {
        float down = (float)i / (float)w->count; /* those behind first */
        float u = aspect * random_range(&r, -0.03f, 1.03f);
        float base = ridge_at(ridge, u) + w->sink * down + 0.006f;
        float height = w->height * random_range(&r, 0.55f, 1.3f) * (0.8f + 0.4f * down);
        struct rgb shade = rgb_scale(w->colour, random_range(&r, 0.75f, 1.25f));
        struct rgb leaves = rgb_scale(w->leaves, random_range(&r, 0.7f, 1.2f));
        if (random_chance(&r, w->leafy))
            leaf_tree_paint(c, u, base, height * 0.8f, rgb_scale(leaves, 0.35f), leaves, &r);
        else
            conifer_paint(c, u, base, height, shade, &r);
    }
}
