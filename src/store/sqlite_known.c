/* SPDX-License-Identifier: MIT
 *
 * All known paths in their order, in one pass over the tables; and the places. Per path this costs
 * one step of the statement and three look-ups by key, where a question per path costs the binding
 * and starting of one as well.
 */
#include "store/lists.h"
#include "store/sqlite.h"

#include <stdlib.h>
#include <string.h>

/* --- paths -------------------------------------------------------------------------------- */

#define KNOWN_COLUMNS                                                                              \
    "SELECT files.path, files.size_bytes, files.mtime_ns, failure IS NOT NULL,"                    \
    "  EXISTS (SELECT 1 FROM embeddings INDEXED BY embeddings_by_photo"                            \
    "          WHERE photo_id = files.photo_id AND model_id = ?),"                                 \
    "  photos.has_meta, sidecars.size_bytes, sidecars.mtime_ns"                                    \
    " FROM files LEFT JOIN photos ON photos.id = files.photo_id"                                   \
    "  LEFT JOIN sidecars ON sidecars.path = files.path"

enum {
    COL_PATH,
    COL_SIZE,
    COL_MTIME,
    COL_FAILED,
    COL_VECTOR,
    COL_META,
    COL_SIDECAR_SIZE,
    COL_SIDECAR_MTIME
};

static enum status visit_rows(struct sql *q, store_known_visitor *visit, void *context,
                              struct err *err)
{
    struct str path = str_new(SIZE_MAX / 4);
    bool row;
    enum status status = sql_row(q, &row, err);
    while (status == OK && row) {
        str_clear(&path);
        status = sql_column_path(q, COL_PATH, &path, err);
        if (status != OK)
            break;
        bool sidecar = sqlite3_column_type(q->stmt, COL_SIDECAR_SIZE) != SQLITE_NULL;
        const struct store_known known = {
            .path = path.data,
            .size_bytes = sqlite3_column_int64(q->stmt, COL_SIZE),
            .mtime_ns = sqlite3_column_int64(q->stmt, COL_MTIME),
            .failed = sqlite3_column_int(q->stmt, COL_FAILED),
            .has_vector = sqlite3_column_int(q->stmt, COL_VECTOR),
            .has_meta = sqlite3_column_int(q->stmt, COL_META),
            .sidecar_size_bytes = sidecar ? sqlite3_column_int64(q->stmt, COL_SIDECAR_SIZE) : -1,
            .sidecar_mtime_ns = sqlite3_column_int64(q->stmt, COL_SIDECAR_MTIME),
        };
        status = visit(context, &known, err);
        if (status == OK)
            status = sql_row(q, &row, err);
    }
    sql_end(q);
    str_free(&path);
    return status;
}

enum status sqlite_known_visit(struct store *store, int64_t model_id, const char *root,
                               store_known_visitor *visit, void *context, struct err *err)
{
    struct sqlite_store *s = sqlite_store(store);
    enum status status = OK;
    if (root[0]) {
        struct sql q = sql_start(s, SQL_FILE_KNOWN, KNOWN_COLUMNS " WHERE files.path = ?");
        sql_int(&q, model_id);
        sql_path(&q, root);
        status = visit_rows(&q, visit, context, err);
    }
    if (status != OK)
        return status;
    /* What is below: "root/" up to "root0", '0' being the byte after '/'. */
    struct str from = str_new(SIZE_MAX / 4), to = from;
    str_format(&from, "%s/", root);
    str_format(&to, "%s0", root);
    if (str_ok(&from) && str_ok(&to)) {
        struct sql q = sql_start(s, SQL_FILE_KNOWN_BELOW,
                                 KNOWN_COLUMNS
                                 " WHERE files.path >= ? AND files.path < ? ORDER BY files.path");
        sql_int(&q, model_id);
        sql_path(&q, str_text(&from));
        sql_path(&q, str_text(&to));
        status = visit_rows(&q, visit, context, err);
    } else {
        status = err_no_memory(err, "a path", strlen(root));
    }
    str_free(&from);
    str_free(&to);
    return status;
}

/* --- places ------------------------------------------------------------------------------- */

enum status sqlite_places(struct store *store, struct store_place **places, size_t *count,
                          struct err *err)
{
    struct str paths = str_new(SIZE_MAX / 4), kinds = paths;
    struct sql q = sql_start(sqlite_store(store), SQL_PLACE_LIST,
                             "SELECT path, kind FROM places ORDER BY path, kind");
    bool row;
    enum status status = sql_row(&q, &row, err);
    while (status == OK && row) {
        str_putc(&kinds, (char)sqlite3_column_int(q.stmt, 1));
        status = sql_column_path(&q, 0, &paths, err);
        if (status == OK)
            status = sql_row(&q, &row, err);
    }
    sql_end(&q);
    if (status == OK && !str_ok(&kinds))
        status = err_no_memory(err, "the library's places", kinds.size);
    if (status == OK)
        status = places_block(&kinds, &paths, places, err);
    if (status == OK)
        *count = kinds.size;
    str_free(&paths);
    str_free(&kinds);
    return status;
}

static enum status change_place(struct sql q, const struct store_place *place, struct err *err)
{
    sql_path(&q, place->path);
    sql_int(&q, place->kind);
    return sql_run(&q, err);
}

enum status sqlite_places_change(struct store *store, const struct store_place *gone,
                                 size_t gone_count, const struct store_place *come,
                                 size_t come_count, struct err *err)
{
    struct sqlite_store *s = sqlite_store(store);
    enum status status = sql_begin_quiet_write(s, err);
    if (status != OK)
        return status;
    for (size_t i = 0; status == OK && i < gone_count; i++)
        status = change_place(
            sql_start(s, SQL_PLACE_DROP, "DELETE FROM places WHERE path = ? AND kind = ?"),
            &gone[i], err);
    for (size_t i = 0; status == OK && i < come_count; i++)
        status = change_place(
            sql_start(s, SQL_PLACE_ADD,
                      "INSERT INTO places (path, kind) VALUES (?, ?) ON CONFLICT DO NOTHING"),
            &come[i], err);
    return sql_finish(s, status, err);
}
