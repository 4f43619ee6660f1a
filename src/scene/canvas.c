/* SPDX-License-Identifier: MIT
 *
 * Drawing on a canvas: soft spots, lines, boxes, ellipses. Shapes thinner than a pixel are drawn a
 * pixel wide and fainter, which is what a lens and a sensor do to them.
 */
#include "scene/canvas.h"

#include <math.h>
#include <stdlib.h>

enum { SIDE_MAX = 8192 };

enum status canvas_open(struct canvas *c, int width, int height, struct err *err)
{
    *c = (struct canvas){.width = width, .height = height};
    if (width < 8 || height < 8 || width > SIDE_MAX || height > SIDE_MAX)
        return err_set(err, ERR_ARGUMENT, "a picture of %d x %d pixels cannot be painted", width,
                       height);
    size_t count = (size_t)width * (size_t)height;
    c->pixels = calloc(count, sizeof *c->pixels);
    c->spare = malloc(count * sizeof *c->spare);
    if (c->pixels && c->spare)
        return OK;
    canvas_close(c);
    return err_no_memory(err, "a picture", 2 * count * sizeof *c->pixels);
}

void canvas_close(struct canvas *c)
{
    if (!c)
        return;
    free(c->pixels);
    free(c->spare);
    *c = (struct canvas){0};
}

static struct rgb pixel_clamped(const struct canvas *c, int x, int y)
{
    x = x < 0 ? 0 : x >= c->width ? c->width - 1 : x;
    y = y < 0 ? 0 : y >= c->height ? c->height - 1 : y;
    return c->pixels[(long)y * c->width + x];
}

struct rgb canvas_sample(const struct canvas *c, float u, float v)
{
    float x = clampf(u * (float)c->height - 0.5f, -1, (float)c->width);
    float y = clampf(v * (float)c->height - 0.5f, -1, (float)c->height);
    int ix = (int)floorf(x), iy = (int)floorf(y);
    float fx = x - (float)ix, fy = y - (float)iy;
    struct rgb top = rgb_mix(pixel_clamped(c, ix, iy), pixel_clamped(c, ix + 1, iy), fx);
    struct rgb low = rgb_mix(pixel_clamped(c, ix, iy + 1), pixel_clamped(c, ix + 1, iy + 1), fx);
    return rgb_mix(top, low, fy);
}

static inline void cover(struct rgb *pixel, struct rgb colour, float opacity)
{
    *pixel = rgb_mix(*pixel, colour, opacity);
}

/* The pixels that a shape can touch. */
struct span {
    int x0, y0, x1, y1;
};

static struct span span_of(const struct canvas *c, struct box b, float margin_pixels)
{
    float h = (float)c->height, w = (float)c->width;
    return (struct span){(int)clampf(b.u0 * h - margin_pixels, 0, w),
                         (int)clampf(b.v0 * h - margin_pixels, 0, h),
                         (int)clampf(b.u1 * h + margin_pixels + 1, 0, w),
                         (int)clampf(b.v1 * h + margin_pixels + 1, 0, h)};
}

void canvas_glow(struct canvas *c, float u, float v, float radius, struct rgb light, float clip_v)
{
    float h = (float)c->height, x = u * h, y = v * h, r = radius * h;
    if (r < 0.6f) {
        light = rgb_scale(light, r * r / 0.36f);
        r = 0.6f;
    }
    float reach = 2.6f * r;
    struct span s = span_of(c, (struct box){u, v, u, v}, reach);
    int bottom = canvas_row(c, clip_v);
    for (int iy = s.y0; iy < s.y1 && iy < bottom; iy++)
        for (int ix = s.x0; ix < s.x1; ix++) {
            float dx = (float)ix + 0.5f - x, dy = (float)iy + 0.5f - y;
            float d2 = (dx * dx + dy * dy) / (r * r);
            if (d2 > 6.76f)
                continue;
            /* (1 - d²/6.76)⁴: close to a Gaussian, and 0 at the edge. */
            float t = 1 - d2 / 6.76f;
            struct rgb *pixel = canvas_at(c, ix, iy);
            *pixel = rgb_add(*pixel, rgb_scale(light, t * t * t * t));
        }
}

/* How much of a pixel at distance d (pixels) from a line's middle a line of half-width r covers. */
static inline float line_coverage(float d, float r)
{
    return clampf(r + 0.5f - d, 0, 1);
}

struct segment {
    float x0, y0, dx, dy, length2;
};

static inline float distance_to(const struct segment *s, float x, float y)
{
    float px = x - s->x0, py = y - s->y0;
    float t = s->length2 > 0 ? clampf((px * s->dx + py * s->dy) / s->length2, 0, 1) : 0;
    px -= t * s->dx;
    py -= t * s->dy;
    return sqrtf(px * px + py * py);
}

static void draw_line(struct canvas *c, const float ends[4], float width, struct rgb colour,
                      float opacity, bool additive)
{
    float h = (float)c->height, r = width * h / 2, strength = opacity;
    if (r < 0.5f) {
        strength *= r / 0.5f;
        r = 0.5f;
    }
    struct segment s = {ends[0] * h, ends[1] * h, (ends[2] - ends[0]) * h, (ends[3] - ends[1]) * h,
                        0};
    s.length2 = s.dx * s.dx + s.dy * s.dy;
    struct span span = span_of(c,
                               (struct box){fminf(ends[0], ends[2]), fminf(ends[1], ends[3]),
                                            fmaxf(ends[0], ends[2]), fmaxf(ends[1], ends[3])},
                               r + 1);
    for (int y = span.y0; y < span.y1; y++)
        for (int x = span.x0; x < span.x1; x++) {
            float d = distance_to(&s, (float)x + 0.5f, (float)y + 0.5f);
            float amount = line_coverage(d, r) * strength;
            struct rgb *pixel = canvas_at(c, x, y);
            if (amount > 0 && additive)
                *pixel = rgb_add(*pixel, rgb_scale(colour, amount));
            else if (amount > 0)
                cover(pixel, colour, amount);
        }
}

void canvas_streak(struct canvas *c, float u0, float v0, float u1, float v1, float width,
                   struct rgb light)
{
    draw_line(c, (const float[4]){u0, v0, u1, v1}, width, light, 1, true);
}

void canvas_line(struct canvas *c, float u0, float v0, float u1, float v1, float width,
                 struct rgb colour, float opacity)
{
    draw_line(c, (const float[4]){u0, v0, u1, v1}, width, colour, opacity, false);
}

void canvas_box(struct canvas *c, struct box b, struct rgb colour, float opacity)
{
    float h = (float)c->height;
    float x0 = b.u0 * h, x1 = b.u1 * h, y0 = b.v0 * h, y1 = b.v1 * h;
    struct span s = span_of(c, b, 0);
    for (int y = s.y0; y < s.y1; y++) {
        float fy = fminf((float)y + 1, y1) - fmaxf((float)y, y0);
        for (int x = s.x0; x < s.x1 && fy > 0; x++) {
            float fx = fminf((float)x + 1, x1) - fmaxf((float)x, x0);
            if (fx > 0)
                cover(canvas_at(c, x, y), colour, opacity * fminf(fx, 1) * fminf(fy, 1));
        }
    }
}

void canvas_ellipse(struct canvas *c, float u, float v, float ru, float rv, float soft,
                    struct rgb colour, float opacity)
{
    float h = (float)c->height, pixel_part = 1 / fmaxf(fminf(ru, rv) * h, 0.5f);
    float inner = 1 - fmaxf(soft, pixel_part);
    struct span s = span_of(c, (struct box){u - ru, v - rv, u + ru, v + rv}, 1);
    for (int y = s.y0; y < s.y1; y++)
        for (int x = s.x0; x < s.x1; x++) {
            float dx = (canvas_u(c, x) - u) / ru, dy = (((float)y + 0.5f) / h - v) / rv;
            float amount = 1 - smoothstepf(inner, 1 + pixel_part / 2, sqrtf(dx * dx + dy * dy));
            if (amount > 0)
                cover(canvas_at(c, x, y), colour, amount * opacity);
        }
}
