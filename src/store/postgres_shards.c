/* SPDX-License-Identifier: MIT
 *
 * Vectors spread over several servers, by PostgreSQL's own means: the table of a model's vectors
 * becomes one that is partitioned by the hash of the photo's id, and each partition a foreign table
 * (postgres_fdw) whose rows are a table of the same name on a shard.
 *
 *     library's server                                   shard i
 *     embeddings_1  PARTITION BY HASH (photo_id)
 *       embeddings_1_shard_0 … i  foreign tables ─────▶  embeddings_1 (its own index, if any)
 *
 * Every verb works on the parent and need not know, but for search: ORDER BY <#> of the parent is
 * sent to the shards (the extension is named in the server's options), the LIMIT is not, and shards
 * would be asked one after the other. So a search names the partitions (postgres_shards_list.c):
 * each is asked for its own best, with ORDER BY and LIMIT, and all at the same time (async_capable,
 * which needs an Append: the order of the whole is by distance + 0, which no partition has).
 *
 * A shard is connected to twice: by fovea, which makes the tables there and their indexes, and by
 * the library's server, with the same address, user and password; the password is kept there in a
 * user mapping.
 * postgres_fdw commits on the shards just before the library commits: what may be left there by a
 * failure in between is a vector of a photo that never was, which nobody sees.
 */
#include "store/postgres.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SQL_MAX (1 << 16)

/* The session of the library's server at a shard: no more rows than a search wants are fetched, and
 * the planner is to count on that. Settings of a transaction do not get there, so what an index is
 * asked for stands here: the most that ef_search can be, since a few rows of each shard are wanted,
 * not the thousands that a search on one server reads on (postgres_nearest.c): postgres_fdw would
 * fetch their vectors. Iterative scans are pgvector 0.8's. */
#define SESSION_OPTIONS "-c cursor_tuple_fraction=0.001 -c hnsw.ef_search=1000"
#define SESSION_ITERATIVE                                                                          \
    " -c hnsw.iterative_scan=strict_order -c hnsw.max_scan_tuples=100000"                          \
    " -c hnsw.scan_mem_multiplier=4"

struct shard {
    struct postgres_store *store; /* the connection there; no library */
    char server[64];              /* its name here */
};

/* An index that a model had before its vectors moved. */
struct kept_index {
    int64_t model_id;
    struct store_hnsw hnsw;
};

struct spread {
    struct postgres_store *s;
    struct shard shards[STORE_SHARDS_MAX];
    size_t count;
    size_t models; /* that were spread */
    struct kept_index *indexes;
    size_t index_count;
    int64_t moved;
};

static void put_identifier(struct postgres_store *s, struct str *out, const char *name)
{
    char *quoted = PQescapeIdentifier(s->conn, name, strlen(name));
    if (quoted)
        str_put(out, quoted);
    else
        out->failed = true;
    PQfreemem(quoted);
}

static void put_literal(struct postgres_store *s, struct str *out, const char *text)
{
    char *quoted = PQescapeLiteral(s->conn, text, strlen(text));
    if (quoted)
        str_put(out, quoted);
    else
        out->failed = true;
    PQfreemem(quoted);
}

static enum status run(struct postgres_store *s, struct str *sql, struct err *err)
{
    enum status status =
        str_ok(sql) ? pg_exec(s, str_text(sql), err) : err_no_memory(err, "a statement", sql->size);
    str_free(sql);
    return status;
}

/* --- a shard ------------------------------------------------------------------------------ */

static void close_shards(struct spread *spread)
{
    for (size_t i = 0; i < spread->count; i++)
        postgres_free(spread->shards[i].store);
    free(spread->indexes);
}

static uint32_t hash_text(uint32_t hash, const char *text)
{
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 16777619u; /* FNV-1a */
    return (hash ^ 0xff) * 16777619u;
}

/* For people to see in messages; the hash tells apart what is cut off. */
static void name_server(const struct postgres_store *s, struct shard *shard, size_t i)
{
    const PGconn *conn = shard->store->conn;
    uint32_t hash = hash_text(hash_text(2166136261u, s->schema), shard->store->schema);
    hash = hash_text(hash_text(hash, PQhost(conn)), PQport(conn));
    hash = hash_text(hash_text(hash, PQdb(conn)), PQuser(conn));
    snprintf(shard->server, sizeof shard->server, "fovea shard %u: %.20s:%.5s/%.8s #%08x",
             (unsigned)(i + 1) % 100, PQhost(conn), PQport(conn), PQdb(conn), hash);
}

static enum status open_shard(struct spread *spread, size_t i, const char *url, struct err *err)
{
    struct shard *shard = &spread->shards[i];
    struct postgres_store *x = calloc(1, sizeof *x);
    if (!x)
        return err_no_memory(err, "a shard", sizeof *x);
    shard->store = x;
    spread->count = i + 1;
    x->base = (struct store){.ops = &postgres_store_ops, .mode = STORE_WRITE};
    enum status status = postgres_read_url(x, url, err);
    if (status == OK)
        status = postgres_connect(x, err);
    if (status == OK)
        name_server(spread->s, shard, i);
    return status;
}

static enum status ask_there(struct postgres_store *s, const char *table, bool *there,
                             struct err *err)
{
    char answer[8];
    struct str sql = str_new(1024);
    str_put(&sql, "SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                  " WHERE nspname = ");
    put_literal(s, &sql, s->schema);
    str_put(&sql, " AND relname = ");
    put_literal(s, &sql, table);
    enum status status = str_ok(&sql) ? pg_ask(s, str_text(&sql), answer, sizeof answer, err)
                                      : err_no_memory(err, "a statement", sql.size);
    *there = status == OK && answer[0];
    str_free(&sql);
    return status;
}

static enum status prepare_shard(struct postgres_store *x, struct err *err)
{
    bool library = false;
    struct str sql = str_new(1024);
    enum status status = ask_there(x, "library", &library, err);
    if (status == OK && library)
        status = err_set(err, ERR_ARGUMENT,
                         "the schema %s of %s holds a library of its own: choose another for the "
                         "shard's tables with ?schema=NAME",
                         x->schema, x->label);
    if (status == OK)
        status = postgres_make_extension(x, err);
    if (status != OK)
        return status;
    str_put(&sql, "CREATE SCHEMA IF NOT EXISTS ");
    put_identifier(x, &sql, x->schema);
    status = run(x, &sql, err);
    return status == OK ? postgres_set_path(x, err) : status;
}

static enum status make_table_there(struct postgres_store *x, int64_t model_id, int dim, bool half,
                                    struct err *err)
{
    char name[64], answer[8] = "", sql[128];
    bool there;
    snprintf(name, sizeof name, "embeddings_%lld", (long long)model_id);
    enum status status = ask_there(x, name, &there, err);
    if (status == OK && !there)
        return postgres_make_table(x, model_id, dim, half, err);
    snprintf(sql, sizeof sql, "SELECT 1 FROM %s LIMIT 1", name);
    if (status == OK)
        status = pg_ask(x, sql, answer, sizeof answer, err);
    if (status == OK && answer[0])
        status = err_set(err, ERR_ARGUMENT,
                         "%s holds vectors already (table %s in the schema %s): choose another "
                         "schema for this library's with ?schema=NAME, or drop that table",
                         x->label, name, x->schema);
    if (status != OK)
        return status;
    snprintf(sql, sizeof sql, "DROP TABLE %s", name); /* may be of another dimension */
    status = pg_exec(x, sql, err);
    return status == OK ? postgres_make_table(x, model_id, dim, half, err) : status;
}

/* --- its server here ---------------------------------------------------------------------- */

/* What postgres_fdw takes from a URL as it is; the rest has a meaning of its own here or there. */
static bool passes(const char *keyword)
{
    static const char *const names[] = {
        "hostaddr",   "sslmode",    "sslrootcert",     "sslcert",    "sslkey", "sslcrl",
        "krbsrvname", "gssencmode", "channel_binding", "keepalives", NULL};
    for (size_t i = 0; names[i]; i++)
        if (strcmp(keyword, names[i]) == 0)
            return true;
    return false;
}

static void put_option(struct postgres_store *s, struct str *sql, const char *name,
                       const char *value)
{
    str_format(sql, ", %s ", name);
    put_literal(s, sql, value);
}

static enum status make_server(struct postgres_store *s, const struct shard *shard, struct err *err)
{
    PGconn *there = shard->store->conn;
    int version;
    enum status status = postgres_vector_version(shard->store, &version, err);
    if (status != OK)
        return status;
    struct str sql = str_new(SQL_MAX);
    str_put(&sql, "CREATE SERVER IF NOT EXISTS ");
    put_identifier(s, &sql, shard->server);
    str_put(&sql, " FOREIGN DATA WRAPPER postgres_fdw OPTIONS (extensions 'vector',"
                  " fetch_size '1000', batch_size '100', async_capable 'true', options ");
    put_literal(s, &sql,
                version >= POSTGRES_VECTOR(0, 8, 0) ? SESSION_OPTIONS SESSION_ITERATIVE
                                                    : SESSION_OPTIONS);
    put_option(s, &sql, "host", PQhost(there));
    put_option(s, &sql, "port", PQport(there));
    put_option(s, &sql, "dbname", PQdb(there));
    put_option(s, &sql, "connect_timeout", "10");
    for (const PQconninfoOption *o = shard->store->options; o->keyword; o++)
        if (o->val && o->val[0] && passes(o->keyword))
            put_option(s, &sql, o->keyword, o->val);
    str_put(&sql, "); CREATE USER MAPPING IF NOT EXISTS FOR CURRENT_USER SERVER ");
    put_identifier(s, &sql, shard->server);
    str_put(&sql, " OPTIONS (user ");
    put_literal(s, &sql, PQuser(there));
    if (PQpass(there) && PQpass(there)[0])
        put_option(s, &sql, "password", PQpass(there));
    str_put(&sql, ")");
    return run(s, &sql, err);
}

static enum status make_wrapper(struct postgres_store *s, struct err *err)
{
    char there[8];
    enum status status = pg_ask(s, "SELECT 1 FROM pg_extension WHERE extname = 'postgres_fdw'",
                                there, sizeof there, err);
    if (status != OK || there[0])
        return status;
    status = pg_exec(s, "CREATE EXTENSION postgres_fdw WITH SCHEMA public", err);
    return status == OK ? OK
                        : err_prefix(err, "an administrator has to run CREATE EXTENSION "
                                          "postgres_fdw, and GRANT USAGE ON FOREIGN DATA WRAPPER "
                                          "postgres_fdw, first");
}

/* --- moving ------------------------------------------------------------------------------- */

static enum status is_spread(struct postgres_store *s, int64_t model_id, bool *spread,
                             struct err *err)
{
    char sql[128], kind[8];
    snprintf(sql, sizeof sql,
             "SELECT relkind FROM pg_class WHERE oid = to_regclass('embeddings_%lld')",
             (long long)model_id);
    enum status status = pg_ask(s, sql, kind, sizeof kind, err);
    *spread = status == OK && kind[0] == 'p';
    return status;
}

static enum status keep_index(struct spread *spread, int64_t model_id, struct err *err)
{
    struct store_hnsw hnsw;
    enum status status = postgres_hnsw_look(spread->s, model_id, &hnsw, err);
    if (status != OK || !hnsw.there)
        return status;
    struct kept_index *grown =
        realloc(spread->indexes, (spread->index_count + 1) * sizeof *spread->indexes);
    if (!grown)
        return err_no_memory(err, "an index", sizeof *grown);
    spread->indexes = grown;
    grown[spread->index_count++] = (struct kept_index){model_id, hnsw};
    return OK;
}

/* The table and its index go once the rows have moved. The key's name is wanted by the next table;
 * a partitioned one has no key. */
static enum status put_aside(struct spread *spread, int64_t model_id, bool partitioned,
                             struct err *err)
{
    char sql[256];
    const long long id = model_id;
    enum status status = keep_index(spread, model_id, err);
    snprintf(sql, sizeof sql, "ALTER TABLE embeddings_%lld RENAME TO embeddings_before", id);
    if (status == OK)
        status = pg_exec(spread->s, sql, err);
    snprintf(sql, sizeof sql, "ALTER INDEX embeddings_%lld_pkey RENAME TO embeddings_before_pkey",
             id);
    if (status == OK && !partitioned)
        status = pg_exec(spread->s, sql, err);
    return status;
}

/* What moved had an index: one like it is made where the vectors are now. */
static enum status remake_indexes(struct spread *spread, struct err *err)
{
    enum status status = OK;
    for (size_t i = 0; status == OK && i < spread->index_count; i++) {
        const struct kept_index *kept = &spread->indexes[i];
        status = postgres_hnsw_make(&spread->s->base, kept->model_id, kept->hnsw.m,
                                    kept->hnsw.ef_construction, err);
    }
    return status == OK ? OK
                        : err_prefix(err, "the vectors have moved, but not their index (fovea "
                                          "store index --hnsw makes it again)");
}

/* Rows of photos that are there. */
static enum status fill(struct spread *spread, int64_t model_id, bool empty_before, struct err *err)
{
    char sql[512], count[32] = "";
    const long long id = model_id;
    snprintf(sql, sizeof sql,
             "WITH moved AS (INSERT INTO embeddings_%lld (photo_id, vector, created_at, updated_at)"
             "  SELECT photo_id, vector, created_at, updated_at FROM embeddings_before AS e"
             "  WHERE EXISTS (SELECT 1 FROM photos WHERE photos.id = e.photo_id) RETURNING 1)"
             " SELECT count(*) FROM moved",
             id);
    enum status status = pg_ask(spread->s, sql, count, sizeof count, err);
    spread->moved += atoll(count);
    if (status == OK && empty_before)
        status = pg_exec(spread->s, "DELETE FROM embeddings_before", err);
    return status == OK ? pg_exec(spread->s, "DROP TABLE embeddings_before", err) : status;
}

static enum status make_partitions(struct spread *spread, int64_t model_id, int dim, bool half,
                                   struct err *err)
{
    struct postgres_store *s = spread->s;
    const long long id = model_id;
    struct str sql = str_new(SQL_MAX);
    str_format(&sql, "CREATE TABLE embeddings_%lld (" POSTGRES_VECTOR_COLUMNS, id, "NOT NULL",
               half ? "halfvec" : "vector", dim);
    str_put(&sql, ") PARTITION BY HASH (photo_id);");
    for (size_t i = 0; i < spread->count; i++) {
        const struct shard *shard = &spread->shards[i];
        str_format(&sql,
                   "CREATE FOREIGN TABLE embeddings_%lld_shard_%zu PARTITION OF embeddings_%lld"
                   " FOR VALUES WITH (MODULUS %zu, REMAINDER %zu) SERVER ",
                   id, i, id, spread->count, i);
        put_identifier(s, &sql, shard->server);
        str_put(&sql, " OPTIONS (schema_name ");
        put_literal(s, &sql, shard->store->schema);
        str_format(&sql, ", table_name 'embeddings_%lld');", id);
    }
    return run(s, &sql, err);
}

static enum status spread_model(struct spread *spread, int64_t model_id, struct err *err)
{
    int dim;
    bool half, done;
    enum status status = is_spread(spread->s, model_id, &done, err);
    if (status != OK || done)
        return status;
    status = postgres_model_dim(spread->s, model_id, &dim, &half, err);
    for (size_t i = 0; status == OK && i < spread->count; i++)
        status = make_table_there(spread->shards[i].store, model_id, dim, half, err);
    if (status == OK)
        status = put_aside(spread, model_id, false, err);
    if (status == OK)
        status = make_partitions(spread, model_id, dim, half, err);
    spread->models++;
    return status == OK ? fill(spread, model_id, false, err) : status;
}

static enum status gather_model(struct spread *spread, int64_t model_id, struct err *err)
{
    int dim;
    bool half, done;
    enum status status = is_spread(spread->s, model_id, &done, err);
    if (status != OK || !done)
        return status;
    status = postgres_model_dim(spread->s, model_id, &dim, &half, err);
    if (status == OK)
        status = put_aside(spread, model_id, true, err);
    if (status == OK)
        status = postgres_make_table(spread->s, model_id, dim, half, err);
    return status == OK ? fill(spread, model_id, true, err) : status;
}

static enum status each_model(struct spread *spread,
                              enum status (*what)(struct spread *, int64_t, struct err *),
                              struct err *err)
{
    int64_t *models = NULL, active = 0;
    size_t count = 0;
    char answer[32] = "";
    enum status status = pg_exec(
        spread->s, "SET LOCAL statement_timeout = 0;" POSTGRES_DROP_OWN("VIEW", "image_embeddings"),
        err);
    if (status == OK)
        status = postgres_model_ids(spread->s, &models, &count, err);
    for (size_t i = 0; status == OK && i < count; i++)
        status = what(spread, models[i], err);
    if (status == OK)
        status = pg_ask(spread->s, "SELECT active_model FROM library", answer, sizeof answer, err);
    active = atoll(answer);
    free(models);
    return status == OK ? postgres_view_make(spread->s, active, err) : status;
}

static enum status make(struct spread *spread, struct err *err)
{
    enum status status = pg_begin_write(spread->s, err);
    if (status != OK)
        return status;
    status = make_wrapper(spread->s, err);
    for (size_t i = 0; status == OK && i < spread->count; i++)
        status = make_server(spread->s, &spread->shards[i], err);
    if (status == OK)
        status = each_model(spread, spread_model, err);
    if (status == OK && spread->models == 0)
        status = err_set(err, ERR_NOT_FOUND,
                         "the library %s has no vectors that are not spread already: fovea index "
                         "makes them",
                         spread->s->label);
    return pg_finish(spread->s, status, err);
}

enum status postgres_shards_make(struct store *store, const char *const *urls, size_t count,
                                 int64_t *moved, struct err *err)
{
    struct spread spread = {.s = postgres_store(store)};
    enum status status = OK;
    for (size_t i = 0; status == OK && i < count; i++) {
        status = open_shard(&spread, i, urls[i], err);
        if (status == OK)
            status = prepare_shard(spread.shards[i].store, err);
        if (status != OK)
            err_prefix(err, i == 0 ? "the first server" : "a further server");
    }
    if (status == OK)
        status = make(&spread, err);
    if (status == OK)
        status = remake_indexes(&spread, err);
    *moved = spread.moved;
    close_shards(&spread);
    return status;
}

/* Servers of foreign tables in this schema. */
#define SERVERS                                                                                    \
    " FROM pg_foreign_table t JOIN pg_class c ON c.oid = t.ftrelid"                                \
    "  JOIN pg_foreign_server v ON v.oid = t.ftserver"                                             \
    "  JOIN pg_namespace n ON n.oid = c.relnamespace WHERE nspname = current_schema()"

static enum status end(struct spread *spread, struct err *err)
{
    char servers[8192];
    enum status status = pg_begin_write(spread->s, err);
    if (status != OK)
        return status;
    status = pg_ask(spread->s,
                    "SELECT string_agg('DROP SERVER ' || quote_ident(srvname) || ' CASCADE', '; ')"
                    " FROM (SELECT DISTINCT srvname" SERVERS ") AS names",
                    servers, sizeof servers, err);
    if (status == OK && !servers[0])
        status = err_set(err, ERR_NOT_FOUND, "the vectors of the library %s are not spread",
                         spread->s->label);
    if (status == OK)
        status = each_model(spread, gather_model, err);
    if (status == OK)
        status = pg_exec(spread->s, servers, err);
    return pg_finish(spread->s, status, err);
}

enum status postgres_shards_end(struct store *store, int64_t *moved, struct err *err)
{
    struct spread spread = {.s = postgres_store(store)};
    enum status status = end(&spread, err);
    if (status == OK)
        status = remake_indexes(&spread, err);
    *moved = spread.moved;
    close_shards(&spread);
    return status;
}
