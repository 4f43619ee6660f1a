/* SPDX-License-Identifier: MIT
 *
 * All known paths in their order, as a stream.
 *
 * A visit that loses its connection goes on behind the path that was visited last, so that no path
 * comes twice: what it tells about each is as true as before, since others may write meanwhile
 * anyway (but for a library that is held for reading, where the loss is an error).
 */
#include "store/postgres.h"

#include <string.h>

/* --- what is below a folder --------------------------------------------------------------- */

/* Files below `root` are those from "root/" up to "root0": '0' is the byte after '/'. The file
 * `root` itself sorts before them, though other files ("root!") may lie between. */
struct range {
    struct str from, to;
};

static enum status open_range(struct range *range, const char *root, struct err *err)
{
    range->from = range->to = str_new(SIZE_MAX / 4);
    str_format(&range->from, "%s/", root);
    str_format(&range->to, "%s0", root);
    return str_ok(&range->from) && str_ok(&range->to) ? OK
                                                      : err_no_memory(err, "a path", strlen(root));
}

static void close_range(struct range *range)
{
    str_free(&range->from);
    str_free(&range->to);
}

/* --- visiting ----------------------------------------------------------------------------- */

#define KNOWN_COLUMNS(has_vector)                                                                  \
    "SELECT files.path, files.size_bytes, files.mtime_ns, failure IS NOT NULL," has_vector ","     \
    "  photos.has_meta, sidecars.size_bytes, sidecars.mtime_ns"                                    \
    " FROM files LEFT JOIN photos ON photos.id = files.photo_id"                                   \
    "  LEFT JOIN sidecars ON sidecars.file_id = files.id"
#define OF_MODEL                                                                                   \
    KNOWN_COLUMNS("e.photo_id IS NOT NULL")                                                        \
    " LEFT JOIN EMBEDDINGS AS e ON e.photo_id = files.photo_id"
#define OF_NONE KNOWN_COLUMNS("false")
#define ONE " WHERE " POSTGRES_SAME_PATH("files.path", "$1")
#define BELOW                                                                                      \
    " WHERE path_head(files.path) BETWEEN path_head(greatest($1, $3)) AND path_head($2)"           \
    "  AND files.path >= $1 AND files.path < $2 AND files.path > $3"                               \
    " ORDER BY files.path"

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

struct visit {
    struct postgres_store *store;
    int64_t model_id; /* 0: there is no such model */
    const char *root;
    struct range range;
    store_known_visitor *visit;
    void *context;
    bool root_done;
    struct str last; /* the path that was visited last, below the root */
    bool ended;      /* the visitor has had enough */
};

static enum status visit_row(struct visit *v, const struct pg *q, struct str *path, struct err *err)
{
    str_clear(path);
    enum status status = pg_column_path(q, COL_PATH, path, err);
    if (status != OK)
        return status;
    bool sidecar = !pg_column_null(q, COL_SIDECAR_SIZE);
    const struct store_known known = {
        .path = path->data,
        .size_bytes = pg_column_int(q, COL_SIZE),
        .mtime_ns = pg_column_int(q, COL_MTIME),
        .failed = pg_column_int(q, COL_FAILED) != 0,
        .has_vector = pg_column_int(q, COL_VECTOR) != 0,
        .has_meta = pg_column_int(q, COL_META) != 0,
        .sidecar_size_bytes = sidecar ? pg_column_int(q, COL_SIDECAR_SIZE) : -1,
        .sidecar_mtime_ns = pg_column_int(q, COL_SIDECAR_MTIME),
    };
    status = v->visit(v->context, &known, err);
    v->ended = status != OK;
    return status;
}

static enum status visit_root(struct visit *v, struct err *err)
{
    struct str path = str_new(SIZE_MAX / 4);
    struct pg q = pg_start_model(v->store, PG_FILE_KNOWN, v->model_id,
                                 v->model_id ? OF_MODEL ONE : OF_NONE ONE);
    pg_path(&q, v->root);
    bool row;
    enum status status = pg_row(&q, &row, err);
    v->root_done = status == OK;
    if (row)
        status = visit_row(v, &q, &path, err);
    pg_end(&q);
    str_free(&path);
    return status;
}

static enum status visit_below(struct visit *v, struct err *err)
{
    struct str behind = v->last; /* bound, while `last` goes on */
    v->last = str_new(SIZE_MAX / 4);
    struct pg q = pg_start_model(v->store, PG_FILE_KNOWN_BELOW, v->model_id,
                                 v->model_id ? OF_MODEL BELOW : OF_NONE BELOW);
    pg_path(&q, str_text(&v->range.from));
    pg_path(&q, str_text(&v->range.to));
    pg_path(&q, str_text(&behind));
    pg_stream(&q);
    bool row;
    enum status status = pg_row(&q, &row, err);
    while (status == OK && row) {
        status = visit_row(v, &q, &v->last, err);
        if (status == OK)
            status = pg_row(&q, &row, err);
    }
    pg_end(&q);
    if (v->last.size == 0) { /* none was visited this time */
        str_free(&v->last);
        v->last = behind;
    } else {
        str_free(&behind);
    }
    return status;
}

static enum status visit_all(struct visit *v, struct err *err)
{
    enum status status = postgres_model_there(v->store, &v->model_id, err);
    if (status == OK && v->root[0] && !v->root_done)
        status = visit_root(v, err);
    return status == OK ? visit_below(v, err) : status;
}

enum status postgres_known_visit(struct store *store, int64_t model_id, const char *root,
                                 store_known_visitor *visit, void *context, struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct visit v = {.store = s,
                      .model_id = model_id,
                      .root = root,
                      .visit = visit,
                      .context = context,
                      .last = str_new(SIZE_MAX / 4)};
    struct pg_tries tries = {0};
    enum status status = open_range(&v.range, root, err);
    if (status == OK)
        do
            status = visit_all(&v, err);
        while (!v.ended && pg_again(s, &tries, &status, err));
    close_range(&v.range);
    str_free(&v.last);
    return status;
}
