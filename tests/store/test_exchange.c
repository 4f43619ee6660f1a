/* SPDX-License-Identifier: MIT
 *
 * Exports and imports: a round trip gives an equal library, and what is wrong in the files is
 * named, never believed.
 */
#include "full_library.h"

#include "library/exchange.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PHOTOS = FULL_PHOTOS };

static char *dir;
static char first[4096], second[4096], out[4096], again[4096];

static void paths_of_test(void)
{
    snprintf(first, sizeof first, "%s", at(dir, "first.db"));
    snprintf(second, sizeof second, "%s", at(dir, "second.db"));
    snprintf(out, sizeof out, "%s", at(dir, "export"));
    snprintf(again, sizeof again, "%s", at(dir, "again"));
}

static struct exchange_report export_to(const char *library, const char *folder)
{
    struct err err;
    struct store *store;
    struct exchange_report report;
    assert_ok(store_open(&store, library, STORE_READ, &err));
    assert_ok(export_run(store, folder, &report, &err));
    store_close(store);
    return report;
}

static enum status import_from(const char *folder, const char *library,
                               struct exchange_report *report, struct err *err)
{
    struct store *store;
    enum status status = store_open(&store, library, STORE_WRITE, err);
    if (status == OK)
        status = import_run(store, folder, report, err);
    store_close(store);
    return status;
}

static char *slurp(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    char *data = malloc(*size + 1);
    assert_int_equal(fread(data, 1, *size, file), *size);
    data[*size] = '\0';
    fclose(file);
    return data;
}

/* --- tests -------------------------------------------------------------------------------- */

static int setup(void **state)
{
    dir = scratch_make();
    paths_of_test();
    make_full_library(first);
    export_to(first, out);
    return 0;
}

static int teardown(void **state)
{
    scratch_remove(dir);
    return 0;
}

static void test_round_trip(void **state)
{
    struct err err;
    struct exchange_report exported = export_to(first, out), imported;
    assert_int_equal(exported.photos, PHOTOS);
    assert_int_equal(exported.failures, 2);
    assert_int_equal(exported.decisions, 20);
    assert_int_equal(exported.models, 2);
    assert_ok(import_from(out, second, &imported, &err));
    assert_memory_equal(&exported, &imported, sizeof exported);
    assert_equal_libraries(first, second);
    export_to(second, again);
    static const char *const files[] = {"library.jsonl", "vectors-1.npy", "vectors-2.npy"};
    for (int i = 0; i < 3; i++) {
        size_t a_size, b_size;
        char path[4200];
        snprintf(path, sizeof path, "%s/%s", out, files[i]);
        char *a = slurp(path, &a_size);
        snprintf(path, sizeof path, "%s/%s", again, files[i]);
        char *b = slurp(path, &b_size);
        assert_int_equal(a_size, b_size);
        assert_memory_equal(a, b, a_size);
        free(a);
        free(b);
    }
    assert_ok(import_from(out, second, &imported, &err)); /* once more changes nothing */
    assert_equal_libraries(first, second);
    unlink(second);
}

/* What is there and not in the export stays. */
static void test_adds(void **state)
{
    struct err err;
    struct store *store;
    struct exchange_report report;
    int64_t model;
    uint16_t v[DIM];
    assert_ok(store_open(&store, second, STORE_WRITE, &err));
    assert_ok(store_model_use(store, "mine", "mine", DIM, &model, &err));
    assert_ok(store_model_set_active(store, model, &err));
    put(store, model, result_of("/elsewhere", 9999, v));
    store_close(store);
    assert_ok(import_from(out, second, &report, &err));
    assert_ok(store_open(&store, second, STORE_READ, &err));
    struct store_summary summary;
    int64_t active;
    assert_ok(store_summarize(store, &summary, &err));
    assert_int_equal(summary.photos, PHOTOS + 1);
    assert_ok(store_model_active(store, &active, &err));
    assert_true(active == model);
    store_close(store);
    unlink(second);
}

static void test_folders(void **state)
{
    struct err err;
    struct store *store;
    struct exchange_report report;
    assert_ok(store_open(&store, first, STORE_READ, &err));
    write_text(at(dir, "export/diary"), "x", 1);
    assert_fails(export_run(store, out, &report, &err), ERR_ARGUMENT, "diary");
    unlink(at(dir, "export/diary"));
    assert_fails(export_run(store, first, &report, &err), ERR_IO, "first.db");
    assert_ok(export_run(store, out, &report, &err)); /* over the older one */
    store_close(store);
    assert_fails(import_from(at(dir, "nowhere"), second, &report, &err), ERR_NOT_FOUND, "nowhere");
    unlink(second);
}

struct damage {
    const char *from, *to; /* the first of these becomes that */
    const char *part;      /* of the error's text */
};

static const struct damage damages[] = {
    {"\"fovea\":\"library\"", "\"fovea\":\"diary\"", "no export"},
    {"\"format\":1", "\"format\":2", "format 2"},
    {"\"format\":1", "\"format\":\"x\"", "no export"},
    {"\"model\":1", "\"model\":2", "model"},
    {"\"dim\":24", "\"dim\":25", "vectors-1.npy"},
    {"\"dim\":24", "\"dim\":0", "dim"},
    {"\"dim\":24", "\"dim\":1e3", "dim"},
    {"\"active\":false", "\"active\":0", "active"},
    {"vectors-1.npy", "../../secret.npy", "vectors-1.npy"},
    {"\"count\":300", "\"count\":299", "vectors-1.npy"},
    {"\"set\":\"animals\"", "\"set\":\"\"", "set"},
    {"\"set\":\"weather\"", "\"set\":\"season\"", "weather"},
    {"\"categories\":[", "\"categories\":[7,", "text"},
    {"\"one\",\"zw", "\"two\",\"zw", "one"},
    {"\"photo\":\"", "\"photo\":\"0", "photo"},
    {"\"photo\":\"", "\"photo\":\"G", "photo"},
    {"\"width\":2048", "\"width\":-1", "width"},
    {"\"width\":2048", "\"width\":99999999999", "width"},
    {"\"width\":2048", "\"width\":true", "width"},
    {"\"format\":\"jpeg\"", "\"format\":\"a very long format\"", "format"},
    {"\"phash\":\"", "\"phash\":\"zz", "phash"},
    {"\"rating\":", "\"rating\":7,\"r\":", "rating"},
    {"\"iso\":", "\"iso\":-", "iso"},
    {"\"latitude\":", "\"latitude\":9", "latitude"},
    {"\"camera\":\"Maker", "\"camera\":\"\\nMaker", "camera"},
    {"\"keywords\":[\"", "\"keywords\":[\"\\n", "keywords"},
    {"\"keywords\":[\"", "\"keywords\":[\"\",\"", "keywords"},
    {"\"path\":\"/p", "\"path\":\"p", "absolute"},
    {"\"path\":\"/p", "\"path\":\"/p\\u0000", "JSON"},
    {"{\"hex\":\"2f", "{\"hex\":\"00", "hex"},
    {"{\"hex\":\"2f", "{\"hex\":\"2", "text"},
    {"{\"hex\":\"2f", "{\"hex\":\"xy", "hex"},
    {"\"size\":1000", "\"size\":-1000", "size"},
    {"\"paths\":[", "\"path_s\":[", "paths"},
    {"\"vectors\":[[1,", "\"vectors\":[[3,", "pairs"},
    {"\"vectors\":[[1,", "\"vectors\":[[0,", "pairs"},
    {"\"vectors\":[[1,", "\"vectors\":[[1,-1", "row"},
    {"\"vectors\":[[1,", "\"vectors\":[[1,9999", "row"},
    {"\"probabilities\":[", "\"probabilities\":[1,", "probabilities"},
    {"\"probabilities\":[0.1", "\"probabilities\":[\"x\",0.1", "probabilities"},
    {"\"confidence\":", "\"confidence\":\"x\",\"c\":", "confidence"},
    {"\"also\":[\"", "\"also\":[\"x", "category"},
    {"\"also\":[\"\\\"three\\\"\"", "\"also\":[\"zw\\u00F6lf\"", "category"},
    {"\"decision\":\"duplicate\"", "\"decision\":\"perhaps\"", "decision"},
    {"\"kind\":\"root\"", "\"kind\":\"leaf\"", "kind"},
    {"\"end\":", "\"fin\":", "kind"},
    {"\"photos\":300", "\"photos\":301", "301"},
    {"{\"end\"", "{}\n{\"end\"", "kind"},
    {"{\"end\"", "[]\n{\"end\"", "object"},
    {"{\"end\"", "{\"a\":1,\"a\":2}\n{\"end\"", "JSON"},
};

static void test_hostile_lines(void **state)
{
    char lines[4200];
    size_t size;
    snprintf(lines, sizeof lines, "%s/library.jsonl", out);
    char *good = slurp(lines, &size);
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        struct err err;
        struct exchange_report report;
        const struct damage *d = &damages[i];
        const char *found = strstr(good, d->from);
        if (!found)
            fail_msg("the export has no %s", d->from);
        size_t before = (size_t)(found - good), from = strlen(d->from), to = strlen(d->to);
        char *bad = malloc(size + to + 1);
        memcpy(bad, good, before);
        memcpy(bad + before, d->to, to);
        memcpy(bad + before + to, found + from, size - before - from);
        write_text(lines, bad, size - from + to);
        free(bad);
        enum status status = import_from(out, second, &report, &err);
        if (status != ERR_FORMAT && status != ERR_UNSUPPORTED)
            fail_msg("%s -> %s: status %d, %s", d->from, d->to, (int)status, err.text);
        if (!strstr(err.text, d->part) || strchr(err.text, '\n'))
            fail_msg("%s -> %s: %s", d->from, d->to, err.text);
        unlink(second);
    }
    for (size_t cut = 1; cut < size; cut += size / 37) { /* an export that was cut off */
        struct err err;
        struct exchange_report report;
        write_text(lines, good, cut);
        assert_int_equal(import_from(out, second, &report, &err), ERR_FORMAT);
        unlink(second);
    }
    write_text(lines, good, size);
    free(good);
}

static void test_hostile_vectors(void **state)
{
    static const struct {
        size_t offset;
        const char *bytes;
    } cases[] = {{0, "X"},          {6, "\x02"},       {8, "\xff\xff"},  {8, "\x01\x00"},
                 {22, "<f4"},       {42, "True"},      {61, "9"},        {65, "9"},
                 {128, "\x00\x7c"}, {128, "\x00\x7e"}, {128, "\xff\x7b"}};
    char file[4200];
    size_t size;
    struct err err;
    struct exchange_report report;
    snprintf(file, sizeof file, "%s/vectors-1.npy", out);
    char *good = slurp(file, &size);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *bad = malloc(size);
        size_t length = cases[i].bytes[0] ? strlen(cases[i].bytes) : 2;
        memcpy(bad, good, size);
        memcpy(bad + cases[i].offset, cases[i].bytes, length);
        write_text(file, bad, size);
        free(bad);
        enum status status = import_from(out, second, &report, &err);
        if (status != ERR_FORMAT)
            fail_msg("case %zu: status %d, %s", i, (int)status, status == OK ? "" : err.text);
        unlink(second);
    }
    write_text(file, good, size - 1);
    assert_fails(import_from(out, second, &report, &err), ERR_FORMAT, "vectors-1.npy");
    unlink(file);
    assert_fails(import_from(out, second, &report, &err), ERR_NOT_FOUND, "vectors-1.npy");
    unlink(second);
    write_text(file, good, size);
    free(good);
}

/* Anything may stand in the files; the library that comes of it is sound. */
static void test_random_damage(void **state)
{
    char files[2][4200];
    char *good[2];
    size_t size[2];
    snprintf(files[0], sizeof files[0], "%s/library.jsonl", out);
    snprintf(files[1], sizeof files[1], "%s/vectors-2.npy", out);
    for (int i = 0; i < 2; i++)
        good[i] = slurp(files[i], &size[i]);
    random_start();
    for (int round = 0; round < 60; round++) {
        struct err err;
        struct exchange_report report;
        struct store_health health;
        int which = round % 4 == 3;
        char *bad = malloc(size[which]);
        memcpy(bad, good[which], size[which]);
        for (uint32_t n = 1 + random_below(4); n > 0; n--)
            bad[random_below(round % 2 ? (uint32_t)size[which] : 2000)] = (char)random_below(256);
        write_text(files[which], bad, size[which]);
        free(bad);
        (void)!import_from(out, second, &report, &err);
        assert_ok(store_check(second, &health, &err));
        assert_int_equal(health.problems, 0);
        write_text(files[which], good[which], size[which]);
        if (round % 8 == 7) { /* with the files in order again it is finished */
            assert_ok(import_from(out, second, &report, &err));
            assert_ok(store_check(second, &health, &err));
        }
        unlink(second);
    }
    for (int i = 0; i < 2; i++)
        free(good[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),      cmocka_unit_test(test_adds),
        cmocka_unit_test(test_folders),         cmocka_unit_test(test_hostile_lines),
        cmocka_unit_test(test_hostile_vectors), cmocka_unit_test(test_random_damage),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
