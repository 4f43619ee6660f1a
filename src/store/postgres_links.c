/* SPDX-License-Identifier: MIT
 *
 * From the library to the shards of a model's vectors (postgres_shards.c), for what postgres_fdw
 * does not send there: CREATE INDEX. Where they are is not kept by fovea; it stands in the options
 * of the library's foreign servers, and user and password in the user mapping, which PostgreSQL
 * shows to the one whom it is for, if the server is theirs. So whoever made the shards can do this,
 * and others are told that they cannot.
 *
 * A statement runs on all shards at the same time, each in a transaction of its own, and these are
 * committed once all have succeeded: after a failure every shard is as it was.
 */
#include "store/postgres.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What of a foreign server's options is libpq's. Values in single quotes, as a conninfo has them.
 */
#define CONNINFO                                                                                   \
    "(SELECT string_agg(format('%s=''%s''', option_name,"                                          \
    "   replace(replace(option_value, '\\', '\\\\'), '''', '\\''')), ' ')"                         \
    "  FROM (SELECT * FROM pg_options_to_table(v.srvoptions)"                                      \
    "        UNION ALL SELECT * FROM pg_options_to_table(u.umoptions)) AS o"                       \
    "  WHERE option_name = ANY (ARRAY['host', 'hostaddr', 'port', 'dbname', 'user', 'password',"   \
    "   'connect_timeout', 'sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'sslcrl', 'krbsrvname'," \
    "   'gssencmode', 'channel_binding', 'keepalives']))"

static const char *const list =
    "SELECT v.srvname::text, CASE WHEN u.umoptions IS NOT NULL THEN " CONNINFO " END,"
    "  (SELECT option_value FROM pg_options_to_table(t.ftoptions)"
    "   WHERE option_name = 'schema_name')"
    " FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
    "  JOIN pg_foreign_table t ON t.ftrelid = c.oid"
    "  JOIN pg_foreign_server v ON v.oid = t.ftserver"
    "  LEFT JOIN pg_user_mappings u ON u.srvid = v.oid AND u.usename = current_user"
    " WHERE i.inhparent = to_regclass('EMBEDDINGS')"
    " ORDER BY length(c.relname), c.relname";

/* --- connecting --------------------------------------------------------------------------- */

static enum status add_link(struct postgres_links *links, const struct pg *q, struct err *err)
{
    if (links->count == STORE_SHARDS_MAX)
        return err_set(err, ERR_LIMIT, "more than %d shards", STORE_SHARDS_MAX);
    struct postgres_link *link = &links->items[links->count];
    struct postgres_store *x = calloc(1, sizeof *x);
    if (!x)
        return err_no_memory(err, "a shard", sizeof *x);
    links->count++;
    link->store = x;
    x->base = (struct store){.ops = &postgres_store_ops, .mode = STORE_WRITE};
    snprintf(link->server, sizeof link->server, "%s", pg_column_text(q, 0));
    link->known = !pg_column_null(q, 1);
    return link->known ? postgres_take_conninfo(x, pg_column_text(q, 1), pg_column_text(q, 2), err)
                       : OK;
}

enum status postgres_links_list(struct postgres_store *s, int64_t model_id,
                                struct postgres_links *links, struct err *err)
{
    bool row;
    *links = (struct postgres_links){0};
    struct pg q = pg_start_model(s, PG_SHARD_LINKS, model_id, list);
    enum status status = pg_row(&q, &row, err);
    while (status == OK && row) {
        status = add_link(links, &q, err);
        if (status == OK)
            status = pg_row(&q, &row, err);
    }
    pg_end(&q);
    return status;
}

void postgres_links_close(struct postgres_links *links)
{
    for (size_t i = 0; i < links->count; i++)
        postgres_free(links->items[i].store);
    *links = (struct postgres_links){0};
}

enum status postgres_link_connect(struct postgres_link *link, struct err *err)
{
    if (!link->known)
        return err_set(err, ERR_IO,
                       "%s: where it is and its password are shown to the role alone that made "
                       "the shards: connect to the library as that role",
                       link->server);
    enum status status = postgres_connect(link->store, err);
    return status == OK ? OK : err_prefix(err, "%s", link->server);
}

/* --- at the same time --------------------------------------------------------------------- */

static void cancel(struct postgres_store *x)
{
    char ignored[256];
    PGcancel *handle = x->conn ? PQgetCancel(x->conn) : NULL;
    if (handle)
        PQcancel(handle, ignored, sizeof ignored);
    PQfreeCancel(handle);
}

static enum status collect(struct postgres_store *x, struct err *err)
{
    enum status status = OK;
    PGresult *result;
    while ((result = PQgetResult(x->conn)) != NULL) {
        if (status == OK && PQresultStatus(result) != PGRES_COMMAND_OK)
            status = pg_fail(x, result, err);
        PQclear(result);
    }
    return status == OK && !x->conn ? pg_fail(x, NULL, err) : status;
}

static enum status start(struct postgres_link *link, const char *sql,
                         enum status (*prepare)(struct postgres_store *, struct err *),
                         struct err *err)
{
    enum status status = postgres_link_connect(link, err);
    if (status != OK)
        return status;
    status = pg_begin_quiet_write(link->store, err);
    if (status == OK && prepare)
        status = prepare(link->store, err);
    if (status == OK && PQsendQuery(link->store->conn, sql) != 1)
        status = pg_fail(link->store, NULL, err);
    return status == OK ? OK : err_prefix(err, "%s", link->server);
}

enum status postgres_links_run(struct postgres_links *links, const char *sql,
                               enum status (*prepare)(struct postgres_store *, struct err *),
                               struct err *err)
{
    enum status status = OK;
    size_t started = 0;
    struct err ignored;
    for (; status == OK && started < links->count; started++)
        status = start(&links->items[started], sql, prepare, err);
    for (size_t i = 0; i < started; i++) {
        struct postgres_store *x = links->items[i].store;
        if (status != OK)
            cancel(x);
        enum status here = collect(x, status == OK ? err : &ignored);
        if (status == OK && here != OK)
            err_prefix(err, "%s", links->items[i].server);
        status = status == OK ? here : status;
    }
    for (size_t i = 0; i < started; i++) {
        enum status here = pg_finish(links->items[i].store, status, status == OK ? err : &ignored);
        if (status == OK && here != OK)
            err_prefix(err, "%s", links->items[i].server);
        status = status == OK ? here : status;
    }
    return status;
}
