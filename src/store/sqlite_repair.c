/* SPDX-License-Identifier: MIT
 *
 * The health of a library's file, and its repair.
 *
 * A damaged file is never written to. What can be read of it goes into a new one
 * (sqlite_salvage.c), whose indexes are made anew and whose rows point to rows that are there; the
 * new one is checked, and only then the two change places: the old file is kept beside, with its
 * log.
 *
 *     library.db          -> library.db.damaged-20260102-030405 (a second name of the same file)
 *     library.db-wal      -> library.db.damaged-20260102-030405-wal
 *     library.db.part     -> library.db
 *
 * In this order, so that a kill in between leaves the name library.db on one whole file or the
 * other, and never an old log beside a new file. Meanwhile the index lock is held, and SQLite's
 * lock for writing, so that nobody adds to the old file.
 */
#include "base/clock.h"
#include "base/file.h"
#include "store/migrations.h"
#include "store/sqlite_salvage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PROBLEMS_MAX 100 /* of integrity_check, before it gives up counting */
#define BUSY_TIMEOUT_MS 2000

/* --- opening ------------------------------------------------------------------------------ */

static enum status check_identity(const char *path, struct err *err)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return errno == ENOENT ? err_set(err, ERR_NOT_FOUND, "there is no library %s", path)
                               : err_errno(err, errno, "cannot open the library %s", path);
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_ARGUMENT, "%s is not a regular file: a library is one", path);
    return OK;
}

/* SQLite's special names (":memory:", "file:") are not reachable. */
static enum status plain(struct str *name, const char *path, const char *suffix, struct err *err)
{
    str_format(name, "%s%s%s", path[0] == '/' ? "" : "./", path, suffix);
    return str_ok(name) ? OK : err_no_memory(err, "a path", strlen(path));
}

static enum status connect(sqlite3 **db, const char *path, int flags, struct err *err)
{
    struct str name = str_new(SIZE_MAX / 4);
    enum status status = plain(&name, path, "", err);
    if (status == OK) {
        int rc = sqlite3_open_v2(str_text(&name), db,
                                 flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
        if (!*db)
            status = err_no_memory(err, "the library's connection", 0);
        else if (rc != SQLITE_OK)
            status = sql_fail(*db, path, rc, err);
    }
    str_free(&name);
    if (status != OK)
        return status;
    sqlite3_busy_timeout(*db, BUSY_TIMEOUT_MS);
    sqlite3_limit(*db, SQLITE_LIMIT_LENGTH, SALVAGE_VALUE_LIMIT);
    sqlite3_db_config(*db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(*db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(*db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_exec(*db, "PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY", NULL, NULL, NULL);
    return OK;
}

/* One number; -1 when it cannot be had. */
static int64_t ask(sqlite3 *db, const char *question)
{
    sqlite3_stmt *stmt = NULL;
    int64_t answer = -1;
    if (sqlite3_prepare_v2(db, question, -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        answer = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return answer;
}

static enum status refuse_foreign(sqlite3 *db, const char *path, struct err *err)
{
    int64_t version = ask(db, "PRAGMA user_version");
    if (ask(db, "PRAGMA application_id") != LIBRARY_APPLICATION_ID)
        return err_set(
            err, ERR_FORMAT,
            "%s is not a fovea library, or its very beginning is damaged: nothing can "
            "be read from it; put a backup in its place, or move it away and index again",
            path);
    if (version > library_migrations.count)
        return err_set(
            err, ERR_UNSUPPORTED,
            "the library %s has schema version %lld, made by a newer fovea: use that one", path,
            (long long)version);
    return OK;
}

const char *store_library_version(void)
{
    static char text[32];
    snprintf(text, sizeof text, "SQLite %s", sqlite3_libversion());
    return text;
}

/* --- the health --------------------------------------------------------------------------- */

static void note_problem(struct store_health *health, const char *text)
{
    if (health->problems++ > 0)
        return;
    snprintf(health->first, sizeof health->first, "%s", text);
    for (char *p = health->first; *p; p++)
        if ((unsigned char)*p < 0x20)
            *p = ' ';
}

/* Busy and unreadable are failures; what SQLite finds wrong is a finding. */
static enum status look_through(sqlite3 *db, const char *path, const char *pragma, const char *what,
                                struct store_health *health, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db, pragma, -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
            const char *text = (const char *)sqlite3_column_text(stmt, 0);
            char line[256];
            if (!text || strcmp(text, "ok") == 0)
                continue;
            snprintf(line, sizeof line, "%s%s", what, text);
            note_problem(health, line);
        }
    enum status status = OK;
    int kind = rc & 0xff;
    if (kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB || kind == SQLITE_ERROR)
        note_problem(health, sqlite3_errmsg(db));
    else if (kind != SQLITE_OK && kind != SQLITE_DONE)
        status = sql_fail(db, path, rc, err);
    sqlite3_finalize(stmt);
    return status;
}

static enum status examine(sqlite3 *db, const char *path, struct store_health *health,
                           struct err *err)
{
    char pragma[64];
    snprintf(pragma, sizeof pragma, "PRAGMA integrity_check(%d)", PROBLEMS_MAX);
    health->schema_version = (int)ask(db, "PRAGMA user_version");
    enum status status = look_through(db, path, pragma, "", health, err);
    if (status == OK)
        status = look_through(db, path, "PRAGMA foreign_key_check",
                              "a row points to nothing in the table ", health, err);
    return status;
}

enum status sqlite_check(const char *path, struct store_health *out, struct err *err)
{
    sqlite3 *db = NULL;
    enum status status = check_identity(path, err);
    if (status == OK)
        status = connect(
            &db, path, access(path, W_OK) == 0 ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY, err);
    if (status == OK)
        status = refuse_foreign(db, path, err);
    if (status == OK)
        status = examine(db, path, out, err);
    sqlite3_close(db);
    return status;
}

/* --- changing places ---------------------------------------------------------------------- */

static bool exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static enum status choose_name(const char *path, struct str *name, struct err *err)
{
    time_t now = (time_t)clock_unix();
    struct tm tm;
    char stamp[32] = "";
    if (gmtime_r(&now, &tm))
        strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &tm);
    for (int n = 1; n < 1000; n++) {
        str_clear(name);
        str_format(name, "%s.damaged-%s", path, stamp);
        if (n > 1)
            str_format(name, "-%d", n);
        if (!str_ok(name))
            return err_no_memory(err, "a path", strlen(path));
        if (!exists(str_text(name)))
            return OK;
    }
    return err_set(err, ERR_IO, "there are too many damaged libraries beside %s", path);
}

/* Where a file cannot have two names, there is a moment in which the library has none. */
static enum status set_aside(const char *path, const char *kept, struct err *err)
{
    if (link(path, kept) != 0 && rename(path, kept) != 0)
        return err_errno(err, errno, "cannot keep the damaged library as %s", kept);
    struct str from = str_new(SIZE_MAX / 4), to = from;
    enum status status = OK;
    str_format(&from, "%s-wal", path);
    str_format(&to, "%s-wal", kept);
    if (!str_ok(&from) || !str_ok(&to))
        status = err_no_memory(err, "a path", strlen(path));
    else if (exists(str_text(&from)) && rename(str_text(&from), str_text(&to)) != 0)
        status = err_errno(err, errno, "cannot keep the log of the damaged library as %s",
                           str_text(&to));
    str_clear(&from);
    str_format(&from, "%s-shm", path);
    if (status == OK && str_ok(&from))
        unlink(str_text(&from));
    str_free(&from);
    str_free(&to);
    return status;
}

static enum status change_places(const char *path, const char *part, struct store_repair *out,
                                 struct err *err)
{
    struct str kept = str_new(SIZE_MAX / 4);
    enum status status = choose_name(path, &kept, err);
    if (status == OK && !(out->kept = strdup(str_text(&kept))))
        status = err_no_memory(err, "a path", kept.size);
    if (status == OK)
        status = set_aside(path, str_text(&kept), err);
    if (status == OK && rename(part, path) != 0)
        status = err_errno(err, errno, "cannot put the repaired library in the place of %s", path);
    str_free(&kept);
    return status;
}

/* --- the repair --------------------------------------------------------------------------- */

/* A damaged file may not let itself be locked; then nobody else can write to it either. */
static enum status keep_writers_out(sqlite3 *db, const char *path, struct err *err)
{
    int rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    return (rc & 0xff) == SQLITE_BUSY ? sql_fail(db, path, rc, err) : OK;
}

static enum status make_new(sqlite3 *old, const char *path, const char *part,
                            struct store_repair *out, struct err *err)
{
    sqlite3 *new = NULL;
    struct store_health health = {0};
    sqlite_remove_part(part);
    enum status status = connect(&new, part, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err);
    if (status == OK)
        status =
            salvage(&(struct salvage){.old = old, .new = new, .path = path, .report = out}, err);
    if (status == OK)
        status = examine(new, part, &health, err);
    if (status == OK && health.problems > 0)
        status = err_set(err, ERR_INTERNAL, "the repaired library is not sound: %s", health.first);
    int rc = sqlite3_close(new);
    if (status == OK && rc != SQLITE_OK)
        status = err_set(err, ERR_INTERNAL, "the repaired library could not be closed");
    return status;
}

static enum status repair_locked(const char *path, struct store_repair *out, struct err *err)
{
    sqlite3 *old = NULL;
    struct str part = str_new(SIZE_MAX / 4);
    struct store_health health = {0};
    enum status status = plain(&part, path, ".part", err);
    if (status == OK)
        status = connect(&old, path, SQLITE_OPEN_READWRITE, err);
    if (status == OK)
        status = refuse_foreign(old, path, err);
    if (status == OK)
        status = keep_writers_out(old, path, err);
    if (status == OK)
        status = examine(old, path, &health, err);
    out->needed = health.problems > 0;
    if (status == OK && out->needed) {
        status = make_new(old, path, str_text(&part), out, err);
        if (status == OK)
            status = change_places(path, str_text(&part), out, err);
        if (status != OK)
            sqlite_remove_part(str_text(&part));
    }
    sqlite3_close(old);
    str_free(&part);
    return status;
}

enum status sqlite_repair(const char *path, struct store_repair *out, struct err *err)
{
    struct index_lock *lock = NULL;
    char *real = realpath(path, NULL); /* a link stays one */
    enum status status = check_identity(path, err);
    if (status == OK && !real)
        status = err_errno(err, errno, "cannot open the library %s", path);
    if (status == OK)
        status = index_lock_open(&lock, real, "working on", err);
    if (status == OK)
        status = repair_locked(real, out, err);
    index_lock_close(lock);
    free(real);
    return status;
}
