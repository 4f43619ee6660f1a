/* SPDX-License-Identifier: MIT
 *
 * Prepared weights: a file is what was written, or it is refused; a model gives the same vectors
 * from memory, from a file that it has just made and from one that was there; a damaged, shortened
 * or foreign file is noticed and made again; processes that prepare at once, or are killed while
 * they do, leave whole files and nothing else.
 *
 * usage: test-prepared DIR          DIR holds the golden tiny-quickgelu
 */
#include "model_files.h"

#include "base/file.h"
#include "clip/model.h"
#include "clip/packed.h"
#include "image/image.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int failures;
static unsigned long long seed = 20261124;

static void check(bool ok, const char *what)
{
    printf("%-6s %s\n", ok ? "ok" : "FAILED", what);
    failures += !ok;
}

static unsigned random_below(unsigned n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % n;
}

static void must(enum status status, const struct err *err)
{
    if (status == OK)
        return;
    printf("FAILED: %s\n", err->text);
    exit(1);
}

/* ---- the file by itself ------------------------------------------------------------------- */

enum { SECTIONS = 5 };
static const size_t section_bytes[SECTIONS] = {4, 64, 1000, 65, 0};

static void fill(uint8_t *to, size_t bytes, unsigned section)
{
    for (size_t i = 0; i < bytes; i++)
        to[i] = (uint8_t)(i * 7 + section);
}

static void write_sections(struct packed_writer *w)
{
    struct err err;
    for (unsigned i = 0; i < SECTIONS; i++) {
        void *section;
        must(packed_writer_begin(w, section_bytes[i], &section, &err), &err);
        fill(section, section_bytes[i], i);
        must(packed_writer_end(w, &err), &err);
    }
}

static bool sections_right(const struct packed *p)
{
    uint8_t expected[1000];
    const void *section;
    struct err err;
    for (unsigned i = 0; i < SECTIONS; i++) {
        fill(expected, section_bytes[i], i);
        if (packed_section(p, i, section_bytes[i], &section, &err) != OK ||
            (uintptr_t)section % 64 != 0 || memcmp(section, expected, section_bytes[i]) != 0)
            return false;
    }
    return packed_section(p, 1, 63, &section, &err) == ERR_FORMAT &&
           packed_section(p, SECTIONS, 0, &section, &err) == ERR_FORMAT;
}

static int files_in(const char *dir)
{
    int count = 0;
    DIR *d = opendir(dir);
    for (const struct dirent *e; d && (e = readdir(d));)
        count += e->d_name[0] != '.';
    if (d)
        closedir(d);
    return count;
}

static bool opens(const char *path, const struct packed_key *key, enum status expected)
{
    struct packed *p;
    struct err err;
    enum status status = packed_open(&p, path, key, 2, &err);
    bool good = status == expected && (status != OK || sections_right(p));
    if (!good)
        printf("       %s\n", status == OK ? "opened" : err.text);
    packed_close(p);
    return good;
}

/* Header, table and sections; what lies between them is never read. */
static size_t random_place(size_t size)
{
    enum { HEADER = 48, ENTRY = 24 };
    size_t first = size, offset;
    unsigned section = random_below(SECTIONS + 2);
    for (int i = 0; i < SECTIONS; i++)
        first -= (section_bytes[i] + 63) / 64 * 64;
    if (section >= SECTIONS || section_bytes[section] == 0)
        return random_below(HEADER + SECTIONS * ENTRY);
    offset = first;
    for (unsigned i = 0; i < section; i++)
        offset += (section_bytes[i] + 63) / 64 * 64;
    return offset + random_below((unsigned)section_bytes[section]);
}

static void test_damage(const char *path, const struct packed_key *key)
{
    struct file_bytes whole;
    struct packed *p;
    struct err err;
    int unnoticed = 0, accepted = 0;
    must(file_read(&whole, path, 1 << 24, &err), &err);
    for (int i = 0; i < 300; i++) {
        size_t at = random_place(whole.size);
        uint8_t bit = (uint8_t)(1u << random_below(8));
        whole.data[at] ^= bit;
        must(file_write(path, whole.data, whole.size, &err), &err);
        if (packed_open(&p, path, key, 2, &err) != ERR_FORMAT) {
            printf("       a changed byte %zu of %zu goes unnoticed\n", at, whole.size);
            unnoticed++;
        }
        packed_close(p);
        whole.data[at] ^= bit;
    }
    check(unnoticed == 0, "every changed byte is noticed");
    for (size_t size = 0; size < whole.size; size += size < 400 ? 1 : 4099) {
        must(file_write(path, whole.data, size, &err), &err);
        accepted += packed_open(&p, path, key, 1, &err) != ERR_FORMAT;
        packed_close(p);
    }
    check(accepted == 0, "every shortened file is refused");
    must(file_write(path, whole.data, whole.size, &err), &err);
    check(opens(path, key, OK), "and the whole one is taken again");
    file_bytes_free(&whole);
}

static void test_file(const char *dir)
{
    char path[1200];
    struct packed_key key = {{1, 2, 3}}, other = {{1, 2, 4}};
    struct packed_writer *w;
    struct packed *p;
    struct err err;
    snprintf(path, sizeof path, "%s/some.weights", dir);
    must(packed_writer_open(&w, NULL, &key, &err), &err);
    write_sections(w);
    must(packed_writer_finish(w, &p, &err), &err);
    packed_writer_close(w);
    check(sections_right(p), "memory");
    packed_close(p);

    must(packed_writer_open(&w, path, &key, &err), &err);
    write_sections(w);
    packed_writer_close(w);
    check(files_in(dir) == 0, "an unfinished file is removed");

    must(packed_writer_open(&w, path, &key, &err), &err);
    write_sections(w);
    must(packed_writer_finish(w, &p, &err), &err);
    packed_writer_close(w);
    check(sections_right(p), "a file at its writer's");
    packed_close(p);
    check(opens(path, &key, OK), "a file at a reader's");
    check(opens(path, &other, ERR_FORMAT), "a file with another key is refused");
    test_damage(path, &key);
    unlink(path);
    check(opens(path, &key, ERR_NOT_FOUND), "no file");
}

/* ---- a model ------------------------------------------------------------------------------- */

struct vectors {
    float image[1024], text[1024];
};

static void encode(struct vectors *out, const char *dir, const char *prepared,
                   enum precision precision)
{
    struct model *model;
    struct session *s;
    struct err err;
    const struct model_options options = {
        .dir = dir, .precision = precision, .prepared = prepared, .threads = 2};
    const struct session_options session = {.threads = 1, .image_batch = 1, .text_batch = 1};
    memset(out, 0, sizeof *out);
    must(model_open(&model, &options, &err), &err);
    size_t side = (size_t)model_info(model)->image_size;
    uint8_t *pixels = malloc(side * side * 3);
    for (size_t i = 0; i < side * side * 3; i++)
        pixels[i] = (uint8_t)(i * 31);
    must(session_open(&s, model, &session, &err), &err);
    must(session_encode_images(s, pixels, 1, out->image, &err), &err);
    must(session_encode_text(s, "a starry night sky", out->text, &err), &err);
    free(pixels);
    session_close(s);
    model_close(model);
}

static bool same(const struct vectors *a, const struct vectors *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* The first file in a folder. */
static void first_file(char *path, size_t size, const char *dir)
{
    DIR *d = opendir(dir);
    *path = '\0';
    for (const struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] != '.' && (size_t)snprintf(path, size, "%s/%s", dir, e->d_name) >= size)
            *path = '\0';
    if (d)
        closedir(d);
}

/* As a version of the program that asks for other parts would have left it. */
static void replace_by_other_sections(const char *path)
{
    enum { KEY_AT = 24 }; /* in the header */
    struct packed_key key;
    struct packed_writer *w;
    struct packed *p;
    struct file_bytes bytes;
    struct err err;
    must(file_read(&bytes, path, 1 << 28, &err), &err);
    memcpy(&key, bytes.data + KEY_AT, sizeof key);
    file_bytes_free(&bytes);
    must(packed_writer_open(&w, path, &key, &err), &err);
    write_sections(w);
    must(packed_writer_finish(w, &p, &err), &err);
    packed_writer_close(w);
    packed_close(p);
}

static void test_model(const char *dir, const char *prepared)
{
    struct vectors plain, got;
    char path[1200];
    struct stat before, after;
    struct err err;
    for (int p = PRECISION_F32; p <= PRECISION_INT8; p++) {
        encode(&plain, dir, "off", (enum precision)p);
        check(files_in(prepared) == 2 * (p - PRECISION_F32), "\"off\" writes nothing");
        encode(&got, dir, prepared, (enum precision)p);
        check(same(&plain, &got), "the same vectors from files just made");
        check(files_in(prepared) == 2 * (p - PRECISION_F32 + 1), "a file for each tower");
        encode(&got, dir, prepared, (enum precision)p);
        check(same(&plain, &got), "the same vectors from files that were there");
    }
    first_file(path, sizeof path, prepared);
    stat(path, &before);
    for (int p = PRECISION_F32; p <= PRECISION_INT8; p++)
        encode(&got, dir, prepared, (enum precision)p);
    stat(path, &after);
    check(before.st_ino == after.st_ino, "a good file is not written again");

    struct file_bytes bytes;
    must(file_read(&bytes, path, 1 << 28, &err), &err);
    bytes.data[bytes.size - 100] ^= 1; /* in the last section */
    must(file_write(path, bytes.data, bytes.size, &err), &err);
    stat(path, &before);
    for (int p = PRECISION_F32; p <= PRECISION_INT8; p++)
        encode(&got, dir, prepared, (enum precision)p);
    stat(path, &after);
    check(before.st_ino != after.st_ino, "a damaged file is made again");
    must(file_write(path, bytes.data, bytes.size / 2, &err), &err);
    for (int p = PRECISION_F32; p <= PRECISION_INT8; p++)
        encode(&got, dir, prepared, (enum precision)p);
    stat(path, &after);
    check(after.st_size == (off_t)bytes.size, "half a file is made again");
    encode(&got, dir, prepared, PRECISION_INT8);
    check(same(&plain, &got), "and the vectors are the same");
    const size_t bytes_size = bytes.size;
    file_bytes_free(&bytes);

    replace_by_other_sections(path);
    for (int p = PRECISION_F32; p <= PRECISION_INT8; p++)
        encode(&got, dir, prepared, (enum precision)p);
    stat(path, &after);
    check(after.st_size == (off_t)bytes_size && same(&plain, &got),
          "a whole file with the right key and other sections is made again");

    snprintf(path, sizeof path, "%s/open_clip_config.json/no-folder", dir);
    encode(&got, dir, path, PRECISION_INT8);
    check(same(&plain, &got), "where nothing can be written, from memory");
}

static void open_beside(const char *dir, const char *weights)
{
    struct model *model;
    struct session *s;
    struct err err;
    const struct model_options options = {
        .dir = dir, .weights = weights, .precision = PRECISION_F32, .towers = MODEL_TEXT};
    const struct session_options session = {.threads = 1, .text_batch = 1};
    must(model_open(&model, &options, &err), &err);
    must(session_open(&s, model, &session, &err), &err);
    session_close(s);
    model_close(model);
}

/* Two weights files in one folder keep what was prepared of each; what is left of one that was
 * replaced goes. The text tower is just large enough to be prepared without being told. */
static void test_beside(const char *dir)
{
    static const char config[] =
        "{\"model_cfg\":{\"embed_dim\":16,\"vision_cfg\":{\"image_size\":28,\"patch_size\":14,"
        "\"width\":16,\"head_width\":16,\"layers\":1},\"text_cfg\":{\"context_length\":77,"
        "\"vocab_size\":49408,\"width\":176,\"heads\":2,\"layers\":1}}}";
    char path[1200], first[1200], second[1200], prepared[1200];
    struct err err;
    snprintf(path, sizeof path, "%s/config", dir);
    must(file_write(path, config, strlen(config), &err), &err);
    write_model(path, dir);
    snprintf(path, sizeof path, "%s/open_clip_model.safetensors", dir);
    snprintf(first, sizeof first, "%s/first.safetensors", dir);
    snprintf(second, sizeof second, "%s/second.safetensors", dir);
    snprintf(prepared, sizeof prepared, "%s/prepared", dir);
    rewrite_weights(path, first, &(struct rewrite){"", "", "F32", false, 0});
    rewrite_weights(path, second, &(struct rewrite){"", "", "F32", false, 1});
    unsetenv("FOVEA_PREPARED");
    open_beside(dir, first);
    check(files_in(prepared) == 1, "a file beside the model");
    open_beside(dir, second);
    open_beside(dir, first);
    check(files_in(prepared) == 2, "one for each of two weights files in a folder");
    rewrite_weights(path, first, &(struct rewrite){"", "", "F32", false, 2});
    open_beside(dir, first);
    check(files_in(prepared) == 1, "and none of weights that were there before the newest");
}

/* ---- processes ----------------------------------------------------------------------------- */

/* This program again, as a process that encodes once: OpenMP does not survive a fork(). */
static pid_t start(const char *self, const char *dir, const char *prepared)
{
    pid_t child = fork();
    if (child == 0) {
        execl(self, self, "--encode", dir, prepared, (char *)NULL);
        _exit(127);
    }
    return child;
}

static void test_at_once(const char *self, const char *dir, const char *prepared)
{
    enum { PROCESSES = 4 };
    pid_t child[PROCESSES];
    int wrong = 0;
    remove_folder(prepared);
    for (int i = 0; i < PROCESSES; i++)
        child[i] = start(self, dir, prepared);
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        wrong += waitpid(child[i], &status, 0) < 0 || status != 0;
    }
    check(wrong == 0, "four processes that prepare at once");
    check(files_in(prepared) == 2, "leave one file for each tower");
}

static void test_killed(const char *self, const char *dir, const char *prepared)
{
    struct vectors plain, got;
    bool good = true;
    encode(&plain, dir, "off", PRECISION_F32);
    for (int i = 0; i < 20; i++) {
        remove_folder(prepared);
        pid_t child = start(self, dir, prepared);
        usleep(random_below(60000));
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        encode(&got, dir, prepared, PRECISION_F32);
        good &= same(&plain, &got) && files_in(prepared) == 2;
    }
    check(good, "killed processes leave whole files, and what else they leave is removed");
}

static int encode_once(const char *dir, const char *prepared)
{
    struct vectors plain, got;
    encode(&got, dir, prepared, PRECISION_F32);
    encode(&plain, dir, "off", PRECISION_F32);
    return !same(&plain, &got);
}

int main(int argc, char **argv)
{
    char dir[1024], prepared[1100], files[1100], beside[1100], config[1200];
    struct err err;
    if (argc == 4 && strcmp(argv[1], "--encode") == 0)
        return encode_once(argv[2], argv[3]);
    if (argc != 2) {
        fprintf(stderr, "usage: %s DIR\n", argv[0]);
        return 2;
    }
    printf("seed %llu\n", seed);
    must(image_room_open(&err), &err);
    temporary_folder(dir, sizeof dir);
    snprintf(config, sizeof config, "%s/open_clip_config.json", argv[1]);
    snprintf(prepared, sizeof prepared, "%s/prepared", dir);
    snprintf(files, sizeof files, "%s/files", dir);
    snprintf(beside, sizeof beside, "%s/beside", dir);
    must(dir_make(files, &err), &err);
    must(dir_make(beside, &err), &err);
    test_file(files);
    write_model(config, dir);
    test_model(dir, prepared);
    test_beside(beside);
    test_at_once("/proc/self/exe", dir, prepared);
    test_killed("/proc/self/exe", dir, prepared);
    remove_folder(dir);
    image_room_close();
    printf("%d failed\n", failures);
    return failures != 0;
}
