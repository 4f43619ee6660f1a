/* SPDX-License-Identifier: MIT
 *
 * See store_origin.h. The table may be anybody's: its columns are looked up, and rows come one at a
 * time in one transaction that may read only.
 */
#include "store/store_origin.h"

#include "store/postgres.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DIM_MOST 16000 /* pgvector's */
#define TABLE "image_embeddings"

struct origin {
    struct postgres_store *store;
    struct str table, sql; /* its quoted name; scratch */
    float *vector;         /* [DIM_MOST] */
    store_origin_visitor *visit;
    void *context;
};

static enum status ask(struct origin *o, char *out, size_t size, struct err *err)
{
    return str_ok(&o->sql) ? pg_ask(o->store, str_text(&o->sql), out, size, err)
                           : err_no_memory(err, "a statement", o->sql.size);
}

/* What is asked of each row, as a select list: the path, the vector, category and confidence. */
struct columns {
    const char *path, *category, *confidence;
};

static enum status find_columns(struct origin *o, struct columns *columns, struct err *err)
{
    char answer[64];
    char *literal = PQescapeLiteral(o->store->conn, str_text(&o->table), o->table.size);
    str_clear(&o->sql);
    str_format(&o->sql,
               "SELECT concat_ws(' ', count(*), bool_or(attname = 'path')::int,"
               "  bool_or(attname = 'filename')::int,"
               "  bool_or(attname = 'embedding'"
               "    AND atttypid::regtype::text ~ '(^|\\.)(vector|halfvec)$')::int,"
               "  bool_or(attname = 'category')::int,"
               "  bool_or(attname = 'confidence' AND atttypid IN ('real'::regtype,"
               "    'double precision'::regtype, 'numeric'::regtype))::int)"
               " FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0"
               "  AND NOT attisdropped",
               literal ? literal : "NULL");
    PQfreemem(literal);
    enum status status = ask(o, answer, sizeof answer, err);
    int count = 0, path = 0, name = 0, vector = 0, category = 0, confidence = 0;
    if (status != OK)
        return status;
    if (sscanf(answer, "%d %d %d %d %d %d", &count, &path, &name, &vector, &category,
               &confidence) != 6 ||
        count == 0)
        return err_set(err, ERR_NOT_FOUND,
                       "%s has no table " TABLE ": name its schema with schema=NAME in the URL",
                       o->store->label);
    if (!vector || !(path || name))
        return err_set(err, ERR_FORMAT,
                       "the table " TABLE " in %s is another kind of table: it needs a column path "
                       "or filename, and a column embedding of type vector or halfvec",
                       o->store->label);
    columns->path = path && name ? "coalesce(path, filename)::text"
                    : path       ? "path::text"
                                 : "filename::text";
    columns->category = category ? "category::text" : "NULL::text";
    columns->confidence = confidence ? "confidence::float8" : "NULL::float8";
    return OK;
}

static enum status count_rows(struct origin *o, int64_t *total, struct err *err)
{
    char answer[32];
    str_clear(&o->sql);
    str_format(&o->sql, "SELECT count(*) FROM %s", str_text(&o->table));
    enum status status = ask(o, answer, sizeof answer, err);
    *total = atoll(answer);
    return status;
}

/* pgvector's vector_send(): dimension, 0, big-endian float4s. What is none is given as dimension 0.
 */
static void read_vector(struct origin *o, const uint8_t *bytes, size_t size, int *dim)
{
    *dim = size >= 4 ? bytes[0] << 8 | bytes[1] : 0;
    if (*dim > DIM_MOST || size != 4 + 4 * (size_t)*dim)
        *dim = 0;
    for (int i = 0; i < *dim; i++) {
        uint32_t bits = pg_get32(bytes + 4 + 4 * i);
        memcpy(&o->vector[i], &bits, sizeof bits);
    }
}

static enum status visit_rows(struct origin *o, const struct columns *columns, struct err *err)
{
    str_clear(&o->sql);
    str_format(&o->sql, "SELECT %s, embedding::vector, %s, %s FROM %s", columns->path,
               columns->category, columns->confidence, str_text(&o->table));
    if (!str_ok(&o->sql))
        return err_no_memory(err, "a statement", o->sql.size);
    struct pg q = pg_start(o->store, PG_ORIGIN, str_text(&o->sql));
    pg_stream(&q);
    bool row;
    enum status status = pg_row(&q, &row, err);
    while (status == OK && row) {
        struct store_origin_row r = {
            .path = pg_column_null(&q, 0) ? NULL : pg_column_text(&q, 0),
            .vector = o->vector,
            .category = pg_column_null(&q, 2) ? NULL : pg_column_text(&q, 2),
            .confidence = pg_column_real(&q, 3),
        };
        size_t size;
        const void *bytes = pg_column_blob(&q, 1, &size);
        read_vector(o, bytes, size, &r.dim);
        status = o->visit(o->context, &r, err);
        if (status == OK)
            status = pg_row(&q, &row, err);
    }
    pg_end(&q);
    return status;
}

static enum status visit_table(struct origin *o, int64_t *total, struct err *err)
{
    struct columns columns = {0};
    o->vector = malloc(DIM_MOST * sizeof *o->vector);
    postgres_quoted(o->store, &o->table, TABLE);
    enum status status = o->vector && str_ok(&o->table)
                             ? pg_begin_read(o->store, err)
                             : err_no_memory(err, "a vector", DIM_MOST * sizeof *o->vector);
    if (status != OK)
        return status;
    status = pg_exec(o->store, "SET LOCAL statement_timeout = 0", err);
    if (status == OK)
        status = find_columns(o, &columns, err);
    if (status == OK)
        status = count_rows(o, total, err);
    if (status == OK)
        status = visit_rows(o, &columns, err);
    return pg_finish(o->store, status, err);
}

static enum status connect(struct postgres_store *s, const char *url, struct err *err)
{
    enum status status = postgres_read_url(s, url, err);
    if (status == OK && !strstr(url, "schema=")) {
        free(s->schema);
        s->schema = strdup("public");
        if (!s->schema)
            status = err_no_memory(err, "a schema", 0);
    }
    return status == OK ? postgres_connect(s, err) : status;
}

enum status store_origin_visit(const char *url, int64_t *total, store_origin_visitor *visit,
                               void *context, struct err *err)
{
    struct origin o = {
        .table = str_new(1024), .sql = str_new(1 << 14), .visit = visit, .context = context};
    struct postgres_store *s = o.store = calloc(1, sizeof *s);
    *total = 0;
    if (!s)
        return err_no_memory(err, "a connection", sizeof *s);
    s->base = (struct store){.ops = &postgres_store_ops, .mode = STORE_READ};
    enum status status = connect(s, url, err);
    if (status == OK)
        status = visit_table(&o, total, err);
    postgres_free(s);
    free(o.vector);
    str_free(&o.table);
    str_free(&o.sql);
    return status;
}
