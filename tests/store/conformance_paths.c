/* SPDX-License-Identifier: MIT
 *
 * Conformance: paths as long as the system allows (4,095 bytes), that no compression shortens, and
 * that begin alike for longer than any index looks.
 */
#include "conformance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHORT, SAME, LONGER, LONGEST, SIBLING, PATHS };

/* Names of random letters in folders; what is shared is as long as in the comment. */
static char paths[PATHS][4096];

static void fill(char *path, size_t from, size_t size)
{
    for (size_t i = from; i < size; i++)
        path[i] = i % 200 == 0 ? '/' : (char)('0' + random_below(75)); /* '0' to 'z' */
    path[size] = '\0';
}

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void make_paths(void)
{
    random_start();
    memset(paths, 0, sizeof paths);
    fill(paths[SHORT], 0, 1024);
    memcpy(paths[SAME], paths[SHORT], 1024); /* its 1,024 bytes */
    fill(paths[SAME], 1024, 1025);
    memcpy(paths[LONGER], paths[SHORT], 1024);
    fill(paths[LONGER], 1024, 3900);
    memcpy(paths[LONGEST], paths[LONGER], 3800); /* 3,800 */
    fill(paths[LONGEST], 3800, 4095);
    memcpy(paths[SIBLING], paths[LONGER], 3801); /* 3,801: its folder */
    fill(paths[SIBLING], 3801, 3850);
    qsort(paths, PATHS, sizeof paths[0], compare);
    for (int i = 1; i < PATHS; i++)
        assert_true(strcmp(paths[i - 1], paths[i]) < 0);
}

struct visited {
    int count;
    int64_t size_bytes[PATHS];
    bool sidecar[PATHS];
};

static enum status visit(void *context, const struct store_known *known, struct err *err)
{
    struct visited *v = context;
    assert_true(v->count < PATHS);
    assert_string_equal(known->path, paths[v->count]);
    v->size_bytes[v->count] = known->size_bytes;
    v->sidecar[v->count++] = known->sidecar_size_bytes > 0;
    return OK;
}

static void put_all(struct fixture *f, const struct store_sidecar *sidecar)
{
    struct err err;
    uint16_t v[PATHS][DIM];
    struct store_result results[PATHS];
    for (int i = 0; i < PATHS; i++) {
        results[i] = result_of(paths[i], i, v[i]);
        results[i].sidecar = sidecar;
    }
    assert_ok(store_put_results(f->store, f->model, results, PATHS, &err));
}

static void test_long_paths(void **state)
{
    struct fixture *f = *state;
    struct err err;
    const struct store_sidecar sidecar = {.path = paths[4], .size_bytes = 9, .mtime_ns = 1};
    put_all(f, NULL);
    put_all(f, &sidecar); /* each in the place of itself */
    struct row rows[PATHS];
    for (int i = 0; i < PATHS; i++) {
        rows[i] = (struct row){paths[i], i};
        uint16_t v[DIM];
        struct store_result known = result_of(paths[i], i, v);
        known.file.sidecar_size_bytes = 9;
        known.file.sidecar_mtime_ns = 1;
        assert_int_equal(state_of(f->store, f->model, &known.file), FILE_UNCHANGED);
        int64_t id;
        struct store_photo photo;
        assert_ok(store_photo_find(f->store, paths[i], &id, &err));
        assert_ok(store_photo_load(f->store, id, &photo, &err));
        assert_int_equal(photo.path_count, 1);
        assert_string_equal(photo.paths[0].path, paths[i]);
        assert_string_equal(photo.paths[0].sidecar, sidecar.path);
        store_photo_free(&photo);
    }
    assert_matrix(f->store, f->model, rows, PATHS);
    struct visited all = {0};
    assert_ok(store_known_visit(f->store, f->model, "", visit, &all, &err));
    assert_int_equal(all.count, PATHS);
    for (int i = 0; i < PATHS; i++)
        assert_true(all.sidecar[i] && all.size_bytes[i] == 1000 + i);
}

static void test_below_long_folders(void **state)
{
    struct fixture *f = *state;
    struct err err;
    char folder[4096], **found;
    size_t count;
    put_all(f, NULL);
    snprintf(folder, sizeof folder, "%.3800s", paths[PATHS - 1]);
    for (int i = 0; i < PATHS; i++) /* the folder is the longest ones' */
        if (strlen(paths[i]) == 4095)
            snprintf(folder, sizeof folder, "%.3800s", paths[i]);
    size_t below = 0;
    for (int i = 0; i < PATHS; i++)
        below += strncmp(paths[i], folder, 3800) == 0 && paths[i][3800] == '/';
    assert_int_equal(below, 3);
    assert_ok(store_paths_under(f->store, folder, &found, &count, &err));
    assert_int_equal(count, below);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(strncmp(found[i], folder, 3800), 0);
        assert_true(i == 0 || strcmp(found[i - 1], found[i]) < 0);
    }
    assert_ok(store_forget_paths(f->store, found, count, &err));
    free(found);
    assert_int_equal(summary_of(f->store).photos, PATHS - 3);
}

static void test_long_paths_fail_and_are_places(void **state)
{
    struct fixture *f = *state;
    struct err err;
    struct store_failure *failures;
    struct store_place *places, put_places[PATHS];
    size_t count;
    for (int i = PATHS; i-- > 0;) {
        put(f->store, f->model, failure_of(paths[i], "not a picture"));
        put_places[i] = (struct store_place){paths[i], STORE_ROOT};
    }
    assert_ok(store_failures(f->store, &failures, &count, &err));
    assert_int_equal(count, PATHS);
    for (int i = 0; i < PATHS; i++)
        assert_string_equal(failures[i].path, paths[i]);
    free(failures);
    assert_ok(store_places_change(f->store, NULL, 0, put_places, PATHS, &err));
    assert_ok(store_places_change(f->store, put_places + 1, 1, NULL, 0, &err));
    assert_ok(store_places(f->store, &places, &count, &err));
    assert_int_equal(count, PATHS - 1);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(places[i].path, paths[i + (i > 0)]);
    free(places);
}

int conformance_paths(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_long_paths),
        TEST(test_below_long_folders),
        TEST(test_long_paths_fail_and_are_places),
    };
    make_paths();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
