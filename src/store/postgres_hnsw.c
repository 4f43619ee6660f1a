/* SPDX-License-Identifier: MIT
 *
 * A model's HNSW index, under a name by which it is known: embeddings_<model>_hnsw. An index that
 * somebody else made has another name, and is left alone and not used.
 *
 * pgvector 0.8.0 and 0.8.1 may overflow a buffer when several workers build one (fixed in 0.8.2):
 * these build it with one process.
 */
#include "store/postgres.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* pgvector's own limits of an index's dimensions. */
enum { VECTOR_MAX = 2000, HALFVEC_MAX = 4000 };

enum status postgres_hnsw_look(struct postgres_store *s, int64_t model_id, struct store_hnsw *index,
                               struct err *err)
{
    char sql[512], answer[128];
    long long size = 0;
    *index = (struct store_hnsw){0};
    snprintf(sql, sizeof sql,
             "SELECT concat_ws(' ', pg_relation_size(c.oid),"
             "  coalesce(substring(array_to_string(reloptions, ',') FROM '(?:^|,)m=(\\d+)'), '16'),"
             "  coalesce(substring(array_to_string(reloptions, ',')"
             "           FROM 'ef_construction=(\\d+)'), '64'))"
             " FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid"
             " WHERE c.oid = to_regclass('embeddings_%lld_hnsw') AND i.indisvalid",
             (long long)model_id);
    enum status status = pg_ask(s, sql, answer, sizeof answer, err);
    if (status == OK && answer[0])
        index->there = sscanf(answer, "%lld %d %d", &size, &index->m, &index->ef_construction) == 3;
    index->size_bytes = size;
    return status;
}

enum status postgres_hnsw_get(struct store *store, int64_t model_id, struct store_hnsw *index,
                              struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_tries tries = {0};
    enum status status;
    do
        status = postgres_hnsw_look(s, model_id, index, err);
    while (pg_again(s, &tries, &status, err));
    return status;
}

static enum status check_size(const struct postgres_store *s, int dim, bool half, struct err *err)
{
    if (dim <= (half ? HALFVEC_MAX : VECTOR_MAX))
        return OK;
    if (dim <= HALFVEC_MAX)
        return err_set(err, ERR_LIMIT,
                       "an index holds vectors of up to %d dimensions, and those of the library %s "
                       "have %d: in half precision (--halfvec) it is up to %d; search works "
                       "without one",
                       VECTOR_MAX, s->label, dim, HALFVEC_MAX);
    return err_set(
        err, ERR_LIMIT,
        "an index holds vectors of up to %d dimensions, and those of the library %s have "
        "%d: search works without one",
        HALFVEC_MAX, s->label, dim);
}

static enum status one_process_if_need_be(struct postgres_store *s, struct err *err)
{
    char version[64];
    int major = 0, minor = 0, patch = 0;
    enum status status = pg_ask(s, "SELECT extversion FROM pg_extension WHERE extname = 'vector'",
                                version, sizeof version, err);
    if (status == OK && sscanf(version, "%d.%d.%d", &major, &minor, &patch) == 3 && major == 0 &&
        minor == 8 && patch < 2)
        status = pg_exec(s, "SET LOCAL max_parallel_maintenance_workers = 0", err);
    return status;
}

static enum status build(struct postgres_store *s, int64_t model_id, int m, int ef_construction,
                         struct err *err)
{
    char sql[512];
    int dim;
    bool half;
    const long long id = model_id;
    enum status status = postgres_model_dim(s, model_id, &dim, &half, err);
    if (status == OK)
        status = check_size(s, dim, half, err);
    if (status == OK)
        status = one_process_if_need_be(s, err);
    if (status != OK)
        return status;
    snprintf(sql, sizeof sql,
             "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0;"
             "DROP INDEX IF EXISTS embeddings_%lld_hnsw;"
             "CREATE INDEX embeddings_%lld_hnsw ON embeddings_%lld USING hnsw (vector %s_ip_ops)"
             " WITH (m = %d, ef_construction = %d)",
             id, id, id, half ? "halfvec" : "vector", m, ef_construction);
    return pg_exec(s, sql, err);
}

enum status postgres_hnsw_make(struct store *store, int64_t model_id, int m, int ef_construction,
                               struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_tries tries = {0};
    enum status status;
    do {
        status = pg_begin_quiet_write(s, err);
        if (status == OK)
            status = pg_finish(s, build(s, model_id, m, ef_construction, err), err);
    } while (pg_again(s, &tries, &status, err));
    return status;
}

static enum status drop(struct postgres_store *s, int64_t model_id, struct err *err)
{
    char sql[128];
    int dim;
    enum status status = postgres_model_dim(s, model_id, &dim, NULL, err);
    if (status != OK)
        return status;
    snprintf(sql, sizeof sql, "DROP INDEX IF EXISTS embeddings_%lld_hnsw", (long long)model_id);
    return pg_exec(s, sql, err);
}

enum status postgres_hnsw_drop(struct store *store, int64_t model_id, struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_tries tries = {0};
    enum status status;
    do {
        status = pg_begin_quiet_write(s, err);
        if (status == OK)
            status = pg_finish(s, drop(s, model_id, err), err);
    } while (pg_again(s, &tries, &status, err));
    return status;
}
