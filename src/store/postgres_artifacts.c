/* SPDX-License-Identifier: MIT
 *
 * Artifacts: bytes in chunks, since one value of PostgreSQL is held in memory whole, several times.
 * They are made from what is in the library, so writing them does not raise its revision.
 */
#include "store/postgres.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK ((size_t)4 << 20)

/* --- putting ------------------------------------------------------------------------------ */

static enum status drop(struct postgres_store *s, int64_t model_id, const char *name,
                        struct err *err)
{
    struct pg q =
        pg_start(s, PG_ARTIFACT_DROP, "DELETE FROM artifacts WHERE model_id = $1 AND name = $2");
    pg_int(&q, model_id);
    pg_text(&q, name);
    return pg_run(&q, err);
}

static enum status add(struct postgres_store *s, int64_t model_id, const char *name,
                       size_t size_bytes, int64_t *artifact_id, struct err *err)
{
    struct pg q = pg_start(s, PG_ARTIFACT_ADD,
                           "INSERT INTO artifacts (model_id, name, size_bytes)"
                           " VALUES ($1, $2, $3) RETURNING id");
    pg_int(&q, model_id);
    pg_text(&q, name);
    pg_int(&q, (int64_t)size_bytes);
    bool row;
    enum status status = pg_row(&q, &row, err);
    *artifact_id = row ? pg_column_int(&q, 0) : 0;
    pg_end(&q);
    return status;
}

static enum status put_chunks(struct postgres_store *s, int64_t artifact_id, const uint8_t *bytes,
                              size_t size_bytes, struct err *err)
{
    enum status status = OK;
    for (size_t at = 0; status == OK && at < size_bytes; at += CHUNK) {
        struct pg q = pg_start(s, PG_CHUNK_ADD,
                               "INSERT INTO artifact_chunks (artifact_id, position, bytes)"
                               " VALUES ($1, $2, $3)");
        pg_int(&q, artifact_id);
        pg_int(&q, (int64_t)(at / CHUNK));
        pg_blob(&q, bytes + at, size_bytes - at < CHUNK ? size_bytes - at : CHUNK);
        status = pg_run(&q, err);
    }
    return status;
}

static enum status put_artifact(struct postgres_store *s, int64_t model_id, const char *name,
                                const void *bytes, size_t size_bytes, struct err *err)
{
    int dim;
    int64_t artifact_id = 0;
    enum status status = pg_begin_quiet_write(s, err);
    if (status != OK)
        return status;
    status = postgres_model_dim(s, model_id, &dim, NULL, err);
    if (status == OK)
        status = drop(s, model_id, name, err);
    if (status == OK)
        status = add(s, model_id, name, size_bytes, &artifact_id, err);
    if (status == OK)
        status = put_chunks(s, artifact_id, bytes, size_bytes, err);
    return pg_finish(s, status, err);
}

enum status postgres_artifact_put(struct store *store, int64_t model_id, const char *name,
                                  const void *bytes, size_t size_bytes, struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_tries tries = {0};
    enum status status;
    do
        status = put_artifact(s, model_id, name, bytes, size_bytes, err);
    while (pg_again(s, &tries, &status, err));
    return status;
}

enum status postgres_artifact_remove(struct store *store, int64_t model_id, const char *name,
                                     struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_tries tries = {0};
    enum status status;
    do {
        status = pg_begin_quiet_write(s, err);
        if (status == OK)
            status = pg_finish(s, drop(s, model_id, name, err), err);
    } while (pg_again(s, &tries, &status, err));
    return status;
}

/* --- getting ------------------------------------------------------------------------------ */

static enum status find(struct postgres_store *s, int64_t model_id, const char *name,
                        int64_t *artifact_id, int64_t *size_bytes, struct err *err)
{
    struct pg q =
        pg_start(s, PG_ARTIFACT_FIND,
                 "SELECT id, size_bytes FROM artifacts WHERE model_id = $1 AND name = $2");
    pg_int(&q, model_id);
    pg_text(&q, name);
    bool found;
    enum status status = pg_row(&q, &found, err);
    *artifact_id = found ? pg_column_int(&q, 0) : 0;
    *size_bytes = found ? pg_column_int(&q, 1) : 0;
    pg_end(&q);
    if (status == OK && !found)
        status = err_set(err, ERR_NOT_FOUND, "the library %s keeps no \"%s\"", s->label, name);
    if (status == OK && (*size_bytes < 0 || (uint64_t)*size_bytes > STORE_ARTIFACT_MAX))
        status = pg_damaged(s, "an artifact has an impossible size", err);
    return status;
}

static enum status get_chunks(struct postgres_store *s, int64_t artifact_id, uint8_t *bytes,
                              size_t size_bytes, struct err *err)
{
    struct pg q = pg_start(s, PG_CHUNK_LIST,
                           "SELECT bytes FROM artifact_chunks WHERE artifact_id = $1"
                           " ORDER BY position");
    pg_int(&q, artifact_id);
    pg_stream(&q);
    bool row;
    size_t at = 0;
    enum status status = pg_row(&q, &row, err);
    while (status == OK && row) {
        size_t size;
        const void *chunk = pg_column_blob(&q, 0, &size);
        if (size > size_bytes - at) {
            status = pg_damaged(s, "an artifact has too many bytes", err);
            break;
        }
        memcpy(bytes + at, chunk, size);
        at += size;
        status = pg_row(&q, &row, err);
    }
    if (status == OK && at != size_bytes)
        status = pg_damaged(s, "an artifact lacks bytes", err);
    pg_end(&q);
    return status;
}

static enum status get_artifact(struct postgres_store *s, int64_t model_id, const char *name,
                                void **bytes, size_t *size_bytes, struct err *err)
{
    int64_t artifact_id, size;
    enum status status = pg_begin_read(s, err);
    if (status != OK)
        return status;
    free(*bytes);
    *bytes = NULL;
    status = find(s, model_id, name, &artifact_id, &size, err);
    if (status == OK) {
        *size_bytes = (size_t)size;
        *bytes = malloc(size > 0 ? (size_t)size : 1);
        status = *bytes ? get_chunks(s, artifact_id, *bytes, *size_bytes, err)
                        : err_no_memory(err, name, (unsigned long long)size);
    }
    return pg_finish(s, status, err);
}

enum status postgres_artifact_get(struct store *store, int64_t model_id, const char *name,
                                  void **bytes, size_t *size_bytes, struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_tries tries = {0};
    enum status status;
    do
        status = get_artifact(s, model_id, name, bytes, size_bytes, err);
    while (pg_again(s, &tries, &status, err));
    return status;
}

/* --- listing ------------------------------------------------------------------------------ */

static enum status append(struct postgres_store *s, struct store_artifact **artifacts,
                          size_t *count, const struct pg *q, struct err *err)
{
    struct store_artifact *grown = realloc(*artifacts, (*count + 1) * sizeof **artifacts);
    if (!grown)
        return err_no_memory(err, "the library's artifacts", *count * sizeof **artifacts);
    *artifacts = grown;
    const char *name = pg_column_text(q, 0);
    if (strlen(name) > STORE_ARTIFACT_NAME_MAX)
        return pg_damaged(s, "an artifact's name is too long", err);
    struct store_artifact *artifact = &grown[(*count)++];
    *artifact = (struct store_artifact){.size_bytes = pg_column_int(q, 1)};
    memcpy(artifact->name, name, strlen(name));
    return OK;
}

static enum status list(struct postgres_store *s, int64_t model_id,
                        struct store_artifact **artifacts, size_t *count, struct err *err)
{
    struct pg q = pg_start(s, PG_ARTIFACT_LIST,
                           "SELECT name, size_bytes FROM artifacts WHERE model_id = $1"
                           " ORDER BY name");
    pg_int(&q, model_id);
    *count = 0;
    bool row;
    enum status status = pg_row(&q, &row, err);
    while (status == OK && row) {
        status = append(s, artifacts, count, &q, err);
        if (status == OK)
            status = pg_row(&q, &row, err);
    }
    pg_end(&q);
    return status;
}

enum status postgres_artifacts(struct store *store, int64_t model_id,
                               struct store_artifact **artifacts, size_t *count, struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_tries tries = {0};
    enum status status;
    do
        status = list(s, model_id, artifacts, count, err);
    while (pg_again(s, &tries, &status, err));
    return status;
}
