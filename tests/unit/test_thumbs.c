/* SPDX-License-Identifier: MIT
 *
 * What is made of a decoded picture besides vectors: smaller pictures, the perceptual hash (values
 * that can be worked out, and how it stands resizing, recompression and changes of light), WebP
 * thumbnails, and their cache with its bound. (May include vips.h, as test_image.c.)
 */
#include "image/area.h"
#include "image/image.h"
#include "image/phash.h"
#include "image/thumbnail.h"
#include "library/hash_set.h"
#include "library/thumbs.h"
#include "scene/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../image_room.h"
#include "../temporary.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vips/vips.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static struct image blank(int width, int height)
{
    struct image image = {.width = width,
                          .height = height,
                          .full_width = width,
                          .full_height = height,
                          .across = {0, width},
                          .down = {0, height}};
    image.pixels = calloc((size_t)width * (size_t)height, 3);
    assert_non_null(image.pixels);
    return image;
}

static uint64_t hash_of(const struct image *image)
{
    uint64_t hash;
    struct err err;
    assert_int_equal(image_phash(&hash, image, &err), OK);
    return hash;
}

/* ---- smaller by areas ---- */

/* Against the definition: each pixel's mean by its overlap with each of the picture's. */
static double overlap(double begin, double end, int pixel)
{
    double from = begin > pixel ? begin : pixel, to = end < pixel + 1 ? end : pixel + 1;
    return to > from ? to - from : 0;
}

static void test_area_mean(void **state)
{
    static const int sizes[][4] = {{7, 5, 3, 2}, {64, 48, 32, 24}, {33, 1, 10, 1},
                                   {5, 5, 5, 5}, {3, 2, 8, 8},     {100, 37, 11, 36}};
    unsigned seed = 99;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        const int *s = sizes[i];
        struct image image = blank(s[0], s[1]);
        for (int k = 0; k < s[0] * s[1] * 3; k++)
            image.pixels[k] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
        if (i % 2) /* as a smaller decode leaves it */
            image.across.end -= 0.4;
        uint8_t out[32 * 36 * 3];
        struct err err;
        assert_int_equal(area_mean(out, s[2], s[3], &image, &err), OK);
        for (int y = 0; y < s[3]; y++)
            for (int x = 0; x < s[2]; x++) {
                double w = image.across.end / s[2], h = (double)s[1] / s[3], sum = 0;
                for (int py = 0; py < s[1]; py++)
                    for (int px = 0; px < s[0]; px++)
                        sum += overlap(x * w, (x + 1) * w, px) * overlap(y * h, (y + 1) * h, py) *
                               image.pixels[3 * (py * s[0] + px) + 1];
                assert_true(fabs(out[3 * (y * s[2] + x) + 1] - sum / (w * h)) <= 0.51);
            }
        image_free(&image);
    }
}

/* ---- the hash ---- */

/* One wave, j times down and k across: one coefficient, hence one bit. (Rounding a wave to bytes
 * makes smaller ones, which may add another.) */
static void test_hash_of_waves(void **state)
{
    const double pi = 3.14159265358979323846;
    for (int j = 1; j <= 8; j++)
        for (int k = 1; k <= 8; k++) {
            struct image image = blank(320, 320);
            for (int y = 0; y < 320; y++)
                for (int x = 0; x < 320; x++) {
                    double v = 128 + 100 * cos(pi * j * (2 * y + 1) / 640.0) *
                                         cos(pi * k * (2 * x + 1) / 640.0);
                    memset(image.pixels + 3 * (y * 320 + x), (int)lround(v), 3);
                }
            uint64_t expected = (uint64_t)1 << (63 - (8 * (j - 1) + k - 1)), hash = hash_of(&image);
            if (!(hash & expected) || phash_distance(hash, expected) > 1)
                fail_msg("wave %d, %d: %016llx", j, k, (unsigned long long)hash);
            image_free(&image);
        }
    struct image flat = blank(50, 40); /* nothing to tell */
    assert_int_equal(hash_of(&flat), 0);
    for (int i = 0; i < 50 * 40 * 3; i++) /* nor in a plain gradient */
        flat.pixels[i] = (uint8_t)(i / 3 % 50 * 5);
    assert_int_equal(hash_of(&flat), 0);
    image_free(&flat);
    assert_int_equal(phash_distance(0x0f, 0xf0), 8);
}

static struct image paint(unsigned seed, int width, int height)
{
    struct scene scene;
    struct err err;
    struct image image = blank(width, height);
    scene_plan(&scene, seed, 0);
    assert_int_equal(scene_paint(&scene, width, height, image.pixels, &err), OK);
    return image;
}

/* As another program would leave it. */
static struct image saved_as(const struct image *image, double scale, const char *suffix,
                             double brighter)
{
    VipsImage *im =
        vips_image_new_from_memory(image->pixels, (size_t)image->width * (size_t)image->height * 3,
                                   image->width, image->height, 3, VIPS_FORMAT_UCHAR);
    VipsImage *resized, *lit, *bytes;
    void *data;
    size_t size;
    assert_non_null(im);
    im->Type = VIPS_INTERPRETATION_sRGB;
    assert_int_equal(vips_resize(im, &resized, scale, NULL), 0);
    assert_int_equal(vips_linear1(resized, &lit, brighter, 0, NULL), 0);
    assert_int_equal(vips_cast(lit, &bytes, VIPS_FORMAT_UCHAR, NULL), 0);
    assert_int_equal(vips_image_write_to_buffer(bytes, suffix, &data, &size, NULL), 0);
    g_object_unref(bytes);
    g_object_unref(lit);
    g_object_unref(resized);
    g_object_unref(im);
    struct image out;
    struct err err;
    assert_int_equal(image_decode(&out, data, size, NULL, &err), OK);
    g_free(data);
    return out;
}

/* What the same picture may differ by, and what others differ by at least. */
static void test_hash_of_pictures(void **state)
{
    enum { SCENES = 8, SAME_MOST = 8, OTHER_LEAST = 12 };
    static const struct {
        double scale;
        const char *suffix;
        double brighter;
    } changes[] = {
        {1, ".jpg[Q=90]", 1},     {1, ".jpg[Q=30]", 1}, {0.5, ".jpg[Q=80]", 1},
        {0.25, ".webp[Q=60]", 1}, {0.13, ".png", 1},    {2, ".jpg[Q=70]", 1},
        {1, ".png", 1.15},        {1, ".png", 0.85},    {0.5, ".webp[Q=40]", 0.9},
    };
    uint64_t hashes[SCENES];
    int worst = 0, nearest = 64;
    for (unsigned i = 0; i < SCENES; i++) {
        struct image image = paint(1000 + i, 480, 320);
        hashes[i] = hash_of(&image);
        for (size_t k = 0; k < COUNT(changes); k++) {
            struct image changed =
                saved_as(&image, changes[k].scale, changes[k].suffix, changes[k].brighter);
            int distance = phash_distance(hashes[i], hash_of(&changed));
            worst = distance > worst ? distance : worst;
            if (distance > SAME_MOST)
                fail_msg("scene %u, change %zu: %d bits", 1000 + i, k, distance);
            image_free(&changed);
        }
        for (unsigned k = 0; k < i; k++) {
            int distance = phash_distance(hashes[i], hashes[k]);
            nearest = distance < nearest ? distance : nearest;
        }
        image_free(&image);
    }
    print_message("the same picture: at most %d bits; others: at least %d\n", worst, nearest);
    assert_true(nearest >= OTHER_LEAST);
}

/* ---- thumbnails ---- */

static void test_thumbnails(void **state)
{
    static const struct {
        int width, height, side, wanted_width, wanted_height;
    } cases[] = {
        {480, 320, 256, 256, 171}, {320, 480, 256, 171, 256}, {480, 320, 1024, 480, 320},
        {2000, 3, 256, 256, 1},    {1, 1, 256, 1, 1},
    };
    struct err err;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct image image = blank(cases[i].width, cases[i].height), back;
        for (int k = 0; k < cases[i].width * cases[i].height * 3; k += 3)
            image.pixels[k] = 200; /* red */
        struct thumbnail t;
        assert_int_equal(thumbnail_make(&t, &image, cases[i].side, &err), OK);
        assert_int_equal(t.width, cases[i].wanted_width);
        assert_int_equal(t.height, cases[i].wanted_height);
        assert_int_equal(image_decode(&back, t.data, t.size, NULL, &err), OK);
        assert_string_equal(back.format, "webp");
        assert_int_equal(back.width, t.width);
        assert_true(abs(back.pixels[0] - 200) <= 4 && back.pixels[1] <= 4);
        image_free(&back);
        thumbnail_free(&t);
        image_free(&image);
    }
    struct image small = blank(300, 200); /* of a picture of 1200 x 800 */
    struct thumbnail t;
    small.full_width = 1200;
    small.full_height = 800;
    assert_true(thumbnail_possible(&small, THUMBNAIL_SMALL));
    assert_false(thumbnail_possible(&small, THUMBNAIL_LARGE));
    assert_int_equal(thumbnail_make(&t, &small, THUMBNAIL_LARGE, &err), ERR_LIMIT);
    assert_null(t.data);
    assert_int_equal(thumbnail_make(&t, &small, THUMBNAIL_SMALL, &err), OK);
    assert_int_equal(t.width, 256);
    thumbnail_free(&t);
    image_free(&small);
}

/* ---- the cache ---- */

static char dir[64];

static struct thumbs *open_cache(void)
{
    struct thumbs *t;
    struct err err;
    assert_int_equal(temporary_make(dir, sizeof dir), 0);
    if (thumbs_open(&t, dir, THUMBS_LEAST_BYTES, &err) != OK)
        fail_msg("%s", err.text);
    return t;
}

static void remove_cache(struct thumbs *t)
{
    char command[128];
    thumbs_close(t);
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    assert_int_equal(system(command), 0);
}

static struct photo_hash key(unsigned folder, unsigned n)
{
    struct photo_hash hash = {{0}};
    hash.bytes[0] = (uint8_t)folder;
    memcpy(hash.bytes + 4, &n, sizeof n);
    return hash;
}

/* Bytes that pass for a WebP of that size. */
static uint8_t *webp_of(size_t size, uint8_t fill)
{
    uint8_t *bytes = malloc(size);
    assert_non_null(bytes);
    memset(bytes, fill, size);
    memcpy(bytes, "RIFF....WEBP", 12);
    for (int i = 0; i < 4; i++)
        bytes[4 + i] = (uint8_t)((size - 8) >> (8 * i));
    return bytes;
}

static void test_put_and_get(void **state)
{
    struct thumbs *t = open_cache();
    struct err err;
    struct file_bytes got;
    struct photo_hash hash = key(0x3f, 1), other = key(0x3f, 2);
    assert_int_equal(thumbs_get(t, &hash, THUMBNAIL_SMALL, &got, &err), ERR_NOT_FOUND);
    assert_false(thumbs_has(t, &hash, THUMBNAIL_SMALL));
    uint8_t *bytes = webp_of(1000, 7);
    assert_int_equal(thumbs_put(t, &hash, THUMBNAIL_SMALL, bytes, 1000, &err), OK);
    assert_true(thumbs_has(t, &hash, THUMBNAIL_SMALL));
    assert_false(thumbs_has(t, &hash, THUMBNAIL_LARGE));
    assert_false(thumbs_has(t, &other, THUMBNAIL_SMALL));
    assert_int_equal(thumbs_get(t, &hash, THUMBNAIL_SMALL, &got, &err), OK);
    assert_int_equal(got.size, 1000);
    assert_memory_equal(got.data, bytes, 1000);
    file_bytes_free(&got);

    /* What a lost power supply leaves: shorter than it says, or empty. */
    char path[256];
    snprintf(path, sizeof path, "%s/v1/3f/3f000000010000000000000000000000.256.webp", dir);
    assert_int_equal(truncate(path, 500), 0);
    assert_int_equal(thumbs_get(t, &hash, THUMBNAIL_SMALL, &got, &err), ERR_NOT_FOUND);
    assert_int_equal(access(path, F_OK), -1);
    free(bytes);
    remove_cache(t);
    assert_int_equal(thumbs_open(&t, dir, 1000, &err), ERR_ARGUMENT);
}

static int64_t folder_bytes(unsigned folder, size_t *files)
{
    char path[256];
    int64_t bytes = 0;
    *files = 0;
    snprintf(path, sizeof path, "%s/v1/%02x", dir, folder);
    DIR *d = opendir(path);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        struct stat st;
        if (e->d_name[0] == '.')
            continue;
        assert_int_equal(fstatat(dirfd(d), e->d_name, &st, 0), 0);
        bytes += st.st_size;
        ++*files;
    }
    closedir(d);
    return bytes;
}

/* The folder's share is a quarter of a megabyte: what was used longest ago goes. */
static void test_bound(void **state)
{
    enum { BYTES = 10000, PUT = 60 };
    struct thumbs *t = open_cache();
    struct err err;
    uint8_t *bytes = webp_of(BYTES, 1);
    char path[256];
    for (unsigned i = 0; i < PUT; i++) {
        struct photo_hash hash = key(0xab, i);
        assert_int_equal(thumbs_put(t, &hash, THUMBNAIL_SMALL, bytes, BYTES, &err), OK);
        char hex[9];
        snprintf(hex, sizeof hex, "%02x%02x%02x%02x", i & 255, i >> 8 & 255, 0, 0);
        snprintf(path, sizeof path, "%s/v1/ab/ab000000%s0000000000000000.256.webp", dir, hex);
        /* Each used a second after the one before it, long ago. */
        const struct timespec times[2] = {{1000000 + i, 0}, {1000000 + i, 0}};
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
        if (i == 20) { /* the first is looked at: it counts as used now */
            struct photo_hash first = key(0xab, 0);
            struct file_bytes got;
            assert_int_equal(thumbs_get(t, &first, THUMBNAIL_SMALL, &got, &err), OK);
            file_bytes_free(&got);
        }
    }
    size_t files;
    int64_t share = THUMBS_LEAST_BYTES / 256, now = folder_bytes(0xab, &files);
    assert_true(now <= share && now > share / 2);
    const struct photo_hash first = key(0xab, 0), second = key(0xab, 1), last = key(0xab, PUT - 1);
    assert_true(thumbs_has(t, &first, THUMBNAIL_SMALL));
    assert_false(thumbs_has(t, &second, THUMBNAIL_SMALL));
    assert_true(thumbs_has(t, &last, THUMBNAIL_SMALL));
    free(bytes);
    remove_cache(t);
}

struct putter {
    struct thumbs *thumbs;
    unsigned number;
    int wrong;
};

static void *put_many(void *arg)
{
    struct putter *p = arg;
    struct err err;
    for (unsigned i = 0; i < 300; i++) {
        struct photo_hash hash = key(i % 2, i % 40); /* the same ones in all threads */
        uint8_t *bytes = webp_of(9000 + i % 40, (uint8_t)i);
        struct file_bytes got;
        p->wrong += thumbs_put(p->thumbs, &hash, THUMBNAIL_LARGE, bytes, 9000 + i % 40, &err) != OK;
        enum status status = thumbs_get(p->thumbs, &hash, THUMBNAIL_LARGE, &got, &err);
        p->wrong += status != OK && status != ERR_NOT_FOUND; /* trimmed meanwhile */
        p->wrong += status == OK && got.size != 9000 + i % 40;
        if (status == OK)
            file_bytes_free(&got);
        free(bytes);
    }
    return NULL;
}

static void test_many_threads(void **state)
{
    enum { THREADS = 4 };
    struct thumbs *t = open_cache();
    pthread_t threads[THREADS];
    struct putter putters[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        putters[i] = (struct putter){t, i, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, put_many, &putters[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(putters[i].wrong, 0);
    }
    size_t files;
    assert_true(folder_bytes(0, &files) <= THUMBS_LEAST_BYTES / 256);
    assert_true(files <= 20); /* and no temporary ones */
    remove_cache(t);
}

static void test_made_from_the_original(void **state)
{
    struct thumbs *t = open_cache();
    struct err err;
    struct file_bytes got, content, again;
    struct image image = paint(5, 1500, 1000), back;
    char path[128];
    snprintf(path, sizeof path, "%s/photo.png", dir);
    assert_int_equal(image_write_png(path, image.pixels, 1500, 1000, &err), OK);
    assert_int_equal(file_read(&content, path, 1 << 26, &err), OK);
    struct photo_hash hash = photo_hash_of(content.data, content.size);
    file_bytes_free(&content);
    const struct {
        int size, height;
    } sizes[] = {{THUMBNAIL_SMALL, 171}, {THUMBNAIL_LARGE, 683}};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        if (thumbs_make(t, &hash, path, sizes[i].size, &got, &err) != OK)
            fail_msg("%s", err.text);
        assert_int_equal(image_decode(&back, got.data, got.size, NULL, &err), OK);
        assert_int_equal(back.width, sizes[i].size);
        assert_int_equal(back.height, sizes[i].height);
        image_free(&back);
        assert_int_equal(thumbs_get(t, &hash, sizes[i].size, &again, &err), OK);
        assert_int_equal(again.size, got.size);
        file_bytes_free(&again);
        file_bytes_free(&got);
    }
    /* Another picture under the name: its thumbnail is not that of the hash. */
    struct photo_hash other = key(1, 1);
    assert_int_equal(thumbs_make(t, &other, path, THUMBNAIL_SMALL, &got, &err), ERR_FORMAT);
    assert_non_null(strstr(err.text, "has changed"));
    assert_int_equal(thumbs_make(t, &other, "/nonexistent.jpg", THUMBNAIL_SMALL, &got, &err),
                     ERR_NOT_FOUND);
    /* A cache that cannot be written: made all the same. */
    struct thumbs *nowhere;
    assert_int_equal(thumbs_open(&nowhere, "/proc/nowhere", 0, &err), OK);
    assert_int_equal(thumbs_make(nowhere, &hash, path, THUMBNAIL_SMALL, &got, &err), OK);
    file_bytes_free(&got);
    thumbs_close(nowhere);
    image_free(&image);
    remove_cache(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_area_mean),        cmocka_unit_test(test_hash_of_waves),
        cmocka_unit_test(test_hash_of_pictures), cmocka_unit_test(test_thumbnails),
        cmocka_unit_test(test_put_and_get),      cmocka_unit_test(test_bound),
        cmocka_unit_test(test_many_threads),     cmocka_unit_test(test_made_from_the_original),
    };
    return cmocka_run_group_tests(tests, open_room, close_room);
}
