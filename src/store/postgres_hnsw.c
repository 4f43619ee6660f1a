/* SPDX-License-Identifier: MIT
 *
 * A model's HNSW index, under a name by which it is known: embeddings_<model id>_hnsw. An index
 * that somebody else made has another name, and is left alone and not used.
 *
 * Where the vectors are spread over shards (postgres_shards.c), each shard has an index of this
 * name on its part, made there by a connection of this program's own (postgres_links.c), since
 * postgres_fdw sends no CREATE INDEX. That they have one, and how it was made, is kept as an index
 * of the same name on the partitioned table: it has no storage, and passes by partitions that are
 * foreign tables.
 *
 * pgvector before 0.8.2 may overflow a buffer when several workers build an index (CVE-2026-3172):
 * one process builds it there.
 */
#include "store/postgres.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A format, of the model's id. */
#define DROP_INDEX                                                                                 \
    "DO $$ BEGIN EXECUTE format('DROP INDEX IF EXISTS %%I.embeddings_%lld_hnsw',"                  \
    " current_schema()); END $$;"

/* pgvector's own limits of an index's dimensions. */
enum { VECTOR_MAX = 2000, HALFVEC_MAX = 4000 };

/* --- what there is ------------------------------------------------------------------------ */

enum status postgres_hnsw_look(struct postgres_store *s, int64_t model_id, struct store_hnsw *index,
                               struct err *err)
{
    char sql[640], answer[128];
    long long size = 0;
    *index = (struct store_hnsw){0};
    snprintf(sql, sizeof sql,
             "SELECT concat_ws(' ', pg_relation_size(c.oid),"
             "  coalesce(substring(array_to_string(reloptions, ',') FROM '(?:^|,)m=(\\d+)'), '16'),"
             "  coalesce(substring(array_to_string(reloptions, ',')"
             "           FROM 'ef_construction=(\\d+)'), '64'),"
             "  (SELECT count(*) FROM pg_inherits WHERE inhparent = i.indrelid))"
             " FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid"
             " WHERE c.relname = 'embeddings_%lld_hnsw' AND i.indisvalid"
             "  AND c.relnamespace = (SELECT oid FROM pg_namespace"
             "                         WHERE nspname = current_schema())",
             (long long)model_id);
    enum status status = pg_ask(s, sql, answer, sizeof answer, err);
    if (status == OK && answer[0])
        index->there = sscanf(answer, "%lld %d %d %d", &size, &index->m, &index->ef_construction,
                              &index->shards) == 4;
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

/* What a shard that does not answer says is a result, too. */
static struct store_hnsw_part look_there(struct postgres_link *link, int64_t model_id)
{
    struct store_hnsw_part part = {0};
    struct store_hnsw index;
    struct err why;
    enum status status = postgres_link_connect(link, &why);
    if (status == OK)
        status = postgres_hnsw_look(link->store, model_id, &index, &why);
    snprintf(part.server, sizeof part.server, "%s", link->server);
    if (status == OK) {
        part.there = index.there;
        part.size_bytes = index.size_bytes;
    } else {
        snprintf(part.trouble, sizeof part.trouble, "%s", why.text);
    }
    return part;
}

enum status postgres_hnsw_parts(struct store *store, int64_t model_id,
                                struct store_hnsw_part **parts, size_t *count, struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct postgres_links links;
    struct pg_tries tries = {0};
    enum status status;
    do {
        status = postgres_links_list(s, model_id, &links, err);
        if (status != OK)
            postgres_links_close(&links);
    } while (pg_again(s, &tries, &status, err));
    if (status == OK && links.count > 0) {
        *parts = calloc(links.count, sizeof **parts);
        if (!*parts)
            status = err_no_memory(err, "the list of shards", links.count * sizeof **parts);
    }
    for (size_t i = 0; status == OK && i < links.count; i++)
        (*parts)[(*count)++] = look_there(&links.items[i], model_id);
    postgres_links_close(&links);
    return status;
}

/* --- making it ---------------------------------------------------------------------------- */

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
    int version;
    enum status status = postgres_vector_version(s, &version, err);
    if (status == OK && version < POSTGRES_VECTOR(0, 8, 2))
        status = pg_exec(s, "SET LOCAL max_parallel_maintenance_workers = 0", err);
    return status;
}

/* Here, or on every shard: the table has the same name there. */
static enum status run(struct postgres_store *s, int64_t model_id, const char *sql, struct err *err)
{
    struct postgres_links links;
    enum status status = one_process_if_need_be(s, err);
    if (status == OK)
        status = pg_exec(s, sql, err);
    if (status != OK)
        return status;
    status = postgres_links_list(s, model_id, &links, err);
    if (status == OK)
        status = postgres_links_run(&links, sql, one_process_if_need_be, err);
    postgres_links_close(&links);
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
    if (status != OK)
        return status;
    snprintf(sql, sizeof sql,
             "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = "
             "0;" DROP_INDEX
             "CREATE INDEX embeddings_%lld_hnsw ON embeddings_%lld USING hnsw (vector %s_ip_ops)"
             " WITH (m = %d, ef_construction = %d)",
             id, id, id, half ? "halfvec" : "vector", m, ef_construction);
    return run(s, model_id, sql, err);
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
    char sql[256];
    int dim;
    enum status status = postgres_model_dim(s, model_id, &dim, NULL, err);
    if (status != OK)
        return status;
    snprintf(sql, sizeof sql, DROP_INDEX, (long long)model_id);
    return run(s, model_id, sql, err);
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
