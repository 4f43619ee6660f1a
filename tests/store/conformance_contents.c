/* SPDX-License-Identifier: MIT
 *
 * Conformance: paths of any bytes, labels, random steps against a plain model, many files.
 */
#include "conformance.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    return (struct store_label){.photo_id = photo_id,
                                .category = category,
                                .confidence = confidence,
                                .margin = 0.04,
                                .uncertain = true,
                                .probabilities = probabilities};
}

static const struct store_set three = {STORE_SET_DEFAULT, "{}", names, 3, 0};

static void assert_labels(struct store *store, int64_t model, const char *const *categories,
                          const double *confidences, size_t count)
{
    struct err err;
    struct store_matrix m;
    struct store_labels labels;
    assert_ok(store_matrix_load(store, model, &m, &err));
    assert_int_equal(m.count, count);
    assert_ok(store_labels_load(store, model, NULL, &m, &labels, &err));
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
    assert_ok(store_labels_replace(f->store, f->model, &three, labels, 4, &err));
    const char *expected[] = {"Urban Glow", NULL, NULL, names[2]};
    assert_labels(f->store, f->model, expected, (double[]){0.5, 0.125, 0, 0.75}, 4);
    assert_int_equal(summary_of(f->store).labelled, 3);

    /* Refused as a whole: the old ones stay. */
    labels[3] = label_of(m.photo_ids[2], "unheard of", 1);
    assert_fails(store_labels_replace(f->store, f->model, &three, labels, 4, &err), ERR_ARGUMENT,
                 "unheard of");
    labels[3] = labels[0]; /* twice the same photo */
    assert_int_equal(store_labels_replace(f->store, f->model, &three, labels, 4, &err),
                     ERR_ARGUMENT);
    labels[3] = label_of(m.photo_ids[2], names[0], (double)NAN);
    assert_fails(store_labels_replace(f->store, f->model, &three, labels, 4, &err), ERR_ARGUMENT,
                 "not a number");
    const struct store_set empty = {STORE_SET_DEFAULT, "{}", names, 0, 0};
    assert_fails(store_labels_replace(f->store, f->model, &empty, NULL, 0, &err), ERR_ARGUMENT,
                 "categories");
    assert_int_equal(store_labels_replace(f->store, 99, &three, labels, 1, &err), ERR_NOT_FOUND);
    assert_labels(f->store, f->model, expected, (double[]){0.5, 0.125, 0, 0.75}, 4);

    /* A new classification leaves nothing of the old one. */
    const char *only = "Only";
    const struct store_set one = {STORE_SET_DEFAULT, "[]", &only, 1, 0};
    labels[0] = label_of(m.photo_ids[1], "Only", 1);
    assert_ok(store_labels_replace(f->store, f->model, &one, labels, 1, &err));
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
        assert_ok(store_sweep(f->store, &err));
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

int conformance_contents(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_paths_under),     TEST(test_paths_are_bytes),    TEST(test_labels),
        TEST(test_against_a_model), TEST(test_ten_thousand_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
