/* SPDX-License-Identifier: MIT
 *
 * Of shards (postgres_shards.c): which there are, and a search that asks all of them.
 */
#include "store/postgres.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- which there are ---------------------------------------------------------------------- */

#define LIST                                                                                       \
    "SELECT srvname::text, m.name, c.relname::text"                                                \
    " FROM models m JOIN pg_class c ON c.relname LIKE 'embeddings\\_' || m.id || '\\_shard\\_%'"   \
    "  JOIN pg_foreign_table t ON t.ftrelid = c.oid JOIN pg_foreign_server v ON v.oid = "          \
    "t.ftserver"                                                                                   \
    "  JOIN pg_namespace n ON n.oid = c.relnamespace WHERE nspname = current_schema()"             \
    " ORDER BY m.id, length(c.relname), c.relname"

struct listing {
    struct store_shard *shards;
    char (*tables)[64];
    size_t count;
};

static enum status add_shard(struct listing *l, const struct pg *q, struct err *err)
{
    size_t n = l->count + 1;
    struct store_shard *shards = realloc(l->shards, n * sizeof *shards);
    if (shards)
        l->shards = shards;
    char(*tables)[64] = realloc(l->tables, n * sizeof *tables);
    if (tables)
        l->tables = tables;
    if (!shards || !tables)
        return err_no_memory(err, "the list of shards", n * sizeof *shards);
    shards[l->count] = (struct store_shard){.vectors = -1};
    snprintf(shards[l->count].server, sizeof shards->server, "%s", pg_column_text(q, 0));
    snprintf(shards[l->count].model, sizeof shards->model, "%s", pg_column_text(q, 1));
    snprintf(tables[l->count++], sizeof *tables, "%s", pg_column_text(q, 2));
    return OK;
}

static enum status list(struct postgres_store *s, struct listing *l, struct err *err)
{
    struct pg q = pg_start(s, PG_SHARD_LIST, LIST);
    bool row;
    enum status status = pg_row(&q, &row, err);
    while (status == OK && row) {
        status = add_shard(l, &q, err);
        if (status == OK)
            status = pg_row(&q, &row, err);
    }
    pg_end(&q);
    return status;
}

/* What a shard that does not answer says is a result, too. */
static void count_there(struct postgres_store *s, struct store_shard *shard, const char *table)
{
    char sql[160], answer[32];
    struct err why;
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
    if (pg_ask(s, sql, answer, sizeof answer, &why) == OK)
        shard->vectors = atoll(answer);
    else
        snprintf(shard->trouble, sizeof shard->trouble, "%s", why.text);
}

enum status postgres_shards(struct store *store, struct store_shard **shards, size_t *count,
                            struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct listing l = {0};
    struct pg_tries tries = {0};
    enum status status;
    do {
        l.count = 0;
        status = list(s, &l, err);
    } while (pg_again(s, &tries, &status, err));
    for (size_t i = 0; status == OK && i < l.count; i++)
        count_there(s, &l.shards[i], l.tables[i]);
    free(l.tables);
    if (status == OK) {
        *shards = l.shards;
        *count = l.count;
    } else {
        free(l.shards);
    }
    return status;
}

/* --- search ------------------------------------------------------------------------------- */

enum status postgres_shards_text(struct postgres_store *s, int64_t model_id, const char *text,
                                 struct str *out, struct err *err)
{
    char sql[256], tables[8192];
    snprintf(sql, sizeof sql,
             "SELECT string_agg(inhrelid::regclass::text, ' ' ORDER BY inhrelid) FROM pg_inherits"
             " WHERE inhparent = to_regclass('embeddings_%lld')",
             (long long)model_id);
    enum status status = pg_ask(s, sql, tables, sizeof tables, err);
    if (status != OK || !tables[0])
        return status;
    const char *place = strstr(text, "EMBEDDINGS"), *separator = "";
    str_put(out, "SELECT photo_id, distance FROM (");
    for (char *rest, *name = strtok_r(tables, " ", &rest); name;
         name = strtok_r(NULL, " ", &rest)) {
        str_format(out, "%s(%.*s%s%s)", separator, (int)(place - text), text, name,
                   place + strlen("EMBEDDINGS"));
        separator = " UNION ALL ";
    }
    str_put(out, ") AS shards ORDER BY distance + 0 LIMIT $2");
    return str_ok(out) ? OK : err_no_memory(err, "a statement", out->size);
}
