/* SPDX-License-Identifier: MIT
 *
 * What an index run asks. What it records is postgres_put.c's.
 */
#include "store/postgres.h"

/* --- questions ---------------------------------------------------------------------------- */

/* Makes *model_id 0 if there is no such model: its table cannot be asked. */
enum status postgres_model_there(struct postgres_store *s, int64_t *model_id, struct err *err)
{
    if (*model_id == s->model_there)
        return OK;
    int dim;
    struct err unknown = {0};
    enum status status = postgres_model_dim(s, *model_id, &dim, NULL, &unknown);
    if (status == OK)
        s->model_there = *model_id;
    else if (status == ERR_NOT_FOUND)
        *model_id = 0;
    else if (err)
        *err = unknown;
    return status == ERR_NOT_FOUND ? OK : status;
}

#define STATE_COLUMNS                                                                              \
    ", files.size_bytes, files.mtime_ns, failure IS NOT NULL, photos.has_meta,"                    \
    "  sidecars.size_bytes, sidecars.mtime_ns"                                                     \
    " FROM files LEFT JOIN photos ON photos.id = files.photo_id"                                   \
    "  LEFT JOIN sidecars ON sidecars.file_id = files.id"

enum { COL_VECTOR, COL_SIZE, COL_MTIME, COL_FAILED, COL_META, COL_SIDECAR_SIZE, COL_SIDECAR_MTIME };

static enum status ask_state(struct postgres_store *s, int64_t model_id,
                             const struct store_file *file, enum file_state *state, struct err *err)
{
    enum status status = postgres_model_there(s, &model_id, err);
    if (status != OK)
        return status;
    struct pg q = pg_start_model(
        s, PG_FILE_STATE, model_id,
        model_id ? "SELECT e.photo_id IS NOT NULL" STATE_COLUMNS
                   " LEFT JOIN EMBEDDINGS AS e ON e.photo_id = files.photo_id"
                   " WHERE " POSTGRES_SAME_PATH("files.path", "$1")
                 : "SELECT false" STATE_COLUMNS " WHERE " POSTGRES_SAME_PATH("files.path", "$1"));
    pg_path(&q, file->path);
    bool row;
    status = pg_row(&q, &row, err);
    *state = FILE_NEW;
    if (row) {
        bool sidecar = !pg_column_null(&q, COL_SIDECAR_SIZE);
        const struct store_known known = {
            .size_bytes = pg_column_int(&q, COL_SIZE),
            .mtime_ns = pg_column_int(&q, COL_MTIME),
            .failed = pg_column_int(&q, COL_FAILED) != 0,
            .has_vector = pg_column_int(&q, COL_VECTOR) != 0,
            .has_meta = pg_column_int(&q, COL_META) != 0,
            .sidecar_size_bytes = sidecar ? pg_column_int(&q, COL_SIDECAR_SIZE) : -1,
            .sidecar_mtime_ns = pg_column_int(&q, COL_SIDECAR_MTIME),
        };
        *state = store_known_state(&known, file);
    }
    pg_end(&q);
    return status;
}

enum status postgres_file_state(struct store *store, int64_t model_id,
                                const struct store_file *file, enum file_state *state,
                                struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_tries tries = {0};
    enum status status;
    do
        status = ask_state(s, model_id, file, state, err);
    while (pg_again(s, &tries, &status, err));
    return status;
}

static enum status ask_embedding(struct postgres_store *s, int64_t model_id,
                                 const struct photo_hash *hash, bool *has, struct err *err)
{
    *has = false;
    enum status status = postgres_model_there(s, &model_id, err);
    if (status != OK || model_id == 0)
        return status;
    struct pg q = pg_start_model(s, PG_EMBEDDING_HAS, model_id,
                                 "SELECT 1 FROM photos JOIN EMBEDDINGS AS e"
                                 "  ON e.photo_id = photos.id WHERE photos.hash = $1");
    pg_blob(&q, hash->bytes, sizeof hash->bytes);
    status = pg_row(&q, has, err);
    pg_end(&q);
    return status;
}

enum status postgres_has_embedding(struct store *store, int64_t model_id,
                                   const struct photo_hash *hash, bool *has, struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_tries tries = {0};
    enum status status;
    do
        status = ask_embedding(s, model_id, hash, has, err);
    while (pg_again(s, &tries, &status, err));
    return status;
}
