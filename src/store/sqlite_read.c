/* SPDX-License-Identifier: MIT
 *
 * Models, paths, failures and the summary. Photos that no path names (sqlite_index.c) count
 * nowhere.
 */
#include "store/sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* --- models ------------------------------------------------------------------------------- */

struct found_model {
    int64_t id; /* 0: none */
    int dim;
    bool current; /* used last, and by this name */
};

static enum status find_model(struct sqlite_store *s, const char *name, const char *fingerprint,
                              struct found_model *model, struct err *err)
{
    *model = (struct found_model){0};
    struct sql q =
        sql_start(s, SQL_MODEL_FIND,
                  "SELECT id, dim, name = ? AND last_use = (SELECT max(last_use) FROM models)"
                  " FROM models WHERE fingerprint = ?");
    sql_text(&q, name);
    sql_text(&q, fingerprint);
    bool found;
    enum status status = sql_row(&q, &found, err);
    if (found)
        *model = (struct found_model){
            .id = sqlite3_column_int64(q.stmt, 0),
            .dim = sqlite3_column_int(q.stmt, 1),
            .current = sqlite3_column_int(q.stmt, 2),
        };
    sql_end(&q);
    return status;
}

static enum status check_model(const struct sqlite_store *s, const char *name, int dim,
                               const struct found_model *model, struct err *err)
{
    if (model->id == 0 && s->base.mode == STORE_READ)
        return err_set(err, ERR_NOT_FOUND,
                       "the library %s has no embeddings of the model %s: \"fovea index\" with "
                       "this model makes them",
                       s->path, name);
    if (model->id != 0 && model->dim != dim)
        return err_set(err, ERR_FORMAT,
                       "the library %s has embeddings of %d dimensions for the model %s, which now "
                       "gives %d",
                       s->path, model->dim, name, dim);
    return OK;
}

static enum status write_model(struct sqlite_store *s, const char *name, const char *fingerprint,
                               int dim, struct found_model *model, struct err *err)
{
    bool known = model->id != 0;
    struct sql q =
        known ? sql_start(s, SQL_MODEL_TOUCH,
                          "UPDATE models SET name = ?,"
                          "  last_use = (SELECT max(last_use) FROM models) + 1 WHERE id = ?")
              : sql_start(s, SQL_MODEL_ADD,
                          "INSERT INTO models (name, fingerprint, dim, last_use) VALUES"
                          " (?, ?, ?, (SELECT coalesce(max(last_use), 0) + 1 FROM models))");
    sql_text(&q, name);
    if (known) {
        sql_int(&q, model->id);
    } else {
        sql_text(&q, fingerprint);
        sql_int(&q, dim);
    }
    enum status status = sql_run(&q, err);
    if (!known)
        model->id = sqlite3_last_insert_rowid(s->db);
    return status;
}

enum status sqlite_model_use(struct store *store, const char *name, const char *fingerprint,
                             int dim, int64_t *model_id, struct err *err)
{
    struct sqlite_store *s = sqlite_store(store);
    bool write = store->mode == STORE_WRITE;
    struct found_model model;
    enum status status = find_model(s, name, fingerprint, &model, err);
    if (status == OK && write && !model.current) {
        /* Again, now that no other process can add it. */
        status = sql_begin_write(s, err);
        if (status != OK)
            return status;
        status = find_model(s, name, fingerprint, &model, err);
        if (status == OK)
            status = check_model(s, name, dim, &model, err);
        if (status == OK)
            status = write_model(s, name, fingerprint, dim, &model, err);
        status = sql_finish(s, status, err);
    } else if (status == OK) {
        status = check_model(s, name, dim, &model, err);
    }
    *model_id = status == OK ? model.id : 0;
    return status;
}

enum status sqlite_model_dim(struct sqlite_store *s, int64_t model_id, int *dim, struct err *err)
{
    *dim = 0;
    struct sql q = sql_start(s, SQL_MODEL_DIM, "SELECT dim FROM models WHERE id = ?");
    sql_int(&q, model_id);
    bool found;
    enum status status = sql_row(&q, &found, err);
    if (found)
        *dim = sqlite3_column_int(q.stmt, 0);
    else if (status == OK)
        status = err_set(err, ERR_NOT_FOUND, "the library %s has no model %lld", s->path,
                         (long long)model_id);
    sql_end(&q);
    return status;
}

static void copy_text(char *out, size_t size, const struct sql *q, int column)
{
    const unsigned char *text = sqlite3_column_text(q->stmt, column);
    snprintf(out, size, "%s", text ? (const char *)text : "");
}

static enum status append_model(struct store_model **models, size_t *count, const struct sql *q,
                                struct err *err)
{
    struct store_model *grown = realloc(*models, (*count + 1) * sizeof **models);
    if (!grown)
        return err_no_memory(err, "the library's models", (*count + 1) * sizeof **models);
    *models = grown;
    struct store_model *model = &grown[(*count)++];
    *model = (struct store_model){
        .id = sqlite3_column_int64(q->stmt, 0),
        .dim = sqlite3_column_int(q->stmt, 3),
        .embeddings = sqlite3_column_int64(q->stmt, 4),
    };
    copy_text(model->name, sizeof model->name, q, 1);
    copy_text(model->fingerprint, sizeof model->fingerprint, q, 2);
    return OK;
}

enum status sqlite_models(struct store *store, struct store_model **models, size_t *count,
                          struct err *err)
{
    struct sql q =
        sql_start(sqlite_store(store), SQL_MODEL_LIST,
                  "SELECT id, name, fingerprint, dim,"
                  "  (SELECT count(*) FROM embeddings INDEXED BY embeddings_by_photo"
                  "   WHERE model_id = models.id AND EXISTS"
                  "     (SELECT 1 FROM files WHERE files.photo_id = embeddings.photo_id))"
                  " FROM models ORDER BY last_use DESC");
    bool row;
    enum status status = sql_row(&q, &row, err);
    while (status == OK && row) {
        status = append_model(models, count, &q, err);
        if (status == OK)
            status = sql_row(&q, &row, err);
    }
    sql_end(&q);
    if (status != OK) {
        free(*models);
        *models = NULL;
        *count = 0;
    }
    return status;
}

/* --- lists of strings --------------------------------------------------------------------- */

/* One block for free(): `count` pointers, then the strings they point to, which come one after the
 * other, each with its NUL, in `strings`. NULL without memory. */
static char **strings_block(const struct str *strings, size_t count)
{
    char **block = malloc(count * sizeof *block + strings->size + 1);
    if (!block)
        return NULL;
    char *p = (char *)(block + count);
    if (strings->size > 0)
        memcpy(p, strings->data, strings->size);
    for (size_t i = 0; i < count; i++, p += strlen(p) + 1)
        block[i] = p;
    return block;
}

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
    struct str found = str_new(SIZE_MAX / 4);
    struct sql q = sql_start(sqlite_store(store), SQL_FAILURES,
                             "SELECT path, failure FROM files INDEXED BY files_failed"
                             " WHERE failure IS NOT NULL ORDER BY path");
    bool row;
    enum status status = sql_row(&q, &row, err);
    for (; status == OK && row; ++*count) {
        status = sql_column_path(&q, 0, &found, err);
        const unsigned char *reason = sqlite3_column_text(q.stmt, 1);
        str_put(&found, reason ? (const char *)reason : "");
        str_append(&found, "", 1);
        if (status == OK)
            status = sql_row(&q, &row, err);
    }
    if (status == OK && !str_ok(&found))
        status = err_no_memory(err, "the library's failures", found.size);
    /* struct store_failure is two strings: the block of 2 * count strings is the array. */
    _Static_assert(sizeof(struct store_failure) == 2 * sizeof(char *), "path and reason only");
    char **block = status == OK ? strings_block(&found, 2 * *count) : NULL;
    if (status == OK && !block)
        status = err_no_memory(err, "the library's failures", found.size);
    *failures = (struct store_failure *)(void *)block;
    if (status != OK)
        *count = 0;
    sql_end(&q);
    str_free(&found);
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
