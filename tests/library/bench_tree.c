/* SPDX-License-Identifier: MIT
 *
 * bench-tree DIR [COUNT…]: for each COUNT (10,000 and 100,000), a tree of that many small
 * photographs, all different (four of five are PNG, one is JPEG with EXIF; a hundred to a folder),
 * is made in DIR and indexed with a tiny synthetic model, each run in a process of its own: first
 * everything is new: seconds, and peak memory, which must not grow with COUNT by more than what the
 * list of files takes again      nothing has changed: the time that such a run costs; the second of
 * two again + 1  one picture is new "cpu" is user + system time, which says more than the clock on
 * a machine that is busy. DIR is left as it is, except for the trees, which are removed.
 */
#include "base/clock.h"
#include "base/file.h"
#include "clip/synth.h"
#include "image/image.h"
#include "image/write.h"
#include "library/index.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIDE = 8, PER_FOLDER = 100, PATH_BYTES = 4096, TEMPLATES = 8 };

static const char config[] =
    "{\"model_cfg\": {\"embed_dim\": 16, \"quick_gelu\": true,"
    " \"vision_cfg\": {\"image_size\": 28, \"patch_size\": 14, \"width\": 32, \"head_width\": 16,"
    " \"layers\": 1},"
    " \"text_cfg\": {\"context_length\": 77, \"vocab_size\": 49408, \"width\": 16, \"heads\": 1,"
    " \"layers\": 1}}, \"preprocess_cfg\": {}}";

static void stop(const struct err *err)
{
    fprintf(stderr, "bench-tree: %s\n", err->text);
    exit(1);
}

/* --- pictures ------------------------------------------------------------------------------ */

static uint32_t crc(const uint8_t *bytes, size_t size)
{
    uint32_t c = UINT32_MAX;
    for (size_t i = 0; i < size; i++) {
        c ^= bytes[i];
        for (int k = 0; k < 8; k++)
            c = c & 1 ? 0xedb88320u ^ (c >> 1) : c >> 1;
    }
    return ~c;
}

static uint8_t *put32(uint8_t *p, uint32_t value)
{
    for (int i = 3; i >= 0; i--)
        *p++ = (uint8_t)(value >> (8 * i));
    return p;
}

static uint8_t *put_chunk(uint8_t *p, const char *name, const uint8_t *data, uint32_t size)
{
    p = put32(p, size);
    memcpy(p, name, 4);
    if (size > 0)
        memcpy(p + 4, data, size);
    return put32(p + 4 + size, crc(p, 4 + size));
}

/* A PNG with its rows stored as they are, which takes a microsecond. */
static size_t make_png(uint8_t *out, unsigned number)
{
    enum { ROW = 1 + SIDE * 3, RAW = ROW * SIDE };
    static const uint8_t head[] = {0, 0, 0, SIDE, 0, 0, 0, SIDE, 8, 2, 0, 0, 0};
    uint8_t data[2 + 5 + RAW + 4] = {0x78, 1, 1, RAW & 255, RAW >> 8, ~RAW & 255, ~RAW >> 8 & 255};
    uint8_t *raw = data + 7;
    uint32_t a = 1, b = 0, state = number * 2654435761u + 1;
    for (int i = 0; i < RAW; i++) {
        state = state * 1664525u + 1013904223u;
        raw[i] = i % ROW == 0 ? 0 : (uint8_t)(state >> 24);
        a = (a + raw[i]) % 65521;
        b = (b + a) % 65521;
    }
    put32(raw + RAW, b << 16 | a);
    memcpy(out, "\x89PNG\r\n\x1a\n", 8);
    uint8_t *p = put_chunk(out + 8, "IHDR", head, sizeof head);
    p = put_chunk(p, "IDAT", data, sizeof data);
    return (size_t)(put_chunk(p, "IEND", NULL, 0) - out);
}

static struct file_bytes jpegs[TEMPLATES];

/* One of a few, with a comment of its own. */
static size_t make_jpeg(uint8_t *out, unsigned number)
{
    const struct file_bytes *jpeg = &jpegs[number % TEMPLATES];
    const uint8_t comment[] = {0xff, 0xfe, 0, 6, 'f', 'o', 'v', 'a'};
    memcpy(out, jpeg->data, 2);
    memcpy(out + 2, comment, sizeof comment);
    put32(out + 6, number);
    memcpy(out + 10, jpeg->data + 2, jpeg->size - 2);
    return jpeg->size + 8;
}

static void make_templates(const char *dir)
{
    char path[PATH_BYTES];
    uint8_t rgb[SIDE * SIDE * 3];
    struct err err;
    const struct image_exif exif = {.taken_at = "2021:07:04 18:22:10",
                                    .make = "Fovea",
                                    .model = "Bench",
                                    .exposure_time = "1/200",
                                    .iso = 100};
    const struct image_write_options how = {.quality = 80, .orientation = 1, .exif = &exif};
    snprintf(path, sizeof path, "%s/template.jpg", dir);
    for (unsigned i = 0; i < TEMPLATES; i++) {
        for (unsigned k = 0; k < sizeof rgb; k++)
            rgb[k] = (uint8_t)(k * (i + 3));
        if (image_write(path, rgb, SIDE, SIDE, &how, &err) != OK ||
            file_read(&jpegs[i], path, 1 << 16, &err) != OK)
            stop(&err);
    }
    unlink(path);
}

static void make_photo(const char *tree, unsigned number)
{
    static uint8_t bytes[1 << 17];
    char path[PATH_BYTES];
    struct err err;
    bool jpeg = number % 5 == 0;
    size_t size = jpeg ? make_jpeg(bytes, number) : make_png(bytes, number);
    snprintf(path, sizeof path, "%s/%03u/%03u", tree, number / PER_FOLDER / 100,
             number / PER_FOLDER % 100);
    if (number % PER_FOLDER == 0 && dir_make(path, &err) != OK)
        stop(&err);
    size_t n = strlen(path);
    snprintf(path + n, sizeof path - n, "/IMG_%06u.%s", number, jpeg ? "jpg" : "png");
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (fd < 0 || write(fd, bytes, size) != (ssize_t)size) {
        fprintf(stderr, "bench-tree: cannot write %s\n", path);
        exit(1);
    }
    close(fd);
}

/* --- runs ---------------------------------------------------------------------------------- */

static int index_tree(const char *tree, const char *library, const char *model_dir)
{
    struct err err = {0};
    struct store *store = NULL;
    struct model *model = NULL;
    const struct model_options options = {.dir = model_dir, .name = "bench/model"};
    const struct index_options how = {.roots = &tree, .root_count = 1};
    struct index_report r;
    if (image_room_open(&err) != OK || model_open(&model, &options, &err) != OK ||
        store_open(&store, library, STORE_WRITE, &err) != OK ||
        index_run(store, model, &how, &r, &err) != OK)
        stop(&err);
    printf("%7zu new %7zu unchanged ", r.embedded, r.unchanged);
    store_close(store);
    model_close(model);
    image_room_close();
    return 0;
}

static void run(const char *what, const char *tree, const char *library, const char *model)
{
    printf("%-10s", what);
    fflush(stdout);
    double start = clock_seconds();
    pid_t child = fork(); /* before this process has made a thread */
    if (child == 0) {
        int code = index_tree(tree, library, model);
        fflush(stdout);
        _exit(code);
    }
    int status;
    struct rusage use;
    if (wait4(child, &status, 0, &use) != child || status != 0)
        exit(1);
    double cpu = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
                 (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) * 1e-6;
    printf("%8.2f s %8.2f s cpu %8.1f MB\n", clock_seconds() - start, cpu,
           (double)use.ru_maxrss * 1024e-6);
}

/* In a process of its own: libvips is started there, and a fork may not follow that. */
static void in_child(void (*work)(const char *dir), const char *dir)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        work(dir);
        _exit(0);
    }
    if (waitpid(child, &status, 0) != child || status != 0)
        exit(1);
}

static unsigned tree_count;

static void make_tree(const char *dir)
{
    struct err err;
    char path[PATH_BYTES], model[PATH_BYTES];
    if (image_room_open(&err) != OK)
        stop(&err);
    make_templates(dir);
    snprintf(path, sizeof path, "%s/tree", dir);
    for (unsigned i = 0; i < tree_count; i++)
        make_photo(path, i);
    snprintf(path, sizeof path, "%s/config.json", dir);
    snprintf(model, sizeof model, "%s/model", dir);
    if (file_write(path, config, strlen(config), &err) != OK ||
        (access(model, F_OK) != 0 && model_synth(path, 7, model, &err) != OK))
        stop(&err);
}

static void make_one_more(const char *dir)
{
    char path[PATH_BYTES];
    struct err err;
    if (image_room_open(&err) != OK)
        stop(&err);
    make_templates(dir);
    snprintf(path, sizeof path, "%s/tree", dir);
    make_photo(path, tree_count);
}

static void measure(const char *dir, unsigned count)
{
    char tree[PATH_BYTES], library[PATH_BYTES], model[PATH_BYTES], command[PATH_BYTES * 2 + 64];
    snprintf(tree, sizeof tree, "%s/tree", dir);
    snprintf(library, sizeof library, "%s/tree.db", dir);
    snprintf(model, sizeof model, "%s/model", dir);
    snprintf(command, sizeof command, "rm -rf '%s' '%s'*", tree, library);
    if (system(command) != 0)
        exit(1);
    tree_count = count;
    in_child(make_tree, dir);
    printf("%u photographs\n", count);
    run("first", tree, library, model);
    run("again", tree, library, model);
    run("again", tree, library, model);
    in_child(make_one_more, dir);
    run("again + 1", tree, library, model);
    if (system(command) != 0)
        exit(1);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: bench-tree DIR [COUNT...]\n");
        return 2;
    }
    struct err err;
    if (dir_make(argv[1], &err) != OK)
        stop(&err);
    for (int i = 2; i < argc; i++)
        measure(argv[1], (unsigned)strtoul(argv[i], NULL, 10));
    if (argc == 2) {
        measure(argv[1], 10000);
        measure(argv[1], 100000);
    }
    return 0;
}
