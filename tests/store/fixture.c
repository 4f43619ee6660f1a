/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void assert_ok_at(enum status status, const struct err *err, const char *call, const char *file,
                  int line)
{
    if (status != OK) {
        print_error("%s\n  failed: %s\n", call, err->text);
        _fail(file, line);
    }
}

void assert_fails_at(enum status status, enum status expected, const struct err *err,
                     const char *part, const char *call, const char *file, int line)
{
    if (status != expected) {
        print_error("%s\n  gave status %d (%s), not %d\n", call, (int)status,
                    status == OK ? "OK" : err->text, (int)expected);
        _fail(file, line);
    }
    if (!strstr(err->text, part) || strchr(err->text, '\n')) {
        print_error("%s\n  gave the text \"%s\", which lacks \"%s\" or is not one line\n", call,
                    err->text, part);
        _fail(file, line);
    }
}

/* --- folders ------------------------------------------------------------------------------ */

char *scratch_make(void)
{
    const char *base = getenv("TMPDIR");
    char *dir = NULL;
    if (!base || !*base)
        base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    assert_true(asprintf(&dir, "%s/fovea-store-XXXXXX", base) > 0);
    assert_non_null(mkdtemp(dir));
    return dir;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path);
}

void scratch_remove(char *dir)
{
    assert_int_equal(nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
    free(dir);
}

const char *at(const char *dir, const char *name)
{
    static char paths[4][4096];
    static int turn;
    char *path = paths[turn = (turn + 1) % 4];
    snprintf(path, sizeof paths[0], "%s/%s", dir, name);
    return path;
}

void write_text(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

int count_entries(const char *dir)
{
    DIR *stream = opendir(dir);
    assert_non_null(stream);
    int count = -2;
    while (readdir(stream))
        count++;
    closedir(stream);
    return count;
}

/* --- random numbers ----------------------------------------------------------------------- */

static uint64_t random_state;

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void random_start(void)
{
    const char *seed = getenv("FOVEA_TEST_SEED");
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    random_state = seed ? strtoull(seed, NULL, 10) : (uint64_t)now.tv_nsec;
    printf("FOVEA_TEST_SEED=%llu\n", (unsigned long long)random_state);
    fflush(stdout);
}

uint32_t random_below(uint32_t limit)
{
    return (uint32_t)((mix(random_state += 0x9e3779b97f4a7c15u) >> 32) * limit >> 32);
}

/* --- contents ----------------------------------------------------------------------------- */

struct photo_hash content_hash(int content)
{
    struct photo_hash hash;
    uint64_t halves[2] = {mix((uint64_t)content + 1), mix((uint64_t)content + (1u << 30))};
    memcpy(hash.bytes, halves, sizeof hash.bytes);
    return hash;
}

/* No exponent bit that makes a float16 larger than 2: no infinity, not a NaN. */
#define FINITE 0xbfff

void content_vector(int content, int dim, uint16_t *vector)
{
    for (int d = 0; d < dim; d++)
        vector[d] = (uint16_t)mix(((uint64_t)content << 20) + (uint64_t)d) & FINITE;
}

const struct photo_meta *content_meta(int content)
{
    static struct photo_meta metas[64];
    static int turn;
    struct photo_meta *m = &metas[turn = (turn + 1) % 64];
    photo_meta_clear(m);
    if (content % 5 == 4) /* says nothing */
        return m;
    m->taken_ms = 1500000000000 + content * 1000;
    if (content % 2)
        m->offset_min = -720 + content % 1440;
    snprintf(m->camera, sizeof m->camera, "Maker Model %d", content % 7);
    if (content % 3)
        snprintf(m->lens, sizeof m->lens, "%d mm", 20 + content % 3);
    m->exposure_s = 1.0 / (1 + content % 4000);
    m->f_number = 1.8 + content % 10;
    m->focal_mm = 35.5;
    m->focal35_mm = 53;
    m->iso = 100 + content % 1000;
    if (content % 4 == 1) {
        m->latitude = content % 90 + 0.123456789;
        m->longitude = -(content % 180) - 0.987654321;
        m->altitude_m = -2.5;
    }
    m->rating = content % 8 - 2;
    char keyword[32];
    snprintf(keyword, sizeof keyword, "k\xc3\xa4se %d", content);
    if (content % 2)
        photo_meta_add_keyword(m, keyword);
    return m;
}

struct store_result result_of(const char *path, int content, uint16_t *vector)
{
    struct store_result result = {
        .file = {.path = path,
                 .size_bytes = 1000 + content,
                 .mtime_ns = 1700000000000000000 + content},
        .hash = content_hash(content),
        .width = 2048,
        .height = 1365,
        .format = "jpeg",
        .vector = vector,
        .meta = content_meta(content),
        .phash = mix((uint64_t)content + 77),
        .has_phash = true,
    };
    if (vector)
        content_vector(content, DIM, vector);
    return result;
}

struct store_result failure_of(const char *path, const char *reason)
{
    return (struct store_result){
        .file = {.path = path, .size_bytes = 77, .mtime_ns = 1600000000000000000},
        .failure = reason};
}

void put(struct store *store, int64_t model_id, struct store_result result)
{
    struct err err;
    assert_ok(store_put_results(store, model_id, &result, 1, &err));
}
