/* SPDX-License-Identifier: MIT
 *
 * Writing pictures: what is written is read back upright, in every format and orientation, and the
 * EXIF says what it was told. (Looks into the EXIF with libvips, so it may include vips.h.)
 */
#include "image/image.h"
#include "image/write.h"
#include "../temporary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vips/vips.h>

enum { W = 64, H = 40 };

static char dir[64];
static uint8_t rgb[W * H * 3];

static int setup(void **state)
{
    struct err err;
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            uint8_t *p = rgb + (y * W + x) * 3; /* smooth, and different in each corner */
            p[0] = (uint8_t)(x * 3 + 20);
            p[1] = (uint8_t)(y * 5 + 20);
            p[2] = (uint8_t)(220 - x - y);
        }
    assert_int_equal(temporary_make(dir, sizeof dir), 0);
    return image_room_open(&err) == OK ? 0 : -1;
}

static int teardown(void **state)
{
    image_room_close();
    return rmdir(dir);
}

static void test_reads_back_upright(void **state)
{
    static const char *const extensions[] = {"jpg", "png", "webp", "tif"};
    static const int orientations[] = {1, 3, 6, 8};
    struct err err;
    for (size_t e = 0; e < 4; e++)
        for (size_t o = 0; o < 4; o++) {
            char path[128];
            snprintf(path, sizeof path, "%s/a.%s", dir, extensions[e]);
            if (e == 1 && o > 0) /* a PNG's EXIF is not written by every libvips */
                continue;
            const struct image_write_options how = {.quality = 95, .orientation = orientations[o]};
            assert_int_equal(image_write(path, rgb, W, H, &how, &err), OK);
            struct image back;
            assert_int_equal(image_decode_file(&back, path, NULL, &err), OK);
            assert_int_equal(back.width, W);
            assert_int_equal(back.height, H);
            long difference = 0;
            for (size_t i = 0; i < sizeof rgb; i++)
                difference += labs((long)back.pixels[i] - rgb[i]);
            if (difference > 6 * (long)sizeof rgb)
                fail_msg("%s, orientation %d: another picture", extensions[e], orientations[o]);
            image_free(&back);
            unlink(path);
        }
}

static void test_exif(void **state)
{
    static const struct {
        const char *field, *begins;
    } fields[] = {
        {"exif-ifd0-Make", "Maker "},
        {"exif-ifd0-Model", "Model 7 "},
        {"exif-ifd2-DateTimeOriginal", "2021:07:04 18:22:10 "},
        {"exif-ifd2-LensModel", "A lens "},
        {"exif-ifd2-ExposureTime", "20/1 "},
        {"exif-ifd2-FNumber", "28/10 "},
        {"exif-ifd2-ISOSpeedRatings", "3200 "},
        {"exif-ifd3-GPSLatitude", "22/1 30/1 0/100 "},
        {"exif-ifd3-GPSLatitudeRef", "S "},
        {"exif-ifd3-GPSLongitudeRef", "E "},
        {"exif-ifd0-Orientation", "6 "},
    };
    const struct image_exif exif = {.taken_at = "2021:07:04 18:22:10",
                                    .make = "Maker",
                                    .model = "Model 7",
                                    .lens = "A lens",
                                    .exposure_time = "20/1",
                                    .f_number = 2.8,
                                    .iso = 3200,
                                    .has_gps = true,
                                    .latitude = -22.5,
                                    .longitude = 10.25};
    const struct image_write_options how = {.quality = 90, .orientation = 6, .exif = &exif};
    char path[128];
    struct err err;
    snprintf(path, sizeof path, "%s/e.jpg", dir);
    assert_int_equal(image_write(path, rgb, W, H, &how, &err), OK);
    VipsImage *im = vips_image_new_from_file(path, NULL);
    assert_non_null(im);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const char *value = NULL;
        if (vips_image_get_string(im, fields[i].field, &value) != 0)
            fail_msg("%s is missing", fields[i].field);
        if (strncmp(value, fields[i].begins, strlen(fields[i].begins)) != 0)
            fail_msg("%s is %s", fields[i].field, value);
    }
    g_object_unref(im);
    unlink(path);
}

static void test_refuses(void **state)
{
    static const char *const names[] = {"/a.gif", "/a", "/a.txt", "/no/such/folder.jpg"};
    const struct image_write_options how = {.quality = 90};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[128];
        struct err err;
        snprintf(path, sizeof path, "%s%s", dir, names[i]);
        assert_int_not_equal(image_write(path, rgb, W, H, &how, &err), OK);
        assert_true(access(path, F_OK) != 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_back_upright),
        cmocka_unit_test(test_exif),
        cmocka_unit_test(test_refuses),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
