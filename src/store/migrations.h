/* SPDX-License-Identifier: MIT
 *
 * Private to store/: bringing a library's schema up to date. A schema version is the number of
 * migrations that were applied (PRAGMA user_version); a migration, once released, never changes.
 * The list is an argument, so that tests can run lists of their own.
 */
#ifndef FOVEA_STORE_MIGRATIONS_H
#define FOVEA_STORE_MIGRATIONS_H

#include "base/status.h"

#include <sqlite3.h>
#include <stddef.h>

/* Marks a file as a library, in SQLite's header: "fvea". */
#define LIBRARY_APPLICATION_ID 0x66766561

struct migrations {
    const char *const *sql; /* [count]: sql[i] leads from version i to i + 1 */
    int count;
};

/* fovea's own. */
extern const struct migrations library_migrations;

/* For readers: ERR_UNSUPPORTED if the library is newer than the list, or older (only a writer
 * migrates). `library` is for the messages. */
MUST_USE enum status migrations_check(sqlite3 *, const char *library, const struct migrations *,
                                      struct err *err);
/* For writers: ERR_UNSUPPORTED if the library is newer; else applies what is missing, each in a
 * transaction of its own. Several processes may do it at once. */
MUST_USE enum status migrations_apply(sqlite3 *, const char *library, const struct migrations *,
                                      struct err *err);

#endif
