/* SPDX-License-Identifier: MIT
 *
 * Paths, failures and the summary. Photos that no path names (sqlite_index.c) count
 * nowhere.
 */
#include "store/lists.h"
#include "store/sqlite.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* --- paths -------------------------------------------------------------------------------- */

/* Files below `root` are those from "root/" up to "root0": '0' is the byte after '/'. The file
 * `root` itself sorts before them, though other files ("root!") may lie between. */
static enum status bind_range(struct sql *q, const char *root, struct str *from, struct str *to,
                              struct err *err)
{
    str_format(from, "%s/", root);
    str_format(to, "%s0", root);
    if (!str_ok(from) || !str_ok(to))
        return err_no_memory(err, "a path", strlen(root));
    sql_path(q, root);
    sql_path(q, str_text(from));
    sql_path(q, str_text(to));
    return OK;
}

enum status sqlite_paths_under(struct store *store, const char *root, char ***paths, size_t *count,
                               struct err *err)
{
    struct str from = str_new(SIZE_MAX / 4), to = from, found = from;
    struct sql q = sql_start(sqlite_store(store), SQL_FILE_RANGE,
                             "SELECT path FROM files WHERE path = ? OR (path >= ? AND path < ?)"
                             " ORDER BY path");
    bool row = false;
    enum status status = bind_range(&q, root, &from, &to, err);
    if (status == OK)
        status = sql_row(&q, &row, err);
    for (; status == OK && row; ++*count) {
        status = sql_column_path(&q, 0, &found, err);
        if (status == OK)
            status = sql_row(&q, &row, err);
    }
    if (status == OK && !(*paths = strings_block(&found, *count)))
        status = err_no_memory(err, "the library's paths", found.size);
    if (status != OK)
        *count = 0;
    sql_end(&q);
    str_free(&from);
    str_free(&to);
    str_free(&found);
    return status;
}

enum status sqlite_failures(struct store *store, struct store_failure **failures, size_t *count,
                            struct err *err)
{
    struct str strings = str_new(SIZE_MAX / 4);
    struct sql q = sql_start(sqlite_store(store), SQL_FAILURES,
                             "SELECT path, failure, size_bytes, mtime_ns"
                             " FROM files INDEXED BY files_failed"
                             " WHERE failure IS NOT NULL ORDER BY path");
    bool row;
    enum status status = sql_row(&q, &row, err);
    while (status == OK && row) {
        status = sql_column_path(&q, 0, &strings, err);
        if (status == OK)
            status = failures_add(failures, count, sqlite3_column_int64(q.stmt, 2),
                                  sqlite3_column_int64(q.stmt, 3), &strings,
                                  sqlite3_column_text(q.stmt, 1),
                                  (size_t)sqlite3_column_bytes(q.stmt, 1), err);
        if (status == OK)
            status = sql_row(&q, &row, err);
    }
    sql_end(&q);
    status = failures_join(failures, count, &strings, status, err);
    str_free(&strings);
    return status;
}

/* --- summary ------------------------------------------------------------------------------ */

static int64_t file_size(const char *path)
{
    struct stat st;
    return path && stat(path, &st) == 0 ? (int64_t)st.st_size : 0;
}

enum status sqlite_summarize(struct store *store, struct store_summary *out, struct err *err)
{
    struct sqlite_store *s = sqlite_store(store);
    struct sql q =
        sql_start(s, SQL_SUMMARY,
                  "SELECT count(DISTINCT photo_id), count(photo_id), count(failure),"
                  "  coalesce(sum(size_bytes) FILTER (WHERE photo_id IS NOT NULL), 0),"
                  "  (SELECT count(DISTINCT photo_id) FROM labels"
                  "   WHERE EXISTS (SELECT 1 FROM files WHERE files.photo_id = labels.photo_id)),"
                  "  (SELECT user_version FROM pragma_user_version)"
                  " FROM files");
    bool row;
    enum status status = sql_row(&q, &row, err);
    if (row) {
        const char *name = sqlite3_db_filename(s->db, "main");
        *out = (struct store_summary){
            .photos = sqlite3_column_int64(q.stmt, 0),
            .files = sqlite3_column_int64(q.stmt, 1),
            .failures = sqlite3_column_int64(q.stmt, 2),
            .file_bytes = sqlite3_column_int64(q.stmt, 3),
            .labelled = sqlite3_column_int64(q.stmt, 4),
            .schema_version = sqlite3_column_int(q.stmt, 5),
            .library_bytes = file_size(name) + file_size(sqlite3_filename_wal(name)),
        };
    }
    sql_end(&q);
    return status;
}

enum status sqlite_revision(struct store *store, int64_t *revision, struct err *err)
{
    struct sql q = sql_start(sqlite_store(store), SQL_REVISION, "SELECT revision FROM library");
    bool row;
    enum status status = sql_row(&q, &row, err);
    *revision = row ? sqlite3_column_int64(q.stmt, 0) : 0;
    sql_end(&q);
    return status;
}
