/* SPDX-License-Identifier: MIT
 *
 * Artifacts: bytes in chunks, since one value of SQLite has a limit (and is held in memory whole).
 * They are made from what is in the library, so writing them does not raise its revision.
 */
#include "store/sqlite.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK ((size_t)4 << 20)

/* --- putting ------------------------------------------------------------------------------ */

static enum status drop(struct sqlite_store *s, int64_t model_id, const char *name, struct err *err)
{
    struct sql q =
        sql_start(s, SQL_ARTIFACT_DROP, "DELETE FROM artifacts WHERE model_id = ? AND name = ?");
    sql_int(&q, model_id);
    sql_text(&q, name);
    return sql_run(&q, err);
}

static enum status put_chunks(struct sqlite_store *s, const uint8_t *bytes, size_t size_bytes,
                              struct err *err)
{
    enum status status = OK;
    int64_t artifact_id = sqlite3_last_insert_rowid(s->db);
    for (size_t at = 0; status == OK && at < size_bytes; at += CHUNK) {
        struct sql q = sql_start(
            s, SQL_CHUNK_ADD,
            "INSERT INTO artifact_chunks (artifact_id, position, bytes) VALUES (?, ?, ?)");
        sql_int(&q, artifact_id);
        sql_int(&q, (int64_t)(at / CHUNK));
        sql_blob(&q, bytes + at, size_bytes - at < CHUNK ? size_bytes - at : CHUNK);
        status = sql_run(&q, err);
    }
    return status;
}

enum status sqlite_artifact_put(struct store *store, int64_t model_id, const char *name,
                                const void *bytes, size_t size_bytes, struct err *err)
{
    struct sqlite_store *s = sqlite_store(store);
    enum status status = sql_begin_quiet_write(s, err);
    if (status != OK)
        return status;
    int dim;
    status = sqlite_model_dim(s, model_id, &dim, err);
    if (status == OK)
        status = drop(s, model_id, name, err);
    if (status == OK) {
        struct sql q =
            sql_start(s, SQL_ARTIFACT_ADD,
                      "INSERT INTO artifacts (model_id, name, size_bytes) VALUES (?, ?, ?)");
        sql_int(&q, model_id);
        sql_text(&q, name);
        sql_int(&q, (int64_t)size_bytes);
        status = sql_run(&q, err);
    }
    if (status == OK)
        status = put_chunks(s, bytes, size_bytes, err);
    return sql_finish(s, status, err);
}

enum status sqlite_artifact_remove(struct store *store, int64_t model_id, const char *name,
                                   struct err *err)
{
    struct sqlite_store *s = sqlite_store(store);
    enum status status = sql_begin_quiet_write(s, err);
    return status == OK ? sql_finish(s, drop(s, model_id, name, err), err) : status;
}

/* --- getting ------------------------------------------------------------------------------ */

static enum status find(struct sqlite_store *s, int64_t model_id, const char *name,
                        int64_t *artifact_id, int64_t *size_bytes, struct err *err)
{
    struct sql q =
        sql_start(s, SQL_ARTIFACT_FIND,
                  "SELECT id, size_bytes FROM artifacts WHERE model_id = ? AND name = ?");
    sql_int(&q, model_id);
    sql_text(&q, name);
    bool found;
    enum status status = sql_row(&q, &found, err);
    if (found) {
        *artifact_id = sqlite3_column_int64(q.stmt, 0);
        *size_bytes = sqlite3_column_int64(q.stmt, 1);
    }
    sql_end(&q);
    if (status == OK && !found)
        status = err_set(err, ERR_NOT_FOUND, "the library %s keeps no \"%s\"", s->path, name);
    if (status == OK && (*size_bytes < 0 || (uint64_t)*size_bytes > STORE_ARTIFACT_MAX))
        status = sql_damaged(s, "an artifact has an impossible size", err);
    return status;
}

static enum status get_chunks(struct sqlite_store *s, int64_t artifact_id, uint8_t *bytes,
                              size_t size_bytes, struct err *err)
{
    struct sql q = sql_start(s, SQL_CHUNK_LIST,
                             "SELECT bytes FROM artifact_chunks WHERE artifact_id = ?"
                             " ORDER BY position");
    sql_int(&q, artifact_id);
    bool row;
    size_t at = 0;
    enum status status = sql_row(&q, &row, err);
    while (status == OK && row) {
        const void *chunk = sqlite3_column_blob(q.stmt, 0);
        size_t size = (size_t)sqlite3_column_bytes(q.stmt, 0);
        if (size > size_bytes - at) {
            status = sql_damaged(s, "an artifact has too many bytes", err);
            break;
        }
        if (size > 0)
            memcpy(bytes + at, chunk, size);
        at += size;
        status = sql_row(&q, &row, err);
    }
    if (status == OK && at != size_bytes)
        status = sql_damaged(s, "an artifact lacks bytes", err);
    sql_end(&q);
    return status;
}

enum status sqlite_artifact_get(struct store *store, int64_t model_id, const char *name,
                                void **bytes, size_t *size_bytes, struct err *err)
{
    struct sqlite_store *s = sqlite_store(store);
    int64_t artifact_id = 0, size = 0;
    enum status status = sql_begin_read(s, err);
    if (status != OK)
        return status;
    status = find(s, model_id, name, &artifact_id, &size, err);
    if (status == OK) {
        *size_bytes = (size_t)size;
        *bytes = malloc(size > 0 ? (size_t)size : 1);
        status = *bytes ? get_chunks(s, artifact_id, *bytes, *size_bytes, err)
                        : err_no_memory(err, name, (unsigned long long)size);
    }
    return sql_finish(s, status, err);
}

/* --- listing ------------------------------------------------------------------------------ */

static enum status take_artifact(const struct sql *q, struct store_artifact **artifacts,
                                 size_t *count, struct err *err)
{
    struct store_artifact *grown = realloc(*artifacts, (*count + 1) * sizeof *grown);
    if (!grown)
        return err_no_memory(err, "the artifacts", (*count + 1) * sizeof *grown);
    *artifacts = grown;
    const char *name = (const char *)sqlite3_column_text(q->stmt, 0);
    if (!name || strlen(name) > STORE_ARTIFACT_NAME_MAX)
        return sql_damaged(q->store, "an artifact has no name", err);
    struct store_artifact *artifact = &grown[(*count)++];
    memcpy(artifact->name, name, strlen(name) + 1);
    artifact->size_bytes = sqlite3_column_int64(q->stmt, 1);
    return OK;
}

enum status sqlite_artifacts(struct store *store, int64_t model_id,
                             struct store_artifact **artifacts, size_t *count, struct err *err)
{
    struct sql q = sql_start(sqlite_store(store), SQL_ARTIFACT_LIST,
                             "SELECT name, size_bytes FROM artifacts WHERE model_id = ?"
                             " ORDER BY name");
    sql_int(&q, model_id);
    bool row;
    enum status status = sql_row(&q, &row, err);
    while (status == OK && row) {
        status = take_artifact(&q, artifacts, count, err);
        if (status == OK)
            status = sql_row(&q, &row, err);
    }
    sql_end(&q);
    return status;
}
