/* SPDX-License-Identifier: MIT
 *
 * Allocations of the store, and of SQLite below it, fail: the n-th alone, or the n-th with all that
 * follow, for ever larger n until a whole session succeeds: in random steps from a printed seed, or
 * by one with FOVEA_TEST_LONG=1.
 * Each failure is reported as one, leaks nothing (the sanitizer watches) and leaves a library that
 * works.
 *
 * The store's own calls come here by the linker's --wrap, SQLite's by its configuration.
 */
#include "fixture.h"

#include "../failing_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static long countdown; /* allocations until the failure; 0: none is planned */
static bool forever;

bool failing_memory(void)
{
    if (countdown == 0)
        return false;
    if (countdown > 1) {
        countdown--;
        return false;
    }
    countdown = forever ? 1 : 0;
    return true;
}

static int wrap_sqlite(void **state)
{
    (void)state;
    failing_memory_wrap_sqlite();
    return 0;
}

/* --- the session -------------------------------------------------------------------------- */

static enum status write_all(struct store *store, struct err *err)
{
    static uint16_t v[3][DIM];
    struct store_result results[] = {result_of("/p/a", 1, v[0]), result_of("/p/b", 2, v[1]),
                                     failure_of("/p/c", "why"), result_of("/p/d", 4, v[2])};
    const struct store_sidecar sidecar = {"/p/b.xmp", 10, 20, content_meta(3)};
    results[1].sidecar = &sidecar;
    static const char *const names[] = {"one", "two"};
    static const float probabilities[2] = {0.5f, 0.5f};
    int64_t model;
    struct store_matrix m = {0};
    enum status status = store_index_lock(store, err);
    if (status == OK)
        status = store_model_use(store, "test", "f00d", DIM, &model, err);
    if (status == OK)
        status = store_put_results(store, model, results, 4, err);
    char *gone = (char *)"/p/d";
    if (status == OK)
        status = store_forget_paths(store, &gone, 1, err);
    if (status == OK)
        status = store_matrix_load(store, model, &m, err);
    if (status == OK) {
        static const int second = 1;
        const struct store_set set = {STORE_SET_DEFAULT, "{}", names, 2, 0};
        struct store_label labels[] = {
            {m.photo_ids[0], "one", 1, 1, false, probabilities, &second, 1},
            {m.photo_ids[1], NULL, 0, 0, true, probabilities, NULL, 0}};
        status = store_labels_replace(store, model, &set, labels, 2, err);
    }
    if (status == OK)
        status = store_decision_put(store, &results[0].hash, &results[1].hash,
                                    DECISION_NOT_DUPLICATE, err);
    if (status == OK)
        status = store_artifact_put(store, model, "map", names, sizeof names, err);
    store_matrix_free(&m);
    return status;
}

static enum status read_lists(struct store *store, struct err *err)
{
    struct store_model *models;
    struct store_failure *failures;
    char **paths;
    size_t count;
    enum status status = store_models(store, &models, &count, err);
    if (status != OK)
        return status;
    assert_int_equal(count, 1);
    assert_int_equal(models[0].embeddings, 2);
    free(models);
    status = store_failures(store, &failures, &count, err);
    if (status != OK)
        return status;
    assert_int_equal(count, 1);
    assert_string_equal(failures[0].reason, "why");
    free(failures);
    status = store_paths_under(store, "/p", &paths, &count, err);
    if (status != OK)
        return status;
    assert_int_equal(count, 3);
    free(paths);
    return OK;
}

static enum status read_photo(struct store *store, int64_t id, struct err *err)
{
    struct store_photo photo;
    enum status status = store_photo_load(store, id, &photo, err);
    if (status != OK)
        return status;
    assert_int_equal(photo.path_count, 1);
    assert_int_equal(photo.label_count, 1);
    store_photo_free(&photo);
    return OK;
}

static enum status read_sets(struct store *store, int64_t model, struct err *err)
{
    struct store_label_set *sets;
    struct store_decision *decisions;
    size_t count, size;
    void *bytes;
    enum status status = store_label_sets(store, model, &sets, &count, err);
    if (status != OK)
        return status;
    assert_int_equal(count, 1);
    assert_int_equal(sets[0].category_count, 2);
    store_label_sets_free(sets, count);
    status = store_decisions(store, &decisions, &count, err);
    if (status != OK)
        return status;
    assert_int_equal(count, 1);
    free(decisions);
    status = store_artifact_get(store, model, "map", &bytes, &size, err);
    if (status != OK)
        return status;
    assert_int_equal(size, 2 * sizeof(char *));
    free(bytes);
    return OK;
}

/* The same again, from the matrix that is there; then what lies beside the vectors. */
static enum status read_more(struct store *store, int64_t model, const struct store_matrix *m,
                             struct err *err)
{
    struct store_matrix again = {0}, half = *m;
    struct store_facts facts = {0};
    half.count = 1;
    enum status status = store_matrix_update(store, model, &half, &again, err);
    if (status == OK)
        status = store_facts_load(store, &again, &facts, err);
    if (status == OK) {
        assert_int_equal(again.count, 2);
        assert_memory_equal(again.vectors, m->vectors, sizeof(uint16_t) * 2 * DIM);
        assert_string_equal(facts.cameras.names[facts.rows[1].camera], content_meta(3)->camera);
        status = read_photo(store, again.photo_ids[1], err);
    }
    store_facts_free(&facts);
    store_matrix_free(&again);
    return status == OK ? read_sets(store, model, err) : status;
}

static enum status read_all(struct store *store, struct err *err)
{
    struct store_matrix m = {0};
    struct store_labels labels = {0};
    struct store_summary summary;
    int64_t model;
    enum status status = store_model_use(store, "test", "f00d", DIM, &model, err);
    if (status == OK)
        status = store_matrix_load(store, model, &m, err);
    if (status == OK)
        status = store_labels_load(store, model, NULL, &m, &labels, err);
    if (status == OK) {
        assert_int_equal(m.count, 2);
        assert_string_equal(m.paths[1], "/p/b");
        assert_string_equal(labels.categories[0], "one");
        assert_null(labels.categories[1]);
        assert_int_equal(labels.also_start[1], 2);
        status = read_more(store, model, &m, err);
    }
    store_labels_free(&labels);
    store_matrix_free(&m);
    if (status == OK)
        status = store_summarize(store, &summary, err);
    return status == OK ? read_lists(store, err) : status;
}

static enum status session(const char *library, struct err *err)
{
    struct store *store;
    enum status status = store_open(&store, library, STORE_WRITE, err);
    if (status == OK)
        status = write_all(store, err);
    store_close(store);
    if (status == OK)
        status = store_open(&store, library, STORE_READ, err);
    if (status == OK) {
        status = read_all(store, err);
        store_close(store);
    }
    return status;
}

/* An empty file, which becomes a library. */
static void begin_anew(const char *library)
{
    static const char *const suffixes[] = {"-wal", "-shm", "-journal", ".lock"};
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        char path[4200];
        snprintf(path, sizeof path, "%s%s", library, suffixes[i]);
        unlink(path);
    }
    write_text(library, "", 0);
}

static void run(bool all_that_follow, uint32_t stride)
{
    struct err err;
    char *dir = scratch_make();
    char library[4096];
    snprintf(library, sizeof library, "%s", at(dir, "library.fovea"));
    enum status status = ERR_MEMORY;
    long n = 0, rounds = 0;
    bool every_one = getenv("FOVEA_TEST_LONG") != NULL;
    random_start();
    /* A single failure that SQLite can do without (a cache) is none to the session: go on until the
     * countdown is not used up. */
    for (bool reached = true; reached;) {
        if (rounds++ % 2 == 0)
            begin_anew(library);
        err = (struct err){.text = ""};
        forever = all_that_follow;
        countdown = n += every_one ? 1 : 1 + random_below(stride);
        status = session(library, &err);
        reached = forever ? countdown == 1 : countdown == 0;
        countdown = 0;
        if (status != OK && (status != ERR_MEMORY || !*err.text))
            fail_msg("allocation %ld: status %d, %s", n, (int)status, err.text);
        if (rounds % 16 == 0) /* with memory it works again, on the library as it was left */
            assert_ok(session(library, &err));
    }
    assert_int_equal(status, OK);
    assert_true(rounds > 100);
    print_message("%ld of %ld allocations\n", rounds, n);
    scratch_remove(dir);
}

static void test_one_allocation_fails(void **state)
{
    run(false, 19);
}

static void test_memory_runs_out(void **state)
{
    run(true, 29);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_allocation_fails),
        cmocka_unit_test(test_memory_runs_out),
    };
    return cmocka_run_group_tests(tests, wrap_sqlite, NULL);
}
