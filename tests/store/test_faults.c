/* SPDX-License-Identifier: MIT
 *
 * I/O errors and full disks at every operation in turn: the n-th write, sync, truncation, deletion
 * or opening of a file fails, once or from then on, for n = 1, 2, 3… until a whole session passes
 * without reaching the fault. A session opens a library, takes some steps, and closes it. After it:
 *
 *   - a failed step says why, in one line, and never that the library is damaged
 *   - the library is sound: integrity_check, foreign_key_check
 *   - the steps that were acknowledged are there, the one that failed wholly or not at all (its
 *     commit may have happened before the fault), and nothing of those that were not taken
 *   - with the disk in order again, the next session finishes the job
 *
 * With FOVEA_TEST_LONG=1 it is every operation, else some (in random steps, from a printed seed).
 */
#include "faulty_vfs.h"
#include "fixture.h"
#include "plain_sqlite.h"

#include "store/migrations.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BATCH = 4, PHOTOS = 12, ARTIFACT = 100000 };

struct scenario {
    const char *name;
    int steps;
    void (*make)(const char *library); /* NULL: there is no library yet */
    enum status (*step)(struct store *, int i, struct err *err);
    /* How many of the steps are in the library; it fails the test if one is there in part. */
    int (*found)(struct store *);
};

static char *dir;
static char library[4096], backup[4096], original[4096];

/* --- libraries to begin with -------------------------------------------------------------- */

static void put_photos(struct store *store)
{
    struct err err;
    uint16_t v[DIM];
    int64_t model;
    assert_ok(store_model_use(store, "ViT-T/test", "f00d", DIM, &model, &err));
    assert_int_equal(model, 1);
    for (int i = 0; i < PHOTOS; i++) {
        char path[32];
        snprintf(path, sizeof path, "/p/%03d", i);
        put(store, model, result_of(path, i, v));
    }
}

static void make_photos(const char *path)
{
    struct err err;
    struct store *store;
    assert_ok(store_open(&store, path, STORE_WRITE, &err));
    put_photos(store);
    store_close(store);
}

static void execute(sqlite3 *db, const char *sql)
{
    char *text = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &text) != SQLITE_OK)
        fail_msg("%s: %s", sql, text);
}

static void make_version_1(const char *path)
{
    struct err err;
    sqlite3 *db;
    const struct migrations one = {library_migrations.sql, 1};
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_ok(migrations_apply(db, path, &one, &err));
    execute(db, "INSERT INTO models VALUES (1, 'f00d', 'ViT-T/test', 24, 1);"
                "INSERT INTO photos VALUES (7, randomblob(16), 20, 10, 'jpeg');"
                "INSERT INTO files VALUES (CAST('/p/a' AS BLOB), 100, 200, 7, NULL);"
                "INSERT INTO embeddings VALUES (1, 7, zeroblob(48));"
                "INSERT INTO classifications VALUES (1, '{}', 1234);"
                "INSERT INTO categories VALUES (1, 0, 'x');"
                "INSERT INTO labels VALUES (1, 7, 0, 0.75, 0.5, 1, zeroblob(4));");
    sqlite3_close(db);
}

/* --- the steps ---------------------------------------------------------------------------- */

static enum status step_index(struct store *store, int i, struct err *err)
{
    static uint16_t v[BATCH][DIM];
    char paths[BATCH][32];
    struct store_result results[BATCH];
    struct photo_meta said;
    photo_meta_clear(&said);
    said.rating = 3;
    const struct store_sidecar sidecar = {"/p/x.xmp", 10, 20, &said};
    int64_t model;
    enum status status = store_model_use(store, "ViT-T/test", "f00d", DIM, &model, err);
    if (status != OK)
        return status;
    for (int j = 0; j < BATCH; j++) {
        snprintf(paths[j], sizeof paths[j], "/p/%03d", i * BATCH + j);
        results[j] = result_of(paths[j], i * BATCH + j, v[j]);
        if (j % 2)
            results[j].sidecar = &sidecar;
    }
    return store_put_results(store, model, results, BATCH, err);
}

static int found_index(struct store *store)
{
    struct err err;
    struct store_summary summary;
    struct store_matrix m;
    struct store_facts facts;
    assert_ok(store_summarize(store, &summary, &err));
    if (summary.photos == 0)
        return 0;
    assert_ok(store_matrix_load(store, 1, &m, &err));
    assert_ok(store_facts_load(store, &m, &facts, &err));
    assert_int_equal(m.count % BATCH, 0);
    assert_int_equal(summary.photos, m.count);
    for (size_t i = 0; i < m.count; i++) {
        uint16_t expected[DIM];
        content_vector((int)i, DIM, expected);
        assert_memory_equal(m.vectors + i * DIM, expected, sizeof expected);
        assert_true(facts.rows[i].has_phash);
        if (i % 2)
            assert_int_equal(facts.rows[i].rating, 3);
    }
    int found = (int)(m.count / BATCH);
    store_facts_free(&facts);
    store_matrix_free(&m);
    return found;
}

static enum status step_forget(struct store *store, int i, struct err *err)
{
    char path[32];
    char *one = path;
    snprintf(path, sizeof path, "/p/%03d", i);
    enum status status = store_forget_paths(store, &one, 1, err);
    return status == OK ? store_sweep(store, err) : status;
}

static int found_forget(struct store *store)
{
    struct err err;
    char **paths, first[32];
    size_t count;
    assert_ok(store_paths_under(store, "/p", &paths, &count, &err));
    int gone = PHOTOS - (int)count;
    snprintf(first, sizeof first, "/p/%03d", gone);
    assert_string_equal(paths[0], first);
    free(paths);
    return gone;
}

static enum status step_labels(struct store *store, int i, struct err *err)
{
    struct store_matrix m;
    char name[16];
    const char *names[] = {name, "other"};
    const float probabilities[] = {0.5f, 0.5f};
    struct store_label labels[PHOTOS];
    snprintf(name, sizeof name, "v%d", i);
    enum status status = store_matrix_load(store, 1, &m, err);
    if (status != OK)
        return status;
    for (size_t j = 0; j < m.count; j++)
        labels[j] =
            (struct store_label){m.photo_ids[j], names[j % 2], 1, 1, false, probabilities, NULL, 0};
    const struct store_set set = {"set", "{}", names, 2, 0};
    status = store_labels_replace(store, 1, &set, labels, m.count, err);
    store_matrix_free(&m);
    return status;
}

static int found_labels(struct store *store)
{
    struct err err;
    struct store_matrix m;
    struct store_labels labels;
    int found = 0;
    assert_ok(store_matrix_load(store, 1, &m, &err));
    assert_ok(store_labels_load(store, 1, NULL, &m, &labels, &err));
    if (labels.name_count > 0) {
        found = atoi(labels.names[0] + 1) + 1;
        for (size_t i = 0; i < m.count; i++)
            assert_int_equal(labels.positions[i], i % 2);
    }
    store_labels_free(&labels);
    store_matrix_free(&m);
    return found;
}

static enum status step_decision(struct store *store, int i, struct err *err)
{
    struct photo_hash a = content_hash(i), b = content_hash(i + 1);
    return store_decision_put(store, &a, &b, DECISION_NOT_DUPLICATE, err);
}

static int found_decisions(struct store *store)
{
    struct err err;
    struct store_decision *decisions;
    size_t count;
    assert_ok(store_decisions(store, &decisions, &count, &err));
    free(decisions);
    return (int)count;
}

static enum status step_artifact(struct store *store, int i, struct err *err)
{
    static char bytes[ARTIFACT];
    memset(bytes, 'a' + i, sizeof bytes);
    return store_artifact_put(store, 1, "map", bytes, sizeof bytes, err);
}

static int found_artifact(struct store *store)
{
    struct err err;
    void *bytes;
    size_t size;
    enum status status = store_artifact_get(store, 1, "map", &bytes, &size, &err);
    if (status == ERR_NOT_FOUND)
        return 0;
    assert_int_equal(status, OK);
    assert_int_equal(size, ARTIFACT);
    const char *text = bytes;
    for (size_t i = 1; i < size; i++)
        assert_int_equal(text[i], text[0]);
    int found = text[0] - 'a' + 1;
    free(bytes);
    return found;
}

/* Every second one is removed again: what is found are the models' numbers. */
static enum status step_model(struct store *store, int i, struct err *err)
{
    char fingerprint[16];
    int64_t id;
    snprintf(fingerprint, sizeof fingerprint, "m%d", i);
    enum status status = store_model_use(store, "m", fingerprint, DIM, &id, err);
    return status == OK ? store_model_set_active(store, id, err) : status;
}

static int found_models(struct store *store)
{
    struct err err;
    int64_t id;
    assert_ok(store_model_active(store, &id, &err));
    return (int)id;
}

/* The backups' number is not in the library; the file is looked at instead. */
static enum status step_backup(struct store *store, int i, struct err *err)
{
    return store_backup(store, backup, err);
}

static int found_backup(struct store *store)
{
    struct stat st;
    if (stat(backup, &st) != 0)
        return 0;
    struct err err;
    struct store *copy;
    struct store_matrix m;
    assert_ok(store_open(&copy, backup, STORE_READ, &err));
    assert_ok(store_matrix_load(copy, 1, &m, &err));
    assert_int_equal(m.count, PHOTOS);
    store_matrix_free(&m);
    store_close(copy);
    return 1;
}

static int found_migrated(struct store *store)
{
    struct err err;
    struct store_matrix m;
    struct store_labels labels;
    assert_ok(store_matrix_load(store, 1, &m, &err));
    assert_ok(store_labels_load(store, 1, STORE_SET_DEFAULT, &m, &labels, &err));
    assert_int_equal(m.count, 1);
    assert_string_equal(labels.categories[0], "x");
    store_labels_free(&labels);
    store_matrix_free(&m);
    return 0;
}

static const struct scenario scenarios[] = {
    {"index", 3, NULL, step_index, found_index},
    {"forget", 3, make_photos, step_forget, found_forget},
    {"labels", 3, make_photos, step_labels, found_labels},
    {"decisions", 3, make_photos, step_decision, found_decisions},
    {"artifacts", 3, make_photos, step_artifact, found_artifact},
    {"models", 3, NULL, step_model, found_models},
    {"backup", 1, make_photos, step_backup, found_backup},
    {"migration", 0, make_version_1, NULL, found_migrated},
};

/* --- sessions ----------------------------------------------------------------------------- */

static void copy_file(const char *from, const char *to)
{
    static char bytes[4 << 20];
    FILE *file = fopen(from, "rb");
    assert_non_null(file);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    assert_true(size > 0 && size < sizeof bytes);
    fclose(file);
    write_text(to, bytes, size);
}

static void begin_anew(const struct scenario *s)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal", ".lock", ".v1-backup"};
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        char path[4200];
        snprintf(path, sizeof path, "%s%s", library, suffixes[i]);
        unlink(path);
    }
    unlink(backup);
    if (s->make)
        copy_file(original, library);
}

/* Takes the steps from `next` on; gives how many are acknowledged then. */
static int session(const struct scenario *s, int next, enum status *status, struct err *err)
{
    struct store *store = NULL;
    *status = store_open(&store, library, STORE_WRITE, err);
    while (*status == OK && next < s->steps) {
        *status = s->step(store, next, err);
        next += *status == OK;
    }
    store_close(store);
    return next;
}

static int check_library(const struct scenario *s)
{
    struct err err;
    struct store *store;
    assert_answers(library, "PRAGMA integrity_check", "ok");
    assert_answers(library, "PRAGMA foreign_key_check", NULL);
    assert_ok(store_open(&store, library, STORE_WRITE, &err));
    int found = s->found(store);
    store_close(store);
    return found;
}

/* Whether the fault was reached. */
static bool try_fault(const struct scenario *s, enum fault fault, bool for_good, int n)
{
    struct err err = {.text = ""};
    enum status status;
    begin_anew(s);
    faulty_plan(fault, n, for_good);
    int done = session(s, 0, &status, &err);
    bool reached = faulty_end();
    if (status != OK && (!reached || !*err.text || strchr(err.text, '\n') ||
                         (status != ERR_IO && status != ERR_BUSY && status != ERR_NOT_FOUND)))
        fail_msg("%s, fault %d at %d: status %d, %s", s->name, (int)fault, n, (int)status,
                 err.text);
    int found = check_library(s);
    if (found != done && found != done + 1)
        fail_msg("%s, fault %d at %d: %d steps acknowledged, %d found (%s)", s->name, (int)fault, n,
                 done, found, err.text);
    done = session(s, found, &status, &err);
    if (status != OK)
        fail_msg("%s, after fault %d at %d: %s", s->name, (int)fault, n, err.text);
    assert_int_equal(done, s->steps);
    assert_int_equal(check_library(s), s->steps);
    return reached;
}

static void test_faults(void **state)
{
    bool every_one = getenv("FOVEA_TEST_LONG") != NULL;
    random_start();
    for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
        int most = 0, sessions = 0;
        unlink(original);
        if (scenarios[i].make)
            scenarios[i].make(original);
        for (int fault = 0; fault < FAULT_KINDS; fault++)
            for (int for_good = 0; for_good < 2; for_good++) {
                int n = 1;
                for (; try_fault(&scenarios[i], (enum fault)fault, for_good, n); sessions++)
                    n += every_one ? 1 : 1 + (int)random_below(29);
                most = n > most ? n : most;
            }
        print_message("%-10s %4d sessions, faults at up to %d operations\n", scenarios[i].name,
                      sessions, most - 1);
        assert_true(most > 20);
    }
}

int main(void)
{
    faulty_register();
    dir = scratch_make();
    snprintf(library, sizeof library, "%s", at(dir, "library.fovea"));
    snprintf(original, sizeof original, "%s", at(dir, "original.fovea"));
    snprintf(backup, sizeof backup, "%s", at(dir, "backup.fovea"));
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_faults)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    scratch_remove(dir);
    return failed;
}
