/* SPDX-License-Identifier: MIT
 *
 * Transactions of the PostgreSQL store, and what happens when one is lost; see pg_sql.h.
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

/* --- transactions ------------------------------------------------------------------------- */

static void roll_back(struct postgres_store *s)
{
    struct err ignored;
    if (s->conn && PQtransactionStatus(s->conn) != PQTRANS_IDLE) {
        bool lost = s->lost, conflict = s->conflict; /* of the failure that led here */
        if (pg_is_connected(s))
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
        return pg_is_connected(s) ? OK : pg_lost_before(s, err);
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

/* From 0 to most - 1: not all clients at once. */
static int some_ms(int most)
{
    return (int)((int64_t)(clock_seconds() * 1e6) % most);
}

static bool reconnect(struct postgres_store *s, struct pg_tries *tries, enum status *status,
                      struct err *err)
{
    bool committed = false;
    double now = clock_seconds(), wait = s->patience >= 0 ? s->patience : patience();
    if (tries->since == 0)
        tries->since = now;
    for (int ms = 50;; ms = ms < 2500 ? 2 * ms : 5000) {
        if (clock_seconds() - tries->since > wait)
            return false; /* with the text of the last failure */
        *status = take_up(s, &committed, err);
        if (*status == OK)
            break;
        sleep_ms(ms + some_ms(ms / 2));
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
        sleep_ms(5 + some_ms(20 * tries->conflicts));
        return true;
    }
    return s->lost && reconnect(s, tries, status, err);
}
