/* SPDX-License-Identifier: MIT
 *
 * Paths, failures and the summary. Photos that no path names count nowhere.
 */
#include "store/lists.h"
#include "store/postgres.h"

#include <stdlib.h>
#include <string.h>

/* --- paths -------------------------------------------------------------------------------- */

/* Files below `root` are those from "root/" up to "root0": '0' is the byte after '/'. The file
 * `root` itself sorts before them, though other files ("root!") may lie between. */
static enum status read_paths(struct postgres_store *s, const char *root, struct str *found,
                              size_t *count, struct err *err)
{
    struct str from = str_new(SIZE_MAX / 4), to = from;
    str_format(&from, "%s/", root);
    str_format(&to, "%s0", root);
    if (!str_ok(&from) || !str_ok(&to)) {
        str_free(&from);
        str_free(&to);
        return err_no_memory(err, "a path", strlen(root));
    }
    struct pg q =
        pg_start(s, PG_FILE_RANGE,
                 "SELECT path FROM files WHERE " POSTGRES_SAME_PATH(
                     "path", "$1") "  OR (path_head(path) BETWEEN path_head($2) AND path_head($3)"
                                   "    AND path >= $2 AND path < $3) ORDER BY path");
    pg_path(&q, root);
    pg_path(&q, str_text(&from));
    pg_path(&q, str_text(&to));
    pg_stream(&q);
    bool row;
    enum status status = pg_row(&q, &row, err);
    for (; status == OK && row; ++*count) {
        status = pg_column_path(&q, 0, found, err);
        if (status == OK)
            status = pg_row(&q, &row, err);
    }
    pg_end(&q);
    str_free(&from);
    str_free(&to);
    return status;
}

enum status postgres_paths_under(struct store *store, const char *root, char ***paths,
                                 size_t *count, struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct str found = str_new(SIZE_MAX / 4);
    struct pg_tries tries = {0};
    enum status status;
    do {
        str_clear(&found);
        *count = 0;
        status = read_paths(s, root, &found, count, err);
    } while (pg_again(s, &tries, &status, err));
    if (status == OK && !(*paths = strings_block(&found, *count)))
        status = err_no_memory(err, "the library's paths", found.size);
    if (status != OK)
        *count = 0;
    str_free(&found);
    return status;
}

/* --- failures ----------------------------------------------------------------------------- */

static enum status read_failures(struct postgres_store *s, struct store_failure **failures,
                                 size_t *count, struct str *strings, struct err *err)
{
    struct pg q = pg_start(s, PG_FAILURES,
                           "SELECT path, failure, size_bytes, mtime_ns FROM files"
                           " WHERE failure IS NOT NULL ORDER BY path");
    bool row;
    enum status status = pg_row(&q, &row, err);
    while (status == OK && row) {
        size_t size;
        const void *reason = pg_column_blob(&q, 1, &size);
        status = pg_column_path(&q, 0, strings, err);
        if (status == OK)
            status = failures_add(failures, count, pg_column_int(&q, 2), pg_column_int(&q, 3),
                                  strings, reason, size, err);
        if (status == OK)
            status = pg_row(&q, &row, err);
    }
    pg_end(&q);
    return status;
}

enum status postgres_failures(struct store *store, struct store_failure **failures, size_t *count,
                              struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct str strings = str_new(SIZE_MAX / 4);
    struct pg_tries tries = {0};
    enum status status;
    do {
        str_clear(&strings);
        free(*failures);
        *failures = NULL;
        *count = 0;
        status = read_failures(s, failures, count, &strings, err);
    } while (pg_again(s, &tries, &status, err));
    status = failures_join(failures, count, &strings, status, err);
    str_free(&strings);
    return status;
}

/* --- summary ------------------------------------------------------------------------------ */

/* The size is that of every table and index of the library's schema on this server; what lies on
 * other servers is not counted. */
static enum status summarize(struct postgres_store *s, struct store_summary *out, struct err *err)
{
    struct pg q =
        pg_start(s, PG_SUMMARY,
                 "SELECT count(DISTINCT photo_id), count(photo_id), count(failure),"
                 "  coalesce(sum(size_bytes) FILTER (WHERE photo_id IS NOT NULL), 0)::bigint,"
                 "  (SELECT count(DISTINCT photo_id) FROM labels"
                 "   WHERE EXISTS (SELECT 1 FROM files WHERE files.photo_id = labels.photo_id)),"
                 "  (SELECT version FROM library),"
                 "  (SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c"
                 "   JOIN pg_namespace n ON n.oid = relnamespace"
                 "   WHERE nspname = current_schema() AND relkind IN ('r', 'm'))"
                 " FROM files");
    bool row;
    enum status status = pg_row(&q, &row, err);
    if (row)
        *out = (struct store_summary){
            .photos = pg_column_int(&q, 0),
            .files = pg_column_int(&q, 1),
            .failures = pg_column_int(&q, 2),
            .file_bytes = pg_column_int(&q, 3),
            .labelled = pg_column_int(&q, 4),
            .schema_version = (int)pg_column_int(&q, 5),
            .library_bytes = pg_column_int(&q, 6),
        };
    pg_end(&q);
    return status;
}

enum status postgres_summarize(struct store *store, struct store_summary *out, struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_tries tries = {0};
    enum status status;
    do
        status = summarize(s, out, err);
    while (pg_again(s, &tries, &status, err));
    return status;
}
