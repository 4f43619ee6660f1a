/* SPDX-License-Identifier: MIT
 *
 * Statements and transactions of the PostgreSQL store; see pg_sql.h for how they are used.
 *
 * A statement is prepared at its first run on a connection, with the types of the parameters that
 * were bound: binary values must have the type that the server expects. One about a model's vectors
 * names another table for each model; the slot holds the one that was used last.
 *
 * A COMMIT whose answer was lost has happened or not, and the server knows: before each COMMIT of a
 * transaction that has changed something the client learns its number, and after connecting again
 * asks what became of it (pg_xact_status()), once the old session is surely gone. A server that was
 * replaced by a replica could have another transaction of that number; so the revision must have
 * come along, too.
 */
#include "base/clock.h"
#include "store/postgres.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* --- binding ------------------------------------------------------------------------------ */

struct pg pg_start(struct postgres_store *s, int slot, const char *text)
{
    return (struct pg){.store = s, .slot = slot, .text = text};
}

struct pg pg_start_model(struct postgres_store *s, int slot, int64_t model_id, const char *text)
{
    return (struct pg){.store = s, .slot = slot, .text = text, .model_id = model_id};
}

void pg_stream(struct pg *q)
{
    q->stream = true;
}

static void bind(struct pg *q, Oid type, const void *value, size_t size)
{
    if (q->count == PG_PARAMS_MAX || size > INT32_MAX) {
        q->failed = ERR_LIMIT;
        return;
    }
    q->types[q->count] = type;
    q->values[q->count] = value;
    q->sizes[q->count++] = (int)size;
}

static void bind_number(struct pg *q, Oid type, uint64_t number)
{
    if (q->count < PG_PARAMS_MAX)
        q->numbers[q->count] = __builtin_bswap64(number);
    bind(q, type, &q->numbers[q->count], sizeof number);
}

void pg_int(struct pg *q, int64_t value)
{
    bind_number(q, PG_INT, (uint64_t)value);
}

void pg_bool(struct pg *q, bool value)
{
    bind(q, PG_BOOL, value ? "\1" : "\0", 1);
}

void pg_real(struct pg *q, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    bind_number(q, PG_REAL, bits);
}

/* A copy of what is no UTF-8 with U+FFFD in its place; *copy is NULL if it is UTF-8. */
static bool mend_text(const char *text, char **copy)
{
    struct str mended = str_new(SIZE_MAX / 4);
    str_put_utf8(&mended, text);
    if (!str_ok(&mended))
        return false;
    if (strcmp(str_text(&mended), text) == 0)
        str_free(&mended);
    *copy = mended.data;
    return true;
}

static bool is_ascii(const char *text)
{
    while (*text && (unsigned char)*text < 0x80)
        text++;
    return !*text;
}

void pg_text(struct pg *q, const char *text)
{
    if (!text) {
        bind(q, PG_TEXT, NULL, 0);
        return;
    }
    if (!is_ascii(text) && q->count < PG_PARAMS_MAX) {
        if (!mend_text(text, &q->copies[q->count]))
            q->failed = ERR_MEMORY;
        if (q->copies[q->count])
            text = q->copies[q->count];
    }
    bind(q, PG_TEXT, text, strlen(text));
}

void pg_blob(struct pg *q, const void *bytes, size_t size_bytes)
{
    bind(q, PG_BYTEA, bytes ? bytes : "", size_bytes);
}

void pg_path(struct pg *q, const char *path)
{
    pg_blob(q, path, strlen(path));
}

void pg_inferred(struct pg *q, const void *bytes, size_t size_bytes)
{
    bind(q, 0, bytes, size_bytes);
}

void pg_null(struct pg *q)
{
    bind(q, 0, NULL, 0);
}

/* --- arrays ------------------------------------------------------------------------------- */

/* One dimension, whether there are NULLs, the elements' type, their number, from 1:
 * https://github.com/postgres/postgres/blob/master/src/backend/utils/adt/arrayfuncs.c array_recv()
 */
enum { ARRAY_COUNT_AT = 12, ARRAY_HEADER = 20 };

static void put32(struct str *out, uint32_t value)
{
    uint32_t swapped = __builtin_bswap32(value);
    str_append(out, (const char *)&swapped, sizeof swapped);
}

void pg_array_begin(struct pg_array *a, Oid element)
{
    *a = (struct pg_array){.bytes = str_new(INT32_MAX), .element = element};
    const uint32_t header[] = {1, 1, element, 0, 1};
    for (int i = 0; i < 5; i++)
        put32(&a->bytes, header[i]);
}

void pg_array_blob(struct pg_array *a, const void *bytes, size_t size_bytes)
{
    put32(&a->bytes, (uint32_t)size_bytes);
    str_append(&a->bytes, bytes, size_bytes);
    a->count++;
}

void pg_array_int(struct pg_array *a, int64_t value)
{
    uint64_t swapped = __builtin_bswap64((uint64_t)value);
    pg_array_blob(a, &swapped, sizeof swapped);
}

void pg_array_bool(struct pg_array *a, bool value)
{
    pg_array_blob(a, value ? "\1" : "\0", 1);
}

void pg_array_real(struct pg_array *a, double value)
{
    int64_t bits;
    memcpy(&bits, &value, sizeof bits);
    pg_array_int(a, bits);
}

void pg_array_text(struct pg_array *a, const char *text)
{
    char *copy = NULL;
    if (!text) {
        pg_array_null(a);
        return;
    }
    if (!is_ascii(text) && !mend_text(text, &copy))
        a->bytes.failed = true;
    if (copy)
        text = copy;
    pg_array_blob(a, text, strlen(text));
    free(copy);
}

void pg_array_null(struct pg_array *a)
{
    put32(&a->bytes, UINT32_MAX);
    a->count++;
}

void pg_array_free(struct pg_array *a)
{
    str_free(&a->bytes);
}

void pg_array(struct pg *q, struct pg_array *a)
{
    static const struct {
        Oid element, array;
    } types[] = {
        {PG_INT, 1016}, {PG_BOOL, 1000}, {PG_REAL, 1022}, {PG_TEXT, 1009}, {PG_BYTEA, 1001}};
    Oid type = 0;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].element == a->element)
            type = types[i].array;
    if (!str_ok(&a->bytes) || a->bytes.size < ARRAY_HEADER) {
        q->failed = ERR_MEMORY;
        return;
    }
    uint32_t swapped = __builtin_bswap32(a->count);
    memcpy(a->bytes.data + ARRAY_COUNT_AT, &swapped, sizeof swapped);
    bind(q, type, a->bytes.data, a->bytes.size);
}

void pg_ints(struct pg *q, struct pg_array *scratch, const int64_t *values, size_t count)
{
    pg_array_begin(scratch, PG_INT);
    for (size_t i = 0; i < count; i++)
        pg_array_int(scratch, values[i]);
    pg_array(q, scratch);
}

/* --- running ------------------------------------------------------------------------------ */

static enum status lost_before(struct postgres_store *s, struct err *err)
{
    s->lost = true;
    return err_set(err, ERR_IO, "the connection to the library %s was lost", s->label);
}

/* Whether there is a connection to ask, and it is the one that the reading began on. */
static bool is_connected(const struct postgres_store *s)
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
    if (!is_connected(s))
        return lost_before(s, err);
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
    if (!is_connected(s))
        return lost_before(s, err);
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
    if (!is_connected(s))
        return lost_before(s, err);
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

/* --- transactions ------------------------------------------------------------------------- */

static void roll_back(struct postgres_store *s)
{
    struct err ignored;
    if (s->conn && PQtransactionStatus(s->conn) != PQTRANS_IDLE) {
        bool lost = s->lost, conflict = s->conflict; /* of the failure that led here */
        if (is_connected(s))
            (void)!pg_exec(s, "ROLLBACK", &ignored);
        s->lost |= lost;
        s->conflict = conflict;
    }
    s->in_transaction = false;
}

static enum status begin(struct postgres_store *s, const char *text, struct err *err)
{
    roll_back(s);
    s->counts = false;
    s->changes = 0;
    s->mark = 0;
    s->in_doubt = false; /* of an earlier verb, which has failed in the end */
    enum status status = pg_exec(s, text, err);
    s->in_transaction = status == OK;
    return status;
}

enum status pg_begin_quiet_write(struct postgres_store *s, struct err *err)
{
    return begin(s, "BEGIN ISOLATION LEVEL READ COMMITTED", err);
}

enum status pg_begin_write(struct postgres_store *s, struct err *err)
{
    enum status status = pg_begin_quiet_write(s, err);
    s->counts = status == OK;
    return status;
}

enum status pg_begin_read(struct postgres_store *s, struct err *err)
{
    if (s->base.reading)
        return is_connected(s) ? OK : lost_before(s, err);
    return begin(s, "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY", err);
}

/* Last, so that the row is locked for no longer than a COMMIT takes: others write meanwhile. */
static enum status raise_revision(struct postgres_store *s, struct err *err)
{
    struct pg q = pg_start(s, PG_REVISION_RAISE,
                           "UPDATE library SET revision = revision + 1"
                           " RETURNING revision, pg_current_xact_id()");
    bool row;
    enum status status = pg_row(&q, &row, err);
    if (row) {
        s->mark_revision = pg_column_int(&q, 0);
        s->mark = pg_column_int(&q, 1);
    }
    pg_end(&q);
    return status;
}

static enum status take_mark(struct postgres_store *s, struct err *err)
{
    struct pg q = pg_start(s, PG_MARK, "SELECT pg_current_xact_id_if_assigned()");
    bool row;
    enum status status = pg_row(&q, &row, err);
    if (row)
        s->mark = pg_column_int(&q, 0);
    s->mark_revision = 0;
    pg_end(&q);
    return status;
}

static enum status mark(struct postgres_store *s, struct err *err)
{
    if (s->changes == 0)
        return OK;
    return s->counts ? raise_revision(s, err) : take_mark(s, err);
}

enum status pg_finish(struct postgres_store *s, enum status status, struct err *err)
{
    if (s->base.reading) /* the transaction is store_read_begin()'s */
        return status;
    if (status == OK)
        status = mark(s, err);
    if (status == OK) {
        status = pg_exec(s, "COMMIT", err);
        s->in_doubt = status != OK && s->lost && s->mark != 0;
    }
    roll_back(s);
    return status;
}

/* --- once more ---------------------------------------------------------------------------- */

#define CONFLICTS_MAX 20
#define PATIENCE_S 60

static void sleep_ms(int ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000L};
    while (nanosleep(&t, &t) != 0 && errno == EINTR)
        ;
}

/* How long the server is waited for, in seconds. */
static double patience(void)
{
    const char *said = getenv("FOVEA_POSTGRES_PATIENCE");
    double seconds = said ? atof(said) : PATIENCE_S;
    return seconds >= 0 && seconds < 86400 ? seconds : PATIENCE_S;
}

/* The old session may not have noticed yet, and holds locks: it is ended, whatever it is at. */
static enum status end_old_session(struct postgres_store *s, int pid, const char *since,
                                   struct err *err)
{
    char text[512];
    snprintf(text, sizeof text,
             "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = %d"
             " AND backend_start = '%s' AND usename = current_user",
             pid, since);
    return since[0] ? pg_exec(s, text, err) : OK;
}

/* 'committed', 'aborted', 'in progress', or '' if the server knows nothing of it. */
static enum status ask_outcome(struct postgres_store *s, char *outcome, size_t size,
                               struct err *err)
{
    char text[256];
    snprintf(text, sizeof text,
             "SELECT pg_xact_status('%llu'::xid8) WHERE (SELECT revision FROM library) >= %lld",
             (unsigned long long)s->mark, (long long)s->mark_revision);
    PGresult *result = PQexec(s->conn, text);
    enum status status = OK;
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    outcome[0] = '\0';
    if (PQresultStatus(result) == PGRES_TUPLES_OK)
        snprintf(outcome, size, "%s", PQntuples(result) ? PQgetvalue(result, 0, 0) : "aborted");
    else if (!state || strcmp(state, "22023") != 0) /* of the future: a replica took over */
        status = pg_fail(s, result, err);
    PQclear(result);
    return status;
}

static enum status find_outcome(struct postgres_store *s, bool *committed, struct err *err)
{
    char outcome[32];
    enum status status;
    double until = clock_seconds() + patience();
    for (int ms = 10;; ms = ms < 500 ? 2 * ms : 500) {
        status = ask_outcome(s, outcome, sizeof outcome, err);
        if (status != OK || strcmp(outcome, "in progress") != 0)
            break;
        if (clock_seconds() > until)
            return err_set(err, ERR_BUSY,
                           "the library %s: a session of before the connection was lost does not "
                           "end: look for it in pg_stat_activity, then run this again",
                           s->label);
        sleep_ms(ms);
    }
    *committed = strcmp(outcome, "committed") == 0;
    if (status == OK)
        s->in_doubt = false;
    return status;
}

/* Connects, and finds out what became of the transaction that was on its way. */
static enum status take_up(struct postgres_store *s, bool *committed, struct err *err)
{
    int pid = s->backend_pid;
    char since[sizeof s->backend_start];
    memcpy(since, s->backend_start, sizeof since);
    enum status status = postgres_connect(s, err);
    if (status != OK) {
        s->backend_pid = pid;
        memcpy(s->backend_start, since, sizeof since);
        return status;
    }
    status = end_old_session(s, pid, since, err);
    if (status == OK && s->index_lock)
        status = postgres_take_index_lock(s, err);
    if (status == OK && s->in_doubt)
        status = find_outcome(s, committed, err);
    return status;
}

static bool reconnect(struct postgres_store *s, struct pg_tries *tries, enum status *status,
                      struct err *err)
{
    bool committed = false;
    double now = clock_seconds(), wait = patience();
    if (tries->since == 0)
        tries->since = now;
    for (int ms = 50;; ms = ms < 2500 ? 2 * ms : 5000) {
        if (clock_seconds() - tries->since > wait)
            return false; /* with the text of the last failure */
        *status = take_up(s, &committed, err);
        if (*status == OK)
            break;
        sleep_ms(ms + (int)(clock_seconds() * 1e6) % (ms / 2)); /* not all clients at once */
    }
    s->lost = false;
    return !committed;
}

bool pg_again(struct postgres_store *s, struct pg_tries *tries, enum status *status,
              struct err *err)
{
    bool conflict = s->conflict && !s->lost;
    s->conflict = false;
    if (*status == OK)
        return false;
    if (s->base.reading) {
        s->held_lost |= s->lost;
        return false;
    }
    if (conflict && tries->conflicts++ < CONFLICTS_MAX) {
        sleep_ms(5 + (int)(clock_seconds() * 1e6) % (20 * tries->conflicts));
        return true;
    }
    return s->lost && reconnect(s, tries, status, err);
}
