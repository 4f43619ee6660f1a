/* SPDX-License-Identifier: MIT
 *
 * Conformance: which model answers, matrices brought up to date, artifacts, the revision, and a
 * library held for reading.
 */
#include "conformance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t active(struct store *store)
{
    struct err err;
    int64_t id;
    assert_ok(store_model_active(store, &id, &err));
    return id;
}

static int64_t add_model(struct store *store, const char *fingerprint)
{
    struct err err;
    int64_t id;
    assert_ok(store_model_use(store, fingerprint, fingerprint, DIM, &id, &err));
    return id;
}

/* --- models ------------------------------------------------------------------------------- */

static void assert_models(struct store *store, const int64_t *expected, size_t expected_count)
{
    struct err err;
    struct store_model *models;
    size_t count;
    assert_ok(store_models(store, &models, &count, &err));
    assert_int_equal(count, expected_count);
    for (size_t i = 0; i < count; i++) {
        assert_true(models[i].id == expected[i]);
        assert_int_equal(models[i].active, models[i].id == active(store));
    }
    free(models);
}

static void test_active_model(void **state)
{
    struct fixture *f = *state;
    struct err err;
    assert_true(active(f->store) == 0); /* using one does not make it answer */
    assert_ok(store_model_set_active(f->store, f->model, &err));
    int64_t second = add_model(f->store, "second"), third = add_model(f->store, "third");
    assert_true(active(f->store) == f->model);
    assert_models(f->store, (const int64_t[]){f->model, third, second}, 3);
    assert_fails(store_model_set_active(f->store, 4711, &err), ERR_NOT_FOUND, "4711");
    assert_ok(store_model_set_active(f->store, second, &err));
    assert_models(f->store, (const int64_t[]){second, third, f->model}, 3);
}

static void test_removed_model(void **state)
{
    struct fixture *f = *state;
    struct err err;
    uint16_t v[DIM];
    void *bytes;
    size_t size;
    const char *category = "c";
    const struct store_set set = {"set", "{}", &category, 1, 0};
    int64_t other = add_model(f->store, "other"), photo;
    put(f->store, f->model, result_of("/p/a", 1, v));
    put(f->store, other, result_of("/p/a", 1, v));
    assert_ok(store_photo_find(f->store, "/p/a", &photo, &err));
    const float one = 1;
    const struct store_label label = {photo, category, 1, 1, false, &one, NULL, 0};
    assert_ok(store_labels_replace(f->store, other, &set, &label, 1, &err));
    assert_ok(store_artifact_put(f->store, other, "map", "x", 1, &err));
    assert_ok(store_model_set_active(f->store, other, &err));
    assert_int_equal(summary_of(f->store).labelled, 1);

    assert_ok(store_model_remove(f->store, other, &err));
    assert_true(active(f->store) == 0);
    assert_models(f->store, &f->model, 1);
    assert_int_equal(summary_of(f->store).labelled, 0);
    assert_int_equal(summary_of(f->store).photos, 1);
    assert_matrix(f->store, f->model, ROWS({"/p/a", 1}));
    struct store_matrix m;
    assert_fails(store_matrix_load(f->store, other, &m, &err), ERR_NOT_FOUND, "model");
    assert_fails(store_artifact_get(f->store, other, "map", &bytes, &size, &err), ERR_NOT_FOUND,
                 "map");
    assert_fails(store_model_remove(f->store, other, &err), ERR_NOT_FOUND, "model");
    assert_true(add_model(f->store, "other") > other); /* its number is not used again */
}

/* --- matrices ----------------------------------------------------------------------------- */

/* The matrix from an old one is the matrix, whatever has happened in between. */
static void test_matrix_update(void **state)
{
    struct fixture *f = *state;
    struct err err;
    uint16_t v[DIM];
    struct store_matrix old = {0}, fresh, updated;
    random_start();
    for (int step = 0; step < 60; step++) {
        for (int i = (int)random_below(4); i > 0; i--) {
            char path[32];
            snprintf(path, sizeof path, "/p/%02u", random_below(25));
            char *gone = path;
            if (random_below(3))
                put(f->store, f->model, result_of(path, (int)random_below(40), v));
            else
                assert_ok(store_forget_paths(f->store, &gone, 1, &err));
        }
        assert_ok(store_matrix_load(f->store, f->model, &fresh, &err));
        assert_ok(store_matrix_update(f->store, f->model, &old, &updated, &err));
        assert_int_equal(updated.count, fresh.count);
        assert_int_equal(updated.dim, fresh.dim);
        for (size_t i = 0; i < fresh.count; i++) {
            assert_string_equal(updated.paths[i], fresh.paths[i]);
            assert_true(updated.photo_ids[i] == fresh.photo_ids[i]);
        }
        if (fresh.count > 0)
            assert_memory_equal(updated.vectors, fresh.vectors,
                                fresh.count * DIM * sizeof(uint16_t));
        store_matrix_free(&fresh);
        store_matrix_free(&old);
        old = updated;
    }
    /* What is taken from the old one is taken from it, and not read again. */
    if (old.count > 0) {
        memset(old.vectors, 0x55, DIM * sizeof(uint16_t));
        assert_ok(store_matrix_update(f->store, f->model, &old, &updated, &err));
        assert_int_equal(updated.vectors[0], 0x5555);
        store_matrix_free(&updated);
    }
    store_matrix_free(&old);
}

/* --- artifacts ---------------------------------------------------------------------------- */

static void assert_artifact(struct fixture *f, const char *name, const void *expected, size_t size)
{
    struct err err;
    void *bytes;
    size_t found;
    assert_ok(store_artifact_get(f->store, f->model, name, &bytes, &found, &err));
    assert_int_equal(found, size);
    if (size > 0)
        assert_memory_equal(bytes, expected, size);
    free(bytes);
}

static void test_artifacts(void **state)
{
    struct fixture *f = *state;
    struct err err;
    void *bytes;
    static const size_t sizes[] = {0, 1, 1000, (4 << 20) - 1, 4 << 20, (4 << 20) + 1, 9 << 20};
    uint8_t *big = malloc(9 << 20);
    assert_non_null(big);
    for (size_t i = 0; i < 9 << 20; i++)
        big[i] = (uint8_t)(i * 7 + (i >> 12));
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_ok(store_artifact_put(f->store, f->model, "graph", big, sizes[i], &err));
        assert_artifact(f, "graph", big, sizes[i]);
    }
    assert_ok(store_artifact_put(f->store, f->model, "map", "abc", 3, &err));
    assert_artifact(f, "graph", big, 9 << 20);
    assert_artifact(f, "map", "abc", 3);
    assert_ok(store_artifact_remove(f->store, f->model, "graph", &err));
    assert_ok(store_artifact_remove(f->store, f->model, "graph", &err));
    size_t size;
    assert_fails(store_artifact_get(f->store, f->model, "graph", &bytes, &size, &err),
                 ERR_NOT_FOUND, "graph");
    assert_null(bytes);
    assert_artifact(f, "map", "abc", 3);
    free(big);

    char name[66];
    memset(name, 'n', sizeof name);
    name[65] = '\0';
    assert_fails(store_artifact_put(f->store, f->model, name, "", 0, &err), ERR_ARGUMENT, "64");
    assert_fails(store_artifact_put(f->store, f->model, "", "", 0, &err), ERR_ARGUMENT, "64");
    assert_fails(store_artifact_put(f->store, f->model, "n", "", STORE_ARTIFACT_MAX + 1, &err),
                 ERR_LIMIT, "n: ");
    assert_fails(store_artifact_put(f->store, 4711, "n", "", 0, &err), ERR_NOT_FOUND, "4711");
}

/* --- the revision ------------------------------------------------------------------------- */

static int64_t revision_of(struct store *store)
{
    struct err err;
    int64_t revision;
    assert_ok(store_revision(store, &revision, &err));
    return revision;
}

static void test_revision(void **state)
{
    struct fixture *f = *state;
    struct err err;
    uint16_t v[DIM];
    int64_t before, photo;
    struct store *reader;
    const char *category = "c";
    const struct store_set set = {"set", "{}", &category, 1, 0};
    struct photo_hash a = content_hash(1), b = content_hash(2);
    char *path = (char *)"/p/a";
    assert_ok(store_open(&reader, f->location, STORE_READ, &err));
#define RISES(call) before = revision_of(reader), (call), assert_true(revision_of(reader) > before)
#define STAYS(call) before = revision_of(reader), (call), assert_true(revision_of(reader) == before)
    RISES(put(f->store, f->model, result_of("/p/a", 1, v)));
    RISES(put(f->store, f->model, failure_of("/p/b", "why")));
    assert_ok(store_photo_find(f->store, "/p/a", &photo, &err));
    const float one = 1;
    const struct store_label label = {photo, category, 1, 1, false, &one, NULL, 0};
    RISES(assert_ok(store_labels_replace(f->store, f->model, &set, &label, 1, &err)));
    RISES(assert_ok(store_labels_drop(f->store, f->model, "set", &err)));
    RISES(assert_ok(store_decision_put(f->store, &a, &b, DECISION_DUPLICATE, &err)));
    RISES(assert_ok(store_decision_put(f->store, &a, &b, DECISION_NONE, &err)));
    RISES(assert_ok(store_model_set_active(f->store, f->model, &err)));
    STAYS(assert_ok(store_model_set_active(f->store, f->model, &err)));
    STAYS(assert_ok(store_artifact_put(f->store, f->model, "map", "x", 1, &err)));
    STAYS(assert_ok(store_artifact_remove(f->store, f->model, "map", &err)));
    STAYS(assert_ok(store_sweep(f->store, &err)));
    RISES(assert_ok(store_forget_paths(f->store, &path, 1, &err)));
    STAYS(assert_ok(store_forget_paths(f->store, &path, 1, &err)));
    STAYS(assert_ok(store_decision_put(f->store, &a, &b, DECISION_NONE, &err)));
    store_close(f->store);
    assert_ok(store_open(&f->store, f->location, STORE_WRITE, &err));
    assert_true(revision_of(f->store) == before);
    RISES(assert_ok(store_model_remove(f->store, f->model, &err)));
#undef RISES
#undef STAYS
    store_close(reader);
}

/* --- holding ------------------------------------------------------------------------------ */

static void test_held_library(void **state)
{
    struct fixture *f = *state;
    struct err err;
    uint16_t v[DIM];
    struct store *reader;
    put(f->store, f->model, result_of("/p/a", 1, v));
    assert_ok(store_open(&reader, f->location, STORE_READ, &err));
    assert_ok(store_read_begin(reader, &err));
    assert_fails(store_read_begin(reader, &err), ERR_ARGUMENT, "already");
    int64_t revision = revision_of(reader);
    put(f->store, f->model, result_of("/p/b", 2, v));
    char *gone = (char *)"/p/a";
    assert_ok(store_forget_paths(f->store, &gone, 1, &err));
    assert_matrix(reader, f->model, ROWS({"/p/a", 1}));
    assert_int_equal(summary_of(reader).photos, 1);
    assert_true(revision_of(reader) == revision);
    store_read_end(reader);
    store_read_end(reader);
    assert_matrix(reader, f->model, ROWS({"/p/b", 2}));
    store_close(reader);

    assert_ok(store_read_begin(f->store, &err));
    assert_fails(store_sweep(f->store, &err), ERR_ARGUMENT, "held");
    assert_matrix(f->store, f->model, ROWS({"/p/b", 2}));
    store_read_end(f->store);
    assert_ok(store_sweep(f->store, &err));
    assert_ok(store_read_begin(f->store, &err)); /* closed while held */
}

int conformance_models(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_active_model), TEST(test_removed_model), TEST(test_matrix_update),
        TEST(test_artifacts),    TEST(test_revision),      TEST(test_held_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
