/* SPDX-License-Identifier: MIT
 *
 * Decoding: pictures are made here, with libvips or by hand, and read back. (The only kind of test
 * that may include vips.h.)
 */
#include "base/file.h"
#include "image/image.h"
#include "image/vips_library.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../image_room.h"
#include "../temporary.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
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

/* Some thousand bytes of a picture with detail. */
static struct content save_noise(const char *suffix)
{
    static uint8_t pixels[120 * 90 * 3];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * i / 7 + i % 13);
    return save(from_pixels(pixels, 120, 90, 3), suffix);
}

static struct image decode_ok(const void *data, size_t size)
{
    struct image image;
    struct err err;
    if (image_decode(&image, data, size, NULL, &err) != OK)
        fail_msg("%s", err.text);
    return image;
}

static void expect_error(const void *data, size_t size, const struct image_options *options,
                         enum status status, const char *words)
{
    struct image image;
    struct err err;
    enum status got = image_decode(&image, data, size, options, &err);
    if (got != status || !strstr(err.text, words))
        fail_msg("wanted status %d with '%s', got %d: %s", status, words, got, err.text);
    assert_null(image.pixels);
    assert_null(image.alpha);
}

/* ---- what is no picture ---- */

static void test_not_an_image(void **state)
{
    expect_error("", 0, NULL, ERR_FORMAT, "empty");
    expect_error("Dear diary", 10, NULL, ERR_FORMAT, "not an image");
    expect_error("BMW is a car, not a bitmap at all", 33, NULL, ERR_FORMAT, "not an image");
    expect_error("%PDF-1.7\n", 9, NULL, ERR_UNSUPPORTED, "PDF is not supported");
    expect_error("<svg xmlns='http://www.w3.org/2000/svg'/>", 41, NULL, ERR_UNSUPPORTED, "SVG");
    expect_error("P6 1 1 255 abc", 14, NULL, ERR_FORMAT, "not an image");
    static const char *const starts[] = {"\xff\xd8\xff",
                                         "\x89PNG\r\n\x1a\n",
                                         "RIFF\1\1\1\1WEBPVP8 ",
                                         "II*",
                                         "GIF89a",
                                         "\xff\x0a",
                                         "BM"};
    for (size_t i = 0; i < COUNT(starts); i++)
        expect_error(starts[i], strlen(starts[i]) + 1, NULL, ERR_FORMAT, "");
}

static void test_cut_short(void **state)
{
    static const char *const suffixes[] = {".jpg", ".jpg[interlace]", ".png", ".webp", ".gif",
                                           ".tif", ".webp[lossless]"};
    for (size_t i = 0; i < COUNT(suffixes); i++) {
        struct content c = save_noise(suffixes[i]);
        struct image image = decode_ok(c.data, c.size);
        assert_int_equal(image.width, 120);
        assert_int_equal(image.height, 90);
        image_free(&image);
        expect_error(c.data, c.size / 2, NULL, ERR_FORMAT, "damaged or truncated");
        expect_error(c.data, c.size - 100, NULL, ERR_FORMAT, "damaged or truncated");
        g_free(c.data);
    }
}

/* Bytes behind the picture are common (appended by phones) and harmless. */
static void test_bytes_behind(void **state)
{
    struct content c = save_noise(".jpg");
    uint8_t *longer = calloc(1, c.size + 1000);
    assert_non_null(longer);
    memcpy(longer, c.data, c.size);
    struct image a = decode_ok(c.data, c.size), b = decode_ok(longer, c.size + 1000);
    assert_memory_equal(a.pixels, b.pixels, 120 * 90 * 3);
    image_free(&a);
    image_free(&b);
    free(longer);
    g_free(c.data);
}

/* ---- limits: headers that promise 3.6 gigapixels, and nothing behind them ---- */

#define SIDE16 "\x60\xea"     /* 60000, little endian */
#define SIDE32 "\x60\xea\0\0" /* the same in 32 bits */
#define SIDE32_BE "\0\0\xea\x60"

static void test_size_limit(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
    } huge[] = {
#define HUGE(literal) {literal, sizeof(literal) - 1}
        HUGE("\x89PNG\r\n\x1a\n\0\0\0\rIHDR" SIDE32_BE SIDE32_BE "\x08\2\0\0\0\xee\xee\xee\xee"),
        HUGE("GIF89a" SIDE16 SIDE16 "\0\0\0"),
        HUGE("RIFF\x20\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x5f\xea\0\x5f\xea\0"),
        HUGE("BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0" SIDE32 SIDE32
             "\1\0\x18\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
        HUGE("\xff\xd8\xff\xc0\0\x11\x08\xea\x60\xea\x60\3\1\x11\0\2\x11\0\3\x11\0"
             "\xff\xda\0\x0c\3\1\0\2\0\3\0\0\x3f\0"),
        HUGE("II*\0\x08\0\0\0\x08\0"
             "\0\1\3\0\1\0\0\0" SIDE32 "\1\1\3\0\1\0\0\0" SIDE32
             "\2\1\3\0\1\0\0\0\x08\0\0\0\3\1\3\0\1\0\0\0\1\0\0\0\6\1\3\0\1\0\0\0\1\0\0\0"
             "\x11\1\4\0\1\0\0\0\x08\0\0\0\x16\1\4\0\1\0\0\0\1\0\0\0\x17\1\4\0\1\0\0\0\1\0\0\0"
             "\0\0\0\0"),
    };
    for (size_t i = 0; i < COUNT(huge); i++) {
        expect_error(huge[i].bytes, huge[i].size, NULL, ERR_LIMIT, "60000 x 60000");
        expect_error(huge[i].bytes, huge[i].size, NULL, ERR_LIMIT, "limit is 500");
        expect_error(huge[i].bytes, huge[i].size, NULL, ERR_LIMIT, "--max-megapixels");
    }
    struct image_options options = {.max_megapixels = 0.01};
    struct content c = save_noise(".png");
    expect_error(c.data, c.size, &options, ERR_LIMIT, "limit is 0.01");
    g_free(c.data);
}

/* ---- orientation: a 3 x 2 picture of six greys, lossless ---- */

static void test_orientations(void **state)
{
    static const uint8_t stored[6 * 3] = {1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5, 6, 6, 6};
    static const struct {
        int width;
        uint8_t upright[6];
    } expected[9] = {
        [1] = {3, {1, 2, 3, 4, 5, 6}}, [2] = {3, {3, 2, 1, 6, 5, 4}}, [3] = {3, {6, 5, 4, 3, 2, 1}},
        [4] = {3, {4, 5, 6, 1, 2, 3}}, [5] = {2, {1, 4, 2, 5, 3, 6}}, [6] = {2, {4, 1, 5, 2, 6, 3}},
        [7] = {2, {6, 3, 5, 2, 4, 1}}, [8] = {2, {3, 6, 2, 5, 1, 4}},
    };
    static const char *const suffixes[] = {".tif", ".webp[lossless]"};
    for (int orientation = 1; orientation <= 8; orientation++)
        for (size_t i = 0; i < COUNT(suffixes); i++) {
            VipsImage *im = from_pixels(stored, 3, 2, 3);
            vips_image_set_int(im, VIPS_META_ORIENTATION, orientation);
            struct content c = save(im, suffixes[i]);
            struct image image = decode_ok(c.data, c.size);
            assert_int_equal(image.width, expected[orientation].width);
            assert_int_equal(image.height, 6 / expected[orientation].width);
            for (int k = 0; k < 6; k++)
                assert_int_equal(image.pixels[k * 3], expected[orientation].upright[k]);
            image_free(&image);
            g_free(c.data);
        }
}

/* ---- depths ---- */

static const uint8_t colours[6 * 3] = {255, 255, 255, 0,  0,  0,   128, 128, 128,
                                       200, 100, 50,  40, 90, 200, 10,  240, 60};

static void test_depths_and_alpha(void **state)
{
    static const uint16_t deep[2 * 3] = {0x1234, 0xffff, 0x0080, 0xfe01, 0x8000, 0x00ff};
    VipsImage *im = vips_image_new_from_memory_copy(deep, sizeof deep, 2, 1, 3, VIPS_FORMAT_USHORT);
    im->Type = VIPS_INTERPRETATION_RGB16;
    struct content c = save(im, ".png");
    struct image image = decode_ok(c.data, c.size);
    assert_memory_equal(image.pixels, "\x12\xff\x00\xfe\x80\x00", 6);
    image_free(&image);
    g_free(c.data);

    static const uint8_t clear[2 * 4] = {10, 20, 30, 0, 40, 50, 60, 200};
    static const uint8_t opaque[2 * 4] = {10, 20, 30, 255, 40, 50, 60, 255};
    c = save(from_pixels(clear, 2, 1, 4), ".png");
    image = decode_ok(c.data, c.size);
    assert_memory_equal(image.pixels, "\x0a\x14\x1e\x28\x32\x3c", 6); /* dropped, not blended */
    assert_non_null(image.alpha);
    assert_memory_equal(image.alpha, "\x00\xc8", 2);
    assert_string_equal(image.format, "png");
    image_free(&image);
    g_free(c.data);
    c = save(from_pixels(opaque, 2, 1, 4), ".png");
    image = decode_ok(c.data, c.size);
    assert_null(image.alpha);
    image_free(&image);
    g_free(c.data);
}

/* ---- bitmaps ---- */

#define BMP_HEADER(width, height, bits, compression, colors, pixels_at)                            \
    "BM\0\0\0\0\0\0\0\0" pixels_at "\0\0\0\x28\0\0\0" width "\0\0\0" height "\1\0" bits            \
    "\0" compression "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" colors "\0\0\0\0\0\0\0"

static void test_bmp(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *rgb; /* 2 x 2 */
        bool indexed;
    } cases[] = {
#define BMP(literal, rgb, indexed) {literal, sizeof(literal) - 1, rgb, indexed}
        BMP(BMP_HEADER("\2", "\2\0\0\0", "\x18", "\0", "\0", "\x36") "\7\6\5\x0a\x09\x08\0\0"
                                                                     "\3\2\1\x0d\x0c\x0b\0\0",
            "\1\2\3\x0b\x0c\x0d\5\6\7\x08\x09\x0a", false),
        BMP(BMP_HEADER("\2", "\xfe\xff\xff\xff", "\x20", "\0", "\0",
                       "\x36") "\3\2\1\0\x0d\x0c\x0b\0\7\6\5\0\x0a\x09\x08\0",
            "\1\2\3\x0b\x0c\x0d\5\6\7\x08\x09\x0a", false),
        BMP(BMP_HEADER("\2", "\2\0\0\0", "\4", "\0", "\2", "\x3e") "\3\2\1\0\x0d\x0c\x0b\0"
                                                                   "\x10\0\0\0\x01\0\0\0",
            "\1\2\3\x0b\x0c\x0d\x0b\x0c\x0d\1\2\3", true),
        BMP(BMP_HEADER("\2", "\2\0\0\0", "\x08", "\1", "\2", "\x3e") "\3\2\1\0\x0d\x0c\x0b\0"
                                                                     "\2\1\0\0\1\0\1\1\0\1",
            "\1\2\3\x0b\x0c\x0d\x0b\x0c\x0d\x0b\x0c\x0d", true),
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct image image = decode_ok(cases[i].bytes, cases[i].size);
        assert_int_equal(image.width, 2);
        assert_int_equal(image.height, 2);
        assert_memory_equal(image.pixels, cases[i].rgb, 12);
        assert_int_equal(image.indexed, cases[i].indexed);
        assert_string_equal(image.format, "bmp");
        image_free(&image);
        for (size_t cut = 0; cut + 3 < cases[i].size; cut++) {
            struct image none;
            struct err err;
            assert_int_not_equal(image_decode(&none, cases[i].bytes, cut, NULL, &err), OK);
        }
    }
    expect_error(BMP_HEADER("\2", "\2\0\0\0", "\x18", "\4", "\0", "\x36"), 54, NULL,
                 ERR_UNSUPPORTED, "bmp");
}

/* ---- threads: each failure keeps its own words ---- */

enum { KINDS = 5, THREADS = 6, ROUNDS = 40 };

struct race {
    struct content contents[KINDS];
    struct err alone[KINDS]; /* the words when nobody else is at work */
    int wrong[THREADS];
};
struct racer {
    struct race *race;
    int index;
};

static void *race_run(void *arg)
{
    struct racer *r = arg;
    for (int i = 0; i < ROUNDS; i++) {
        int kind = (i * 7 + r->index) % KINDS;
        struct image image;
        struct err err = {0};
        (void)!image_decode(&image, r->race->contents[kind].data, r->race->contents[kind].size,
                            NULL, &err);
        const struct err *alone = &r->race->alone[kind];
        if (err.status != alone->status || strcmp(err.text, alone->text) != 0)
            r->race->wrong[r->index]++;
        image_free(&image);
    }
    return NULL;
}

static void test_errors_do_not_mix(void **state)
{
    static const char *const suffixes[KINDS] = {".jpg", ".png", ".webp", ".gif", ".tif"};
    static struct race race;
    for (int k = 0; k < KINDS; k++) {
        race.contents[k] = save_noise(suffixes[k]);
        struct image image;
        if (k != 1) /* one of them stays a good picture */
            race.contents[k].size /= 2;
        enum status status = image_decode(&image, race.contents[k].data, race.contents[k].size,
                                          NULL, &race.alone[k]);
        assert_int_equal(status, k == 1 ? OK : ERR_FORMAT);
        if (status == OK)
            race.alone[k] = (struct err){0};
        image_free(&image);
    }
    assert_non_null(strstr(race.alone[0].text, "jpeg"));
    assert_string_not_equal(race.alone[0].text, race.alone[2].text);
    pthread_t threads[THREADS];
    struct racer racers[THREADS];
    for (int t = 0; t < THREADS; t++) {
        racers[t] = (struct racer){&race, t};
        assert_int_equal(pthread_create(&threads[t], NULL, race_run, &racers[t]), 0);
    }
    for (int t = 0; t < THREADS; t++) {
        pthread_join(threads[t], NULL);
        assert_int_equal(race.wrong[t], 0);
    }
    for (int k = 0; k < KINDS; k++)
        g_free(race.contents[k].data);
}

/* ---- files and names ---- */

static void test_png_round_trip(void **state)
{
    char dir[64], path[128];
    assert_int_equal(temporary_make(dir, sizeof dir), 0);
    snprintf(path, sizeof path, "%s/a.png", dir);
    struct err err;
    struct file_bytes first, second;
    assert_int_equal(image_write_png(path, colours, 3, 2, &err), OK);
    assert_int_equal(file_read(&first, path, 1 << 20, &err), OK);
    assert_int_equal(image_write_png(path, colours, 3, 2, &err), OK);
    assert_int_equal(file_read(&second, path, 1 << 20, &err), OK);
    assert_int_equal(first.size, second.size);
    assert_memory_equal(first.data, second.data, first.size);
    struct image image;
    assert_int_equal(image_decode_file(&image, path, NULL, &err), OK);
    assert_int_equal(image.width, 3);
    assert_memory_equal(image.pixels, colours, sizeof colours);
    image_free(&image);
    file_bytes_free(&first);
    file_bytes_free(&second);
    assert_int_equal(file_write(path, "text", 4, &err), OK);
    assert_int_equal(image_decode_file(&image, path, NULL, &err), ERR_FORMAT);
    assert_non_null(strstr(err.text, path));
    unlink(path);
    assert_int_equal(image_decode_file(&image, path, NULL, &err), ERR_NOT_FOUND);
    assert_int_equal(image_write_png("/nonexistent/x.png", colours, 3, 2, &err), ERR_NOT_FOUND);
    rmdir(dir);
}

static void test_names(void **state)
{
    static const char *const yes[] = {"a.jpg",  "a.JPG",  "b/c d.Jpeg", "x.y.png", "a.webp",
                                      "a.tif",  "a.TIFF", "a.bmp",      "a.gif",   "a.heic",
                                      "a.HEIF", "a.avif", "a.jxl"};
    static const char *const no[] = {"jpg", ".jpg", "a.jpg/b", "a.jpgx",
                                     "a.",  "",     "a.pdf",   "a.svg"};
    for (size_t i = 0; i < COUNT(yes); i++)
        assert_true(image_name_is_photo(yes[i]));
    for (size_t i = 0; i < COUNT(no); i++)
        assert_false(image_name_is_photo(no[i]));
    assert_true(image_format_supported("jpg"));
    assert_true(image_format_supported(".PNG"));
    assert_true(image_format_supported("bmp"));
    assert_false(image_format_supported("svg"));
    assert_true(image_library_version()[0] == '8');
}

/* A libvips that is not there, and a library in its place that is none. */
static void test_library_missing(void **state)
{
    static const struct {
        const char *name;
        enum status status;
        const char *texts[3]; /* what, why, what to do */
    } cases[] = {
        {"libfovea-nowhere.so.42",
         ERR_NOT_FOUND,
         {"cannot load libvips", "libfovea-nowhere.so.42", "install it"}},
#if defined __GLIBC__
        {"libm.so.6", ERR_UNSUPPORTED, {"libm.so.6", "has no vips_", "install that one"}},
#endif
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct vips_functions functions = {0}, none = {0};
        struct err err;
        assert_int_equal(vips_library_load(&functions, cases[i].name, &err), cases[i].status);
        assert_int_equal(err.status, cases[i].status);
        for (size_t t = 0; t < COUNT(cases[i].texts); t++)
            assert_non_null(strstr(err.text, cases[i].texts[t]));
        assert_null(strchr(err.text, '\n'));
        assert_memory_equal(&functions, &none, sizeof none);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_not_an_image),
        cmocka_unit_test(test_cut_short),
        cmocka_unit_test(test_bytes_behind),
        cmocka_unit_test(test_size_limit),
        cmocka_unit_test(test_orientations),
        cmocka_unit_test(test_depths_and_alpha),
        cmocka_unit_test(test_bmp),
        cmocka_unit_test(test_errors_do_not_mix),
        cmocka_unit_test(test_png_round_trip),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_library_missing),
    };
    return cmocka_run_group_tests(tests, open_room, close_room);
}
