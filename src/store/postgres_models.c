/* SPDX-License-Identifier: MIT
 *
 * Models: which there are, and which answers; and each one's table of vectors, which is made with
 * it and removed with it. Using a model is no change of what is in the library, so it does not
 * raise the revision; making one active does.
 *
 * Vectors of up to 2,000 bytes or so lie in the row, and so do longer ones as long as a row fits in
 * a page (STORAGE PLAIN): an exact search then reads the table from its beginning to its end, where
 * values out of line would have it look each one up.
 */
#include "store/postgres.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIM_MAX 16000 /* pgvector's, of both types */
#define PLAIN_BYTES_MAX                                                                            \
    8000 /* of a vector; a page of 8 KiB has room for 8,160 bytes of one row                       \
          */

struct found_model {
    int64_t id; /* 0: none */
    int dim;
    bool current; /* used last, and by this name */
};

static enum status find_model(struct postgres_store *s, const char *name, const char *fingerprint,
                              struct found_model *model, struct err *err)
{
    *model = (struct found_model){0};
    struct pg q =
        pg_start(s, PG_MODEL_FIND,
                 "SELECT id, dim, name = $1 AND last_use = (SELECT max(last_use) FROM models)"
                 " FROM models WHERE fingerprint = $2");
    pg_text(&q, name);
    pg_text(&q, fingerprint);
    bool found;
    enum status status = pg_row(&q, &found, err);
    if (found)
        *model = (struct found_model){
            .id = pg_column_int(&q, 0),
            .dim = (int)pg_column_int(&q, 1),
            .current = pg_column_int(&q, 2) != 0,
        };
    pg_end(&q);
    return status;
}

static enum status check_model(const struct postgres_store *s, const char *name, int dim,
                               const struct found_model *model, struct err *err)
{
    if (model->id == 0 && s->base.mode == STORE_READ)
        return err_set(err, ERR_NOT_FOUND,
                       "the library %s has no embeddings of the model %s: \"fovea index\" with "
                       "this model makes them",
                       s->label, name);
    if (model->id != 0 && model->dim != dim)
        return err_set(err, ERR_FORMAT,
                       "the library %s has embeddings of %d dimensions for the model %s, which now "
                       "gives %d",
                       s->label, model->dim, name, dim);
    if (dim > DIM_MAX)
        return err_set(err, ERR_LIMIT,
                       "the model %s gives %d dimensions; a library in PostgreSQL has room for %d",
                       name, dim, DIM_MAX);
    return OK;
}

enum status postgres_make_table(struct postgres_store *s, int64_t model_id, int dim, bool half,
                                struct err *err)
{
    char sql[512];
    size_t size = (size_t)dim * (half ? 2 : 4);
    snprintf(sql, sizeof sql,
             "CREATE TABLE embeddings_%lld (" POSTGRES_VECTOR_COLUMNS ");"
             "ALTER TABLE embeddings_%lld ALTER COLUMN vector SET STORAGE %s",
             (long long)model_id, "PRIMARY KEY", half ? "halfvec" : "vector", dim,
             (long long)model_id, size <= PLAIN_BYTES_MAX ? "PLAIN" : "EXTERNAL");
    return pg_exec(s, sql, err);
}

static enum status add_model(struct postgres_store *s, const char *name, const char *fingerprint,
                             int dim, int64_t *model_id, struct err *err)
{
    struct pg q = pg_start(s, PG_MODEL_ADD,
                           "INSERT INTO models (name, fingerprint, dim, half, last_use) VALUES"
                           " ($1, $2, $3, $4, (SELECT coalesce(max(last_use), 0) + 1 FROM models))"
                           " RETURNING id");
    pg_text(&q, name);
    pg_text(&q, fingerprint);
    pg_int(&q, dim);
    pg_bool(&q, s->half_new);
    bool row;
    enum status status = pg_row(&q, &row, err);
    *model_id = row ? pg_column_int(&q, 0) : 0;
    pg_end(&q);
    return status == OK ? postgres_make_table(s, *model_id, dim, s->half_new, err) : status;
}

static enum status write_model(struct postgres_store *s, const char *name, const char *fingerprint,
                               int dim, struct found_model *model, struct err *err)
{
    if (model->id == 0)
        return add_model(s, name, fingerprint, dim, &model->id, err);
    struct pg q = pg_start(s, PG_MODEL_TOUCH,
                           "UPDATE models SET name = $1,"
                           "  last_use = (SELECT max(last_use) FROM models) + 1 WHERE id = $2");
    pg_text(&q, name);
    pg_int(&q, model->id);
    return pg_run(&q, err);
}

/* With the table locked against other writers: nobody can add the same model meanwhile. */
static enum status find_or_add(struct postgres_store *s, const char *name, const char *fingerprint,
                               int dim, struct found_model *model, struct err *err)
{
    enum status status = pg_begin_quiet_write(s, err);
    if (status != OK)
        return status;
    status = pg_exec(s, "LOCK TABLE models IN SHARE ROW EXCLUSIVE MODE", err);
    if (status == OK)
        status = find_model(s, name, fingerprint, model, err);
    if (status == OK)
        status = check_model(s, name, dim, model, err);
    if (status == OK)
        status = write_model(s, name, fingerprint, dim, model, err);
    return pg_finish(s, status, err);
}

static enum status use_model(struct postgres_store *s, const char *name, const char *fingerprint,
                             int dim, struct found_model *model, struct err *err)
{
    enum status status = find_model(s, name, fingerprint, model, err);
    if (status != OK)
        return status;
    if (s->base.mode == STORE_WRITE && !s->base.reading && !model->current)
        return find_or_add(s, name, fingerprint, dim, model, err);
    return check_model(s, name, dim, model, err);
}

enum status postgres_model_use(struct store *store, const char *name, const char *fingerprint,
                               int dim, int64_t *model_id, struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_tries tries = {0};
    struct found_model model;
    enum status status;
    do
        status = use_model(s, name, fingerprint, dim, &model, err);
    while (pg_again(s, &tries, &status, err));
    *model_id = status == OK ? model.id : 0;
    return status;
}

enum status postgres_model_dim(struct postgres_store *s, int64_t model_id, int *dim, bool *half,
                               struct err *err)
{
    *dim = 0;
    struct pg q = pg_start(s, PG_MODEL_DIM, "SELECT dim, half FROM models WHERE id = $1");
    pg_int(&q, model_id);
    bool found;
    enum status status = pg_row(&q, &found, err);
    if (found) {
        *dim = (int)pg_column_int(&q, 0);
        if (half)
            *half = pg_column_int(&q, 1) != 0;
    } else if (status == OK) {
        status = err_set(err, ERR_NOT_FOUND, "the library %s has no model %lld", s->label,
                         (long long)model_id);
    }
    pg_end(&q);
    return status;
}

/* --- listing ------------------------------------------------------------------------------ */

static enum status append_model(struct store_model **models, size_t *count, const struct pg *q,
                                struct err *err)
{
    struct store_model *grown = realloc(*models, (*count + 1) * sizeof **models);
    if (!grown)
        return err_no_memory(err, "the library's models", (*count + 1) * sizeof **models);
    *models = grown;
    struct store_model *model = &grown[(*count)++];
    *model = (struct store_model){
        .id = pg_column_int(q, 0),
        .dim = (int)pg_column_int(q, 3),
        .active = pg_column_int(q, 4) != 0,
    };
    snprintf(model->name, sizeof model->name, "%s", pg_column_text(q, 1));
    snprintf(model->fingerprint, sizeof model->fingerprint, "%s", pg_column_text(q, 2));
    return OK;
}

static enum status count_embeddings(struct postgres_store *s, struct store_model *model,
                                    struct err *err)
{
    struct pg q = pg_start_model(s, PG_MODEL_COUNT, model->id,
                                 "SELECT count(*) FROM EMBEDDINGS AS e WHERE EXISTS"
                                 " (SELECT 1 FROM files WHERE files.photo_id = e.photo_id)");
    bool row;
    enum status status = pg_row(&q, &row, err);
    model->embeddings = row ? pg_column_int(&q, 0) : 0;
    pg_end(&q);
    return status;
}

static enum status list_models(struct postgres_store *s, struct store_model **models, size_t *count,
                               struct err *err)
{
    enum status status = pg_begin_read(s, err);
    if (status != OK)
        return status;
    struct pg q = pg_start(s, PG_MODEL_LIST,
                           "SELECT id, name, fingerprint, dim,"
                           "  coalesce(id = (SELECT active_model FROM library), false) AS active"
                           " FROM models ORDER BY active DESC, last_use DESC");
    bool row;
    status = pg_row(&q, &row, err);
    while (status == OK && row) {
        status = append_model(models, count, &q, err);
        if (status == OK)
            status = count_embeddings(s, &(*models)[*count - 1], err);
        if (status == OK)
            status = pg_row(&q, &row, err);
    }
    pg_end(&q);
    status = pg_finish(s, status, err);
    if (status != OK) {
        free(*models);
        *models = NULL;
        *count = 0;
    }
    return status;
}

enum status postgres_models(struct store *store, struct store_model **models, size_t *count,
                            struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_tries tries = {0};
    enum status status;
    do
        status = list_models(s, models, count, err);
    while (pg_again(s, &tries, &status, err));
    return status;
}

enum status postgres_model_ids(struct postgres_store *s, int64_t **ids, size_t *count,
                               struct err *err)
{
    *ids = NULL;
    *count = 0;
    struct pg q = pg_start(s, PG_MODEL_IDS, "SELECT id FROM models ORDER BY id");
    bool row;
    enum status status = pg_row(&q, &row, err);
    while (status == OK && row) {
        int64_t *grown = realloc(*ids, (*count + 1) * sizeof **ids);
        if (!grown) {
            status = err_no_memory(err, "the library's models", *count * sizeof **ids);
            break;
        }
        *ids = grown;
        grown[(*count)++] = pg_column_int(&q, 0);
        status = pg_row(&q, &row, err);
    }
    pg_end(&q);
    return status;
}

/* --- the active one ----------------------------------------------------------------------- */

static enum status read_active(struct postgres_store *s, int64_t *model_id, struct err *err)
{
    struct pg q = pg_start(s, PG_MODEL_ACTIVE, "SELECT active_model FROM library");
    bool row;
    enum status status = pg_row(&q, &row, err);
    *model_id = row ? pg_column_int(&q, 0) : 0;
    pg_end(&q);
    return status;
}

enum status postgres_model_active(struct store *store, int64_t *model_id, struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_tries tries = {0};
    enum status status;
    do
        status = read_active(s, model_id, err);
    while (pg_again(s, &tries, &status, err));
    return status;
}

static enum status activate(struct postgres_store *s, int64_t model_id, struct err *err)
{
    int dim;
    enum status status = pg_begin_write(s, err);
    if (status != OK)
        return status;
    status = postgres_model_dim(s, model_id, &dim, NULL, err);
    if (status == OK) {
        struct pg q = pg_start(s, PG_MODEL_ACTIVATE,
                               "UPDATE library SET active_model = $1"
                               " WHERE active_model IS DISTINCT FROM $1");
        pg_int(&q, model_id);
        status = pg_run(&q, err);
    }
    if (status == OK)
        status = postgres_view_make(s, model_id, err);
    return pg_finish(s, status, err);
}

enum status postgres_model_set_active(struct store *store, int64_t model_id, struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_tries tries = {0};
    enum status status;
    do
        status = activate(s, model_id, err);
    while (pg_again(s, &tries, &status, err));
    return status;
}

/* --- removing ----------------------------------------------------------------------------- */

static enum status remove_model(struct postgres_store *s, int64_t model_id, struct err *err)
{
    int dim;
    int64_t active = 0;
    enum status status = pg_begin_write(s, err);
    if (status != OK)
        return status;
    status = postgres_model_dim(s, model_id, &dim, NULL, err);
    if (status == OK) {
        struct pg q = pg_start(s, PG_MODEL_REMOVE, "DELETE FROM models WHERE id = $1");
        pg_int(&q, model_id);
        status = pg_run(&q, err);
    }
    if (status == OK) /* none, if it was this one */
        status = read_active(s, &active, err);
    if (status == OK)
        status = postgres_view_make(s, active, err);
    if (status == OK) {
        char sql[64];
        snprintf(sql, sizeof sql, "DROP TABLE embeddings_%lld", (long long)model_id);
        status = pg_exec(s, sql, err);
    }
    return pg_finish(s, status, err);
}

enum status postgres_model_remove(struct store *store, int64_t model_id, struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_tries tries = {0};
    enum status status;
    do
        status = remove_model(s, model_id, err);
    while (pg_again(s, &tries, &status, err));
    return status;
}
