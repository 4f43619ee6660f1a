/* SPDX-License-Identifier: MIT
 *
 * Colour profiles: made here of primaries and curves, or of tables, and what comes out is compared
 * with values worked out from the same numbers, by other means than the decoder's. (May include
 * vips.h, as test_image.c.)
 */
#include "image/icc.h"
#include "image/image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../image_room.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <vips/vips.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

struct content {
    void *data;
    size_t size;
};

static VipsImage *from_pixels(const void *pixels, int width, int height, int bands)
{
    VipsImage *im =
        vips_image_new_from_memory_copy(pixels, (size_t)width * (size_t)height * (size_t)bands,
                                        width, height, bands, VIPS_FORMAT_UCHAR);
    assert_non_null(im);
    im->Type = bands >= 3 ? VIPS_INTERPRETATION_sRGB : VIPS_INTERPRETATION_B_W;
    return im;
}

/* Takes over the image. suffix: ".png", ".jpg", … */
static struct content save(VipsImage *im, const char *suffix)
{
    struct content c;
    if (vips_image_write_to_buffer(im, suffix, &c.data, &c.size, NULL))
        fail_msg("%s: %s", suffix, vips_error_buffer());
    g_object_unref(im);
    return c;
}

static struct image decode_ok(const void *data, size_t size)
{
    struct image image;
    struct err err;
    if (image_decode(&image, data, size, NULL, &err) != OK)
        fail_msg("%s", err.text);
    return image;
}

static void set_profile(VipsImage *im, const void *profile, size_t size)
{
    vips_image_set_blob_copy(im, VIPS_META_ICC_NAME, profile, size);
}

static struct image decode_with_profile(const uint8_t *pixels, int n, int bands,
                                        const void *profile, size_t size)
{
    VipsImage *im = from_pixels(pixels, n, 1, bands);
    if (bands == 4)
        im->Type = VIPS_INTERPRETATION_CMYK;
    set_profile(im, profile, size);
    struct content c = save(im, ".tif");
    struct image image = decode_ok(c.data, c.size);
    g_free(c.data);
    return image;
}

static void put_be32(uint8_t *p, double v)
{
    uint32_t u = (uint32_t)(int32_t)lround(v);
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(u >> (24 - 8 * i));
}

/* An RGB profile with these primaries (D50, rows X Y Z) and curves: a gamma, or sRGB's own if 0. */
static size_t make_profile(uint8_t p[512], const double primaries[3][3], double gamma)
{
    static const char *const names[] = {"rXYZ", "gXYZ", "bXYZ", "wtpt", "rTRC", "gTRC", "bTRC"};
    static const double white[3] = {0.9642, 1.0, 0.8249};
    static const double srgb[5] = {2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045};
    size_t curves = 132 + 7 * 12, at = curves + 32;
    memset(p, 0, 512);
    put_be32(p + 8, 0x02400000);
    memcpy(p + 12, "mntrRGB XYZ ", 12);
    memcpy(p + 36, "acsp", 4);
    for (int i = 0; i < 3; i++)
        put_be32(p + 68 + 4 * i, white[i] * 65536);
    put_be32(p + 128, 7);
    memcpy(p + curves, "para", 4);
    p[curves + 9] = gamma > 0 ? 0 : 3;
    for (int i = 0; i < 5; i++)
        put_be32(p + curves + 12 + 4 * i, (gamma > 0 ? (i ? 0 : gamma) : srgb[i]) * 65536);
    for (int i = 0; i < 7; i++) {
        uint8_t *entry = p + 132 + 12 * i;
        memcpy(entry, names[i], 4);
        put_be32(entry + 4, i < 4 ? (double)at : (double)curves);
        put_be32(entry + 8, i < 4 ? 20 : 32);
        if (i >= 4)
            continue;
        memcpy(p + at, "XYZ ", 4);
        for (int k = 0; k < 3; k++)
            put_be32(p + at + 8 + 4 * k, (i < 3 ? primaries[i][k] : white[k]) * 65536);
        at += 20;
    }
    put_be32(p, (double)at);
    return at;
}

static const double srgb_primaries[3][3] = {
    {0.43607, 0.22249, 0.01392}, {0.38515, 0.71687, 0.09708}, {0.14307, 0.06061, 0.71410}};

struct space {
    const char *name;
    double primaries[3][3]; /* D50, rows X Y Z */
    double gamma;           /* 0: sRGB's curve */
};

/* Of the specifications, adapted to D50 by Bradford. */
static const struct space spaces[] = {
    {"Display P3",
     {{0.5151, 0.2412, -0.0011}, {0.2919, 0.6922, 0.0419}, {0.1572, 0.0666, 0.7841}},
     0},
    {"Adobe RGB",
     {{0.6097, 0.3111, 0.0195}, {0.2053, 0.6257, 0.0609}, {0.1492, 0.0632, 0.7446}},
     2.19921875},
    {"ProPhoto RGB",
     {{0.7977, 0.2880, 0.0000}, {0.1352, 0.7119, 0.0000}, {0.0313, 0.0001, 0.8249}},
     1.8},
    {"sRGB's primaries, linear",
     {{0.4361, 0.2225, 0.0139}, {0.3851, 0.7169, 0.0971}, {0.1431, 0.0606, 0.7141}},
     1.0},
};

static const uint8_t colours[6 * 3] = {255, 255, 255, 0,  0,  0,   128, 128, 128,
                                       200, 100, 50,  40, 90, 200, 10,  240, 60};

static void test_profiles_that_change_nothing(void **state)
{
    uint8_t profile[512];
    size_t size = make_profile(profile, srgb_primaries, 0);
    assert_true(icc_read(profile, size).srgb);
    struct image image = decode_with_profile(colours, 6, 3, profile, size);
    assert_memory_equal(image.pixels, colours, sizeof colours);
    image_free(&image);

    VipsBlob *built_in;
    assert_int_equal(vips_profile_load("srgb", &built_in, NULL), 0);
    size_t length;
    const void *data = vips_blob_get(built_in, &length);
    assert_true(icc_read(data, length).srgb);
    vips_area_unref(VIPS_AREA(built_in));

    /* Damaged ones are ignored: cut at every length, and noise. */
    size = make_profile(profile, spaces[0].primaries, 0);
    for (size_t cut = 1; cut < size - 40; cut += 7) {
        image = decode_with_profile(colours, 6, 3, profile, cut);
        assert_int_equal(image.width, 6);
        image_free(&image);
    }
    image = decode_with_profile(colours, 6, 3, colours, sizeof colours);
    assert_memory_equal(image.pixels, colours, sizeof colours);
    image_free(&image);
    /* One for another kind of picture. */
    static const uint8_t grays[4] = {0, 80, 160, 255};
    image = decode_with_profile(grays, 4, 1, profile, size);
    for (int i = 0; i < 12; i++)
        assert_int_equal(image.pixels[i], grays[i / 3]);
    image_free(&image);
}

static double to_linear(double v)
{
    return v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
}

static double from_linear(double v)
{
    v = v < 0 ? 0 : v > 1 ? 1 : v;
    return v <= 0.0031308 ? 12.92 * v : 1.055 * pow(v, 1 / 2.4) - 0.055;
}

/* XYZ (D50) → sRGB by its primaries and Cramer's rule. */
static void srgb_of_xyz(double out[3], const double xyz[3])
{
    double m[3][3];
    for (int c = 0; c < 3; c++)
        for (int k = 0; k < 3; k++)
            m[k][c] = srgb_primaries[c][k];
#define DET(a)                                                                                     \
    (a[0][0] * (a[1][1] * a[2][2] - a[1][2] * a[2][1]) -                                           \
     a[0][1] * (a[1][0] * a[2][2] - a[1][2] * a[2][0]) +                                           \
     a[0][2] * (a[1][0] * a[2][1] - a[1][1] * a[2][0]))
    for (int c = 0; c < 3; c++) {
        double replaced[3][3];
        memcpy(replaced, m, sizeof m);
        for (int k = 0; k < 3; k++)
            replaced[k][c] = xyz[k];
        out[c] = 255 * from_linear(DET(replaced) / DET(m));
    }
}

static void expected_srgb(double out[3], const uint8_t in[3], const struct space *from)
{
    double xyz[3] = {0};
    for (int c = 0; c < 3; c++) {
        double v = from->gamma > 0 ? pow(in[c] / 255.0, from->gamma) : to_linear(in[c] / 255.0);
        for (int k = 0; k < 3; k++)
            xyz[k] += v * from->primaries[c][k];
    }
    srgb_of_xyz(out, xyz);
}

/* Each colour as a block of 16 x 16, so that JPEG keeps it. */
enum { BLOCK = 16, COLOURS = 6 };

static VipsImage *blocks(bool deep)
{
    static uint8_t pixels[BLOCK * BLOCK * COLOURS * 3];
    static uint16_t words[BLOCK * BLOCK * COLOURS * 3];
    for (size_t y = 0, i = 0; y < BLOCK; y++)
        for (size_t x = 0; x < (size_t)BLOCK * COLOURS; x++)
            for (size_t c = 0; c < 3; c++, i++) {
                pixels[i] = colours[x / BLOCK * 3 + c];
                words[i] = (uint16_t)(pixels[i] * 257);
            }
    if (!deep)
        return from_pixels(pixels, BLOCK * COLOURS, BLOCK, 3);
    VipsImage *im = vips_image_new_from_memory_copy(words, sizeof words, BLOCK * COLOURS, BLOCK, 3,
                                                    VIPS_FORMAT_USHORT);
    assert_non_null(im);
    im->Type = VIPS_INTERPRETATION_RGB16;
    return im;
}

static void test_profiles_that_are_applied(void **state)
{
    static const struct {
        const char *suffix;
        bool deep;
        double tolerance;
    } files[] = {
        {".tif", false, 3},
        {".tif", true, 3},
        {".png", false, 3},
        {".png", true, 3},
        {".webp[lossless]", false, 3},
        {".jpg[Q=100,subsample-mode=off]", false, 4},
    };
    uint8_t profile[512];
    for (size_t s = 0; s < COUNT(spaces); s++)
        for (size_t f = 0; f < COUNT(files); f++) {
            size_t size = make_profile(profile, spaces[s].primaries, spaces[s].gamma);
            assert_int_equal(icc_read(profile, size).channels, 3);
            assert_false(icc_read(profile, size).srgb);
            VipsImage *im = blocks(files[f].deep);
            set_profile(im, profile, size);
            struct content c = save(im, files[f].suffix);
            struct image image = decode_ok(c.data, c.size);
            for (int i = 0; i < COLOURS * 3; i++) {
                double expected[3];
                expected_srgb(expected, colours + i / 3 * 3, &spaces[s]);
                size_t at = 3 * ((size_t)(BLOCK / 2) * BLOCK * COLOURS +
                                 (size_t)(i / 3 * BLOCK + BLOCK / 2));
                if (fabs(image.pixels[at + (size_t)i % 3] - expected[i % 3]) > files[f].tolerance)
                    fail_msg("%s in %s: colour %d, channel %d: %d, not %.1f", spaces[s].name,
                             files[f].suffix, i / 3, i % 3, image.pixels[at + (size_t)i % 3],
                             expected[i % 3]);
            }
            image_free(&image);
            g_free(c.data);
        }
    size_t size = make_profile(profile, srgb_primaries, 2.2);
    assert_false(icc_read(profile, size).srgb);
}

/* ---- CMYK by a profile of tables ---- */

/* Lab of a mix of inks, 0 to 1 each, at the table's corners and along its edges. */
static void lab_of_inks(double lab[3], const double ink[4])
{
    double light = 1 - ink[3];
    lab[0] = 100 * light * (1 - 0.4 * ink[0]) * (1 - 0.5 * ink[1]) * (1 - 0.1 * ink[2]);
    lab[1] = light * (-30 * ink[0] + 55 * ink[1] - 5 * ink[2]);
    lab[2] = light * (-35 * ink[0] - 5 * ink[1] + 60 * ink[2]);
}

static void put_be16(uint8_t *p, double v)
{
    p[0] = (uint8_t)(lround(v) >> 8);
    p[1] = (uint8_t)lround(v);
}

/* An output profile with an A2B0 table of two points a side ('mft2'; Lab as version 2 has it). */
static size_t make_cmyk_profile(uint8_t p[1024])
{
    enum { TABLE = 144 + 12 };
    memset(p, 0, 1024);
    put_be32(p + 8, 0x02400000);
    memcpy(p + 12, "prtrCMYKLab ", 12);
    memcpy(p + 36, "acsp", 4);
    put_be32(p + 68, 0.9642 * 65536);
    put_be32(p + 72, 1.0 * 65536);
    put_be32(p + 76, 0.8249 * 65536);
    put_be32(p + 128, 2);
    memcpy(p + 132, "wtpt", 4);
    memcpy(p + 144, "A2B0", 4);
    uint8_t *t = p + TABLE, *at = t + 52;
    memcpy(t, "mft2", 4);
    t[8] = 4;
    t[9] = 3;
    t[10] = 2;
    for (int i = 0; i < 9; i += 4)
        put_be32(t + 12 + 4 * i, 65536);
    t[49] = t[51] = 2; /* points of the curves before and behind: straight */
    for (int i = 0; i < 4; i++, at += 4)
        put_be16(at + 2, 65535);
    for (int i = 0; i < 16; i++) {
        const double ink[4] = {i >> 3 & 1, i >> 2 & 1, i >> 1 & 1, i & 1};
        double lab[3];
        lab_of_inks(lab, ink);
        put_be16(at, lab[0] * 652.8);
        put_be16(at + 2, (lab[1] + 128) * 256);
        put_be16(at + 4, (lab[2] + 128) * 256);
        at += 6;
    }
    for (int i = 0; i < 3; i++, at += 4)
        put_be16(at + 2, 65535);
    put_be32(p + 148, TABLE);
    put_be32(p + 152, (double)(at - t));
    size_t white = (size_t)(at - p);
    memcpy(p + white, "XYZ ", 4);
    memcpy(p + white + 8, p + 68, 12);
    put_be32(p + 136, (double)white);
    put_be32(p + 140, 20);
    put_be32(p, (double)white + 20);
    return white + 20;
}

static double lab_inverse(double t)
{
    return t > 6.0 / 29 ? t * t * t : 3 * (6.0 / 29) * (6.0 / 29) * (t - 4.0 / 29);
}

static void test_cmyk_profile(void **state)
{
    static const uint8_t ink[8][4] = {{0, 0, 0, 0},   {255, 0, 0, 0},   {0, 255, 0, 0},
                                      {0, 0, 255, 0}, {0, 255, 255, 0}, {0, 0, 0, 255},
                                      {0, 0, 0, 128}, {0, 128, 0, 0}};
    static const char *const suffixes[] = {".tif", ".jpg[Q=100,subsample-mode=off]"};
    static uint8_t pixels[BLOCK * BLOCK * 8 * 4];
    uint8_t profile[1024];
    size_t size = make_cmyk_profile(profile);
    assert_int_equal(icc_read(profile, size).channels, 4);
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = ink[i / 4 % ((size_t)BLOCK * 8) / BLOCK][i % 4];
    for (size_t f = 0; f < COUNT(suffixes); f++) {
        VipsImage *im = from_pixels(pixels, BLOCK * 8, BLOCK, 4);
        im->Type = VIPS_INTERPRETATION_CMYK;
        set_profile(im, profile, size);
        struct content c = save(im, suffixes[f]);
        struct image image = decode_ok(c.data, c.size);
        for (int i = 0; i < 8; i++) {
            const double inks[4] = {ink[i][0] / 255.0, ink[i][1] / 255.0, ink[i][2] / 255.0,
                                    ink[i][3] / 255.0};
            double lab[3], srgb[3];
            lab_of_inks(lab, inks);
            double y = (lab[0] + 16) / 116;
            const double xyz[3] = {0.9642 * lab_inverse(y + lab[1] / 500), lab_inverse(y),
                                   0.8249 * lab_inverse(y - lab[2] / 200)};
            srgb_of_xyz(srgb, xyz);
            const uint8_t *p =
                image.pixels + 3 * (size_t)(BLOCK / 2 * BLOCK * 8 + i * BLOCK + BLOCK / 2);
            for (int k = 0; k < 3; k++)
                if (fabs(p[k] - srgb[k]) > 4)
                    fail_msg("%s: ink %d, channel %d: %d, not %.1f", suffixes[f], i, k, p[k],
                             srgb[k]);
        }
        image_free(&image);
        g_free(c.data);
    }
}

static void test_cmyk(void **state)
{
    static const uint8_t ink[3 * 4] = {0, 0, 0, 0, 0, 0, 0, 255, 255, 0, 0, 51};
    static const uint8_t by_formula[9] = {255, 255, 255, 0, 0, 0, 0, 204, 204};
    VipsImage *im = from_pixels(ink, 3, 1, 4);
    im->Type = VIPS_INTERPRETATION_CMYK;
    struct content c = save(im, ".tif");
    struct image image = decode_ok(c.data, c.size);
    assert_memory_equal(image.pixels, by_formula, 9);
    assert_null(image.alpha);
    assert_memory_equal(image.zero, "\xff\xff\xff", 3);
    image_free(&image);
    g_free(c.data);

    VipsBlob *profile;
    size_t size;
    assert_int_equal(vips_profile_load("cmyk", &profile, NULL), 0);
    const void *data = vips_blob_get(profile, &size);
    image = decode_with_profile(ink, 3, 4, data, size);
    assert_true(image.pixels[0] > 250 && image.pixels[3] < 60);
    assert_true(image.pixels[7] > 60 && image.pixels[7] < 190); /* real cyan ink is darker */
    image_free(&image);
    vips_area_unref(VIPS_AREA(profile));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_profiles_that_change_nothing),
        cmocka_unit_test(test_profiles_that_are_applied),
        cmocka_unit_test(test_cmyk_profile),
        cmocka_unit_test(test_cmyk),
    };
    return cmocka_run_group_tests(tests, open_room, close_room);
}
