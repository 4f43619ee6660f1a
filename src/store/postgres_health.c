/* SPDX-License-Identifier: MIT
 *
 * What `fovea doctor` asks of a library in PostgreSQL: which server it is, what this user may do,
 * and what no constraint of the tables keeps (postgres_schema.c): that each model has its table of
 * vectors, and that no vector is without a photo. The pages themselves are the server's to check
 * (data checksums, pg_amcheck).
 */
#include "store/postgres.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void note(struct store_health *out, int64_t count, const char *what)
{
    if (count > 0 && out->problems == 0)
        snprintf(out->first, sizeof out->first, "%lld %s", (long long)count, what);
    out->problems += count;
}

static enum status look_at_server(struct postgres_store *s, struct store_health *out,
                                  struct err *err)
{
    char version[64], may[8], schema[16];
    enum status status =
        pg_ask(s,
               "SELECT 'PostgreSQL ' || split_part(current_setting('server_version'), ' ', 1) ||"
               " ', pgvector ' || (SELECT extversion FROM pg_extension WHERE extname = 'vector')",
               version, sizeof version, err);
    if (status == OK)
        status = pg_ask(s,
                        "SELECT bool_and(has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE'))"
                        "  AND NOT pg_is_in_recovery()"
                        " FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
                        " WHERE nspname = current_schema() AND relkind IN ('r', 'p', 'f')",
                        may, sizeof may, err);
    if (status == OK)
        status = pg_ask(s, "SELECT version FROM library", schema, sizeof schema, err);
    if (status != OK)
        return status;
    snprintf(out->server, sizeof out->server, "%s%s", version,
             PQsslInUse(s->conn) ? ", over TLS" : "");
    out->read_only = may[0] != 't';
    out->schema_version = atoi(schema);
    return OK;
}

static enum status look_at_vectors(struct postgres_store *s, int64_t model_id,
                                   struct store_health *out, struct err *err)
{
    char sql[256], answer[32];
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
             " WHERE nspname = current_schema() AND relname = 'embeddings_%lld'",
             (long long)model_id);
    enum status status = pg_ask(s, sql, answer, sizeof answer, err);
    if (status == OK && strcmp(answer, "0") == 0) {
        note(out, 1, "model has no table of vectors");
        return OK;
    }
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM embeddings_%lld e LEFT JOIN photos ON id = photo_id"
             " WHERE id IS NULL",
             (long long)model_id);
    if (status == OK)
        status = pg_ask(s, sql, answer, sizeof answer, err);
    if (status == OK)
        note(out, atoll(answer), "vectors belong to no photograph");
    return status;
}

static enum status look(struct postgres_store *s, struct store_health *out, struct err *err)
{
    int64_t *models = NULL;
    size_t count = 0;
    enum status status = pg_begin_read(s, err);
    if (status != OK)
        return status;
    status = look_at_server(s, out, err);
    if (status == OK)
        status = postgres_model_ids(s, &models, &count, err);
    for (size_t i = 0; status == OK && i < count; i++)
        status = look_at_vectors(s, models[i], out, err);
    free(models);
    return pg_finish(s, status, err);
}

enum status postgres_check(const char *url, struct store_health *out, struct err *err)
{
    struct store *store;
    enum status status = postgres_open(&store, url, STORE_READ, err);
    if (status == OK)
        status = look(postgres_store(store), out, err);
    store_close(store);
    return status;
}
