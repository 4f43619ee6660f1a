/* SPDX-License-Identifier: MIT
 *
 * What a library's file says to SQLite alone, without the store. Apart from fixture.h, which every
 * kind of store shares.
 */
#ifndef FOVEA_TESTS_STORE_PLAIN_SQLITE_H
#define FOVEA_TESTS_STORE_PLAIN_SQLITE_H

#include "fixture.h" /* cmocka.h, with what it needs */

#include <sqlite3.h>

/* The first column of the first row; expected NULL: there is no row. */
static inline void assert_answers(const char *library, const char *question, const char *expected)
{
    sqlite3 *db;
    sqlite3_stmt *stmt;
    assert_int_equal(sqlite3_open(library, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, question, -1, &stmt, NULL), SQLITE_OK);
    int rc = sqlite3_step(stmt);
    if (expected) {
        assert_int_equal(rc, SQLITE_ROW);
        assert_string_equal((const char *)sqlite3_column_text(stmt, 0), expected);
    } else {
        assert_int_equal(rc, SQLITE_DONE);
    }
    sqlite3_finalize(stmt);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

#endif
