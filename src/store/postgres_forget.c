/* SPDX-License-Identifier: MIT
 *
 * Forgetting paths, and the photos that no path names any more, with their vectors of every model.
 *
 * Whether a path names a photo is asked anew once its row is locked, by a statement of its own:
 * while it waited for the lock, an index run may have put a path. Whoever puts one locks the row,
 * too (postgres_put.c). Of several indexers nobody knows what the others count on, so none of them
 * removes a photo but the last one, in its sweep.
 */
#include "store/postgres.h"

#include <stdlib.h>
#include <string.h>

#define PATHS_AT_ONCE 5000
#define PHOTOS_AT_ONCE 2000

struct ids {
    int64_t *ids;
    size_t count;
};

/* The first column of all rows; the statement is ended. NULLs are left out. */
static enum status take_ids(struct pg *q, struct ids *ids, struct err *err)
{
    bool row;
    enum status status = pg_row(q, &row, err);
    size_t capacity = ids->count;
    while (status == OK && row) {
        if (!pg_column_null(q, 0)) {
            if (ids->count == capacity) {
                capacity = capacity ? 2 * capacity : 64;
                int64_t *grown = realloc(ids->ids, capacity * sizeof *grown);
                if (!grown) {
                    status = err_no_memory(err, "the library's photos", capacity * sizeof *grown);
                    break;
                }
                ids->ids = grown;
            }
            ids->ids[ids->count++] = pg_column_int(q, 0);
        }
        status = pg_row(q, &row, err);
    }
    pg_end(q);
    return status;
}

static enum status drop_vectors(struct postgres_store *s, const struct ids *dropped,
                                struct err *err)
{
    int64_t *models;
    size_t count;
    enum status status = postgres_model_ids(s, &models, &count, err);
    for (size_t i = 0; status == OK && i < count; i++) {
        struct pg_array scratch;
        struct pg q = pg_start_model(s, PG_EMBEDDING_DROP, models[i],
                                     "DELETE FROM EMBEDDINGS WHERE photo_id = ANY($1)");
        pg_ints(&q, &scratch, dropped->ids, dropped->count);
        status = pg_run(&q, err);
        pg_array_free(&scratch);
    }
    free(models);
    return status;
}

/* Of photos whose rows are locked, those that no path names. */
static enum status drop_unseen(struct postgres_store *s, const struct ids *photos, struct err *err)
{
    struct pg_array scratch;
    struct ids dropped = {0};
    struct pg q = pg_start(s, PG_PHOTO_DROP,
                           "DELETE FROM photos WHERE id = ANY($1) AND NOT EXISTS"
                           " (SELECT 1 FROM files WHERE files.photo_id = photos.id) RETURNING id");
    pg_ints(&q, &scratch, photos->ids, photos->count);
    enum status status = take_ids(&q, &dropped, err);
    pg_array_free(&scratch);
    if (status == OK && dropped.count > 0)
        status = drop_vectors(s, &dropped, err);
    free(dropped.ids);
    return status;
}

static enum status forget_files(struct postgres_store *s, char *const *paths, size_t count,
                                struct ids *photos, struct err *err)
{
    struct pg_array array;
    pg_array_begin(&array, PG_BYTEA);
    for (size_t i = 0; i < count; i++)
        pg_array_blob(&array, paths[i], strlen(paths[i]));
    /* What another indexer has recorded since this one joined is nothing that this one can know
     * to be gone. */
    struct pg q = pg_start(
        s, PG_FILE_FORGET,
        "DELETE FROM files USING unnest($1) AS u (path)"
        " WHERE " POSTGRES_SAME_PATH(
            "files.path", "u.path") " AND NOT coalesce(recorded_at >"
                                    "  (SELECT started_at FROM indexers WHERE id = $2), false)"
                                    " RETURNING photo_id");
    pg_array(&q, &array);
    pg_int(&q, s->joined ? s->indexer_id : 0);
    enum status status = take_ids(&q, photos, err);
    pg_array_free(&array);
    return status;
}

static enum status lock_photos(struct postgres_store *s, const struct ids *photos,
                               struct ids *locked, struct err *err)
{
    struct pg_array scratch;
    struct pg q = pg_start(s, PG_PHOTO_LOCK_IDS,
                           "SELECT id FROM photos WHERE id = ANY($1) ORDER BY id FOR UPDATE");
    pg_ints(&q, &scratch, photos->ids, photos->count);
    enum status status = take_ids(&q, locked, err);
    pg_array_free(&scratch);
    return status;
}

static enum status forget_some(struct postgres_store *s, char *const *paths, size_t count,
                               struct err *err)
{
    struct ids photos = {0}, locked = {0};
    enum status status = forget_files(s, paths, count, &photos, err);
    if (status == OK && !s->joined && photos.count > 0) /* else they are for the sweep */
        status = lock_photos(s, &photos, &locked, err);
    if (status == OK && locked.count > 0)
        status = drop_unseen(s, &locked, err);
    free(photos.ids);
    free(locked.ids);
    return status;
}

static enum status forget_all(struct postgres_store *s, char *const *paths, size_t count,
                              struct err *err)
{
    enum status status = pg_begin_write(s, err);
    if (status != OK)
        return status;
    for (size_t i = 0; status == OK && i < count; i += PATHS_AT_ONCE)
        status =
            forget_some(s, paths + i, count - i < PATHS_AT_ONCE ? count - i : PATHS_AT_ONCE, err);
    return pg_finish(s, status, err);
}

enum status postgres_forget_paths(struct store *store, char *const *paths, size_t count,
                                  struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_tries tries = {0};
    enum status status;
    do
        status = forget_all(s, paths, count, err);
    while (pg_again(s, &tries, &status, err));
    return status;
}

/* A part of them at a time: nobody can join meanwhile, nor beat. */
static enum status sweep_some(struct postgres_store *s, bool *more, struct err *err)
{
    struct ids unseen = {0};
    *more = false;
    enum status status = pg_begin_write(s, err);
    if (status != OK)
        return status;
    bool alone;
    status = postgres_is_alone(s, &alone, err);
    if (status != OK || !alone) /* else the last indexer does it */
        return pg_finish(s, status, err);
    struct pg q = pg_start(s, PG_PHOTO_UNSEEN,
                           "SELECT id FROM photos WHERE NOT EXISTS"
                           " (SELECT 1 FROM files WHERE files.photo_id = photos.id)"
                           " ORDER BY id LIMIT $1 FOR UPDATE");
    pg_int(&q, PHOTOS_AT_ONCE);
    status = take_ids(&q, &unseen, err);
    if (status == OK && unseen.count > 0)
        status = drop_unseen(s, &unseen, err);
    *more = unseen.count == PHOTOS_AT_ONCE;
    free(unseen.ids);
    return pg_finish(s, status, err);
}

enum status postgres_sweep(struct store *store, struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    enum status status = OK;
    for (bool more = true; status == OK && more;) {
        struct pg_tries tries = {0};
        do
            status = sweep_some(s, &more, err);
        while (pg_again(s, &tries, &status, err));
    }
    return status;
}
