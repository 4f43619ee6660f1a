/* SPDX-License-Identifier: MIT
 *
 * RAW files by their previews: files as cameras write them, made here, that LibRaw opens.
 * Orientation, choice of the preview, colour, damage. (May include vips.h, as test_image.c.)
 */
#include "image/format.h"
#include "image/icc.h"
#include "image/image.h"
#include "image/raw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../image_room.h"
#include "../tiff_writer.h"

#include <libraw/libraw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vips/vips.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

struct content {
    void *data;
    size_t size;
};

static struct tiff_writer file; /* 1 MB; one at a time */

/* A lying JPEG whose corner blocks have colours of their own: what is turned, shows.
 *     red    green
 *     blue   white
 * orientation: written into its EXIF; 0: without EXIF. */
static struct content corners(int width, int height, int orientation)
{
    uint8_t *rgb = malloc((size_t)width * (size_t)height * 3), *p = rgb;
    struct content c;
    assert_non_null(rgb);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++, p += 3) {
            bool right = x >= width / 2, low = y >= height / 2;
            p[0] = right == low ? 255 : 0;
            p[1] = right ? 255 : 0;
            p[2] = low ? 255 : 0;
        }
    VipsImage *im = vips_image_new_from_memory_copy(rgb, (size_t)width * (size_t)height * 3, width,
                                                    height, 3, VIPS_FORMAT_UCHAR);
    assert_non_null(im);
    free(rgb);
    im->Type = VIPS_INTERPRETATION_sRGB;
    if (orientation) {
        vips_image_set_string(im, "exif-ifd0-Make", "NIKON CORPORATION");
        vips_image_set_int(im, VIPS_META_ORIENTATION, orientation);
    }
    if (vips_jpegsave_buffer(im, &c.data, &c.size, "Q", 90, "strip", orientation == 0,
                             "subsample_mode", VIPS_FOREIGN_SUBSAMPLE_OFF, NULL))
        fail_msg("%s", vips_error_buffer());
    g_object_unref(im);
    return c;
}

/* "rgbw" names the corners of the upright picture, row by row. */
static void corner_names(char out[5], const struct image *image)
{
    const int x[2] = {image->width / 8, image->width - 1 - image->width / 8};
    const int y[2] = {image->height / 8, image->height - 1 - image->height / 8};
    for (int i = 0; i < 4; i++) {
        const uint8_t *p =
            image->pixels + 3 * ((size_t)y[i / 2] * (size_t)image->width + (size_t)x[i % 2]);
        int bits = (p[0] > 128) << 2 | (p[1] > 128) << 1 | (p[2] > 128);
        out[i] = bits == 4 ? 'r' : bits == 2 ? 'g' : bits == 1 ? 'b' : bits == 7 ? 'w' : '?';
    }
    out[4] = '\0';
}

static enum status decode(struct image *image, struct err *err)
{
    return image_decode(image, file.data, file.size, NULL, err);
}

static struct image decode_ok(void)
{
    struct image image;
    struct err err;
    if (decode(&image, &err) != OK)
        fail_msg("%s", err.text);
    return image;
}

/* That these files are what they are meant to be. */
static void expect_libraw_opens(int flip)
{
    libraw_data_t *lib = libraw_init(0);
    assert_non_null(lib);
    assert_int_equal(libraw_open_buffer(lib, file.data, file.size), LIBRAW_SUCCESS);
    assert_int_equal(libraw_unpack_thumb(lib), LIBRAW_SUCCESS);
    assert_int_equal(lib->thumbnail.tformat, LIBRAW_THUMBNAIL_JPEG);
    assert_int_equal(lib->sizes.flip, flip);
    libraw_close(lib);
}

/* ---- which way up ---- */

static const char *const upright[9] = {"rgbw", "rgbw", "grwb", "wbgr", "bwrg",
                                       "rbgw", "brwg", "wgbr", "gwrb"};
static const int dcraw_flip[9] = {0, 0, 1, 3, 2, 4, 6, 7, 5};

/* preview: which orientation the preview's own EXIF tells */
static void check_orientation(bool dng, bool big_endian, int orientation, int own)
{
    struct content large = corners(240, 160, own), small = corners(120, 80, 0);
    const struct raw_file f = {.big_endian = big_endian,
                               .dng = dng,
                               .width = 192,
                               .height = 128,
                               .orientation = orientation,
                               .large = large.data,
                               .large_bytes = large.size,
                               .small = small.data,
                               .small_bytes = small.size};
    tiff_raw_file(&file, &f);
    if (orientation)
        expect_libraw_opens(dcraw_flip[orientation]);
    struct image image = decode_ok();
    char names[5];
    corner_names(names, &image);
    int expected = orientation ? orientation : own;
    if (strcmp(names, upright[expected]) != 0 || image.width != (expected >= 5 ? 160 : 240) ||
        image.height != (expected >= 5 ? 240 : 160))
        fail_msg("dng %d, orientation %d, preview's own %d: %s, %d x %d", dng, orientation, own,
                 names, image.width, image.height);
    assert_string_equal(image.format, "raw");
    image_free(&image);
    g_free(large.data);
    g_free(small.data);
}

static void test_orientations(void **state)
{
    for (int dng = 0; dng < 2; dng++)
        for (int orientation = 1; orientation <= 8; orientation++) {
            check_orientation(dng, orientation % 2, orientation, 0); /* Nikon, Canon, Sony */
            check_orientation(dng, orientation % 2, orientation,
                              orientation); /* Panasonic: twice */
            check_orientation(dng, orientation % 2, orientation, 1);
            check_orientation(dng, orientation % 2, 0, orientation);
        }
}

/* A program that turned the preview's pixels, and left the RAW file's orientation as it was. */
static void test_preview_is_upright_already(void **state)
{
    static const int quarters[] = {5, 6, 7, 8};
    struct content tall = corners(160, 240, 0);
    for (size_t i = 0; i < COUNT(quarters); i++) {
        const struct raw_file f = {.dng = true,
                                   .width = 192,
                                   .height = 128,
                                   .orientation = quarters[i],
                                   .large = tall.data,
                                   .large_bytes = tall.size};
        tiff_raw_file(&file, &f);
        struct image image = decode_ok();
        char names[5];
        corner_names(names, &image);
        assert_string_equal(names, "rgbw");
        assert_int_equal(image.width, 160);
        image_free(&image);
    }
    g_free(tall.data);
}

/* ---- which preview ---- */

static void test_largest_usable(void **state)
{
    struct content large = corners(240, 160, 0), small = corners(120, 80, 0);
    struct raw_file f = {.width = 250,
                         .height = 200,
                         .orientation = 6,
                         .large = large.data,
                         .large_bytes = large.size,
                         .small = small.data,
                         .small_bytes = small.size};
    tiff_raw_file(&file, &f);
    struct image image = decode_ok();
    assert_int_equal(image.width, 160);
    assert_int_equal(image.full_height, 240);
    assert_int_equal(image.taken_width, 200); /* the sensor's, upright */
    assert_int_equal(image.taken_height, 250);
    image_free(&image);

    f.large_bytes /= 2; /* cut: the small one is taken */
    tiff_raw_file(&file, &f);
    image = decode_ok();
    assert_int_equal(image.width, 80);
    image_free(&image);

    /* One that is larger than the limit makes room, too. */
    f.large_bytes = large.size;
    tiff_raw_file(&file, &f);
    const struct image_options limit = {.max_megapixels = 0.02};
    struct err err;
    assert_int_equal(image_decode(&image, file.data, file.size, &limit, &err), OK);
    assert_int_equal(image.width, 80);
    image_free(&image);
    const struct image_options tiny = {.max_megapixels = 0.0001};
    assert_int_equal(image_decode(&image, file.data, file.size, &tiny, &err), ERR_LIMIT);
    g_free(large.data);
    g_free(small.data);
}

static void test_smaller_decode(void **state)
{
    struct content large = corners(1600, 1200, 0);
    const struct raw_file f = {.width = 192,
                               .height = 128,
                               .orientation = 8,
                               .large = large.data,
                               .large_bytes = large.size};
    tiff_raw_file(&file, &f);
    const struct image_options small = {.enough_shorter = 200};
    struct image image;
    struct err err;
    assert_int_equal(image_decode(&image, file.data, file.size, &small, &err), OK);
    assert_int_equal(image.width, 300);
    assert_int_equal(image.height, 400);
    assert_int_equal(image.full_height, 1600);
    assert_int_equal(image.taken_height, 1600); /* a preview that is larger than the sensor */
    image_free(&image);
    g_free(large.data);
}

/* ---- damage ---- */

static void test_damaged(void **state)
{
    struct content large = corners(240, 160, 0);
    struct raw_file f = {
        .width = 192, .height = 128, .large = large.data, .large_bytes = large.size};
    tiff_raw_file(&file, &f);
    struct image image;
    struct err err;

    /* The directory of the preview is gone: LibRaw cannot tell, and the JPEG is found all the same.
     */
    struct raw_previews previews;
    raw_find_previews(&previews, file.data, file.size);
    assert_int_equal(previews.count, 1);
    size_t at = (size_t)(previews.list[0].data - file.data);
    for (size_t i = at + large.size; i + 12 < file.size; i++)
        if (memcmp(file.data + i, "\1\2\4\0\1\0\0\0", 8) == 0) /* 513, LONG, 1 */
            memset(file.data + i + 8, 0, 4);
    image = decode_ok();
    assert_int_equal(image.width, 240);
    image_free(&image);

    /* No preview at all, and none that is whole. */
    f.large = NULL;
    tiff_raw_file(&file, &f);
    assert_int_equal(decode(&image, &err), ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "no JPEG preview"));
    f.large = large.data;
    f.large_bytes = large.size / 2;
    tiff_raw_file(&file, &f);
    assert_int_equal(decode(&image, &err), ERR_FORMAT);
    assert_non_null(strstr(err.text, "preview in this camera RAW: damaged or truncated jpeg"));
    g_free(large.data);
}

/* Cut at every length and with bytes changed at random: an answer or an error, always. */
static void test_hostile(void **state)
{
    enum { CHANGES = 400 };
    unsigned seed = 20211;
    struct content large = corners(64, 48, 0);
    const struct raw_file f = {
        .dng = true, .width = 16, .height = 12, .large = large.data, .large_bytes = large.size};
    tiff_raw_file(&file, &f);
    print_message("seed %u\n", seed);
    for (size_t cut = 0; cut < file.size; cut += 1 + cut / 64) {
        uint8_t *copy = malloc(cut + 1); /* so that a read past it is one past the block */
        assert_non_null(copy);
        memcpy(copy, file.data, cut);
        struct image image;
        struct err err;
        if (image_decode(&image, copy, cut, NULL, &err) == OK)
            image_free(&image);
        else
            assert_true(err.text[0]);
        free(copy);
    }
    for (int i = 0; i < CHANGES; i++) {
        uint8_t *copy = malloc(file.size);
        assert_non_null(copy);
        memcpy(copy, file.data, file.size);
        for (int k = 0; k < 8; k++) {
            seed = seed * 1664525 + 1013904223;
            /* Mostly where the directories are: behind the preview. */
            size_t tail = seed >> 8 & 1 ? file.size : 700;
            copy[file.size - 1 - (seed >> 9) % tail] = (uint8_t)seed;
        }
        struct image image;
        struct err err;
        const struct image_options options = {.max_megapixels = 1};
        if (image_decode(&image, copy, file.size, &options, &err) == OK)
            image_free(&image);
        free(copy);
    }
    g_free(large.data);
}

/* ---- what is RAW, and what is a TIFF ---- */

static void test_recognised(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        bool raw;
    } starts[] = {
#define STARTS(literal, is_raw) {literal, sizeof(literal) - 1, is_raw}
        STARTS("FUJIFILMCCD-RAW 0201", true),
        STARTS("\0\0\0\x18"
               "ftypcrx \0\0\0\1crx isom",
               true),
        STARTS("IIU\0\x08\0\0\0\0\0", true),
        STARTS("IIRO\x08\0\0\0\0\0", true),
        STARTS("MMOR\0\0\0\x08\0\0", true),
        STARTS("II*\0\x10\0\0\0CR\2\0\0\0\0\0", true),
        STARTS("II*\0\x08\0\0\0\0\0", false),
    };
    for (size_t i = 0; i < COUNT(starts); i++) {
        enum image_format format;
        struct err err;
        assert_int_equal(
            format_sniff(&format, (const uint8_t *)starts[i].bytes, starts[i].size, &err), OK);
        assert_int_equal(format == FORMAT_RAW, starts[i].raw);
        struct image image; /* nothing behind the start */
        enum status status = image_decode(&image, starts[i].bytes, starts[i].size, NULL, &err);
        assert_int_equal(status, ERR_FORMAT);
        if (starts[i].raw)
            assert_non_null(strstr(err.text, "camera RAW, without a preview"));
    }
    static const char *const names[] = {"a.CR2", "a.cr3", "a.nef", "a.arw",
                                        "a.dng", "a.raf", "a.orf", "a.rw2"};
    for (size_t i = 0; i < COUNT(names); i++) {
        assert_true(image_name_is_photo(names[i]));
        assert_true(image_format_supported(names[i] + 1));
    }
}

/* RAF and RW2: the JPEG has the EXIF data. */
static void test_other_makers(void **state)
{
    struct content jpeg = corners(240, 160, 6);
    uint8_t *raf = calloc(1, jpeg.size + 200);
    assert_non_null(raf);
    memcpy(raf, "FUJIFILMCCD-RAW 0201", 20);
    for (int i = 0; i < 4; i++) {
        raf[84 + i] = (uint8_t)(200 >> (24 - 8 * i));
        raf[88 + i] = (uint8_t)(jpeg.size >> (24 - 8 * i));
    }
    memcpy(raf + 200, jpeg.data, jpeg.size);
    struct image image;
    struct err err;
    assert_int_equal(image_decode(&image, raf, jpeg.size + 200, NULL, &err), OK);
    assert_int_equal(image.width, 160);
    image_free(&image);
    free(raf);

    tiff_begin(&file, false);
    memcpy(file.data, "IIU\0", 4);
    uint32_t at = tiff_put(&file, jpeg.data, jpeg.size);
    const struct tiff_field fields[] = {TIFF_F_TEXT(271, "Panasonic"), TIFF_F_TEXT(272, "DC-S5"),
                                        TIFF_F_SHORT(274, 6)};
    uint32_t first = tiff_directory(&file, fields, COUNT(fields), 0);
    /* The preview as a value of the directory: an entry of 12 bytes more. */
    uint8_t *d = file.data + first;
    memmove(d + 14, d + 2, 3 * 12 + 4);
    d[0] = 4;
    uint8_t entry[12] = {0x2e, 0, 7, 0};
    for (int i = 0; i < 4; i++) {
        entry[4 + i] = (uint8_t)(jpeg.size >> (8 * i));
        entry[8 + i] = (uint8_t)(at >> (8 * i));
    }
    memcpy(d + 2, entry, 12);
    file.size += 12;
    tiff_end(&file, first);
    image = decode_ok();
    char names[5];
    corner_names(names, &image);
    assert_string_equal(names, upright[6]);
    image_free(&image);
    g_free(jpeg.data);
}

/* ---- colour ---- */

static double srgb_of_linear(double v)
{
    v = v < 0 ? 0 : v > 1 ? 1 : v;
    return v <= 0.0031308 ? 12.92 * v : 1.055 * pow(v, 1 / 2.4) - 0.055;
}

/* A flat JPEG of one colour, without a profile. */
static struct content flat(const uint8_t rgb[3])
{
    uint8_t pixels[64 * 48 * 3];
    struct content c;
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = rgb[i % 3];
    VipsImage *im =
        vips_image_new_from_memory_copy(pixels, sizeof pixels, 64, 48, 3, VIPS_FORMAT_UCHAR);
    assert_non_null(im);
    im->Type = VIPS_INTERPRETATION_sRGB;
    assert_int_equal(vips_jpegsave_buffer(im, &c.data, &c.size, "Q", 100, "strip", TRUE,
                                          "subsample_mode", VIPS_FOREIGN_SUBSAMPLE_OFF, NULL),
                     0);
    g_object_unref(im);
    return c;
}

static void test_colour_of_preview(void **state)
{
    /* Adobe RGB and ProPhoto RGB to linear sRGB, both by way of XYZ; worked out from the primaries
     * and white points that their specifications give. (Lindbloom's tables have the same.) */
    static const double adobe[3][3] = {
        {1.39836, -0.39836, 0.0}, {0.0, 1.0, 0.0}, {0.0, -0.04293, 1.04293}};
    static const double prophoto[3][3] = {{2.03388, -0.72738, -0.30650},
                                          {-0.22881, 1.23170, -0.00289},
                                          {-0.00857, -0.15328, 1.16185}};
    static const uint8_t colour[3] = {150, 140, 90};
    static const struct {
        uint32_t preview_colour, colour_space;
        const char *interop;
        const double (*matrix)[3]; /* NULL: sRGB already */
        double gamma;
    } cases[] = {
        {0, 0, NULL, NULL, 0},
        {2, 0xffff, "R03", NULL, 0}, /* the preview's own word comes first */
        {3, 0, NULL, adobe, 563.0 / 256},
        {4, 0, NULL, prophoto, 461.0 / 256},
        {0, 1, NULL, NULL, 0},
        {0, 1, "R98", NULL, 0},
        {0, 0xffff, "R03", adobe, 563.0 / 256},
        {0, 0xffff, NULL, NULL, 0},
        {0, 2, NULL, adobe, 563.0 / 256}, /* not in the standard, but in files */
    };
    struct content jpeg = flat(colour);
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct raw_file f = {.dng = true,
                                   .width = 192,
                                   .height = 128,
                                   .large = jpeg.data,
                                   .large_bytes = jpeg.size,
                                   .preview_colour = cases[i].preview_colour,
                                   .colour_space = cases[i].colour_space,
                                   .interop = cases[i].interop};
        tiff_raw_file(&file, &f);
        struct image image = decode_ok();
        for (int c = 0; c < 3; c++) {
            double expected = colour[c];
            if (cases[i].matrix) {
                expected = 0;
                for (int k = 0; k < 3; k++)
                    expected += cases[i].matrix[c][k] * pow(colour[k] / 255.0, cases[i].gamma);
                expected = 255 * srgb_of_linear(expected);
            }
            if (fabs(image.pixels[c] - expected) > 2.5)
                fail_msg("case %zu, channel %d: %d, not %.1f", i, c, image.pixels[c], expected);
        }
        image_free(&image);
    }
    g_free(jpeg.data);
}

static void test_made_profiles(void **state)
{
    uint8_t profile[ICC_MADE_BYTES];
    for (int space = ICC_ADOBE_RGB; space <= ICC_PROPHOTO; space++) {
        size_t size = icc_make(profile, (enum icc_space)space);
        struct icc icc = icc_read(profile, size);
        assert_int_equal(icc.channels, 3);
        assert_false(icc.srgb);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orientations),      cmocka_unit_test(test_preview_is_upright_already),
        cmocka_unit_test(test_largest_usable),    cmocka_unit_test(test_smaller_decode),
        cmocka_unit_test(test_damaged),           cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_recognised),        cmocka_unit_test(test_other_makers),
        cmocka_unit_test(test_colour_of_preview), cmocka_unit_test(test_made_profiles),
    };
    return cmocka_run_group_tests(tests, open_room, close_room);
}
