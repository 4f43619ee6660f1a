/* SPDX-License-Identifier: MIT
 *
 * Scenes for those who train or look: squares as a model sees them, with captions, or a contact
 * sheet.
 *
 *     paint-scenes squares OUT SEED COUNT SIDE [MIXED]
 *
 * OUT.rgb: [COUNT, SIDE, SIDE, 3] bytes, painted two or three times larger and brought down by the
 * same preprocessing as a photo; OUT.jsonl: a line each, with twelve captions.
 *
 *     paint-scenes sheet OUT.jpg SEED KIND|CATEGORY|mixed|any COLUMNS ROWS SIDE
 *
 * Picture i has the seed SEED + i, by no other rule, so runs with ranges that do not overlap share
 * no picture; and none with a sample library, whose seeds have the highest bit set.
 */
#include "base/file.h"
#include "clip/preprocess.h"
#include "image/image.h"
#include "image/write.h"
#include "scene/scene.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 256, CAPTIONS = 12, TEXT_MAX = 64 << 10, ENLARGED = 3 /* or 2, by turns */ };

struct square {
    struct scene scene;
    uint8_t *rgb; /* [side, side, 3] */
};

static enum status paint_square(struct square *s, int side, struct err *err)
{
    int width, height;
    int enlarged = s->scene.seed % 4 ? ENLARGED - 1 : ENLARGED;
    scene_size(&s->scene, side * enlarged, &width, &height);
    uint8_t *rgb = malloc((size_t)width * (size_t)height * 3);
    if (!rgb)
        return err_no_memory(err, "a picture", (size_t)width * (size_t)height * 3);
    enum status status = scene_paint(&s->scene, width, height, rgb, err);
    const struct preprocess how = preprocess_default(side);
    if (status == OK)
        status = preprocess_run(&how, rgb, width, height, (size_t)width * 3, s->rgb, err);
    free(rgb);
    return status;
}

static void put_line(const struct scene *s, struct str *out)
{
    str_format(
        out,
        "{\"seed\": %llu, \"kind\": \"%s\", \"hour\": \"%s\", \"category\": %d, \"second\": %d, "
        "\"facts\": [",
        (unsigned long long)s->seed, scene_kind_name(s->kind), scene_hour_name(s->hour),
        (int)s->category, (int)s->second);
    for (int f = 0, n = 0; f < FACT_COUNT; f++)
        if (scene_has(s, (enum scene_fact)f))
            str_format(out, "%s%d", n++ ? ", " : "", f);
    uint64_t told[CAPTIONS];
    str_put(out, "], \"captions\": [");
    for (unsigned i = 0; i < CAPTIONS; i++) {
        str_put(out, i ? ", \"" : "\"");
        scene_caption(s, i, out, &told[i]); /* plain words: nothing to escape */
        str_putc(out, '"');
    }
    str_put(out, "], \"told\": [");
    for (int i = 0; i < CAPTIONS; i++)
        str_format(out, "%s%llu", i ? ", " : "", (unsigned long long)told[i]);
    str_put(out, "]}\n");
}

static enum status paint_chunk(struct square *squares, int count, int side, struct err *err)
{
    enum status status = OK;
#pragma omp parallel for schedule(dynamic, 4)
    for (int i = 0; i < count; i++) {
        struct err own = {0};
        enum status one = paint_square(&squares[i], side, &own);
        if (one != OK)
#pragma omp critical
        {
            status = one;
            *err = own;
        }
    }
    return status;
}

static enum status write_chunk(struct square *squares, int count, int side, FILE *pixels,
                               FILE *lines, struct err *err)
{
    size_t size = (size_t)side * (size_t)side * 3;
    struct str text = str_new((size_t)TEXT_MAX * CHUNK);
    for (int i = 0; i < count; i++) {
        put_line(&squares[i].scene, &text);
        if (fwrite(squares[i].rgb, 1, size, pixels) != size)
            return err_errno(err, errno, "cannot write the pictures");
    }
    bool written = str_ok(&text) && fwrite(str_text(&text), 1, text.size, lines) == text.size;
    str_free(&text);
    return written ? OK : err_errno(err, errno, "cannot write the captions");
}

static FILE *open_beside(const char *base, const char *extension)
{
    char path[4096];
    snprintf(path, sizeof path, "%s%s", base, extension);
    return fopen(path, "wb");
}

static enum status make_squares(const char *out, uint64_t seed, int count, int side, float mixed,
                                struct err *err)
{
    struct square squares[CHUNK];
    uint8_t *rgb = malloc((size_t)CHUNK * (size_t)side * (size_t)side * 3);
    FILE *pixels = open_beside(out, ".rgb"), *lines = open_beside(out, ".jsonl");
    enum status status =
        rgb && pixels && lines ? OK : err_errno(err, errno, "cannot write %s.rgb", out);
    for (int done = 0; status == OK && done < count; done += CHUNK) {
        int n = count - done < CHUNK ? count - done : CHUNK;
        for (int i = 0; i < n; i++) {
            squares[i].rgb = rgb + (size_t)i * (size_t)side * (size_t)side * 3;
            scene_plan(&squares[i].scene, seed + (uint64_t)(done + i), mixed);
        }
        status = paint_chunk(squares, n, side, err);
        if (status == OK)
            status = write_chunk(squares, n, side, pixels, lines, err);
    }
    if (pixels && fclose(pixels) != 0 && status == OK)
        status = err_errno(err, errno, "cannot write %s.rgb", out);
    if (lines && fclose(lines) != 0 && status == OK)
        status = err_errno(err, errno, "cannot write %s.jsonl", out);
    free(rgb);
    return status;
}

/* The next scene from *seed on that is of the kind or (unmixed) of the category. */
static bool find_scene(struct scene *out, uint64_t *seed, const char *wanted)
{
    for (int tries = 0; tries < 100000; tries++) {
        scene_plan(out, (*seed)++, 0.4f);
        if (strcmp(scene_kind_name(out->kind), wanted) == 0 || strcmp(wanted, "any") == 0 ||
            (out->second == CATEGORY_NONE &&
             strcmp(scene_category_name(out->category), wanted) == 0) ||
            (out->second != CATEGORY_NONE && strcmp(wanted, "mixed") == 0))
            return true;
    }
    return false;
}

static enum status make_sheet(const char *path, uint64_t seed, const char *wanted, int columns,
                              int rows, int side, struct err *err)
{
    int cell_w = side * 3 / 2, width = columns * (cell_w + 4), height = rows * (side + 4);
    uint8_t *sheet = calloc((size_t)width * (size_t)height, 3);
    uint8_t *cell = malloc((size_t)cell_w * (size_t)side * 3);
    enum status status =
        sheet && cell ? OK : err_no_memory(err, "a sheet", (size_t)width * (size_t)height * 3);
    for (int i = 0; status == OK && i < columns * rows; i++) {
        struct scene scene;
        if (!find_scene(&scene, &seed, wanted))
            status = err_set(err, ERR_ARGUMENT, "no scene is '%s'", wanted);
        scene.aspect = 1.5f;
        if (status == OK)
            status = scene_paint(&scene, cell_w, side, cell, err);
        for (int y = 0; status == OK && y < side; y++)
            memcpy(sheet + (((size_t)(i / columns * (side + 4) + y + 2) * (size_t)width) +
                            (size_t)(i % columns * (cell_w + 4) + 2)) *
                               3,
                   cell + (size_t)y * (size_t)cell_w * 3, (size_t)cell_w * 3);
    }
    if (status == OK)
        status = image_write(path, sheet, width, height,
                             &(struct image_write_options){.quality = 84}, err);
    free(cell);
    free(sheet);
    return status;
}

static enum status run(int argc, char **argv, struct err *err)
{
    if (argc >= 6 && strcmp(argv[1], "squares") == 0)
        return make_squares(argv[2], strtoull(argv[3], NULL, 10), atoi(argv[4]), atoi(argv[5]),
                            argc > 6 ? strtof(argv[6], NULL) : 0.25f, err);
    if (argc == 8 && strcmp(argv[1], "sheet") == 0)
        return make_sheet(argv[2], strtoull(argv[3], NULL, 10), argv[4], atoi(argv[5]),
                          atoi(argv[6]), atoi(argv[7]), err);
    return err_set(err, ERR_ARGUMENT,
                   "usage: paint-scenes squares OUT SEED COUNT SIDE [MIXED] | "
                   "sheet OUT.jpg SEED KIND|CATEGORY|mixed|any COLUMNS ROWS SIDE");
}

int main(int argc, char **argv)
{
    struct err err = {0};
    enum status status = image_room_open(&err);
    if (status == OK) {
        status = run(argc, argv, &err);
        image_room_close();
    }
    if (status != OK)
        fprintf(stderr, "paint-scenes: %s\n", err.text);
    return status == OK ? 0 : status == ERR_ARGUMENT ? 2 : 1;
}
