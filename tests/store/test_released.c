/* SPDX-License-Identifier: MIT
 *
 * Upgrades: the library file of each released schema (fixtures/README.md), opened by this fovea.
 * What must be there afterwards is read from the file as it is, by SQL of its own schema.
 *
 *     test-store-released FIXTURES
 */
#include "fixture.h"

#include "base/file.h"
#include "store/store_labels.h"
#include "store/store_models.h"
#include "store/store_photos.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIXTURE_MAX = 4 << 20, PHOTOS = 11, FILES = 13, MODEL = 1, VECTOR_BYTES = 32 };

/* A released schema, and how its rows are asked for. */
static const struct released {
    int version;
    const char *labels; /* photo id, category or NULL, confidence, margin, uncertain */
    enum file_state photo_state;
} released[] = {
    {1,
     "SELECT l.photo_id, c.name, l.confidence, l.margin, l.uncertain FROM labels l LEFT JOIN "
     "categories c ON c.model_id = l.model_id AND c.position = l.position ORDER BY 1",
     FILE_NEEDS_META},
    {2,
     "SELECT l.photo_id, c.name, l.confidence, l.margin, l.uncertain FROM labels l LEFT JOIN "
     "categories c ON c.set_id = l.set_id AND c.position = l.position ORDER BY 1",
     FILE_UNCHANGED},
};
enum { RELEASED = sizeof released / sizeof released[0] };

static const char *fixtures;
static char *dir;

static int setup(void **state)
{
    (void)state;
    dir = scratch_make();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    scratch_remove(dir);
    return 0;
}

static struct file_bytes read_fixture(int version)
{
    struct err err;
    struct file_bytes bytes;
    char name[32];
    snprintf(name, sizeof name, "schema-%d.db", version);
    assert_ok(file_read(&bytes, at(fixtures, name), FIXTURE_MAX, &err));
    return bytes;
}

/* The fixture as the library `name` in the scratch folder; its path, to be freed. */
static char *lay_out(int version, const char *name)
{
    struct file_bytes bytes = read_fixture(version);
    char *path = strdup(at(dir, name));
    write_text(path, bytes.data, bytes.size);
    file_bytes_free(&bytes);
    return path;
}

static sqlite3_stmt *ask(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    return stmt;
}

static int version_of(const char *path)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    sqlite3_stmt *stmt = ask(db, "PRAGMA user_version");
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int version = sqlite3_column_int(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return version;
}

static size_t row_of(const struct store_matrix *m, int64_t photo_id)
{
    size_t row = 0;
    while (row < m->count && m->photo_ids[row] != photo_id)
        row++;
    assert_true(row < m->count);
    return row;
}

static void check_vectors(sqlite3 *old, const struct store_matrix *m)
{
    sqlite3_stmt *stmt = ask(old, "SELECT e.photo_id, e.vector, min(f.path) FROM embeddings e JOIN "
                                  "files f ON f.photo_id = e.photo_id GROUP BY 1 ORDER BY 1");
    size_t rows = 0;
    for (; sqlite3_step(stmt) == SQLITE_ROW; rows++) {
        size_t row = row_of(m, sqlite3_column_int64(stmt, 0));
        assert_int_equal(sqlite3_column_bytes(stmt, 1), VECTOR_BYTES);
        assert_memory_equal(m->vectors + row * (size_t)m->dim, sqlite3_column_blob(stmt, 1),
                            VECTOR_BYTES);
        assert_memory_equal(m->paths[row], sqlite3_column_blob(stmt, 2),
                            (size_t)sqlite3_column_bytes(stmt, 2));
    }
    sqlite3_finalize(stmt);
    assert_int_equal(rows, PHOTOS);
    assert_int_equal(m->count, PHOTOS);
    assert_int_equal(m->copy_count, 1);
}

static void check_labels(sqlite3 *old, const struct released *r, struct store *store,
                         const struct store_matrix *m)
{
    struct err err;
    struct store_labels labels;
    assert_ok(store_labels_load(store, MODEL, NULL, m, &labels, &err));
    sqlite3_stmt *stmt = ask(old, r->labels);
    size_t rows = 0;
    for (; sqlite3_step(stmt) == SQLITE_ROW; rows++) {
        size_t row = row_of(m, sqlite3_column_int64(stmt, 0));
        const char *name = (const char *)sqlite3_column_text(stmt, 1);
        assert_true((name == NULL) == (labels.categories[row] == NULL));
        if (name)
            assert_string_equal(labels.categories[row], name);
        assert_true(labels.confidences[row] == sqlite3_column_double(stmt, 2));
        assert_true(labels.margins[row] == sqlite3_column_double(stmt, 3));
        assert_int_equal(labels.uncertain[row], sqlite3_column_int(stmt, 4));
    }
    sqlite3_finalize(stmt);
    assert_int_equal(rows, PHOTOS);
    store_labels_free(&labels);
}

/* Every file is known as it was: nothing will be embedded again. */
static void check_files(sqlite3 *old, const struct released *r, struct store *store)
{
    struct err err;
    sqlite3_stmt *stmt = ask(old, "SELECT path, size_bytes, mtime_ns, photo_id IS NULL FROM files");
    int rows = 0;
    for (; sqlite3_step(stmt) == SQLITE_ROW; rows++) {
        char path[512];
        snprintf(path, sizeof path, "%.*s", sqlite3_column_bytes(stmt, 0),
                 (const char *)sqlite3_column_blob(stmt, 0));
        const struct store_file file = {path, sqlite3_column_int64(stmt, 1),
                                        sqlite3_column_int64(stmt, 2), -1, 0};
        enum file_state file_state;
        assert_ok(store_file_state(store, MODEL, &file, &file_state, &err));
        assert_int_equal(file_state,
                         sqlite3_column_int(stmt, 3) ? FILE_FAILED_BEFORE : r->photo_state);
    }
    sqlite3_finalize(stmt);
    assert_int_equal(rows, FILES);
}

static void check_contents(const struct released *r, struct store *store, const char *old_path)
{
    struct err err;
    sqlite3 *old;
    struct store_matrix m;
    assert_int_equal(sqlite3_open_v2(old_path, &old, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_ok(store_matrix_load(store, MODEL, &m, &err));
    check_vectors(old, &m);
    check_labels(old, r, store, &m);
    check_files(old, r, store);
    store_matrix_free(&m);
    sqlite3_close(old);
}

static void test_upgrade(void **state)
{
    (void)state;
    struct err err;
    for (size_t i = 0; i < RELEASED; i++) {
        const struct released *r = &released[i];
        bool newest = i + 1 == RELEASED;
        char name[32];
        snprintf(name, sizeof name, "library-%d.db", r->version);
        char *path = lay_out(r->version, name), *old = lay_out(r->version, "as-it-was.db");
        struct store *store = NULL;
        if (!newest)
            assert_fails(store_open(&store, path, STORE_READ, &err), ERR_UNSUPPORTED,
                         "run \"fovea index\" once");
        assert_int_equal(version_of(path), r->version); /* reading changes nothing */
        assert_ok(store_open(&store, path, STORE_WRITE, &err));
        const char *kept = store_kept_copy(store);
        assert_true((kept == NULL) == newest);
        check_contents(r, store, old);
        if (kept) { /* the copy is the library as it was */
            assert_int_equal(version_of(kept), r->version);
            char *copy = strdup(kept);
            struct store *again = NULL;
            assert_ok(store_open(&again, copy, STORE_WRITE, &err));
            check_contents(r, again, old);
            store_close(again);
            free(copy);
        }
        store_close(store);
        assert_ok(store_open(&store, path, STORE_READ, &err)); /* from now on */
        check_contents(r, store, old);
        store_close(store);
        unlink(old);
        free(old);
        free(path);
    }
}

/* A library that a newer fovea wrote: refused in one line that says what to do, to readers and
 * writers, and left as it is. */
static void test_downgrade(void **state)
{
    (void)state;
    struct err err;
    sqlite3 *db;
    struct store *store;
    char *path = lay_out(released[RELEASED - 1].version, "newer.db");
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA journal_mode = DELETE; PRAGMA user_version = 1000",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    struct file_bytes before, after;
    assert_ok(file_read(&before, path, FIXTURE_MAX, &err));
    for (int mode = STORE_READ; mode <= STORE_WRITE; mode++)
        assert_fails(store_open(&store, path, (enum store_mode)mode, &err), ERR_UNSUPPORTED,
                     "made by a newer fovea");
    assert_non_null(strstr(err.text, "install the newer fovea"));
    assert_null(strchr(err.text, '\n'));
    assert_ok(file_read(&after, path, FIXTURE_MAX, &err));
    assert_int_equal(before.size, after.size);
    assert_memory_equal(before.data, after.data, before.size);
    assert_int_equal(count_entries(dir), 1); /* nothing was laid beside it */
    file_bytes_free(&before);
    file_bytes_free(&after);
    free(path);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    fixtures = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_upgrade, setup, teardown),
        cmocka_unit_test_setup_teardown(test_downgrade, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
