/* SPDX-License-Identifier: MIT
 *
 * Statements, transactions and errors of the SQLite store; see sqlite.h for how they are used.
 *
 * Text and paths are bound without a copy, as they are: a path is stored as a BLOB, so that SQLite
 * compares it with memcmp() and nothing ever looks at its encoding.
 */
#include "store/sqlite.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* --- statements --------------------------------------------------------------------------- */

struct sql sql_start(struct sqlite_store *s, enum sql_slot slot, const char *text)
{
    struct sql q = {.store = s};
    if (!s->statements[slot])
        q.rc = sqlite3_prepare_v3(s->db, text, -1, SQLITE_PREPARE_PERSISTENT, &s->statements[slot],
                                  NULL);
    q.stmt = s->statements[slot];
    assert(!q.stmt || !sqlite3_stmt_busy(q.stmt)); /* an earlier use lacks its sql_end() */
    return q;
}

static void bound(struct sql *q, int rc)
{
    if (q->rc == SQLITE_OK)
        q->rc = rc;
}

void sql_int(struct sql *q, int64_t value)
{
    bound(q, sqlite3_bind_int64(q->stmt, ++q->bound, value));
}

void sql_real(struct sql *q, double value)
{
    bound(q, sqlite3_bind_double(q->stmt, ++q->bound, value));
}

void sql_text(struct sql *q, const char *text)
{
    bound(q, sqlite3_bind_text(q->stmt, ++q->bound, text, -1, SQLITE_STATIC));
}

void sql_blob(struct sql *q, const void *bytes, size_t size_bytes)
{
    bound(q, sqlite3_bind_blob64(q->stmt, ++q->bound, bytes, size_bytes, SQLITE_STATIC));
}

void sql_path(struct sql *q, const char *path)
{
    sql_blob(q, path, strlen(path));
}

void sql_null(struct sql *q)
{
    bound(q, sqlite3_bind_null(q->stmt, ++q->bound));
}

enum status sql_row(struct sql *q, bool *row, struct err *err)
{
    int rc = q->rc == SQLITE_OK ? sqlite3_step(q->stmt) : q->rc;
    *row = rc == SQLITE_ROW;
    if (rc == SQLITE_ROW || rc == SQLITE_DONE)
        return OK;
    return sql_fail(q->store->db, q->store->path, rc, err);
}

enum status sql_run(struct sql *q, struct err *err)
{
    bool row = true;
    enum status status = OK;
    while (status == OK && row)
        status = sql_row(q, &row, err);
    sql_end(q);
    return status;
}

void sql_end(struct sql *q)
{
    if (!q->stmt)
        return;
    sqlite3_reset(q->stmt);
    sqlite3_clear_bindings(q->stmt);
}

enum status sql_column_path(const struct sql *q, int column, struct str *out, struct err *err)
{
    const char *path = sqlite3_column_blob(q->stmt, column);
    size_t size = (size_t)sqlite3_column_bytes(q->stmt, column);
    if (!path || memchr(path, '\0', size))
        return sql_damaged(q->store, "a path is empty or holds a NUL", err);
    str_append(out, path, size);
    str_append(out, "", 1);
    return str_ok(out) ? OK : err_no_memory(err, "the library's paths", out->size + size);
}

/* --- transactions ------------------------------------------------------------------------- */

static enum status execute(struct sqlite_store *s, enum sql_slot slot, const char *text,
                           struct err *err)
{
    struct sql q = sql_start(s, slot, text);
    return sql_run(&q, err);
}

static void roll_back(struct sqlite_store *s)
{
    /* SQLite has done it by itself after some failures (a full disk). */
    struct err ignored;
    if (!sqlite3_get_autocommit(s->db))
        (void)!execute(s, SQL_ROLLBACK, "ROLLBACK", &ignored);
}

static enum status begin(struct sqlite_store *s, enum sql_slot slot, const char *text,
                         struct err *err)
{
    roll_back(s); /* what could not be rolled back before, for lack of memory */
    s->counts = false;
    return execute(s, slot, text, err);
}

enum status sql_begin_quiet_write(struct sqlite_store *s, struct err *err)
{
    /* IMMEDIATE: a transaction that begins by reading could find out too late that another process
     * has written meanwhile, and would have to be thrown away. */
    return begin(s, SQL_BEGIN_WRITE, "BEGIN IMMEDIATE", err);
}

enum status sql_begin_write(struct sqlite_store *s, struct err *err)
{
    enum status status = sql_begin_quiet_write(s, err);
    s->counts = status == OK;
    s->changes = sqlite3_total_changes(s->db);
    return status;
}

enum status sql_begin_read(struct sqlite_store *s, struct err *err)
{
    return s->base.reading ? OK : begin(s, SQL_BEGIN_READ, "BEGIN", err);
}

static enum status raise_revision(struct sqlite_store *s, struct err *err)
{
    if (!s->counts || sqlite3_total_changes(s->db) == s->changes)
        return OK;
    return execute(s, SQL_REVISION_RAISE, "UPDATE library SET revision = revision + 1", err);
}

enum status sql_finish(struct sqlite_store *s, enum status status, struct err *err)
{
    if (s->base.reading) /* the transaction is store_read_begin()'s */
        return status;
    if (status == OK)
        status = raise_revision(s, err);
    if (status == OK)
        status = execute(s, SQL_COMMIT, "COMMIT", err);
    if (status != OK)
        roll_back(s);
    return status;
}

/* --- errors ------------------------------------------------------------------------------- */

static int file_errno(sqlite3 *db, int which)
{
    sqlite3_file *file = NULL;
    int why = 0;
    if (sqlite3_file_control(db, "main", which, &file) == SQLITE_OK && file && file->pMethods)
        file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &why);
    return why;
}

static bool out_of_space(int why)
{
    return why == ENOSPC || why == EDQUOT || why == EFBIG;
}

/* SQLite reports ENOSPC alone as a full disk. A quota and a limit on file sizes end in a plain I/O
 * error, whose errno is to be found, if at all, with the file that it happened to. */
static enum status fail_io(sqlite3 *db, const char *library, struct err *err)
{
    int why = sqlite3_system_errno(db);
    if (out_of_space(why) || out_of_space(file_errno(db, SQLITE_FCNTL_JOURNAL_POINTER)) ||
        out_of_space(file_errno(db, SQLITE_FCNTL_FILE_POINTER)))
        return sql_fail(db, library, SQLITE_FULL, err);
    if (why != 0)
        return err_errno(err, why, "cannot read or write the library %s", library);
    return err_set(err, ERR_IO, "cannot read or write the library %s: %s", library,
                   sqlite3_errmsg(db));
}

enum status sql_fail(sqlite3 *db, const char *library, int rc, struct err *err)
{
    switch (rc & 0xff) {
    case SQLITE_FULL:
        return err_set(err, ERR_IO,
                       "no space left to write the library %s: free some space and run it again, "
                       "nothing is lost",
                       library);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(err, ERR_BUSY,
                       "another process is writing the library %s: wait until it has finished and "
                       "run this again",
                       library);
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return err_set(err, ERR_IO,
                       "cannot write the library %s: it, its folder or its disk is read-only; "
                       "change that, or keep the library elsewhere",
                       library);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return err_set(
            err, ERR_FORMAT,
            "the library %s is damaged (%s): \"fovea doctor --repair\" saves what can be "
            "read, or put a backup in its place",
            library, sqlite3_errmsg(db));
    case SQLITE_CONSTRAINT:
        return err_set(err, ERR_ARGUMENT, "the library %s refuses what is to be stored: %s",
                       library, sqlite3_errmsg(db));
    case SQLITE_NOMEM:
        return err_set(err, ERR_MEMORY, "not enough memory to work with the library %s", library);
    case SQLITE_TOOBIG:
        return err_set(err, ERR_LIMIT, "too large for the library %s: %s", library,
                       sqlite3_errmsg(db));
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        return fail_io(db, library, err);
    default:
        return err_set(err, ERR_INTERNAL, "the library %s: %s", library, sqlite3_errmsg(db));
    }
}

enum status sql_damaged(const struct sqlite_store *s, const char *what, struct err *err)
{
    return err_set(
        err, ERR_FORMAT,
        "the library %s is damaged (%s): \"fovea doctor --repair\" saves what can be read, "
        "or put a backup in its place",
        s->path, what);
}
