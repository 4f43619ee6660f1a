/* SPDX-License-Identifier: MIT
 *
 * COPY in its binary form, rows to the server and from it; see pg_sql.h.
 * https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-BINARY-FORMAT
 *
 *     header: 11 bytes of signature, flags, length of the extension
 *     row:    int16 number of fields; per field int32 size (-1: NULL) and its bytes
 *     end:    int16 -1
 *
 * A transfer may take as long as it takes: statement_timeout is for statements that answer.
 */
#include "store/postgres.h"

#include <string.h>

#define PIECE ((size_t)256 << 10) /* sent at once */
#define ROW_MAX ((size_t)1 << 30)

static const char header[19] = "PGCOPY\n\377\r\n"; /* flags and extension: zeros */

/* --- rows to the server ------------------------------------------------------------------- */

static enum status start(struct postgres_store *s, const char *sql, ExecStatusType expected,
                         struct err *err)
{
    enum status status = pg_exec(s, "SET LOCAL statement_timeout = 0", err);
    if (status != OK)
        return status;
    PGresult *result = PQexec(s->conn, sql);
    if (PQresultStatus(result) != expected)
        status = pg_fail(s, result, err);
    PQclear(result);
    return status;
}

enum status pg_copy_in(struct pg_copy *c, struct postgres_store *s, const char *sql,
                       struct err *err)
{
    *c = (struct pg_copy){.store = s, .buffer = str_new(PIECE + ROW_MAX)};
    str_append(&c->buffer, header, sizeof header);
    return start(s, sql, PGRES_COPY_IN, err);
}

void pg_copy_row(struct pg_copy *c, int fields)
{
    const char bytes[2] = {(char)(fields >> 8), (char)fields};
    str_append(&c->buffer, bytes, sizeof bytes);
}

void pg_copy_size(struct pg_copy *c, size_t size_bytes)
{
    uint32_t swapped = __builtin_bswap32((uint32_t)size_bytes);
    str_append(&c->buffer, (const char *)&swapped, sizeof swapped);
}

void pg_copy_bytes(struct pg_copy *c, const void *bytes, size_t size_bytes)
{
    pg_copy_size(c, size_bytes);
    str_append(&c->buffer, bytes, size_bytes);
}

void pg_copy_int(struct pg_copy *c, int64_t value)
{
    uint64_t swapped = __builtin_bswap64((uint64_t)value);
    pg_copy_bytes(c, &swapped, sizeof swapped);
}

static enum status put(struct pg_copy *c, struct err *err)
{
    if (!str_ok(&c->buffer))
        return err_no_memory(err, "rows for the library", c->buffer.size);
    if (!c->store->conn ||
        PQputCopyData(c->store->conn, str_text(&c->buffer), (int)c->buffer.size) != 1)
        return pg_fail(c->store, NULL, err);
    str_clear(&c->buffer);
    return OK;
}

enum status pg_copy_flush(struct pg_copy *c, struct err *err)
{
    return c->buffer.size < PIECE && str_ok(&c->buffer) ? OK : put(c, err);
}

enum status pg_copy_in_end(struct pg_copy *c, enum status status, struct err *err)
{
    struct postgres_store *s = c->store;
    if (status == OK) {
        str_append(&c->buffer, "\377\377", 2);
        status = put(c, err);
    }
    str_free(&c->buffer);
    if (!s->conn || PQtransactionStatus(s->conn) != PQTRANS_ACTIVE)
        return status; /* it had not begun, or there is no connection any more */
    if (PQputCopyEnd(s->conn, status == OK ? NULL : "given up") != 1)
        return status == OK ? pg_fail(s, NULL, err) : status;
    PGresult *result;
    while (s->conn && (result = PQgetResult(s->conn))) {
        if (status == OK && PQresultStatus(result) != PGRES_COMMAND_OK)
            status = pg_fail(s, result, err);
        else if (status == OK)
            s->changes++;
        PQclear(result);
    }
    return status;
}

/* --- rows from the server ----------------------------------------------------------------- */

enum status pg_copy_out(struct pg_copy *c, struct postgres_store *s, const char *sql,
                        struct err *err)
{
    *c = (struct pg_copy){.store = s};
    return start(s, sql, PGRES_COPY_OUT, err);
}

static bool skip_header(struct pg_copy *c)
{
    size_t size = (size_t)(c->end - c->at);
    if (size < sizeof header || memcmp(c->at, header, 11) != 0)
        return false;
    uint32_t extension = pg_get32(c->at + 15);
    if (extension > size - sizeof header)
        return false;
    c->at += sizeof header + extension;
    c->header = true;
    return true;
}

enum status pg_copy_next(struct pg_copy *c, bool *row, struct err *err)
{
    *row = false;
    do {
        PQfreemem(c->message);
        c->message = NULL;
        if (!c->store->conn)
            return pg_fail(c->store, NULL, err);
        int size = PQgetCopyData(c->store->conn, &c->message, 0);
        if (size == -1)
            return OK;
        if (size < 0)
            return pg_fail(c->store, NULL, err);
        c->at = (const uint8_t *)c->message;
        c->end = c->at + size;
        if (!c->header && !skip_header(c))
            return pg_damaged(c->store, "a COPY does not begin like one", err);
    } while (c->at == c->end); /* the header alone */
    if (c->end - c->at < 2)
        return pg_damaged(c->store, "a COPY ends within a row", err);
    *row = c->at[0] != 0xff;
    c->at += 2;
    return OK;
}

const uint8_t *pg_copy_field(struct pg_copy *c, size_t *size_bytes)
{
    *size_bytes = 0;
    if (c->end - c->at < 4)
        return NULL;
    uint32_t size = pg_get32(c->at);
    c->at += 4;
    if (size > (size_t)(c->end - c->at))
        return NULL; /* so is SQL's NULL, 2^32 - 1 */
    const uint8_t *field = c->at;
    c->at += size;
    *size_bytes = size;
    return field;
}

enum status pg_copy_out_end(struct pg_copy *c, enum status status, struct err *err)
{
    struct postgres_store *s = c->store;
    PQfreemem(c->message);
    c->message = NULL;
    if (!s->conn || PQtransactionStatus(s->conn) != PQTRANS_ACTIVE)
        return status;
    if (status != OK) { /* the rest is not wanted */
        char why[256];
        PGcancel *cancel = PQgetCancel(s->conn);
        if (cancel)
            PQcancel(cancel, why, sizeof why);
        PQfreeCancel(cancel);
    }
    char *rest = NULL;
    while (PQgetCopyData(s->conn, &rest, 0) > 0)
        PQfreemem(rest);
    PGresult *result;
    while (s->conn && (result = PQgetResult(s->conn))) {
        if (status == OK && PQresultStatus(result) != PGRES_COMMAND_OK)
            status = pg_fail(s, result, err);
        PQclear(result);
    }
    return status;
}
