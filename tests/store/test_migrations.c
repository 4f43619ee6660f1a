/* SPDX-License-Identifier: MIT
 *
 * The machinery of migrations, on lists of the test's own; and fovea's own, from a library of each
 * earlier version.
 */
#include "fixture.h"

#include "store/migrations.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

static char *dir;

static int setup(void **state)
{
    dir = scratch_make();
    *state = strdup(at(dir, "library.fovea"));
    return *state == NULL;
}

static int teardown(void **state)
{
    free(*state);
    scratch_remove(dir);
    return 0;
}

static const char *const good_steps[] = {
    "CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (1)",
    "ALTER TABLE a ADD COLUMN y INTEGER; UPDATE a SET y = x + 1",
    "CREATE TABLE b AS SELECT x + y AS z FROM a; DROP TABLE a",
};
static const char *const bad_steps[] = {
    "CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (1)",
    "UPDATE a SET x = 2; INSERT INTO nowhere VALUES (1)",
};

static int number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int value = sqlite3_column_int(stmt, 0);
    sqlite3_finalize(stmt);
    return value;
}

static void test_migrations(void **state)
{
    const char *library = *state;
    struct err err;
    sqlite3 *db;
    assert_int_equal(sqlite3_open(library, &db), SQLITE_OK);
    for (int version = 1; version <= 3; version++) { /* as released one after the other */
        struct migrations list = {good_steps, version};
        if (version > 1)
            assert_fails(migrations_check(db, library, &list, &err), ERR_UNSUPPORTED, "older");
        assert_ok(migrations_apply(db, library, &list, &err));
        assert_ok(migrations_apply(db, library, &list, &err)); /* nothing left to do */
        assert_ok(migrations_check(db, library, &list, &err));
        assert_int_equal(number(db, "PRAGMA user_version"), version);
        assert_int_equal(number(db, "PRAGMA application_id"), LIBRARY_APPLICATION_ID);
    }
    assert_int_equal(number(db, "SELECT z FROM b"), 3);
    struct migrations old = {good_steps, 2};
    assert_fails(migrations_apply(db, library, &old, &err), ERR_UNSUPPORTED, "up to 2");
    assert_fails(migrations_check(db, library, &old, &err), ERR_UNSUPPORTED, "version 3");
    sqlite3_close(db);
}

static void test_failed_migration_is_undone(void **state)
{
    const char *library = *state;
    struct err err;
    sqlite3 *db;
    struct migrations list = {bad_steps, 2};
    assert_int_equal(sqlite3_open(library, &db), SQLITE_OK);
    assert_fails(migrations_apply(db, library, &list, &err), ERR_INTERNAL, "nowhere");
    assert_true(sqlite3_get_autocommit(db));
    assert_int_equal(number(db, "PRAGMA user_version"), 1);
    assert_int_equal(number(db, "SELECT x FROM a"), 1);
    sqlite3_close(db);
}

/* --- fovea's own -------------------------------------------------------------------------- */

static void execute(sqlite3 *db, const char *sql)
{
    char *text = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &text) != SQLITE_OK)
        fail_msg("%s: %s", sql, text);
}

/* As fovea with schema 1 left it: two photos, three paths, a failure, two models, one of them
 * classified. */
static void make_version_1(const char *library)
{
    struct err err;
    sqlite3 *db;
    const struct migrations one = {library_migrations.sql, 1};
    assert_int_equal(sqlite3_open(library, &db), SQLITE_OK);
    assert_ok(migrations_apply(db, library, &one, &err));
    execute(db,
            "PRAGMA foreign_keys = ON;"
            "INSERT INTO models VALUES (3, 'f00d', 'ViT-T/test', 24, 1), (5, 'beef', 'b', 4, 2);"
            "INSERT INTO photos VALUES (7, randomblob(16), 20, 10, 'jpeg'),"
            "  (9, randomblob(16), 5, 6, 'png');"
            "INSERT INTO files VALUES (CAST('/p/a' AS BLOB), 100, 200, 7, NULL),"
            "  (CAST('/p/b' AS BLOB), 101, 201, 9, NULL),"
            "  (CAST('/p/c' AS BLOB), 102, 202, 7, NULL),"
            "  (CAST('/p/d' AS BLOB), 103, 203, NULL, 'why');"
            "INSERT INTO embeddings SELECT 3, id, zeroblob(48) FROM photos;"
            "INSERT INTO embeddings VALUES (5, 9, zeroblob(8));"
            "INSERT INTO classifications VALUES (3, '{\"x\": []}', 1234);"
            "INSERT INTO categories VALUES (3, 0, 'x'), (3, 1, 'y');"
            "INSERT INTO labels VALUES (3, 7, 1, 0.75, 0.5, 1, zeroblob(8)),"
            "  (3, 9, NULL, 0.5, 0.25, 0, zeroblob(8));");
    sqlite3_close(db);
}

static void check_labels(struct store *store)
{
    struct err err;
    struct store_matrix m;
    struct store_labels labels;
    struct store_label_set *sets;
    size_t count;
    assert_ok(store_matrix_load(store, 3, &m, &err));
    assert_int_equal(m.count, 2);
    assert_string_equal(m.paths[0], "/p/a");
    assert_ok(store_labels_load(store, 3, NULL, &m, &labels, &err));
    assert_string_equal(labels.set, STORE_SET_DEFAULT);
    assert_string_equal(labels.categories[0], "y");
    assert_true(labels.confidences[0] == 0.75 && labels.margins[0] == 0.5 && labels.uncertain[0]);
    assert_int_equal(labels.positions[1], -1);
    store_labels_free(&labels);
    store_matrix_free(&m);
    assert_ok(store_label_sets(store, 3, &sets, &count, &err));
    assert_int_equal(count, 1);
    assert_string_equal(sets[0].json, "{\"x\": []}");
    assert_true(sets[0].made_at == 1234 && sets[0].labels == 2);
    store_label_sets_free(sets, count);
}

static void test_from_version_1(void **state)
{
    const char *library = *state;
    struct err err;
    struct store *store;
    make_version_1(library);
    assert_fails(store_open(&store, library, STORE_READ, &err), ERR_UNSUPPORTED, "fovea index");
    assert_ok(store_open(&store, library, STORE_WRITE, &err));
    assert_non_null(strstr(store_kept_copy(store), ".v1-backup"));
    int64_t active;
    assert_ok(store_model_active(store, &active, &err));
    assert_true(active == 5); /* the one used last answered before, too */
    check_labels(store);
    const struct store_file file = {"/p/a", 100, 200, -1, 0}, failed = {"/p/d", 103, 203, -1, 0};
    enum file_state file_state;
    assert_ok(store_file_state(store, 3, &file, &file_state, &err));
    assert_int_equal(file_state, FILE_NEEDS_META); /* version 1 had none */
    assert_ok(store_file_state(store, 5, &file, &file_state, &err));
    assert_int_equal(file_state, FILE_NEEDS_EMBEDDING);
    assert_ok(store_file_state(store, 3, &failed, &file_state, &err));
    assert_int_equal(file_state, FILE_FAILED_BEFORE);
    int64_t id;
    assert_ok(store_model_use(store, "new", "new", 4, &id, &err));
    assert_true(id == 6);
    store_close(store);

    assert_ok(store_open(&store, library, STORE_WRITE, &err)); /* there is nothing to do now */
    assert_null(store_kept_copy(store));
    store_close(store);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(at(dir, "library.fovea.v1-backup"), &db), SQLITE_OK);
    assert_int_equal(number(db, "PRAGMA user_version"), 1);
    assert_int_equal(number(db, "SELECT count(*) FROM labels"), 2);
    sqlite3_close(db);
    assert_ok(store_open(&store, at(dir, "library.fovea.v1-backup"), STORE_WRITE, &err));
    check_labels(store);
    store_close(store);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_migrations),
        TEST(test_failed_migration_is_undone),
        TEST(test_from_version_1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
