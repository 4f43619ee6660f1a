/* SPDX-License-Identifier: MIT
 *
 * Statements of the PostgreSQL store; see pg_sql.h for how they are used.
 *
 * A statement is prepared at its first run on a connection, with the types of the parameters that
 * were bound: binary values must have the type that the server expects. One about a model's vectors
 * names another table for each model; the slot holds the one that was used last.
 */
#include "store/postgres.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- running ------------------------------------------------------------------------------ */

enum status pg_lost_before(struct postgres_store *s, struct err *err)
{
    s->lost = true;
    return err_set(err, ERR_IO, "the connection to the library %s was lost", s->label);
}

bool pg_is_connected(const struct postgres_store *s)
{
    return s->conn && PQstatus(s->conn) == CONNECTION_OK && !s->held_lost;
}

void pg_write_model(struct str *out, const char *text, int64_t model_id)
{
    const char *found;
    while (model_id && (found = strstr(text, "EMBEDDINGS"))) {
        str_append(out, text, (size_t)(found - text));
        str_format(out, "embeddings_%lld", (long long)model_id);
        text = found + strlen("EMBEDDINGS");
    }
    str_put(out, text);
}

static enum status check(struct pg *q, PGresult *result, struct err *err)
{
    ExecStatusType state = PQresultStatus(result);
    if (state == PGRES_COMMAND_OK || state == PGRES_TUPLES_OK || state == PGRES_SINGLE_TUPLE)
        return OK;
    return pg_fail(q->store, result, err);
}

static enum status prepare(struct pg *q, const char *name, struct err *err)
{
    struct postgres_store *s = q->store;
    if (s->prepared[q->slot] == q->model_id + 1)
        return OK;
    if (s->prepared[q->slot]) {
        char drop[40];
        snprintf(drop, sizeof drop, "DEALLOCATE %s", name);
        s->prepared[q->slot] = 0;
        enum status status = pg_exec(s, drop, err);
        if (status != OK)
            return status;
    }
    struct str text = str_new(1 << 16);
    pg_write_model(&text, q->text, q->model_id);
    if (!str_ok(&text)) {
        str_free(&text);
        return err_no_memory(err, "a statement", text.size);
    }
    PGresult *result = PQprepare(s->conn, name, str_text(&text), q->count, q->types);
    enum status status = check(q, result, err);
    PQclear(result);
    str_free(&text);
    if (status == OK)
        s->prepared[q->slot] = q->model_id + 1;
    return status;
}

static void count_changes(struct postgres_store *s, PGresult *result)
{
    if (strncmp(PQcmdStatus(result), "SELECT", 6) != 0)
        s->changes += atoll(PQcmdTuples(result));
}

static enum status send(struct pg *q, struct err *err)
{
    static const int binary[PG_PARAMS_MAX] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                              1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    struct postgres_store *s = q->store;
    char name[16];
    snprintf(name, sizeof name, "s%d", q->slot);
    if (q->failed)
        return q->failed == ERR_MEMORY
                   ? err_no_memory(err, "a statement's values", 0)
                   : err_set(err, q->failed, "too large for the library %s", s->label);
    if (!pg_is_connected(s))
        return pg_lost_before(s, err);
    enum status status = prepare(q, name, err);
    if (status != OK)
        return status;
    q->sent = true;
    if (q->stream) {
        if (PQsendQueryPrepared(s->conn, name, q->count, q->values, q->sizes, binary, 1) != 1)
            return pg_fail(s, NULL, err);
        PQsetSingleRowMode(s->conn);
        return OK;
    }
    q->result = PQexecPrepared(s->conn, name, q->count, q->values, q->sizes, binary, 1);
    status = check(q, q->result, err);
    if (status == OK)
        count_changes(s, q->result);
    return status;
}

/* The next row of a stream: each is a result of its own, and an empty one ends them. */
static enum status next_of_stream(struct pg *q, bool *row, struct err *err)
{
    PQclear(q->result);
    q->result = q->done ? NULL : PQgetResult(q->store->conn);
    if (!q->result) {
        q->done = true;
        return OK;
    }
    enum status status = check(q, q->result, err);
    *row = status == OK && PQresultStatus(q->result) == PGRES_SINGLE_TUPLE;
    q->row = 1;
    return status;
}

enum status pg_row(struct pg *q, bool *row, struct err *err)
{
    *row = false;
    enum status status = OK;
    if (!q->sent)
        status = send(q, err);
    if (status != OK)
        return status;
    if (q->stream)
        return next_of_stream(q, row, err);
    *row = q->row < PQntuples(q->result);
    q->row += *row;
    return OK;
}

enum status pg_run(struct pg *q, struct err *err)
{
    bool row = true;
    enum status status = OK;
    while (status == OK && row)
        status = pg_row(q, &row, err);
    pg_end(q);
    return status;
}

/* What was sent and not read yet. Many rows may be left: the server is asked to stop, unless the
 * transaction has to go on. */
static void drain(struct pg *q)
{
    PGresult *result = PQgetResult(q->store->conn);
    if (result && !q->store->base.reading) {
        char why[256];
        PGcancel *cancel = PQgetCancel(q->store->conn);
        if (cancel)
            PQcancel(cancel, why, sizeof why);
        PQfreeCancel(cancel);
    }
    for (; result; result = PQgetResult(q->store->conn))
        PQclear(result);
}

void pg_end(struct pg *q)
{
    if (q->stream && q->sent && !q->done && q->store->conn)
        drain(q);
    PQclear(q->result);
    q->result = NULL;
    q->done = true;
    for (int i = 0; i < q->count; i++) {
        free(q->copies[i]);
        q->copies[i] = NULL;
    }
}

enum status pg_exec(struct postgres_store *s, const char *sql, struct err *err)
{
    if (!pg_is_connected(s))
        return pg_lost_before(s, err);
    PGresult *result = PQexec(s->conn, sql);
    ExecStatusType state = PQresultStatus(result);
    enum status status = OK;
    if (state != PGRES_COMMAND_OK && state != PGRES_TUPLES_OK && state != PGRES_EMPTY_QUERY)
        status = pg_fail(s, result, err);
    PQclear(result);
    return status;
}

enum status pg_ask(struct postgres_store *s, const char *sql, char *out, size_t size,
                   struct err *err)
{
    out[0] = '\0';
    if (!pg_is_connected(s))
        return pg_lost_before(s, err);
    PGresult *result = PQexec(s->conn, sql);
    enum status status = OK;
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        status = pg_fail(s, result, err);
    else if (PQntuples(result) > 0)
        snprintf(out, size, "%s", PQgetvalue(result, 0, 0));
    PQclear(result);
    return status;
}

/* --- columns ------------------------------------------------------------------------------ */

bool pg_column_null(const struct pg *q, int column)
{
    return PQgetisnull(q->result, q->row - 1, column);
}

int64_t pg_column_int(const struct pg *q, int column)
{
    const char *p = PQgetvalue(q->result, q->row - 1, column);
    switch (PQgetlength(q->result, q->row - 1, column)) {
    case 1:
        return p[0] != 0;
    case 2:
        return (int16_t)((unsigned char)p[0] << 8 | (unsigned char)p[1]);
    case 4:
        return (int32_t)pg_get32(p);
    case 8:
        return (int64_t)pg_get64(p);
    default:
        return 0;
    }
}

double pg_column_real(const struct pg *q, int column)
{
    double real = 0;
    if (PQgetlength(q->result, q->row - 1, column) == sizeof real) {
        uint64_t bits = pg_get64(PQgetvalue(q->result, q->row - 1, column));
        memcpy(&real, &bits, sizeof real);
    }
    return real;
}

const char *pg_column_text(const struct pg *q, int column)
{
    return PQgetvalue(q->result, q->row - 1, column); /* libpq puts a NUL behind each */
}

const void *pg_column_blob(const struct pg *q, int column, size_t *size_bytes)
{
    *size_bytes = (size_t)PQgetlength(q->result, q->row - 1, column);
    return PQgetvalue(q->result, q->row - 1, column);
}

enum status pg_append_path(const struct postgres_store *s, const void *path, size_t size_bytes,
                           struct str *out, struct err *err)
{
    if (size_bytes == 0 || memchr(path, '\0', size_bytes))
        return pg_damaged(s, "a path is empty or holds a NUL", err);
    str_append(out, path, size_bytes);
    str_append(out, "", 1);
    return str_ok(out) ? OK : err_no_memory(err, "the library's paths", out->size + size_bytes);
}

enum status pg_column_path(const struct pg *q, int column, struct str *out, struct err *err)
{
    size_t size;
    const void *path = pg_column_blob(q, column, &size);
    return pg_append_path(q->store, path, size, out, err);
}
