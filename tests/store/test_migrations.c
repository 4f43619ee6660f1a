/* SPDX-License-Identifier: MIT
 *
 * The machinery of migrations, on lists of the test's own.
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

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_migrations),
        TEST(test_failed_migration_is_undone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
