/* SPDX-License-Identifier: MIT
 *
 * Metadata, perceptual hashes and thumbnails through index runs: of JPEG and RAW files, with
 * sidecars that come, change and go (without the photograph being read again), of copies, and of a
 * library that was indexed before there was metadata.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../tiff_writer.h"

#include "base/file.h"
#include "clip/synth.h"
#include "image/image.h"
#include "image/phash.h"
#include "image/write.h"
#include "library/hash_set.h"
#include "library/index.h"
#include "library/thumbs.h"
#include "store/store.h"
#include "../temporary.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char config[] =
    "{\"model_cfg\": {\"embed_dim\": 48, \"quick_gelu\": true,"
    " \"vision_cfg\": {\"image_size\": 56, \"patch_size\": 14, \"width\": 80, \"head_width\": 16,"
    " \"layers\": 2},"
    " \"text_cfg\": {\"context_length\": 77, \"vocab_size\": 49408, \"width\": 32, \"heads\": 2,"
    " \"layers\": 1}}, \"preprocess_cfg\": {}}";

struct fixture {
    char dir[64];
    struct model *model;
    struct store *store;
    struct thumbs *thumbs;
};
static struct fixture fx;
static struct tiff_writer file;

static const char *in_dir(const char *name)
{
    static char paths[8][256];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", fx.dir, name);
    return path;
}

enum { WIDTH = 600, HEIGHT = 400 };

static const uint8_t *pixels(unsigned seed)
{
    static uint8_t rgb[WIDTH * HEIGHT * 3];
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            uint8_t *p = rgb + 3 * (y * WIDTH + x);
            p[0] = (uint8_t)(128 + 100 * sin(x * 0.01 * (1 + seed % 3)));
            p[1] = (uint8_t)(128 + 100 * cos(y * 0.02 * (1 + seed % 2) + x * 0.005));
            p[2] = (uint8_t)(x * y / 700 + seed * 40);
        }
    return rgb;
}

static const struct image_exif exif = {.taken_at = "2021:07:04 18:22:10",
                                       .make = "NIKON CORPORATION",
                                       .model = "NIKON D850",
                                       .lens = "50mm",
                                       .f_number = 4,
                                       .iso = 200};

static void put_jpeg(const char *name, unsigned seed)
{
    const struct image_write_options how = {.quality = 85, .exif = &exif, .orientation = 1};
    struct err err;
    assert_int_equal(dir_make_parent(in_dir(name), &err), OK);
    if (image_write(in_dir(name), pixels(seed), WIDTH, HEIGHT, &how, &err) != OK)
        fail_msg("%s", err.text);
}

/* The RAW file of the same shot. */
static void put_raw(const char *name, unsigned seed)
{
    struct file_bytes preview;
    struct err err;
    const struct image_write_options how = {.quality = 85, .orientation = 1};
    assert_int_equal(image_write(in_dir("preview.jpg"), pixels(seed), WIDTH, HEIGHT, &how, &err),
                     OK);
    assert_int_equal(file_read(&preview, in_dir("preview.jpg"), 1 << 20, &err), OK);
    const struct raw_file f = {.width = 256,
                               .height = 171,
                               .orientation = 1,
                               .large = preview.data,
                               .large_bytes = preview.size};
    tiff_raw_file(&file, &f);
    assert_int_equal(file_write(in_dir(name), file.data, file.size, &err), OK);
    file_bytes_free(&preview);
}

static void put_sidecar(const char *name, const char *rating)
{
    char text[512];
    struct err err;
    snprintf(text, sizeof text,
             "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF "
             "xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description "
             "xmlns:xmp='http://ns.adobe.com/xap/1.0/' xmp:Rating='%s'/></rdf:RDF></x:xmpmeta>",
             rating);
    assert_int_equal(file_write(in_dir(name), text, strlen(text), &err), OK);
}

static struct index_report run_index(void)
{
    const char *roots[] = {in_dir("photos")};
    const struct index_options how = {.roots = roots, .root_count = 1, .thumbs = fx.thumbs};
    struct index_report report;
    struct err err = {0};
    if (index_run(fx.store, fx.model, &how, &report, &err) != OK)
        fail_msg("%s", err.text);
    assert_int_equal(report.failed, 0);
    return report;
}

static struct store_photo load(const char *name)
{
    struct store_photo photo = {0};
    struct err err = {0};
    int64_t id;
    if (store_photo_find(fx.store, in_dir(name), &id, &err) != OK ||
        store_photo_load(fx.store, id, &photo, &err) != OK)
        fail_msg("%s: %s", name, err.text);
    return photo;
}

static int rating_of(const char *name)
{
    struct store_photo photo = load(name);
    int rating = photo.meta.rating;
    assert_true(photo.embedded.rating == PHOTO_NO_RATING);
    store_photo_free(&photo);
    return rating;
}

static int open_fixture(void **state)
{
    struct err err = {0};
    fx = (struct fixture){0};
    if (temporary_make(fx.dir, sizeof fx.dir) != 0 || image_room_open(&err) != OK)
        return -1;
    const struct model_options options = {.dir = in_dir("model"), .name = "test/model"};
    if (file_write(in_dir("config.json"), config, strlen(config), &err) != OK ||
        model_synth(in_dir("config.json"), 7, in_dir("model"), &err) != OK ||
        model_open(&fx.model, &options, &err) != OK ||
        store_open(&fx.store, in_dir("library.db"), STORE_WRITE, &err) != OK ||
        thumbs_open(&fx.thumbs, in_dir("thumbs"), 0, &err) != OK) {
        fprintf(stderr, "%s\n", err.text);
        return -1;
    }
    put_jpeg("photos/shot.jpg", 1);
    put_raw("photos/shot.nef", 1);
    put_jpeg("photos/other.jpg", 2);
    return 0;
}

static int close_fixture(void **state)
{
    char command[128];
    thumbs_close(fx.thumbs);
    store_close(fx.store);
    model_close(fx.model);
    snprintf(command, sizeof command, "rm -rf '%s'", fx.dir);
    return system(command);
}

/* A file that nobody may read: what an index run needs of it, it knows. (Root reads it all the
 * same; so the content is replaced, too, with size and mtime kept: reading it would find no
 * picture.) */
static void spoil(const char *name)
{
    struct stat st;
    const char *path = in_dir(name);
    assert_int_equal(stat(path, &st), 0);
    FILE *f = fopen(path, "r+");
    assert_non_null(f);
    for (int i = 0; i < 64; i++)
        fputc('x', f);
    fclose(f);
    const struct timespec times[2] = {st.st_atim, st.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void test_one_shot_raw_and_jpeg(void **state)
{
    assert_int_equal(run_index().embedded, 3);
    struct store_photo jpeg = load("photos/shot.jpg"), raw = load("photos/shot.nef");
    assert_string_equal(jpeg.format, "jpeg");
    assert_string_equal(raw.format, "raw");
    assert_true(jpeg.has_meta && raw.has_meta && jpeg.has_phash && raw.has_phash);
    assert_string_equal(jpeg.meta.camera, "Nikon D850");
    assert_string_equal(raw.meta.camera, "Nikon D850");
    assert_true(jpeg.meta.taken_ms == raw.meta.taken_ms && raw.meta.taken_ms != PHOTO_NO_TIME);
    assert_int_equal(jpeg.meta.iso, 200);
    assert_true(phash_distance(jpeg.phash, raw.phash) <= 2);
    assert_int_equal(jpeg.width, WIDTH);
    assert_int_equal(raw.width, WIDTH); /* the preview's: it is larger than this sensor */
    assert_true(thumbs_has(fx.thumbs, &jpeg.hash, THUMBNAIL_SMALL));
    assert_true(thumbs_has(fx.thumbs, &raw.hash, THUMBNAIL_SMALL));
    assert_false(thumbs_has(fx.thumbs, &jpeg.hash, THUMBNAIL_LARGE));
    store_photo_free(&jpeg);
    store_photo_free(&raw);
    assert_int_equal(run_index().unchanged, 3);
}

static void test_sidecars(void **state)
{
    put_sidecar("photos/other.jpg.xmp", "2");
    assert_int_equal(run_index().embedded, 3);
    assert_int_equal(rating_of("photos/other.jpg"), 2);
    spoil("photos/other.jpg");
    spoil("photos/shot.jpg");

    static const struct {
        const char *name, *rating; /* NULL: removed */
        int other, shot;
        size_t looked_at;
    } steps[] = {
        {"photos/other.jpg.xmp", "4", 4, PHOTO_NO_RATING, 1},
        {"photos/shot.xmp", "5", 4, 5, 2}, /* of the JPEG and of the RAW file */
        {"photos/shot.jpg.xmp", "-1", 4, -1, 1},
        {"photos/shot.jpg.xmp", NULL, 4, 5, 1},
        {"photos/shot.xmp", "not a number", 4, PHOTO_NO_RATING, 2},
        {"photos/other.jpg.xmp", NULL, PHOTO_NO_RATING, PHOTO_NO_RATING, 1},
    };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (steps[i].rating)
            put_sidecar(steps[i].name, steps[i].rating);
        else
            assert_int_equal(unlink(in_dir(steps[i].name)), 0);
        struct index_report report = run_index();
        if (report.metadata != steps[i].looked_at || report.embedded || report.known)
            fail_msg("step %zu: %zu read again, %zu embedded, %zu known", i, report.metadata,
                     report.embedded, report.known);
        assert_int_equal(rating_of("photos/other.jpg"), steps[i].other);
        assert_int_equal(rating_of("photos/shot.jpg"), steps[i].shot);
        assert_int_equal(run_index().metadata, 0);
    }
    /* One that is no XMP says nothing, and takes nothing away. */
    struct err err;
    assert_int_equal(file_write(in_dir("photos/other.jpg.xmp"), "<oops", 5, &err), OK);
    assert_int_equal(run_index().metadata, 1);
    assert_int_equal(rating_of("photos/other.jpg"), PHOTO_NO_RATING);
    assert_int_equal(run_index().metadata, 0);
}

/* A copy is one photo; its sidecar is its own. */
static void test_copies(void **state)
{
    put_jpeg("photos/a-copy.jpg", 2);
    put_sidecar("photos/a-copy.xmp", "3");
    assert_int_equal(run_index().embedded, 3);
    struct store_photo photo = load("photos/other.jpg");
    assert_int_equal(photo.path_count, 2);
    assert_int_equal(photo.meta.rating, 3);
    assert_string_equal(photo.meta.camera, "Nikon D850");
    store_photo_free(&photo);
    /* Moved: it takes its metadata along. */
    assert_int_equal(rename(in_dir("photos/shot.nef"), in_dir("photos/moved.nef")), 0);
    struct index_report report = run_index();
    assert_int_equal(report.known, 1);
    assert_int_equal(report.embedded, 0);
    photo = load("photos/moved.nef");
    assert_string_equal(photo.meta.camera, "Nikon D850");
    assert_true(photo.has_phash);
    store_photo_free(&photo);
}

/* As a library of an earlier version has it: vectors, and nothing else. */
static void test_before_there_was_metadata(void **state)
{
    struct err err;
    struct stat st;
    struct file_bytes content;
    int64_t model_id;
    uint16_t vector[48] = {0x3c00};
    const struct model_info *info = model_info(fx.model);
    const char *path = in_dir("photos/other.jpg");
    assert_int_equal(
        store_model_use(fx.store, info->name, info->fingerprint, info->embed_dim, &model_id, &err),
        OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(file_read(&content, path, 1 << 20, &err), OK);
    struct store_result result = {
        .file = {.path = path,
                 .size_bytes = st.st_size,
                 .mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec},
        .hash = photo_hash_of(content.data, content.size),
        .width = WIDTH,
        .height = HEIGHT,
        .format = "jpeg",
        .vector = vector};
    file_bytes_free(&content);
    assert_int_equal(store_put_results(fx.store, model_id, &result, 1, &err), OK);
    struct index_report report = run_index();
    assert_int_equal(report.embedded, 2);
    assert_int_equal(report.metadata, 1);
    struct store_photo photo = load("photos/other.jpg");
    assert_true(photo.has_meta && photo.has_phash);
    assert_string_equal(photo.meta.camera, "Nikon D850");
    assert_true(thumbs_has(fx.thumbs, &photo.hash, THUMBNAIL_SMALL));
    struct store_matrix matrix;
    assert_int_equal(store_matrix_load(fx.store, model_id, &matrix, &err), OK);
    bool kept = false;
    for (size_t i = 0; i < matrix.count; i++)
        if (matrix.photo_ids[i] == photo.id)
            kept = memcmp(matrix.vectors + i * 48, vector, sizeof vector) == 0;
    assert_true(kept); /* and not computed again */
    store_matrix_free(&matrix);
    store_photo_free(&photo);
    assert_int_equal(run_index().unchanged, 3);
}

static int room_close(void **state)
{
    image_room_close();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)
        TEST(test_one_shot_raw_and_jpeg),
        TEST(test_sidecars),
        TEST(test_copies),
        TEST(test_before_there_was_metadata),
    };
    return cmocka_run_group_tests(tests, NULL, room_close);
}
