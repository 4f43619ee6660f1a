/* SPDX-License-Identifier: MIT
 *
 * Conformance: models, and what an index run asks and records.
 */
#include "conformance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- opening, models ---------------------------------------------------------------------- */

static void test_new_library_is_empty(void **state)
{
    struct fixture *f = *state;
    struct err err;
    struct store_summary summary = summary_of(f->store);
    assert_int_equal(summary.photos + summary.files + summary.failures + summary.labelled, 0);
    assert_int_equal(summary.file_bytes, 0);
    assert_true(summary.library_bytes > 0);
    assert_true(summary.schema_version > 0);
    assert_matrix(f->store, f->model, NULL, 0);

    char **paths;
    struct store_failure *failures;
    size_t count;
    assert_ok(store_paths_under(f->store, "/", &paths, &count, &err));
    assert_int_equal(count, 0);
    free(paths);
    assert_ok(store_failures(f->store, &failures, &count, &err));
    assert_int_equal(count, 0);
    free(failures);

    struct store_matrix m;
    assert_fails(store_matrix_load(f->store, 99, &m, &err), ERR_NOT_FOUND, "no model 99");
}

static void test_models(void **state)
{
    struct fixture *f = *state;
    struct err err;
    int64_t a, b, again;
    assert_ok(store_model_use(f->store, "A", "aaaa", 512, &a, &err));
    assert_ok(store_model_use(f->store, "B", "bbbb", 1024, &b, &err));
    assert_ok(store_model_use(f->store, "A renamed", "aaaa", 512, &again, &err));
    assert_int_equal(a, again);
    assert_true(a != b);
    assert_fails(store_model_use(f->store, "B", "bbbb", 768, &again, &err), ERR_FORMAT, "768");
    assert_int_equal(again, 0);

    struct store_model *models;
    size_t count;
    assert_ok(store_models(f->store, &models, &count, &err));
    assert_int_equal(count, 3);
    assert_string_equal(models[0].name, "A renamed");
    assert_string_equal(models[0].fingerprint, "aaaa");
    assert_int_equal(models[0].dim, 512);
    assert_int_equal(models[0].embeddings, 0);
    assert_string_equal(models[1].name, "B");
    assert_int_equal(models[2].id, f->model);
    free(models);

    char longest[256];
    memset(longest, 'n', 255);
    longest[255] = '\0';
    assert_ok(store_model_use(f->store, longest, "cccc", 1, &a, &err));
    char too_long[257];
    memset(too_long, 'n', 256);
    too_long[256] = '\0';
    const struct {
        const char *name, *fingerprint;
        int dim;
    } bad[] = {{"", "a", 1},       {too_long, "a", 1},
               {"a", "", 1},       {"a", "0123456789012345678901234567890123", 1},
               {"a", "a", 0},      {"a", "a", -1},
               {"a", "a", 1 << 20}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(
            store_model_use(f->store, bad[i].name, bad[i].fingerprint, bad[i].dim, &a, &err),
            ERR_ARGUMENT);
}

static void test_models_side_by_side(void **state)
{
    struct fixture *f = *state;
    struct err err;
    uint16_t v[DIM];
    int64_t other;
    assert_ok(store_model_use(f->store, "other", "beef", DIM, &other, &err));
    put(f->store, f->model, result_of("/p/a.jpg", 1, v));
    put(f->store, f->model, result_of("/p/b.jpg", 2, v));
    struct store_result b = result_of("/p/b.jpg", 2, v);
    assert_int_equal(state_of(f->store, f->model, &b.file), FILE_UNCHANGED);
    assert_int_equal(state_of(f->store, other, &b.file), FILE_NEEDS_EMBEDDING);
    assert_false(has(f->store, other, 2));
    put(f->store, other, b);
    assert_true(has(f->store, other, 2));
    assert_matrix(f->store, f->model, ROWS({"/p/a.jpg", 1}, {"/p/b.jpg", 2}));
    assert_matrix(f->store, other, ROWS({"/p/b.jpg", 2}));

    struct store_model *models;
    size_t count;
    assert_ok(store_models(f->store, &models, &count, &err));
    assert_int_equal(models[0].embeddings, 1);
    assert_int_equal(models[1].embeddings, 2);
    free(models);
}

static void test_second_handle_reads(void **state)
{
    struct fixture *f = *state;
    struct err err;
    uint16_t v[DIM];
    struct store *reader;
    assert_ok(store_open(&reader, f->location, STORE_READ, &err));
    put(f->store, f->model, result_of("/p/a.jpg", 1, v));
    assert_matrix(reader, f->model, ROWS({"/p/a.jpg", 1}));

    int64_t id;
    assert_ok(store_model_use(reader, "another name", "f00d", DIM, &id, &err));
    assert_int_equal(id, f->model);
    assert_fails(store_model_use(reader, "x", "unknown", DIM, &id, &err), ERR_NOT_FOUND, "index");

    struct store_result b = result_of("/p/b.jpg", 2, v);
    char *path = (char *)"/p/a.jpg";
    const char *name = "c";
    const struct store_set set = {STORE_SET_DEFAULT, "{}", &name, 1, 0};
    assert_fails(store_put_results(reader, id, &b, 1, &err), ERR_ARGUMENT, "reading");
    assert_fails(store_forget_paths(reader, &path, 1, &err), ERR_ARGUMENT, "reading");
    assert_fails(store_labels_replace(reader, id, &set, NULL, 0, &err), ERR_ARGUMENT, "reading");
    assert_fails(store_index_lock(reader, &err), ERR_ARGUMENT, "reading");
    store_close(reader);
    assert_matrix(f->store, f->model, ROWS({"/p/a.jpg", 1}));
}

static void test_open_refuses(void **state)
{
    struct err err;
    struct store *store;
    assert_fails(store_open(&store, "", STORE_WRITE, &err), ERR_ARGUMENT, "empty");
    assert_null(store);
    store_close(NULL);
    store_index_unlock(NULL);
}

/* --- indexing ----------------------------------------------------------------------------- */

static void test_file_states(void **state)
{
    struct fixture *f = *state;
    uint16_t v[DIM];
    struct store_result a = result_of("/p/a.jpg", 1, v), b = failure_of("/p/b.jpg", "not a JPEG");
    assert_int_equal(state_of(f->store, f->model, &a.file), FILE_NEW);
    put(f->store, f->model, a);
    put(f->store, f->model, b);
    const struct {
        struct store_file file;
        enum file_state state;
    } cases[] = {
        {a.file, FILE_UNCHANGED},
        {{a.file.path, a.file.size_bytes, a.file.mtime_ns, -1, 0}, FILE_UNCHANGED},
        {{a.file.path, a.file.size_bytes + 1, a.file.mtime_ns, 0, 0}, FILE_NEW},
        {{a.file.path, a.file.size_bytes, a.file.mtime_ns + 1, 0, 0}, FILE_NEW},
        {{"/p/a.jp", a.file.size_bytes, a.file.mtime_ns, 0, 0}, FILE_NEW},
        {{"/p/A.jpg", a.file.size_bytes, a.file.mtime_ns, 0, 0}, FILE_NEW},
        {b.file, FILE_FAILED_BEFORE},
        {{b.file.path, b.file.size_bytes + 1, b.file.mtime_ns, 0, 0}, FILE_NEW},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(state_of(f->store, f->model, &cases[i].file), cases[i].state);
}

static void test_extreme_files(void **state)
{
    struct fixture *f = *state;
    struct err err;
    uint16_t v[DIM];
    char path[4096];
    memset(path, 'x', sizeof path - 1);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    struct store_result r = result_of(path, 1, v);
    r.file.size_bytes = INT64_MAX;
    r.file.mtime_ns = INT64_MIN;
    memcpy(r.format, "twelve bytes", 12); /* no room for a NUL */
    put(f->store, f->model, r);
    assert_int_equal(state_of(f->store, f->model, &r.file), FILE_UNCHANGED);
    assert_matrix(f->store, f->model, ROWS({path, 1}));

    struct store_result bad[6];
    for (size_t i = 0; i < 6; i++)
        bad[i] = result_of("/bad.jpg", 2, v);
    bad[0].file.path = "relative.jpg";
    bad[1].file.path = "";
    bad[2].file.size_bytes = -1;
    bad[3].width = -1;
    bad[4].failure = "and a vector";
    bad[5].vector = NULL; /* and its content is unknown */
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(store_put_results(f->store, f->model, &bad[i], 1, &err), ERR_ARGUMENT);
    assert_int_equal(store_put_results(f->store, 99, &r, 1, &err), ERR_NOT_FOUND);
    assert_ok(store_put_results(f->store, f->model, NULL, 0, &err));
    assert_int_equal(summary_of(f->store).files, 1);
}

static void test_results_are_one_transaction(void **state)
{
    struct fixture *f = *state;
    struct err err;
    uint16_t v[2][DIM];
    struct store_result batch[] = {
        result_of("/p/a.jpg", 1, v[0]),
        failure_of("/p/b.jpg", "broken"),
        result_of("/p/c.jpg", 3, NULL), /* not in the library */
        result_of("/p/d.jpg", 4, v[1]),
    };
    assert_fails(store_put_results(f->store, f->model, batch, 4, &err), ERR_ARGUMENT, "/p/c.jpg");
    struct store_summary summary = summary_of(f->store);
    assert_int_equal(summary.photos + summary.files + summary.failures, 0);
    batch[2].hash = batch[0].hash; /* a copy of one in the same batch */
    assert_ok(store_put_results(f->store, f->model, batch, 4, &err));
    assert_matrix(f->store, f->model, ROWS({"/p/a.jpg", 1}, {"/p/d.jpg", 4}));
    summary = summary_of(f->store);
    assert_int_equal(summary.photos, 2);
    assert_int_equal(summary.files, 3);
    assert_int_equal(summary.failures, 1);
    assert_int_equal(summary.file_bytes, 1001 + 1003 + 1004);
}

static void test_copies_are_one_photo(void **state)
{
    struct fixture *f = *state;
    struct err err;
    uint16_t v[DIM];
    put(f->store, f->model, result_of("/p/m.jpg", 1, v));
    put(f->store, f->model, result_of("/p/z.jpg", 1, NULL));
    put(f->store, f->model, result_of("/p/b.jpg", 1, v)); /* a vector that is there already */
    put(f->store, f->model, result_of("/p/c.jpg", 2, v));
    assert_int_equal(summary_of(f->store).photos, 2);
    assert_int_equal(summary_of(f->store).files, 4);
    assert_matrix(f->store, f->model, ROWS({"/p/b.jpg", 1}, {"/p/c.jpg", 2}));
    char *first[] = {(char *)"/p/b.jpg", (char *)"/p/m.jpg", (char *)"/p/never-there.jpg"};
    assert_ok(store_forget_paths(f->store, first, 3, &err));
    assert_matrix(f->store, f->model, ROWS({"/p/c.jpg", 2}, {"/p/z.jpg", 1}));
    char *last[] = {(char *)"/p/z.jpg"};
    assert_ok(store_forget_paths(f->store, last, 1, &err));
    assert_matrix(f->store, f->model, ROWS({"/p/c.jpg", 2}));
    assert_false(has(f->store, f->model, 1));
    assert_true(has(f->store, f->model, 2));
}

static void test_changed_content(void **state)
{
    struct fixture *f = *state;
    struct err err;
    uint16_t v[DIM];
    assert_ok(store_index_lock(f->store, &err));
    put(f->store, f->model, result_of("/p/a.jpg", 1, v));
    put(f->store, f->model, result_of("/p/a.jpg", 2, v));
    assert_matrix(f->store, f->model, ROWS({"/p/a.jpg", 2}));
    assert_int_equal(summary_of(f->store).photos, 1);
    struct store_model *models;
    size_t count;
    assert_ok(store_models(f->store, &models, &count, &err));
    assert_int_equal(models[0].embeddings, 1);
    free(models);
    store_index_unlock(f->store);
    assert_true(has(f->store, f->model, 1)); /* the run may have been cut short */
    assert_ok(store_sweep(f->store, &err));
    assert_false(has(f->store, f->model, 1));
    assert_true(has(f->store, f->model, 2));
}

/* Files renumbered: every name stays in use and every content moves on by one, seen in batches of
 * one. No vector is asked for again. */
static void test_renumbered_files_keep_their_vectors(void **state)
{
    struct fixture *f = *state;
    struct err err;
    uint16_t v[DIM];
    char path[5][16];
    struct row rows[5];
    assert_ok(store_index_lock(f->store, &err));
    for (int i = 0; i < 5; i++) {
        snprintf(path[i], sizeof path[i], "/p/%d.jpg", i);
        put(f->store, f->model, result_of(path[i], i, v));
    }
    for (int i = 0; i < 5; i++) {
        rows[i] = (struct row){path[i], (i + 4) % 5};
        assert_true(has(f->store, f->model, rows[i].content));
        put(f->store, f->model, result_of(path[i], rows[i].content, NULL));
    }
    assert_ok(store_sweep(f->store, &err));
    store_index_unlock(f->store);
    assert_matrix(f->store, f->model, rows, 5);
}

static void test_failures_come_and_go(void **state)
{
    struct fixture *f = *state;
    struct err err;
    uint16_t v[DIM];
    put(f->store, f->model, failure_of("/p/z.jpg", "truncated"));
    put(f->store, f->model, result_of("/p/a.jpg", 1, v));
    put(f->store, f->model, failure_of("/p/a.jpg", "not a picture\nat all \xff"));
    assert_matrix(f->store, f->model, NULL, 0);
    struct store_failure *failures;
    size_t count;
    assert_ok(store_failures(f->store, &failures, &count, &err));
    assert_int_equal(count, 2);
    assert_string_equal(failures[0].path, "/p/a.jpg");
    assert_string_equal(failures[0].reason, "not a picture\nat all \xff");
    assert_string_equal(failures[1].path, "/p/z.jpg");
    assert_string_equal(failures[1].reason, "truncated");
    free(failures);

    put(f->store, f->model, result_of("/p/z.jpg", 2, v));
    assert_matrix(f->store, f->model, ROWS({"/p/z.jpg", 2}));
    char *forgotten = (char *)"/p/a.jpg";
    assert_ok(store_forget_paths(f->store, &forgotten, 1, &err));
    struct store_summary summary = summary_of(f->store);
    assert_int_equal(summary.failures, 0);
    assert_int_equal(summary.photos, 1);
}

/* A photo's vectors are dear: only other content under its path takes the path from it. */
static void test_failures_that_leave_the_photo(void **state)
{
    struct fixture *f = *state;
    struct err err;
    uint16_t v[DIM];
    int64_t other;
    struct store_result good = result_of("/p/a.jpg", 1, v);
    assert_ok(store_model_use(f->store, "other", "ffff", DIM, &other, &err));
    assert_ok(store_index_lock(f->store, &err));
    put(f->store, f->model, good);

    struct store_result same = failure_of("/p/a.jpg", "too large for this run");
    same.file = good.file;
    same.hash = good.hash;
    put(f->store, other, same);
    struct store_result unreadable = failure_of("/p/a.jpg", "Input/output error");
    unreadable.transient = true;
    put(f->store, f->model, unreadable);
    assert_ok(store_sweep(f->store, &err));
    store_index_unlock(f->store);
    assert_matrix(f->store, f->model, ROWS({"/p/a.jpg", 1}));
    assert_int_equal(summary_of(f->store).failures, 0);
    assert_int_equal(state_of(f->store, f->model, &good.file), FILE_UNCHANGED);
    assert_int_equal(state_of(f->store, other, &good.file), FILE_NEEDS_EMBEDDING);
    assert_int_equal(state_of(f->store, f->model, &unreadable.file), FILE_NEW);

    put(f->store, f->model, failure_of("/p/a.jpg", "other content"));
    assert_matrix(f->store, f->model, NULL, 0);
}

/* It is shown, and it is no answer: the file is tried again though it has not changed. */
static void test_transient_failures_are_tried_again(void **state)
{
    struct fixture *f = *state;
    struct store_result failure = failure_of("/p/a.jpg", "Permission denied");
    failure.transient = true;
    put(f->store, f->model, failure);
    assert_int_equal(summary_of(f->store).failures, 1);
    assert_int_equal(state_of(f->store, f->model, &failure.file), FILE_NEW);
    failure.file.mtime_ns = INT64_MIN;
    put(f->store, f->model, failure);
    assert_int_equal(state_of(f->store, f->model, &failure.file), FILE_NEW);
}

int conformance_index(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_new_library_is_empty),
        TEST(test_models),
        TEST(test_models_side_by_side),
        TEST(test_second_handle_reads),
        TEST(test_open_refuses),
        TEST(test_file_states),
        TEST(test_extreme_files),
        TEST(test_results_are_one_transaction),
        TEST(test_copies_are_one_photo),
        TEST(test_changed_content),
        TEST(test_renumbered_files_keep_their_vectors),
        TEST(test_failures_come_and_go),
        TEST(test_failures_that_leave_the_photo),
        TEST(test_transient_failures_are_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
