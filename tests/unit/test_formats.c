/* SPDX-License-Identifier: MIT
 *
 * Formats as cameras, phones and programs write them: orientation 1 to 8 wherever a format can tell
 * it, the first frame of what moves, and metadata out of files that other programs wrote. HEIC
 * files with an orientation are made with libheif, where it and an encoder are there. (May include
 * vips.h, as test_image.c.)
 */
#include "image/image.h"
#include "meta/read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../image_room.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vips/vips.h>

#ifdef HAVE_LIBHEIF
#include <libheif/heif.h>

/* x265, with which libheif makes the files, does not free all it has. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libx265\n";
}
#endif

#define COUNT(a) (sizeof(a) / sizeof *(a))

enum { WIDTH = 96, HEIGHT = 64 };

struct content {
    void *data;
    size_t size;
};

/* Corners: red, green; blue, white. */
static const uint8_t *corners(void)
{
    static uint8_t rgb[WIDTH * HEIGHT * 3];
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            uint8_t *p = rgb + 3 * (y * WIDTH + x);
            bool right = x >= WIDTH / 2, low = y >= HEIGHT / 2;
            p[0] = right == low ? 255 : 0;
            p[1] = right ? 255 : 0;
            p[2] = low ? 255 : 0;
        }
    return rgb;
}

static VipsImage *picture(void)
{
    VipsImage *im = vips_image_new_from_memory_copy(corners(), (size_t)WIDTH * HEIGHT * 3, WIDTH,
                                                    HEIGHT, 3, VIPS_FORMAT_UCHAR);
    assert_non_null(im);
    im->Type = VIPS_INTERPRETATION_sRGB;
    return im;
}

/* Takes over the image. False where this libvips cannot write it. */
static bool save(struct content *c, VipsImage *im, const char *suffix)
{
    bool saved = vips_image_write_to_buffer(im, suffix, &c->data, &c->size, NULL) == 0;
    vips_error_clear();
    g_object_unref(im);
    return saved;
}

/* By way of a JPEG, whose writer makes an EXIF block of an image's fields; PNG's only copies one.
 */
static VipsImage *with_exif_block(VipsImage *im)
{
    struct content c;
    VipsImage *loaded, *own;
    assert_true(save(&c, im, ".jpg[Q=100,subsample-mode=off]"));
    assert_int_equal(vips_jpegload_buffer(c.data, c.size, &loaded, NULL), 0);
    own = vips_image_copy_memory(loaded);
    assert_non_null(own);
    g_object_unref(loaded);
    g_free(c.data);
    return own;
}

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

static const char *const upright[9] = {"rgbw", "rgbw", "grwb", "wbgr", "bwrg",
                                       "rbgw", "brwg", "wgbr", "gwrb"};

static void expect_upright(const void *data, size_t size, int orientation, const char *what)
{
    struct image image;
    struct err err;
    char names[5];
    if (image_decode(&image, data, size, NULL, &err) != OK)
        fail_msg("%s: %s", what, err.text);
    corner_names(names, &image);
    if (strcmp(names, upright[orientation]) != 0 ||
        image.width != (orientation >= 5 ? HEIGHT : WIDTH))
        fail_msg("%s, orientation %d: %s, %d x %d", what, orientation, names, image.width,
                 image.height);
    assert_int_equal(image.width, image.taken_width);
    assert_int_equal(image.height, image.full_height);
    image_free(&image);
}

/* ---- orientation ---- */

static void test_orientations(void **state)
{
    static const char *const suffixes[] = {".jpg[subsample-mode=off]", ".jpg[interlace]", ".tif",
                                           ".webp", ".png"};
    for (size_t i = 0; i < COUNT(suffixes); i++)
        for (int orientation = 1; orientation <= 8; orientation++) {
            struct content c;
            VipsImage *im = picture();
            vips_image_set_string(im, "exif-ifd0-Make", "Canon");
            vips_image_set_int(im, VIPS_META_ORIENTATION, orientation);
            assert_true(save(&c, with_exif_block(im), suffixes[i]));
            expect_upright(c.data, c.size, orientation, suffixes[i]);
            struct meta_hints hints;
            struct photo_meta meta;
            meta_read(&meta, &hints, c.data, c.size);
            assert_int_equal(hints.orientation, orientation);
            g_free(c.data);
        }
}

#ifdef HAVE_LIBHEIF

static struct heif_error take(struct heif_context *context, const void *data, size_t size,
                              void *user)
{
    struct content *c = user;
    c->data = malloc(size);
    assert_non_null(c->data);
    memcpy(c->data, data, size);
    c->size = size;
    return (struct heif_error){heif_error_Ok, heif_suberror_Unspecified, "ok"};
}

/* EXIF that tells an orientation: it is void in HEIF, where properties of the item count. */
static const uint8_t *exif_with(int orientation)
{
    static uint8_t exif[] = "MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\0\0\0\0\0\0\0";
    exif[19] = (uint8_t)orientation;
    return exif;
}

static bool make_heif(struct content *c, enum heif_compression_format codec, int orientation,
                      int exif)
{
    struct heif_context *context = heif_context_alloc();
    struct heif_encoder *encoder = NULL;
    if (heif_context_get_encoder_for_format(context, codec, &encoder).code != heif_error_Ok) {
        heif_context_free(context);
        return false;
    }
    struct heif_image *im = NULL;
    struct heif_image_handle *handle = NULL;
    assert_int_equal(
        heif_image_create(WIDTH, HEIGHT, heif_colorspace_RGB, heif_chroma_interleaved_RGB, &im)
            .code,
        heif_error_Ok);
    heif_image_add_plane(im, heif_channel_interleaved, WIDTH, HEIGHT, 8);
    int stride;
    uint8_t *plane = heif_image_get_plane(im, heif_channel_interleaved, &stride);
    for (int y = 0; y < HEIGHT; y++)
        memcpy(plane + (ptrdiff_t)y * stride, corners() + (ptrdiff_t)y * WIDTH * 3, WIDTH * 3);
    struct heif_encoding_options *options = heif_encoding_options_alloc();
    options->image_orientation = (enum heif_orientation)orientation;
    heif_encoder_set_lossy_quality(encoder, 90);
    assert_int_equal(heif_context_encode_image(context, im, encoder, options, &handle).code,
                     heif_error_Ok);
    if (exif)
        assert_int_equal(heif_context_add_exif_metadata(context, handle, exif_with(exif), 26).code,
                         heif_error_Ok);
    struct heif_writer writer = {.writer_api_version = 1, .write = take};
    assert_int_equal(heif_context_write(context, &writer, c).code, heif_error_Ok);
    heif_encoding_options_free(options);
    heif_image_handle_release(handle);
    heif_image_release(im);
    heif_encoder_release(encoder);
    heif_context_free(context);
    return true;
}

static void test_heif_orientations(void **state)
{
    static const struct {
        enum heif_compression_format codec;
        const char *name, *extension;
    } codecs[] = {{heif_compression_HEVC, "HEIC", "heic"}, {heif_compression_AV1, "AVIF", "avif"}};
    for (size_t i = 0; i < COUNT(codecs); i++)
        for (int orientation = 1; orientation <= 8; orientation++)
            for (int exif = 0; exif < 3; exif++) { /* none, the same, another */
                struct content c;
                int told = exif == 0 ? 0 : exif == 1 ? orientation : 9 - orientation;
                if (!image_format_supported(codecs[i].extension) ||
                    !make_heif(&c, codecs[i].codec, orientation, told)) {
                    print_message("skipped: no encoder of %s here\n", codecs[i].name);
                    exif = orientation = 9;
                    continue;
                }
                expect_upright(c.data, c.size, orientation, codecs[i].name);
                struct meta_hints hints;
                struct photo_meta meta;
                meta_read(&meta, &hints, c.data, c.size);
                assert_int_equal(hints.orientation, told); /* found in a file of libheif's */
                free(c.data);
            }
}

#else

static void test_heif_orientations(void **state)
{
    print_message("skipped: built without libheif\n");
}

#endif

/* ---- the first frame ---- */

static void test_animations(void **state)
{
    static const char *const suffixes[] = {".gif", ".webp[lossless]"};
    for (size_t i = 0; i < COUNT(suffixes); i++) {
        uint8_t *frames = malloc((size_t)WIDTH * HEIGHT * 3 * 3); /* corners, then two of grey */
        struct content c;
        assert_non_null(frames);
        memset(frames, 128, (size_t)WIDTH * HEIGHT * 3 * 3);
        memcpy(frames, corners(), (size_t)WIDTH * HEIGHT * 3);
        VipsImage *im = vips_image_new_from_memory_copy(frames, (size_t)WIDTH * HEIGHT * 9, WIDTH,
                                                        HEIGHT * 3, 3, VIPS_FORMAT_UCHAR);
        assert_non_null(im);
        free(frames);
        im->Type = VIPS_INTERPRETATION_sRGB;
        vips_image_set_int(im, VIPS_META_PAGE_HEIGHT, HEIGHT);
        assert_true(save(&c, im, suffixes[i]));
        expect_upright(c.data, c.size, 1, suffixes[i]);
        g_free(c.data);
    }
}

/* Many pages, of which the first is the picture. */
static void test_pages(void **state)
{
    VipsImage *join[2] = {picture(), NULL}, *both;
    struct content c;
    assert_int_equal(vips_invert(join[0], &join[1], NULL), 0);
    assert_int_equal(vips_arrayjoin(join, &both, 2, "across", 1, NULL), 0);
    g_object_unref(join[0]);
    g_object_unref(join[1]);
    VipsImage *own;
    assert_int_equal(vips_copy(both, &own, NULL), 0);
    g_object_unref(both);
    vips_image_set_int(own, VIPS_META_PAGE_HEIGHT, HEIGHT);
    assert_true(save(&c, own, ".tif"));
    expect_upright(c.data, c.size, 1, "two pages");
    g_free(c.data);
}

/* ---- metadata of files that others wrote ---- */

static void test_metadata(void **state)
{
    static const char *const suffixes[] = {".jpg", ".webp", ".png", ".heic", ".avif"};
    for (size_t i = 0; i < COUNT(suffixes); i++) {
        struct content c;
        VipsImage *im = picture();
        vips_image_set_string(im, "exif-ifd0-Make", "Canon");
        vips_image_set_string(im, "exif-ifd0-Model", "Canon EOS R5");
        vips_image_set_string(im, "exif-ifd2-DateTimeOriginal", "2021:07:04 18:22:10");
        vips_image_set_string(im, "exif-ifd2-FNumber", "28/10");
        static const char xmp[] =
            "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF "
            "xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description "
            "xmlns:xmp='http://ns.adobe.com/xap/1.0/' xmp:Rating='4'/></rdf:RDF></x:xmpmeta>";
        vips_image_set_blob_copy(im, VIPS_META_XMP_NAME, xmp, sizeof xmp - 1);
        if (!save(&c, with_exif_block(im), suffixes[i])) {
            print_message("skipped: this libvips writes no %s\n", suffixes[i]);
            continue;
        }
        struct photo_meta meta;
        meta_read(&meta, NULL, c.data, c.size);
        char time[PHOTO_TIME_MAX];
        /* libvips compresses XMP in PNG, which the standard does not, and meta/read.h does not read
         */
        int rating = strcmp(suffixes[i], ".png") == 0 ? PHOTO_NO_RATING : 4;
        if (strcmp(meta.camera, "Canon EOS R5") != 0 || meta.rating != rating)
            fail_msg("%s: camera '%s', rating %d", suffixes[i], meta.camera, meta.rating);
        assert_string_equal(photo_meta_time(time, &meta), "2021-07-04T18:22:10");
        assert_true(meta.f_number > 2.799 && meta.f_number < 2.801);
        g_free(c.data);
    }
}

/* ---- what this libvips cannot read ---- */

static void test_not_supported(void **state)
{
    static const struct {
        const char *extension, *bytes;
        size_t size;
    } files[] = {
        {"jxl", "\xff\x0a\xfa\x7f", 4},
        {"heic",
         "\0\0\0\x18"
         "ftypheic\0\0\0\0mif1heic",
         24},
        {"avif",
         "\0\0\0\x18"
         "ftypavif\0\0\0\0mif1avif",
         24},
    };
    for (size_t i = 0; i < COUNT(files); i++) {
        struct image image;
        struct err err;
        enum status status = image_decode(&image, files[i].bytes, files[i].size, NULL, &err);
        if (image_format_supported(files[i].extension)) {
            assert_int_equal(status, ERR_FORMAT);
        } else {
            assert_int_equal(status, ERR_UNSUPPORTED);
            assert_non_null(strstr(err.text, "is not supported by this libvips"));
        }
    }
}

/* ---- which of libvips' loaders can be reached at all ---- */

static void *check_loader(GType type, void *reachable)
{
    static const char *const ours[] = {"jpegload", "pngload",  "webpload", "tiffload",
                                       "gifload",  "heifload", "jxlload"};
    if (G_TYPE_IS_ABSTRACT(type))
        return NULL;
    VipsOperationClass *class = g_type_class_ref(type);
    const char *name = VIPS_OBJECT_CLASS(class)->nickname;
    const bool blocked = class->flags & VIPS_OPERATION_BLOCKED;
    bool wanted = false;
    for (size_t i = 0; i < COUNT(ours); i++)
        wanted |= strncmp(name, ours[i], strlen(ours[i])) == 0;
    if (blocked == wanted)
        fail_msg("the loader %s is %s", name, blocked ? "blocked" : "not blocked");
    *(int *)reachable += !blocked;
    g_type_class_unref(class);
    return NULL;
}

/* PDF, SVG, ImageMagick, OpenSlide, FITS, MATLAB and the rest: decoders that nobody asked for. */
static void test_loaders(void **state)
{
    int reachable = 0;
    vips_type_map_all(g_type_from_name("VipsForeignLoad"), check_loader, &reachable);
    assert_true(reachable >= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orientations), cmocka_unit_test(test_heif_orientations),
        cmocka_unit_test(test_animations),   cmocka_unit_test(test_pages),
        cmocka_unit_test(test_metadata),     cmocka_unit_test(test_not_supported),
        cmocka_unit_test(test_loaders),
    };
    return cmocka_run_group_tests(tests, open_room, close_room);
}
