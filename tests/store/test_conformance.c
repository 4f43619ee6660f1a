/* SPDX-License-Identifier: MIT
 *
 * The contract of store.h, for every kind of store. A new kind adds a row to `kinds`.
 */
#include "fixture.h"

#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct kind {
    const char *name;
    const char *location; /* below a scratch folder */
};

static const struct kind kinds[] = {
    {"sqlite", "deep/library.fovea"},
};
static const struct kind *kind;

/* An open library with one model; every test gets an empty one. */
struct fixture {
    char *dir;
    char location[4096];
    struct store *store;
    int64_t model;
};

static int setup(void **state)
{
    struct err err;
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->dir = scratch_make();
    snprintf(f->location, sizeof f->location, "%s", at(f->dir, kind->location));
    assert_ok(store_open(&f->store, f->location, STORE_WRITE, &err));
    assert_ok(store_model_use(f->store, "ViT-T/test", "f00d", DIM, &f->model, &err));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    store_close(f->store);
    scratch_remove(f->dir);
    free(f);
    return 0;
}

static enum file_state state_of(struct store *store, int64_t model, const struct store_file *file)
{
    struct err err;
    enum file_state state;
    assert_ok(store_file_state(store, model, file, &state, &err));
    return state;
}

static bool has(struct store *store, int64_t model, int content)
{
    struct err err;
    bool answer;
    struct photo_hash hash = content_hash(content);
    assert_ok(store_has_embedding(store, model, &hash, &answer, &err));
    return answer;
}

static struct store_summary summary_of(struct store *store)
{
    struct err err;
    struct store_summary summary;
    assert_ok(store_summarize(store, &summary, &err));
    return summary;
}

/* The matrix has exactly these rows: path and content, in this order. */
struct row {
    const char *path;
    int content;
};

static void assert_matrix(struct store *store, int64_t model, const struct row *rows, size_t count)
{
    struct err err;
    struct store_matrix m;
    assert_ok(store_matrix_load(store, model, &m, &err));
    assert_int_equal(m.dim, DIM);
    assert_int_equal(m.count, count);
    assert_int_equal((uintptr_t)m.vectors % 64, 0);
    for (size_t i = 0; i < count; i++) {
        uint16_t expected[DIM];
        content_vector(rows[i].content, DIM, expected);
        assert_string_equal(m.paths[i], rows[i].path);
        assert_memory_equal(m.vectors + i * DIM, expected, sizeof expected);
        assert_true(m.photo_ids[i] > 0);
        for (size_t j = 0; j < i; j++)
            assert_true(m.photo_ids[i] != m.photo_ids[j]);
    }
    store_matrix_free(&m);
    assert_null(m.vectors);
}

#define ROWS(...)                                                                                  \
    (const struct row[]){__VA_ARGS__}, sizeof(struct row[]){__VA_ARGS__} / sizeof(struct row)

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
    assert_fails(store_put_results(reader, id, &b, 1, &err), ERR_ARGUMENT, "reading");
    assert_fails(store_forget_paths(reader, &path, 1, &err), ERR_ARGUMENT, "reading");
    assert_fails(store_labels_replace(reader, id, "{}", &name, 1, NULL, 0, &err), ERR_ARGUMENT,
                 "reading");
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
        {{a.file.path, a.file.size_bytes + 1, a.file.mtime_ns}, FILE_NEW},
        {{a.file.path, a.file.size_bytes, a.file.mtime_ns + 1}, FILE_NEW},
        {{"/p/a.jp", a.file.size_bytes, a.file.mtime_ns}, FILE_NEW},
        {{"/p/A.jpg", a.file.size_bytes, a.file.mtime_ns}, FILE_NEW},
        {b.file, FILE_FAILED_BEFORE},
        {{b.file.path, b.file.size_bytes + 1, b.file.mtime_ns}, FILE_NEW},
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
    assert_false(has(f->store, f->model, 1)); /* gone with the end of the run */
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

/* --- paths -------------------------------------------------------------------------------- */

/* Bytewise ascending. */
static const char *const tricky[] = {
    "/a",      "/a/",    "/a/\x01",     "/a/\n.jpg", "/a/b",          "/a/b\x01", "/a/b!",
    "/a/b.",   "/a/b/c", "/a/b/c\nd",   "/a/b/\xff", "/a/b/\xff\xff", "/a/b0",    "/a/bc",
    "/a/bc/d", "/a/c",   "/a/\xc3\xa4", "/a/\xff",   "/a0",           "/b",       "/\xff/\xff",
};
#define TRICKY (sizeof tricky / sizeof tricky[0])

static bool covers(const char *root, const char *path)
{
    size_t size = strlen(root);
    while (size > 0 && root[size - 1] == '/')
        size--;
    return strncmp(root, path, size) == 0 && (path[size] == '/' || path[size] == '\0');
}

static void put_tricky(struct fixture *f)
{
    uint16_t v[DIM];
    for (size_t i = 0; i < TRICKY; i++) {
        size_t k = i * 8 % TRICKY; /* 8 and 21 have no common divisor: all of them, out of order */
        if (k % 3 == 2)
            put(f->store, f->model, failure_of(tricky[k], "why"));
        else
            put(f->store, f->model, result_of(tricky[k], (int)k, v));
    }
}

static void test_paths_under(void **state)
{
    struct fixture *f = *state;
    struct err err;
    put_tricky(f);
    static const char *const roots[] = {"/",     "//",     "/a",        "/a/",      "/a/b",
                                        "/a/b/", "/a/b//", "/a/b/c",    "/a/bc",    "/a/\xff",
                                        "/none", "/\xff",  "/a/b/\xff", "/a/b\x01", "/a0"};
    for (size_t r = 0; r < sizeof roots / sizeof roots[0]; r++) {
        char **paths;
        size_t count, next = 0;
        assert_ok(store_paths_under(f->store, roots[r], &paths, &count, &err));
        for (size_t i = 0; i < TRICKY; i++)
            if (covers(roots[r], tricky[i])) {
                assert_true(next < count);
                assert_string_equal(paths[next++], tricky[i]);
            }
        assert_int_equal(next, count);
        free(paths);
    }
    char **paths;
    size_t count;
    assert_fails(store_paths_under(f->store, "a", &paths, &count, &err), ERR_ARGUMENT, "absolute");
    assert_fails(store_paths_under(f->store, "", &paths, &count, &err), ERR_ARGUMENT, "absolute");
}

static void test_paths_are_bytes(void **state)
{
    struct fixture *f = *state;
    struct err err;
    put_tricky(f);
    struct store_matrix m;
    assert_ok(store_matrix_load(f->store, f->model, &m, &err));
    size_t next = 0;
    for (size_t i = 0; i < TRICKY; i++)
        if (i % 3 != 2) {
            assert_true(next < m.count);
            assert_string_equal(m.paths[next++], tricky[i]);
        }
    assert_int_equal(next, m.count);
    store_matrix_free(&m);

    char **paths;
    size_t count;
    assert_ok(store_paths_under(f->store, "/a/b", &paths, &count, &err));
    assert_ok(store_forget_paths(f->store, paths, count, &err));
    free(paths);
    assert_ok(store_paths_under(f->store, "/", &paths, &count, &err));
    next = 0;
    for (size_t i = 0; i < TRICKY; i++)
        if (!covers("/a/b", tricky[i]))
            assert_string_equal(paths[next++], tricky[i]);
    assert_int_equal(next, count);
    free(paths);
}

/* --- labels ------------------------------------------------------------------------------- */

static const char *const names[] = {"Wild Horizons", "Urban Glow", "Z\xc3\xbcrich \"at\" night"};

static struct store_label label_of(int64_t photo_id, const char *category, double confidence)
{
    static const float probabilities[3] = {0.5f, 0.25f, 0.25f};
    return (struct store_label){photo_id, category, confidence, 0.04, true, probabilities};
}

static void assert_labels(struct store *store, int64_t model, const char *const *categories,
                          const double *confidences, size_t count)
{
    struct err err;
    struct store_matrix m;
    struct store_labels labels;
    assert_ok(store_matrix_load(store, model, &m, &err));
    assert_int_equal(m.count, count);
    assert_ok(store_labels_load(store, model, &m, &labels, &err));
    for (size_t i = 0; i < count; i++) {
        if (categories[i])
            assert_string_equal(labels.categories[i], categories[i]);
        else
            assert_null(labels.categories[i]);
        assert_true(labels.confidences[i] == confidences[i]);
    }
    store_labels_free(&labels);
    store_matrix_free(&m);
}

static void test_labels(void **state)
{
    struct fixture *f = *state;
    struct err err;
    uint16_t v[DIM];
    const char *const paths[] = {"/p/a", "/p/b", "/p/c", "/p/d"};
    for (int i = 0; i < 4; i++)
        put(f->store, f->model, result_of(paths[i], 10 - i, v));
    struct store_matrix m;
    assert_ok(store_matrix_load(f->store, f->model, &m, &err));
    struct store_label labels[] = {
        label_of(m.photo_ids[3], names[2], 0.75), label_of(m.photo_ids[0], "Urban Glow", 0.5),
        label_of(m.photo_ids[1], NULL, 0.125),
        label_of(m.photo_ids[2] + 1000, names[0], 1), /* a photo that is gone by now */
    };
    assert_labels(f->store, f->model, (const char *[4]){NULL}, (double[4]){0}, 4);
    assert_ok(store_labels_replace(f->store, f->model, "{}", names, 3, labels, 4, &err));
    const char *expected[] = {"Urban Glow", NULL, NULL, names[2]};
    assert_labels(f->store, f->model, expected, (double[]){0.5, 0.125, 0, 0.75}, 4);
    assert_int_equal(summary_of(f->store).labelled, 3);

    /* Refused as a whole: the old ones stay. */
    labels[3] = label_of(m.photo_ids[2], "unheard of", 1);
    assert_fails(store_labels_replace(f->store, f->model, "{}", names, 3, labels, 4, &err),
                 ERR_ARGUMENT, "unheard of");
    labels[3] = labels[0]; /* twice the same photo */
    assert_int_equal(store_labels_replace(f->store, f->model, "{}", names, 3, labels, 4, &err),
                     ERR_ARGUMENT);
    labels[3] = label_of(m.photo_ids[2], names[0], (double)NAN);
    assert_fails(store_labels_replace(f->store, f->model, "{}", names, 3, labels, 4, &err),
                 ERR_ARGUMENT, "not a number");
    assert_fails(store_labels_replace(f->store, f->model, "{}", names, 0, NULL, 0, &err),
                 ERR_ARGUMENT, "categories");
    assert_int_equal(store_labels_replace(f->store, 99, "{}", names, 3, labels, 1, &err),
                     ERR_NOT_FOUND);
    assert_labels(f->store, f->model, expected, (double[]){0.5, 0.125, 0, 0.75}, 4);

    /* A new classification leaves nothing of the old one. */
    const char *one = "Only";
    labels[0] = label_of(m.photo_ids[1], "Only", 1);
    assert_ok(store_labels_replace(f->store, f->model, "[]", &one, 1, labels, 1, &err));
    assert_labels(f->store, f->model, (const char *[]){NULL, "Only", NULL, NULL},
                  (double[]){0, 1, 0, 0}, 4);
    store_matrix_free(&m);

    /* A label goes with its photo. */
    char *gone = (char *)"/p/b";
    assert_ok(store_forget_paths(f->store, &gone, 1, &err));
    assert_int_equal(summary_of(f->store).labelled, 0);
    put(f->store, f->model, result_of("/p/b", 9, v));
    assert_labels(f->store, f->model, (const char *[4]){NULL}, (double[4]){0}, 4);
}

/* --- against a model ---------------------------------------------------------------------- */

/* What the library should hold: per path the content, or -1 for a failure, -2 for nothing. */
enum { PATHS = 30, CONTENTS = 12, STEPS = 1500 };

struct truth {
    char paths[PATHS][24]; /* ascending */
    int contents[PATHS];
};

static void check_truth(struct fixture *f, const struct truth *t)
{
    struct row rows[CONTENTS];
    size_t count = 0;
    struct store_summary expected = {0};
    bool seen[CONTENTS] = {false};
    for (int i = 0; i < PATHS; i++) {
        int content = t->contents[i];
        expected.failures += content == -1;
        expected.files += content >= 0;
        expected.file_bytes += content >= 0 ? 1000 + content : 0;
        if (content >= 0 && !seen[content]) {
            seen[content] = true;
            rows[count++] = (struct row){t->paths[i], content};
        }
    }
    struct store_summary summary = summary_of(f->store);
    assert_int_equal(summary.photos, count);
    assert_int_equal(summary.files, expected.files);
    assert_int_equal(summary.failures, expected.failures);
    assert_int_equal(summary.file_bytes, expected.file_bytes);
    assert_matrix(f->store, f->model, rows, count);
}

static void random_step(struct fixture *f, struct truth *t)
{
    struct err err;
    uint16_t v[DIM];
    uint32_t i = random_below(PATHS), what = random_below(10);
    int content = (int)random_below(CONTENTS);
    if (what < 6) {
        bool known = has(f->store, f->model, content);
        put(f->store, f->model, result_of(t->paths[i], content, known ? NULL : v));
        t->contents[i] = content;
        struct store_result r = result_of(t->paths[i], content, v);
        assert_int_equal(state_of(f->store, f->model, &r.file), FILE_UNCHANGED);
    } else if (what < 7) {
        put(f->store, f->model, failure_of(t->paths[i], "failed"));
        t->contents[i] = -1;
    } else if (what < 9) {
        char *path = t->paths[i];
        assert_ok(store_forget_paths(f->store, &path, 1, &err));
        t->contents[i] = -2;
    } else {
        store_index_unlock(f->store); /* sweeps */
        assert_ok(store_index_lock(f->store, &err));
    }
}

static void test_against_a_model(void **state)
{
    struct fixture *f = *state;
    struct err err;
    struct truth t;
    for (int i = 0; i < PATHS; i++) {
        snprintf(t.paths[i], sizeof t.paths[i], "/p/%c%02d.jpg", 'a' + i / 10, i);
        t.contents[i] = -2;
    }
    random_start();
    assert_ok(store_index_lock(f->store, &err));
    for (int step = 0; step < STEPS; step++) {
        random_step(f, &t);
        if (step % 10 == 0)
            check_truth(f, &t);
    }
    store_close(f->store);
    f->store = NULL;
    assert_ok(store_open(&f->store, f->location, STORE_WRITE, &err));
    check_truth(f, &t);
}

enum { MANY = 10000, BATCH = 32 };

static void test_ten_thousand_files(void **state)
{
    struct fixture *f = *state;
    struct err err;
    static char paths[MANY][32];
    for (int i = 0; i < MANY; i += BATCH) {
        struct store_result batch[BATCH];
        uint16_t v[BATCH][DIM];
        int size = MANY - i < BATCH ? MANY - i : BATCH;
        for (int j = 0; j < size; j++) {
            int k = (i + j) * 7919 % MANY; /* prime to MANY: all of them, out of order */
            snprintf(paths[k], sizeof paths[k], "/photos/%05d.jpg", k);
            batch[j] = result_of(paths[k], k, v[j]);
        }
        assert_ok(store_put_results(f->store, f->model, batch, (size_t)size, &err));
    }
    struct store_matrix m;
    assert_ok(store_matrix_load(f->store, f->model, &m, &err));
    assert_int_equal(m.count, MANY);
    for (int i = 0; i < MANY; i++) {
        uint16_t expected[DIM];
        content_vector(i, DIM, expected);
        assert_string_equal(m.paths[i], paths[i]);
        assert_memory_equal(m.vectors + (size_t)i * DIM, expected, sizeof expected);
    }
    store_matrix_free(&m);
    char **under;
    size_t count;
    assert_ok(store_paths_under(f->store, "/photos", &under, &count, &err));
    assert_int_equal(count, MANY);
    assert_ok(store_forget_paths(f->store, under, count - 1, &err));
    free(under);
    assert_matrix(f->store, f->model, ROWS({paths[MANY - 1], MANY - 1}));
}

/* --- the index lock ----------------------------------------------------------------------- */

/* A process that was forked must not use, nor open, what its parent has open in SQLite. So other
 * processes are either this program started anew, or forked while nothing is open. */

/* The program started as "try-lock LOCATION HOLDER": 0 if it gets the lock, 1 if that is busy and
 * the text names the holder. */
static int try_lock(const char *location, const char *holder)
{
    struct store *store;
    struct err err;
    char part[32];
    snprintf(part, sizeof part, "process %s ", holder);
    if (store_open(&store, location, STORE_WRITE, &err) != OK)
        return 2;
    enum status status = store_index_lock(store, &err);
    store_close(store);
    if (status == OK)
        return 0;
    return status == ERR_BUSY && strstr(err.text, part) && strstr(err.text, "wait") ? 1 : 3;
}

static int try_lock_elsewhere(const char *location, long holder)
{
    char pid[24];
    snprintf(pid, sizeof pid, "%ld", holder);
    char *argv[] = {(char *)"self", (char *)"try-lock", (char *)location, pid, NULL};
    pid_t child;
    int status;
    assert_int_equal(posix_spawn(&child, "/proc/self/exe", NULL, NULL, argv, environ), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_index_lock(void **state)
{
    struct fixture *f = *state;
    struct err err;
    assert_int_equal(try_lock_elsewhere(f->location, 0), 0);
    assert_ok(store_index_lock(f->store, &err));
    assert_ok(store_index_lock(f->store, &err)); /* held already */
    assert_int_equal(try_lock_elsewhere(f->location, getpid()), 1);
    struct store *second;
    assert_ok(store_open(&second, f->location, STORE_WRITE, &err));
    assert_fails(store_index_lock(second, &err), ERR_BUSY, "wait");
    store_close(second);
    assert_int_equal(try_lock_elsewhere(f->location, getpid()), 1);
    store_index_unlock(f->store);
    store_index_unlock(f->store);
    assert_int_equal(try_lock_elsewhere(f->location, 0), 0);
}

/* Processes that take the lock at the same time: two are never inside together. Each adds one to a
 * number in a file, slowly; a lost update would show. */
static int add_under_lock(const char *location, const char *counter, int rounds)
{
    struct store *store;
    struct err err;
    if (store_open(&store, location, STORE_WRITE, &err) != OK)
        return 1;
    while (rounds > 0) {
        if (store_index_lock(store, &err) != OK) {
            usleep(100);
            continue;
        }
        int value = -1;
        FILE *file = fopen(counter, "r");
        if (!file || fscanf(file, "%d", &value) != 1)
            return 2;
        fclose(file);
        usleep(200);
        file = fopen(counter, "w");
        if (!file || fprintf(file, "%d\n", value + 1) < 0 || fclose(file) != 0)
            return 3;
        store_index_unlock(store);
        rounds--;
    }
    store_close(store);
    return 0;
}

static void test_index_lock_excludes(void **state)
{
    struct fixture *f = *state;
    enum { PROCESSES = 3, ROUNDS = 40 };
    char counter[4096];
    snprintf(counter, sizeof counter, "%s", at(f->dir, "counter"));
    write_text(counter, "0\n", 2);
    store_close(f->store);
    f->store = NULL;
    pid_t children[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        if (children[i] == 0)
            _exit(add_under_lock(f->location, counter, ROUNDS));
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    char text[16] = "";
    FILE *file = fopen(counter, "r");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof text, file));
    fclose(file);
    assert_int_equal(atoi(text), PROCESSES * ROUNDS);
}

enum { EACH = 60 };

static int write_each(const char *location, const char *folder)
{
    for (int i = 0; i < EACH; i++) {
        struct store *store;
        struct err err;
        char path[32];
        uint16_t v[DIM];
        int64_t model;
        snprintf(path, sizeof path, "/%s/%03d", folder, i);
        struct store_result r = result_of(path, i, v); /* the same contents in both */
        if (store_open(&store, location, STORE_WRITE, &err) != OK)
            return 1;
        if (store_model_use(store, folder, "f00d", DIM, &model, &err) != OK)
            return 2;
        if (store_put_results(store, model, &r, 1, &err) != OK)
            return 3;
        store_close(store);
    }
    return 0;
}

/* Two processes write at the same time, without the index lock, and open and close the library all
 * the while: nothing is lost. */
static void test_two_writers(void **state)
{
    struct fixture *f = *state;
    struct err err;
    store_close(f->store);
    f->store = NULL;
    pid_t child = fork();
    if (child == 0)
        _exit(write_each(f->location, "child"));
    assert_int_equal(write_each(f->location, "parent"), 0);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_ok(store_open(&f->store, f->location, STORE_WRITE, &err));
    assert_int_equal(summary_of(f->store).files, 2 * EACH);
    assert_int_equal(summary_of(f->store).photos, EACH);
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "try-lock") == 0)
        return try_lock(argv[2], argv[3]);
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
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
        TEST(test_paths_under),
        TEST(test_paths_are_bytes),
        TEST(test_labels),
        TEST(test_against_a_model),
        TEST(test_ten_thousand_files),
        TEST(test_index_lock),
        TEST(test_index_lock_excludes),
        TEST(test_two_writers),
    };
    int failed = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        kind = &kinds[i];
        failed += cmocka_run_group_tests_name(kind->name, tests, NULL, NULL);
    }
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
