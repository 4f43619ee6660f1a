/* SPDX-License-Identifier: MIT
 *
 * Private to store/: the little layer through which the PostgreSQL store's files speak SQL, in the
 * manner of sqlite.h's. A statement is prepared once per connection, when it first runs, and known
 * by its slot; parameters and results are binary:
 *
 *     struct pg q = pg_start(s, PG_PHOTO_FIND, "SELECT id FROM photos WHERE hash = $1");
 *     pg_blob(&q, hash, 16);
 *     bool found;
 *     enum status status = pg_row(&q, &found, err);
 *     if (found)
 *         id = pg_column_int(&q, 0);
 *     pg_end(&q);
 *
 * A failure to bind is kept in the struct and reported by the next pg_row() or pg_run(). The result
 * is whole in memory after the first pg_row(), so that other statements may run between two rows;
 * after pg_stream() rows come one at a time from the connection, and nothing else may run until
 * pg_end(). What is bound is not copied: it must live until the first pg_row(); a struct pg must
 * not be copied once something is bound. Columns live until pg_end(), or, streamed, until the next
 * row. pg_run() ends the statement itself.
 *
 * Whole numbers are int8 in every parameter (columns are bigint throughout, see postgres_schema.c),
 * so that the type that the server infers for a NULL is the one that a number has.
 *
 * A verb is tried in a loop:
 *
 *     struct pg_tries tries = {0};
 *     enum status status;
 *     do
 *         status = put_all(s, ..., err);      (from pg_begin_write() to pg_finish(), for instance)
 *     while (pg_again(s, &tries, &status, err));
 *
 * pg_again() says whether a failure was one that goes away (the connection was lost, a deadlock),
 * and connects anew. A body must be repeatable: what it hands out is empty again after a failure.
 */
#ifndef FOVEA_STORE_PG_SQL_H
#define FOVEA_STORE_PG_SQL_H

#include "base/status.h"
#include "base/str.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

struct postgres_store;

#define PG_PARAMS_MAX 24

struct pg {
    struct postgres_store *store;
    const char *text;
    int slot;
    int64_t model_id; /* whose table the statement names as EMBEDDINGS; 0: none */
    bool stream, sent, done;
    enum status failed; /* a parameter could not be bound */
    int count;          /* parameters so far */
    Oid types[PG_PARAMS_MAX];
    const char *values[PG_PARAMS_MAX];
    int sizes[PG_PARAMS_MAX];
    uint64_t numbers[PG_PARAMS_MAX];
    char *copies[PG_PARAMS_MAX]; /* of text that was no UTF-8 */
    PGresult *result;
    int row; /* of the result, the next one */
};

/* --- statements --------------------------------------------------------------------------- */

struct pg pg_start(struct postgres_store *, int slot, const char *text);
/* A statement about one model's vectors: the word EMBEDDINGS in it stands for their table. */
struct pg pg_start_model(struct postgres_store *, int slot, int64_t model_id, const char *text);
/* Before the first pg_row(): results too large to be held whole. */
void pg_stream(struct pg *);

/* Bind the next parameter: $1, $2 … */
void pg_int(struct pg *, int64_t);
void pg_bool(struct pg *, bool);
void pg_real(struct pg *, double);
void pg_text(struct pg *, const char *); /* NULL is SQL's NULL; what is no UTF-8 becomes U+FFFD */
void pg_blob(struct pg *, const void *, size_t size_bytes);
void pg_path(struct pg *, const char *);
/* Binary, of the type that the statement casts it to. */
void pg_inferred(struct pg *, const void *, size_t size_bytes);
void pg_null(struct pg *);

MUST_USE enum status pg_row(struct pg *, bool *row, struct err *err);
MUST_USE enum status pg_run(struct pg *, struct err *err);
void pg_end(struct pg *);

/* Columns of the row, from 0. A NULL is 0, "" and no bytes. */
bool pg_column_null(const struct pg *, int column);
int64_t pg_column_int(const struct pg *, int column); /* of any integer type, or boolean */
double pg_column_real(const struct pg *, int column);
const char *pg_column_text(const struct pg *, int column);
const void *pg_column_blob(const struct pg *, int column, size_t *size_bytes);
/* The path in a column, with its NUL, appended to `out`. */
MUST_USE enum status pg_column_path(const struct pg *, int column, struct str *out,
                                    struct err *err);

/* The same for a path that came otherwise. */
MUST_USE enum status pg_append_path(const struct postgres_store *, const void *path,
                                    size_t size_bytes, struct str *out, struct err *err);
/* `text` with a model's table for the word EMBEDDINGS. */
void pg_write_model(struct str *out, const char *text, int64_t model_id);

/* SQL that takes no parameters and gives no rows, several statements maybe; not prepared. */
MUST_USE enum status pg_exec(struct postgres_store *, const char *sql, struct err *err);

/* The first column of the first row, as text; "" if there is none. */
MUST_USE enum status pg_ask(struct postgres_store *, const char *sql, char *out, size_t size,
                            struct err *err);

/* --- arrays as parameters ----------------------------------------------------------------- */

/* One array of a column's values for many rows: "SELECT … FROM unnest($1, $2, …)". */
struct pg_array {
    struct str bytes;
    Oid element;
    uint32_t count;
};

#define PG_INT 20 /* types, by their numbers in PostgreSQL's catalogue, which never change */
#define PG_BOOL 16
#define PG_REAL 701
#define PG_TEXT 25
#define PG_BYTEA 17

void pg_array_begin(struct pg_array *, Oid element);
void pg_array_int(struct pg_array *, int64_t);
void pg_array_bool(struct pg_array *, bool);
void pg_array_real(struct pg_array *, double);
void pg_array_text(struct pg_array *, const char *); /* as pg_text() */
void pg_array_blob(struct pg_array *, const void *, size_t size_bytes);
void pg_array_null(struct pg_array *);
void pg_array_free(struct pg_array *);
/* Binds it; it must live until the first pg_row(). */
void pg_array(struct pg *, struct pg_array *);
/* Binds `count` numbers as an array that is built in `scratch`, which the caller frees. */
void pg_ints(struct pg *, struct pg_array *scratch, const int64_t *, size_t count);

/* --- COPY, binary ------------------------------------------------------------------------- */

/* Rows to the server. Fields are appended to `row`, which is sent in large pieces. */
struct pg_copy {
    struct postgres_store *store;
    struct str buffer; /* in */
    char *message;     /* out: the row that was read last, with the header before the first */
    const uint8_t *at, *end;
    bool header;
};

MUST_USE enum status pg_copy_in(struct pg_copy *, struct postgres_store *, const char *sql,
                                struct err *err);
void pg_copy_row(struct pg_copy *, int fields);
void pg_copy_int(struct pg_copy *, int64_t);
void pg_copy_bytes(struct pg_copy *, const void *, size_t size_bytes);
/* The next field's size; its bytes are then appended to `buffer` by the caller. */
void pg_copy_size(struct pg_copy *, size_t size_bytes);
/* After each row: sends what has come together. */
MUST_USE enum status pg_copy_flush(struct pg_copy *, struct err *err);
/* Ends it, wholly if status is OK, and frees; returns what became of it. */
MUST_USE enum status pg_copy_in_end(struct pg_copy *, enum status status, struct err *err);

/* Rows from the server: after pg_copy_next() says there is one, its fields in order. */
MUST_USE enum status pg_copy_out(struct pg_copy *, struct postgres_store *, const char *sql,
                                 struct err *err);
MUST_USE enum status pg_copy_next(struct pg_copy *, bool *row, struct err *err);
/* The next field; NULL for SQL's NULL and for what is not there. */
const uint8_t *pg_copy_field(struct pg_copy *, size_t *size_bytes);
MUST_USE enum status pg_copy_out_end(struct pg_copy *, enum status status, struct err *err);

static inline uint64_t pg_get64(const void *p)
{
    uint64_t v;
    __builtin_memcpy(&v, p, sizeof v);
    return __builtin_bswap64(v);
}

static inline uint32_t pg_get32(const void *p)
{
    uint32_t v;
    __builtin_memcpy(&v, p, sizeof v);
    return __builtin_bswap32(v);
}

/* --- transactions ------------------------------------------------------------------------- */

/* As sqlite.h's: a reading one keeps several statements on the same state of the library; a writing
 * one that has changed anything raises the revision, unless it is a quiet one. */
MUST_USE enum status pg_begin_write(struct postgres_store *, struct err *err);
MUST_USE enum status pg_begin_quiet_write(struct postgres_store *, struct err *err);
MUST_USE enum status pg_begin_read(struct postgres_store *, struct err *err);
MUST_USE enum status pg_finish(struct postgres_store *, enum status status, struct err *err);

struct pg_tries {
    int conflicts;
    double since; /* when the connection was first lost, on clock_seconds(); 0: not yet */
};

/* Whether the verb's body is to be run once more; else *status is what the verb returns. */
bool pg_again(struct postgres_store *, struct pg_tries *, enum status *status, struct err *err);

/* Whether there is a connection to ask, and, between store_read_begin() and _end(), it is the one
 * that the reading began on. */
bool pg_is_connected(const struct postgres_store *);
/* What is said where there is none. */
enum status pg_lost_before(struct postgres_store *, struct err *err);

/* --- errors ------------------------------------------------------------------------------- */

/* What a failure means to the user, in one line that names the library. result: NULL where the
 * connection itself failed. */
enum status pg_fail(struct postgres_store *, const PGresult *result, struct err *err);
enum status pg_damaged(const struct postgres_store *, const char *what, struct err *err);
/* libpq's texts have several lines: these as one, in `out`. */
const char *pg_one_line(const char *text, char *out, size_t size);

#endif
