/* SPDX-License-Identifier: MIT
 *
 * What reading metadata, the perceptual hash and thumbnails add to decoding, in CPU time on one
 * thread, and how large the thumbnails are. Run by hand on photographs:
 *
 *     bench-thumbs ~/Pictures
 */
#include "base/file.h"
#include "image/image.h"
#include "image/phash.h"
#include "image/thumbnail.h"
#include "library/walk.h"
#include "meta/read.h"

#include <stdio.h>
#include <time.h>

enum step { DECODE, META, HASH, SMALL, LARGE, STEPS };
static const char *const names[STEPS] = {"decode", "metadata", "perceptual hash", "256 px",
                                         "1024 px"};

struct totals {
    double seconds[STEPS];
    double bytes[STEPS];
    size_t photos;
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static enum status thumbnail(struct totals *t, enum step step, const struct image *image, int side,
                             struct err *err)
{
    struct thumbnail made;
    double start = now();
    enum status status = thumbnail_make(&made, image, side, err);
    if (status != OK)
        return status;
    t->seconds[step] += now() - start;
    t->bytes[step] += (double)made.size;
    thumbnail_free(&made);
    return OK;
}

static enum status measure(struct totals *t, const char *path, struct err *err)
{
    struct file_bytes content;
    struct image image;
    struct photo_meta meta;
    uint64_t hash;
    enum status status = file_read(&content, path, IMAGE_MAX_FILE_BYTES, err);
    if (status != OK)
        return status;
    double start = now();
    status = image_decode(&image, content.data, content.size, NULL, err);
    t->seconds[DECODE] += now() - start;
    t->bytes[DECODE] += (double)content.size;
    start = now();
    meta_read(&meta, NULL, content.data, content.size);
    t->seconds[META] += now() - start;
    file_bytes_free(&content);
    if (status != OK)
        return status;
    start = now();
    status = image_phash(&hash, &image, err);
    t->seconds[HASH] += now() - start;
    if (status == OK)
        status = thumbnail(t, SMALL, &image, THUMBNAIL_SMALL, err);
    if (status == OK)
        status = thumbnail(t, LARGE, &image, THUMBNAIL_LARGE, err);
    image_free(&image);
    t->photos++;
    return status;
}

int main(int argc, char **argv)
{
    struct err err = {0};
    struct totals totals = {0};
    struct walk walk = {0};
    const struct walk_options how = {.roots = (const char *const *)argv + 1,
                                     .root_count = argc > 1 ? 1 : 0,
                                     .is_photo = image_name_is_photo};
    if (argc != 2) {
        fprintf(stderr, "usage: bench-thumbs DIR\n");
        return 2;
    }
    enum status status = image_room_open(&err);
    if (status == OK)
        status = walk_run(&walk, &how, &err);
    for (size_t i = 0; status == OK && i < walk.file_count; i++)
        if (measure(&totals, walk.files[i].path, &err) != OK)
            fprintf(stderr, "%s: %s\n", walk.files[i].path, err.text);
    if (status != OK)
        fprintf(stderr, "%s\n", err.text);
    for (int s = 0; status == OK && totals.photos > 0 && s < STEPS; s++)
        printf("%-16s %7.2f ms  %8.1f kB\n", names[s],
               1e3 * totals.seconds[s] / (double)totals.photos,
               totals.bytes[s] / 1e3 / (double)totals.photos);
    walk_free(&walk);
    return status == OK ? 0 : 1;
}
