/* SPDX-License-Identifier: MIT
 *
 * A dozen small pictures for the tests, drawn by formula: two of each kind of landscape that the
 * default categories name. The same bytes on every run.
 *
 * make-pictures DIR
 */
#include "base/file.h"
#include "image/image.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define WIDTH 480
#define HEIGHT 320

struct colour {
    double r, g, b;
};

/* A number in [0, 1) from two integers and the picture's seed; the same on every machine. */
static double noise(int x, int y, unsigned seed)
{
    uint32_t h = (uint32_t)x * 0x8da6b343u ^ (uint32_t)y * 0xd8163841u ^ seed * 0xcb1ab31fu;
    h ^= h >> 16;
    h *= 0x7feb352du;
    h ^= h >> 15;
    h *= 0x846ca68bu;
    h ^= h >> 16;
    return h / 4294967296.0;
}

static struct colour mix(struct colour a, struct colour b, double t)
{
    return (struct colour){a.r + (b.r - a.r) * t, a.g + (b.g - a.g) * t, a.b + (b.b - a.b) * t};
}

/* Height (0 at the top) of a line of hills at x. */
static double ridge(double x, double base, unsigned seed)
{
    double y = base;
    for (int octave = 1; octave <= 4; octave++)
        y += 0.08 / octave * sin(x * 5 * octave + 7.0 * seed + 2.1 * octave);
    return y;
}

/* Scenes: x, y in 0..1, y downwards. */

static struct colour stars(double x, double y, unsigned seed)
{
    const struct colour zenith = {4, 6, 24}, glow = {30, 34, 70}, ground = {3, 3, 5};
    if (y > ridge(x, 0.85, seed))
        return ground;
    struct colour c = mix(zenith, glow, y * y);
    double band = exp(-pow((y - 0.3 - 0.4 * x) * 6, 2)); /* the milky way */
    double star = noise((int)(x * WIDTH), (int)(y * HEIGHT), seed);
    if (star > 0.996 - 0.012 * band)
        return (struct colour){255, 250, 240};
    return mix(c, (struct colour){120, 110, 140}, 0.4 * band);
}

static struct colour hills(double x, double y, unsigned seed)
{
    const struct colour sky = {120, 170, 230}, haze = {220, 230, 240}, near = {40, 90, 40};
    for (int layer = 4; layer >= 1; layer--)
        if (y > ridge(x * (2 + layer % 2), 0.3 + 0.14 * layer, seed + (unsigned)layer))
            return mix(mix(haze, near, layer / 4.0), (struct colour){90, 120, 60},
                       0.3 * noise((int)(x * 160), (int)(y * 120), seed));
    return mix(sky, haze, y);
}

static struct colour trails(double x, double y, unsigned seed)
{
    struct colour c = {12, 12, 18};
    for (int lane = 0; lane < 7; lane++) {
        double bend = 0.5 + 0.06 * lane + (0.3 - 0.05 * lane) * pow(x - 0.2 * (seed % 3), 2);
        double light = exp(-pow((y - bend) * 120, 2));
        c = mix(c, lane < 4 ? (struct colour){255, 60, 30} : (struct colour){255, 245, 200}, light);
    }
    return c;
}

static struct colour city(double x, double y, unsigned seed)
{
    int block = (int)(x * 14);
    double roof = 0.25 + 0.45 * noise(block, 0, seed);
    if (y < roof || y > 0.8)
        return mix((struct colour){30, 20, 60}, (struct colour){200, 110, 90}, y);
    int column = (int)(x * 14 * 6), row = (int)(y * 50);
    bool window = column % 2 && row % 2 && noise(column, row, seed) > 0.45;
    return window ? (struct colour){255, 215, 120} : (struct colour){18, 18, 30};
}

static struct colour sea(double x, double y, unsigned seed)
{
    const struct colour sky = {70, 120, 200}, gold = {255, 180, 90};
    if (y < 0.5)
        return mix(sky, gold, y * (seed % 2 ? 2 : 0.8));
    double wave = sin((x * 40 + 9 * sin(y * 60 + seed)) * (1.2 - y)) * (y - 0.4);
    return mix((struct colour){10, 60, 110}, (struct colour){150, 200, 220}, 0.4 + 0.6 * wave);
}

static struct colour waterfall(double x, double y, unsigned seed)
{
    double centre = 0.5 + 0.05 * sin(y * 9 + seed), half = 0.08 + 0.12 * y * y;
    if (fabs(x - centre) < half)
        return mix((struct colour){235, 245, 250}, (struct colour){150, 180, 200},
                   noise((int)(x * 200), (int)(y * 3), seed));
    double rock = noise((int)(x * 24), (int)(y * 16), seed);
    return mix((struct colour){40, 45, 40}, (struct colour){70, 110, 60}, rock);
}

static const struct {
    const char *name;
    struct colour (*at)(double x, double y, unsigned seed);
} scenes[] = {
    {"stars", stars}, {"hills", hills}, {"trails", trails},
    {"city", city},   {"sea", sea},     {"waterfall", waterfall},
};

static void draw(size_t scene, unsigned seed, uint8_t *rgb)
{
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            struct colour c = scenes[scene].at((double)x / WIDTH, (double)y / HEIGHT, seed);
            uint8_t *p = rgb + ((size_t)y * WIDTH + (size_t)x) * 3;
            p[0] = (uint8_t)fmax(0, fmin(255, c.r));
            p[1] = (uint8_t)fmax(0, fmin(255, c.g));
            p[2] = (uint8_t)fmax(0, fmin(255, c.b));
        }
}

static enum status make_all(const char *dir, uint8_t *rgb, struct err *err)
{
    enum status status = dir_make(dir, err);
    for (size_t scene = 0; scene < sizeof scenes / sizeof *scenes; scene++)
        for (unsigned seed = 1; status == OK && seed <= 2; seed++) {
            struct str path = str_new(4096);
            path_join(&path, dir, scenes[scene].name);
            str_format(&path, "-%u.png", seed);
            draw(scene, seed, rgb);
            status = str_ok(&path) ? image_write_png(str_text(&path), rgb, WIDTH, HEIGHT, err)
                                   : err_set(err, ERR_ARGUMENT, "the folder's name is too long");
            str_free(&path);
        }
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fputs("usage: make-pictures DIR\n", stderr);
        return 2;
    }
    struct err err = {0};
    uint8_t *rgb = malloc((size_t)WIDTH * HEIGHT * 3);
    enum status status = rgb ? image_room_open(&err) : err_no_memory(&err, "a picture", 0);
    if (status == OK) {
        status = make_all(argv[1], rgb, &err);
        image_room_close();
    }
    free(rgb);
    if (status != OK)
        fprintf(stderr, "make-pictures: %s\n", err.text);
    return status != OK;
}
