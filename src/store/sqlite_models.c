/* SPDX-License-Identifier: MIT
 *
 * Models: which there are, and which answers. Using one is no change of what is in the library, so
 * it does not raise the revision; making one active does.
 */
#include "store/sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static enum status add_model(struct sqlite_store *s, const char *name, const char *fingerprint,
                             int dim, int64_t *model_id, struct err *err)
{
    struct sql q =
        sql_start(s, SQL_MODEL_NUMBER, "UPDATE library SET last_model_id = last_model_id + 1");
    enum status status = sql_run(&q, err);
    if (status != OK)
        return status;
    q = sql_start(s, SQL_MODEL_ADD,
                  "INSERT INTO models (id, name, fingerprint, dim, last_use) VALUES"
                  " ((SELECT last_model_id FROM library), ?, ?, ?,"
                  "  (SELECT coalesce(max(last_use), 0) + 1 FROM models))");
    sql_text(&q, name);
    sql_text(&q, fingerprint);
    sql_int(&q, dim);
    status = sql_run(&q, err);
    *model_id = sqlite3_last_insert_rowid(s->db);
    return status;
}

static enum status write_model(struct sqlite_store *s, const char *name, const char *fingerprint,
                               int dim, struct found_model *model, struct err *err)
{
    if (model->id == 0)
        return add_model(s, name, fingerprint, dim, &model->id, err);
    struct sql q = sql_start(s, SQL_MODEL_TOUCH,
                             "UPDATE models SET name = ?,"
                             "  last_use = (SELECT max(last_use) FROM models) + 1 WHERE id = ?");
    sql_text(&q, name);
    sql_int(&q, model->id);
    return sql_run(&q, err);
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
        status = sql_begin_quiet_write(s, err);
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
        .active = sqlite3_column_int(q->stmt, 5),
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
                  "     (SELECT 1 FROM files WHERE files.photo_id = embeddings.photo_id)),"
                  "  id IS (SELECT active_model FROM library) AS active"
                  " FROM models ORDER BY active DESC, last_use DESC");
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

enum status sqlite_model_active(struct store *store, int64_t *model_id, struct err *err)
{
    struct sql q =
        sql_start(sqlite_store(store), SQL_MODEL_ACTIVE, "SELECT active_model FROM library");
    bool row;
    enum status status = sql_row(&q, &row, err);
    *model_id = row ? sqlite3_column_int64(q.stmt, 0) : 0;
    sql_end(&q);
    return status;
}

enum status sqlite_model_set_active(struct store *store, int64_t model_id, struct err *err)
{
    struct sqlite_store *s = sqlite_store(store);
    enum status status = sql_begin_write(s, err);
    if (status != OK)
        return status;
    int dim;
    status = sqlite_model_dim(s, model_id, &dim, err);
    if (status == OK) {
        struct sql q = sql_start(s, SQL_MODEL_ACTIVATE,
                                 "UPDATE library SET active_model = ?1"
                                 " WHERE active_model IS NOT ?1");
        sql_int(&q, model_id);
        status = sql_run(&q, err);
    }
    return sql_finish(s, status, err);
}

enum status sqlite_model_remove(struct store *store, int64_t model_id, struct err *err)
{
    struct sqlite_store *s = sqlite_store(store);
    enum status status = sql_begin_write(s, err);
    if (status != OK)
        return status;
    int dim;
    status = sqlite_model_dim(s, model_id, &dim, err);
    if (status == OK) {
        struct sql q = sql_start(s, SQL_MODEL_REMOVE, "DELETE FROM models WHERE id = ?");
        sql_int(&q, model_id);
        status = sql_run(&q, err);
    }
    return sql_finish(s, status, err);
}
