/* SPDX-License-Identifier: MIT
 *
 * Decoding pictures smaller than they are: which sizes come out, that nothing moves and no colour
 * changes, what comes out whole, damage, and how much of a progressive JPEG is read. Pictures are
 * made here, with libvips and, for scans in a given order, with libjpeg.
 */
#include "image/image.h"
#include "image/jpeg.h"
#include "library/picture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../image_room.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vips/vips.h>

#ifdef HAVE_LIBJPEG
#include <jpeglib.h>
#endif

#define COUNT(a) (sizeof(a) / sizeof *(a))

struct content {
    void *data;
    size_t size;
};

/* Red grows to the right, green downwards, blue waves: what moves, shows in red or green. */
static uint8_t *ramp(int width, int height)
{
    uint8_t *rgb = malloc((size_t)width * (size_t)height * 3), *p = rgb;
    assert_non_null(rgb);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++, p += 3) {
            p[0] = (uint8_t)(255.0 * (x + 0.5) / width);
            p[1] = (uint8_t)(255.0 * (y + 0.5) / height);
            p[2] = (uint8_t)(128 + 60 * sin(x * 0.02) * cos(y * 0.03));
        }
    return rgb;
}

static VipsImage *picture(int width, int height)
{
    uint8_t *rgb = ramp(width, height);
    VipsImage *im = vips_image_new_from_memory_copy(rgb, (size_t)width * (size_t)height * 3, width,
                                                    height, 3, VIPS_FORMAT_UCHAR);
    assert_non_null(im);
    im->Type = VIPS_INTERPRETATION_sRGB;
    free(rgb);
    return im;
}

/* Takes over the image. */
static struct content save(VipsImage *im, const char *suffix)
{
    struct content c;
    if (vips_image_write_to_buffer(im, suffix, &c.data, &c.size, NULL))
        fail_msg("%s: %s", suffix, vips_error_buffer());
    g_object_unref(im);
    return c;
}

static struct image decode(struct content c, int enough_shorter, int enough_longer)
{
    const struct image_options options = {.enough_shorter = enough_shorter,
                                          .enough_longer = enough_longer};
    struct image image;
    struct err err;
    if (image_decode(&image, c.data, c.size, &options, &err) != OK)
        fail_msg("%s", err.text);
    return image;
}

/* ---- sizes ---- */

static void test_sizes(void **state)
{
    static const struct {
        const char *suffix;
        int width, height, shorter, longer; /* of the file; enough */
        int out_width, out_height;
        double across, down; /* where the picture ends among the pixels */
    } cases[] = {
        {".jpg", 800, 600, 0, 0, 800, 600, 800, 600},
        {".jpg", 800, 600, 301, 0, 800, 600, 800, 600},
        {".jpg", 800, 600, 300, 0, 400, 300, 400, 300},
        {".jpg", 800, 600, 151, 0, 400, 300, 400, 300},
        {".jpg", 800, 600, 150, 0, 200, 150, 200, 150},
        {".jpg", 800, 600, 76, 0, 200, 150, 200, 150},
        {".jpg", 800, 600, 75, 0, 100, 75, 100, 75},
        {".jpg", 800, 600, 1, 0, 100, 75, 100, 75},
        {".jpg", 600, 800, 75, 0, 75, 100, 75, 100},
        {".jpg", 800, 600, 0, 201, 400, 300, 400, 300},
        {".jpg", 800, 600, 0, 200, 200, 150, 200, 150},
        {".jpg", 800, 600, 151, 100, 400, 300, 400, 300}, /* both have to be met */
        {".jpg", 807, 601, 75, 0, 100, 75, 100.875, 75.125},
        {".jpg", 807, 601, 300, 0, 403, 300, 403.5, 300.5},
        {".jpg", 801, 599, 300, 0, 801, 599, 801, 599},
        {".jpg", 4000, 9, 1, 0, 500, 1, 500, 1.125},
        {".jpg", 4000, 7, 1, 0, 1000, 1, 1000, 1.75},
        {".jpg", 1, 1, 1, 0, 1, 1, 1, 1},
        {".jpg[interlace]", 807, 601, 150, 0, 201, 150, 201.75, 150.25},
        {".jpg[subsample-mode=off]", 807, 601, 150, 0, 201, 150, 201.75, 150.25},
        {".webp", 800, 600, 150, 0, 200, 150, 200, 150},
        {".webp", 807, 601, 150, 0, 202, 150, 202, 150},
        {".png", 800, 600, 75, 0, 800, 600, 800, 600},
        {".tif", 800, 600, 75, 0, 800, 600, 800, 600},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct content c = save(picture(cases[i].width, cases[i].height), cases[i].suffix);
        struct image image = decode(c, cases[i].shorter, cases[i].longer);
        if (image.width != cases[i].out_width || image.height != cases[i].out_height)
            fail_msg("case %zu: %d x %d", i, image.width, image.height);
        assert_int_equal(image.full_width, cases[i].width);
        assert_int_equal(image.full_height, cases[i].height);
        assert_true(image.across.begin == 0 && image.across.end == cases[i].across);
        assert_true(image.down.begin == 0 && image.down.end == cases[i].down);
        image_free(&image);
        g_free(c.data);
    }
}

static void test_transparency_comes_whole(void **state)
{
    VipsImage *im = picture(800, 600), *with;
    assert_int_equal(vips_bandjoin_const1(im, &with, 100, NULL), 0);
    g_object_unref(im);
    struct content c = save(with, ".webp");
    struct image image = decode(c, 75, 0);
    assert_int_equal(image.width, 800);
    assert_non_null(image.alpha);
    image_free(&image);
    g_free(c.data);
}

/* ---- pixels of the network's square ---- */

enum { SIDE = 56 };

struct difference {
    double mean[3]; /* fast minus exact, by channel */
    int largest;
};

static struct difference compare(struct content c, enum resize_mode mode, bool smaller)
{
    static uint8_t exact[SIDE * SIDE * 3], fast[SIDE * SIDE * 3];
    const struct picture_options quick = {.fast_margin = PICTURE_FAST_MARGIN};
    struct preprocess how = preprocess_default(SIDE);
    struct picture_facts a, b;
    struct err err;
    how.resize_mode = mode;
    if (picture_square(exact, &a, c.data, c.size, &how, NULL, &err) != OK ||
        picture_square(fast, &b, c.data, c.size, &how, &quick, &err) != OK)
        fail_msg("%s", err.text);
    assert_false(a.smaller);
    assert_true(b.smaller == smaller);
    assert_int_equal(a.width, b.width); /* what is known of the photograph is the same */
    assert_int_equal(a.height, b.height);
    assert_string_equal(a.format, b.format);
    struct difference d = {0};
    for (int i = 0; i < SIDE * SIDE * 3; i++) {
        d.mean[i % 3] += (double)(fast[i] - exact[i]) / (SIDE * SIDE);
        d.largest = abs(fast[i] - exact[i]) > d.largest ? abs(fast[i] - exact[i]) : d.largest;
    }
    return d;
}

/* libjpeg's mean of a chroma block is rounded up by a third; everything else is below a tenth. */
#define BIAS 0.5

/* One pixel of the smaller picture is 1/1.5 pixel of the square, that is 3 of red or green: a shift
 * by a sixth of it fails. Sizes that the blocks do not divide, and a picture that is turned, put
 * the picture's edge inside the pixels or beyond them, on either side. */
static void test_nothing_moves(void **state)
{
    static const struct {
        int width, height;
    } sizes[] = {{800, 600}, {807, 673}, {673, 807}, {701, 699}, {1000, 343}};
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (int orientation = 1; orientation <= 8; orientation++)
            for (int mode = 0; mode < 3; mode++) {
                VipsImage *im = picture(sizes[i].width, sizes[i].height);
                vips_image_set_int(im, VIPS_META_ORIENTATION, orientation);
                struct content c = save(im, ".jpg[Q=95]");
                struct difference d = compare(c, (enum resize_mode)mode, true);
                for (int channel = 0; channel < 3; channel++)
                    if (fabs(d.mean[channel]) > BIAS || d.largest > 8)
                        fail_msg("%d x %d, orientation %d, mode %d: channel %d is off by %.2f, at "
                                 "most %d",
                                 sizes[i].width, sizes[i].height, orientation, mode, channel,
                                 d.mean[channel], d.largest);
                g_free(c.data);
            }
}

static void test_other_formats(void **state)
{
    static const struct {
        const char *suffix;
        bool smaller;
    } cases[] = {{".jpg[Q=95,interlace]", true},
                 {".jpg[Q=95,subsample-mode=off]", true},
                 {".webp[Q=95]", true},
                 {".webp[lossless]", true},
                 {".png", false},
                 {".tif", false}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct content c = save(picture(807, 601), cases[i].suffix);
        struct difference d = compare(c, RESIZE_SHORTEST, cases[i].smaller);
        for (int channel = 0; channel < 3; channel++)
            if (fabs(d.mean[channel]) > BIAS || d.largest > 8)
                fail_msg("%s: channel %d is off by %.2f, at most %d", cases[i].suffix, channel,
                         d.mean[channel], d.largest);
        if (!cases[i].smaller)
            assert_int_equal(d.largest, 0);
        g_free(c.data);
    }
}

/* Just too small for half its size, the exact way is taken, bit for bit. */
static void test_small_pictures_are_exact(void **state)
{
    enum { ENOUGH = 84 }; /* 1.5 * SIDE */
    static const int shorter[] = {1, SIDE - 1, SIDE, SIDE + 1, ENOUGH, 2 * ENOUGH - 1};
    for (size_t i = 0; i < COUNT(shorter); i++) {
        struct content c = save(picture(shorter[i] + 40, shorter[i]), ".jpg");
        assert_int_equal(compare(c, RESIZE_SHORTEST, false).largest, 0);
        g_free(c.data);
    }
    struct content c = save(picture(2 * ENOUGH + 40, 2 * ENOUGH), ".jpg");
    compare(c, RESIZE_SHORTEST, true);
    g_free(c.data);
}

static void test_profile_is_applied(void **state)
{
    void *profile;
    size_t size;
    VipsBlob *blob;
    assert_int_equal(vips_profile_load("p3", &blob, NULL), 0);
    profile = (void *)(uintptr_t)vips_blob_get(blob, &size);
    VipsImage *plain = picture(800, 600), *tagged = picture(800, 600);
    vips_image_set_blob_copy(tagged, VIPS_META_ICC_NAME, profile, size);
    vips_area_unref(VIPS_AREA(blob));
    struct content a = save(plain, ".jpg[Q=95]"), b = save(tagged, ".jpg[Q=95]");
    struct difference d = compare(b, RESIZE_SHORTEST, true);
    for (int channel = 0; channel < 3; channel++)
        assert_true(fabs(d.mean[channel]) < BIAS && d.largest <= 8);
    struct image without = decode(a, 84, 0), with = decode(b, 84, 0);
    assert_int_equal(without.width, with.width);
    assert_memory_not_equal(without.pixels, with.pixels,
                            (size_t)with.width * (size_t)with.height * 3);
    image_free(&without);
    image_free(&with);
    g_free(a.data);
    g_free(b.data);
}

/* ---- damage and limits ---- */

static void test_cut_short(void **state)
{
    static const char *const suffixes[] = {".jpg", ".jpg[interlace]", ".webp"};
    const struct image_options options = {.enough_shorter = 84};
    struct image image;
    struct err err;
    for (size_t i = 0; i < COUNT(suffixes); i++) {
        struct content c = save(picture(800, 600), suffixes[i]);
        for (size_t cut = 2; cut < c.size - 2; cut += 1 + c.size / 50) {
            assert_int_equal(image_decode(&image, c.data, cut, &options, &err), ERR_FORMAT);
            assert_null(image.pixels);
        }
        g_free(c.data);
    }
}

/* The limit is held against the size in the file. */
static void test_limit(void **state)
{
    const struct image_options options = {.enough_shorter = 75, .max_megapixels = 0.4};
    struct content c = save(picture(800, 600), ".jpg");
    struct image image;
    struct err err;
    assert_int_equal(image_decode(&image, c.data, c.size, &options, &err), ERR_LIMIT);
    g_free(c.data);
}

/* ---- progressive JPEGs: which scans are read ---- */

#ifdef HAVE_LIBJPEG

enum { SCANS_MAX = 16 };

/* The scans as Photoshop writes them: DC, the lower bands, then the upper ones. */
static int by_bands(jpeg_scan_info *scans)
{
    int n = 0;
    scans[n++] = (jpeg_scan_info){.comps_in_scan = 3, .component_index = {0, 1, 2}};
    for (int band = 0; band < 2; band++)
        for (int c = 0; c < 3; c++)
            scans[n++] = (jpeg_scan_info){.comps_in_scan = 1,
                                          .component_index = {c},
                                          .Ss = band ? 6 : 1,
                                          .Se = band ? 63 : 5};
    return n;
}

/* With noise, so that the upper bands are most of it. sampling: of luma, 1 or 2 */
static struct content save_scans(int width, int height, int sampling)
{
    uint8_t *rgb = ramp(width, height);
    uint32_t noise = 1;
    for (int i = 0; i < width * height * 3; i++) {
        noise = noise * 1664525 + 1013904223;
        int v = rgb[i] + (int)(noise >> 28) - 8;
        rgb[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
    }
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    jpeg_scan_info scans[SCANS_MAX];
    unsigned char *data = NULL;
    unsigned long size = 0;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &data, &size);
    jpeg.image_width = (JDIMENSION)width;
    jpeg.image_height = (JDIMENSION)height;
    jpeg.input_components = 3;
    jpeg.in_color_space = JCS_RGB;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 95, TRUE);
    jpeg.comp_info[0].h_samp_factor = jpeg.comp_info[0].v_samp_factor = sampling;
    jpeg.num_scans = by_bands(scans);
    jpeg.scan_info = scans;
    jpeg_start_compress(&jpeg, TRUE);
    for (int y = 0; y < height; y++)
        jpeg_write_scanlines(&jpeg, (JSAMPROW[]){rgb + (size_t)y * (size_t)width * 3}, 1);
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    free(rgb);
    return (struct content){data, size};
}

static void test_needed_scans(void **state)
{
    struct content c = save_scans(807, 601, 1), fine = save_scans(807, 601, 2);
    const uint8_t *bytes = c.data;
    size_t eighth = jpeg_needed_bytes(bytes, c.size, 8),
           quarter = jpeg_needed_bytes(bytes, c.size, 4);
    assert_true(0 < eighth && eighth < quarter && quarter < c.size / 2);
    assert_int_equal(bytes[quarter], 0xff);
    assert_true(bytes[quarter + 1] == 0xda || bytes[quarter + 1] == 0xc4); /* a scan, its tables */
    assert_int_equal(jpeg_needed_bytes(bytes, c.size, 2), 0);
    /* Chroma at half the resolution is made larger by its coefficients: it needs more of them. */
    size_t less = jpeg_needed_bytes(fine.data, fine.size, 8);
    assert_true(0 < less && less < fine.size / 2);
    size_t more = jpeg_needed_bytes(fine.data, fine.size, 4);
    assert_true(more == 0 || more > fine.size / 2);
    /* Complete or not at all; what comes behind the end does not count. */
    for (size_t cut = 0; cut < c.size; cut += 97)
        assert_int_equal(jpeg_needed_bytes(bytes, cut, 4), 0);
    assert_int_equal(jpeg_needed_bytes(bytes, c.size - 1, 4), 0);
    free(c.data);
    free(fine.data);
}

/* Bytes of scans that are not needed may be anything. */
static void test_upper_scans_are_not_read(void **state)
{
    struct content c = save_scans(807, 601, 1);
    uint8_t *bytes = c.data;
    struct difference d = compare(c, RESIZE_SHORTEST, true);
    for (int channel = 0; channel < 3; channel++)
        assert_true(fabs(d.mean[channel]) < BIAS && d.largest <= 12);
    struct image before = decode(c, 84, 0);
    size_t needed = jpeg_needed_bytes(bytes, c.size, 4);
    assert_int_equal(before.width, 201);
    for (size_t i = needed + 400; i < c.size - 4; i++)
        if (bytes[i] != 0xff && bytes[i - 1] != 0xff)
            bytes[i] ^= 0x15;
    if (jpeg_needed_bytes(bytes, c.size, 4) == needed) { /* still the same markers */
        struct image after = decode(c, 84, 0);
        assert_memory_equal(before.pixels, after.pixels, 201 * 150 * 3);
        image_free(&after);
    }
    image_free(&before);
    free(c.data);
}

/* Any bytes: read within bounds (the sanitizers look), and never more than there are. */
static void test_needed_scans_of_damage(void **state)
{
    struct content c = save_scans(96, 80, 2);
    uint32_t random = 7;
    print_message("seed 7\n");
    for (int round = 0; round < 4000; round++) {
        uint8_t *bytes = malloc(c.size);
        assert_non_null(bytes);
        memcpy(bytes, c.data, c.size);
        for (int i = 0; i < 3; i++) {
            random = random * 1664525 + 1013904223;
            size_t at = (random >> 8) % (round & 1 ? c.size : 700);
            bytes[at] = (uint8_t)(random >> 3);
        }
        size_t size = c.size - (round & 2 ? (random >> 5) % c.size : 0);
        bytes = realloc(bytes, size ? size : 1);
        for (int shrink = 2; shrink <= 8; shrink *= 2)
            assert_true(jpeg_needed_bytes(bytes, size, shrink) < (size ? size : 1));
        free(bytes);
    }
    free(c.data);
}

#endif

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_transparency_comes_whole),
        cmocka_unit_test(test_nothing_moves),
        cmocka_unit_test(test_other_formats),
        cmocka_unit_test(test_small_pictures_are_exact),
        cmocka_unit_test(test_profile_is_applied),
        cmocka_unit_test(test_cut_short),
        cmocka_unit_test(test_limit),
#ifdef HAVE_LIBJPEG
        cmocka_unit_test(test_needed_scans),
        cmocka_unit_test(test_upper_scans_are_not_read),
        cmocka_unit_test(test_needed_scans_of_damage),
#endif
    };
    return cmocka_run_group_tests(tests, open_room, close_room);
}
