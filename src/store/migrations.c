/* SPDX-License-Identifier: MIT
 *
 * Each migration, its version number and the application id are one transaction, so a process that
 * is killed leaves the version before or the version after. The version is read again inside the
 * transaction: another process may have been faster.
 */
#include "store/migrations.h"
#include "store/sqlite.h"

#include <stdio.h>

static enum status read_version(sqlite3 *db, const char *library, int *version, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    enum status status = OK;
    if (rc == SQLITE_ROW)
        *version = sqlite3_column_int(stmt, 0);
    else
        status = sql_fail(db, library, rc, err);
    sqlite3_finalize(stmt);
    return status;
}

static enum status refuse_newer(const char *library, int version, const struct migrations *list,
                                struct err *err)
{
    return err_set(err, ERR_UNSUPPORTED,
                   "the library %s has schema version %d, made by a newer fovea; fovea %s knows "
                   "versions up to %d: install the newer fovea, or choose another library",
                   library, version, FOVEA_VERSION, list->count);
}

enum status migrations_check(sqlite3 *db, const char *library, const struct migrations *list,
                             struct err *err)
{
    int version = 0;
    enum status status = read_version(db, library, &version, err);
    if (status != OK)
        return status;
    if (version > list->count || version < 0)
        return refuse_newer(library, version, list, err);
    if (version < list->count)
        return err_set(err, ERR_UNSUPPORTED,
                       "the library %s has schema version %d, made by an older fovea; fovea %s "
                       "reads version %d: run \"fovea index\" once to bring it up to date",
                       library, version, FOVEA_VERSION, list->count);
    return OK;
}

static int apply_next(sqlite3 *db, int version, const struct migrations *list)
{
    char mark[128];
    snprintf(mark, sizeof mark, "PRAGMA application_id = %d; PRAGMA user_version = %d",
             LIBRARY_APPLICATION_ID, version + 1);
    int rc = sqlite3_exec(db, list->sql[version], NULL, NULL, NULL);
    return rc == SQLITE_OK ? sqlite3_exec(db, mark, NULL, NULL, NULL) : rc;
}

/* One step in one transaction; *version is where the library is afterwards. */
static enum status step(sqlite3 *db, const char *library, const struct migrations *list,
                        int *version, struct err *err)
{
    int rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        return sql_fail(db, library, rc, err);
    enum status status = read_version(db, library, version, err);
    if (status == OK && *version < list->count) {
        rc = apply_next(db, *version, list);
        if (rc == SQLITE_OK)
            rc = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
        if (rc != SQLITE_OK)
            status = sql_fail(db, library, rc, err);
        else
            ++*version;
    }
    if (!sqlite3_get_autocommit(db))
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

enum status migrations_apply(sqlite3 *db, const char *library, const struct migrations *list,
                             struct err *err)
{
    int version = 0;
    enum status status = read_version(db, library, &version, err);
    while (status == OK && version >= 0 && version < list->count)
        status = step(db, library, list, &version, err);
    if (status == OK && version != list->count)
        status = refuse_newer(library, version, list, err);
    return status;
}
