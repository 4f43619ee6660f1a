/* SPDX-License-Identifier: MIT
 *
 * What lens, sensor and processing do to a finished painting: motion, defocus, bloom, and the way
 * from linear light to 8 bits.
 */
#include "scene/canvas.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TAPS_MIN = 4, TAPS_MAX = 28 };

/* As many samples as the longest way has pixels, within reason. */
static int count_taps(const struct canvas *c, const struct motion *m)
{
    float size = canvas_aspect(c) + 1;
    float way = fabsf(m->du) + fabsf(m->dv) + (fabsf(m->zoom) + fabsf(m->turn)) * size / 2;
    return (int)clampf(way * (float)c->height, TAPS_MIN, TAPS_MAX);
}

struct tap {
    float co, si, du, dv; /* turn and scale, then shift */
};

static struct rgb sample_along(const struct canvas *c, const struct motion *m,
                               const struct tap *taps, int count, float u, float v, float jitter)
{
    struct rgb sum = {0, 0, 0};
    float ru = u - m->centre_u, rv = v - m->centre_v;
    float shift_u = jitter * m->du / (float)count, shift_v = jitter * m->dv / (float)count;
    for (int i = 0; i < count; i++) {
        const struct tap *t = &taps[i];
        float su = m->centre_u + t->co * ru - t->si * rv + t->du + shift_u;
        float sv = m->centre_v + t->si * ru + t->co * rv + t->dv + shift_v;
        sum = rgb_add(sum, canvas_sample(c, su, sv));
    }
    return rgb_scale(sum, 1.0f / (float)count);
}

void canvas_motion_blur(struct canvas *c, const struct motion *m)
{
    struct tap taps[TAPS_MAX];
    int count = count_taps(c, m), y0 = canvas_row(c, m->v0), y1 = canvas_row(c, m->v1);
    for (int i = 0; i < count; i++) {
        float t = ((float)i + 0.5f) / (float)count - 0.5f, scale = 1 + m->zoom * t;
        taps[i] = (struct tap){scale * cosf(m->turn * t), scale * sinf(m->turn * t), m->du * t,
                               m->dv * t};
    }
    for (int y = y0; y < y1; y++)
        for (int x = 0; x < c->width; x++) {
            uint64_t h = random_mix((uint64_t)y << 32 | (uint64_t)x);
            float v = ((float)y + 0.5f) / (float)c->height, jitter = (float)(h >> 40) * 0x1p-24f;
            c->spare[(long)y * c->width + x] =
                sample_along(c, m, taps, count, canvas_u(c, x), v, jitter - 0.5f);
        }
    if (y1 > y0)
        memcpy(c->pixels + (long)y0 * c->width, c->spare + (long)y0 * c->width,
               (size_t)(y1 - y0) * (size_t)c->width * sizeof *c->pixels);
}

/* A mean over 2r+1 neighbours, from a line to a line; `step` apart. */
static void box_line(const struct rgb *in, struct rgb *out, int n, long step, int r)
{
    struct rgb sum = {0, 0, 0};
    for (int i = -r; i <= r; i++)
        sum = rgb_add(sum, in[(i < 0 ? 0 : i >= n ? n - 1 : i) * step]);
    float part = 1.0f / (float)(2 * r + 1);
    for (int i = 0; i < n; i++) {
        out[i * step] = rgb_scale(sum, part);
        struct rgb leaves = in[(i - r < 0 ? 0 : i - r) * step];
        struct rgb comes = in[(i + r + 1 >= n ? n - 1 : i + r + 1) * step];
        sum = rgb_add(sum, rgb_add(comes, rgb_scale(leaves, -1)));
    }
}

/* Three boxes are nearly a Gaussian. a holds the picture before and after; b is scratch. */
static void blur(struct rgb *a, struct rgb *b, int width, int height, int r)
{
    for (int pass = 0; pass < 3; pass++) {
        for (int y = 0; y < height; y++)
            box_line(a + (long)y * width, b + (long)y * width, width, 1, r);
        for (int x = 0; x < width; x++)
            box_line(b + x, a + x, height, width, r);
    }
}

void canvas_soften(struct canvas *c, float radius)
{
    int r = (int)lroundf(radius * (float)c->height * 0.6f);
    if (r > 0)
        blur(c->pixels, c->spare, c->width, c->height, r);
}

enum { SHRINK = 4 };

/* A quarter of the size, into the start of the spare picture. */
static void shrink(const struct canvas *c, struct rgb *out, int w, int h)
{
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            struct rgb sum = {0, 0, 0};
            for (int k = 0; k < SHRINK * SHRINK; k++) {
                int sx = x * SHRINK + k % SHRINK, sy = y * SHRINK + k / SHRINK;
                struct rgb p = c->pixels[(long)sy * c->width + sx];
                sum = rgb_add(sum, p);
            }
            out[(long)y * w + x] = rgb_scale(sum, 1.0f / (SHRINK * SHRINK));
        }
}

/* Adds the small picture, enlarged. */
static void add_enlarged(struct canvas *c, const struct rgb *small, int w, int h, float amount)
{
    for (int y = 0; y < c->height; y++) {
        float fy = clampf(((float)y + 0.5f) / SHRINK - 0.5f, 0, (float)h - 1.001f);
        int iy = (int)fy;
        for (int x = 0; x < c->width; x++) {
            float fx = clampf(((float)x + 0.5f) / SHRINK - 0.5f, 0, (float)w - 1.001f);
            int ix = (int)fx;
            const struct rgb *p = small + (long)iy * w + ix;
            struct rgb sum = rgb_mix(rgb_mix(p[0], p[1], fx - (float)ix),
                                     rgb_mix(p[w], p[w + 1], fx - (float)ix), fy - (float)iy);
            struct rgb *pixel = canvas_at(c, x, y);
            *pixel = rgb_add(rgb_scale(*pixel, 1 - amount), rgb_scale(sum, amount));
        }
    }
}

void canvas_bloom(struct canvas *c, float amount)
{
    int w = c->width / SHRINK, h = c->height / SHRINK;
    if (w < 4 || h < 4)
        return;
    struct rgb *small = c->spare, *scratch = c->spare + (long)w * h;
    shrink(c, small, w, h);
    int near = (int)fmaxf(1, 0.008f * (float)h), far = (int)fmaxf(2, 0.05f * (float)h);
    blur(small, scratch, w, h, near);
    add_enlarged(c, small, w, h, amount);
    blur(small, scratch, w, h, far);
    add_enlarged(c, small, w, h, amount * 0.6f);
}

/* Hable's filmic shape would do too; this one (Narkowicz's fit of ACES) is short. */
static inline float film(float x)
{
    return clampf(x * (2.51f * x + 0.03f) / (x * (2.43f * x + 0.59f) + 0.14f), 0, 1);
}

enum { CURVE = 4096 };

/* From linear 0..1 to sRGB 0..255, with contrast around the middle. */
static void fill_curve(float *curve, float contrast)
{
    for (int i = 0; i <= CURVE; i++) {
        float x = (float)i / CURVE;
        x *= x; /* the table is over the square root: dark tones get their share of it */
        float s = x <= 0.0031308f ? 12.92f * x : 1.055f * powf(x, 1 / 2.4f) - 0.055f;
        float bent = s * s * (3 - 2 * s);
        curve[i] = 255 * clampf(s + (bent - s) * (contrast - 1), 0, 1);
    }
}

static inline uint8_t to_byte(const float *curve, float x, float grain)
{
    float y = curve[(int)(sqrtf(film(x)) * CURVE)] + grain;
    return (uint8_t)clampf(y + 0.5f, 0, 255);
}

void canvas_develop(const struct canvas *c, const struct develop *d, uint8_t *rgb)
{
    float curve[CURVE + 1];
    fill_curve(curve, d->contrast);
    struct random random = random_new(d->seed, 77);
    float half = canvas_aspect(c) / 2;
    for (int y = 0; y < c->height; y++)
        for (int x = 0; x < c->width; x++) {
            float du = (canvas_u(c, x) - half) / half;
            float dv = ((float)y + 0.5f) / (float)c->height * 2 - 1;
            float fall = 1 - d->vignette * 0.5f * (du * du + dv * dv);
            struct rgb p = rgb_scale(c->pixels[(long)y * c->width + x], d->exposure * fall);
            float l = rgb_luminance(p);
            p = rgb_mix((struct rgb){l, l, l}, p, d->saturation);
            p.r *= 1 + d->warmth;
            p.b *= 1 - d->warmth;
            float grain = d->grain > 0 ? d->grain * random_normal(&random) : 0;
            *rgb++ = to_byte(curve, fmaxf(p.r, 0), grain);
            *rgb++ = to_byte(curve, fmaxf(p.g, 0), grain);
            *rgb++ = to_byte(curve, fmaxf(p.b, 0), grain);
        }
}
