/* SPDX-License-Identifier: MIT
 *
 * A pooler (pgbouncer and others) between fovea and the server.
 *
 * One that gives every client a session of its own serves as the server does. One that gives every
 * transaction another session takes from fovea what it keeps in its session: the search_path, so
 * that it would read and write whatever library another client has named there, the prepared
 * statements, the right to index.
 *
 * That there is a pooler shows in the number by which the server knows the session: it is not the
 * one that the client was told, which is the pooler's own. Which kind it is shows when a second
 * connection has a transaction open: it was given the session of the first one, which is idle, or
 * the first one is given another than before. (Where many are at it, both may happen to be as
 * before; then a statement fails sooner or later, and pg_fail.c names the pooler.)
 */
#include "store/postgres.h"

#include "base/clock.h"

#include <poll.h>
#include <stdlib.h>

#define ANSWER_SECONDS 2.0 /* a pool of one session keeps the second client waiting */

static bool wait_for(PGconn *conn, double until)
{
    while (PQisBusy(conn)) {
        double left = until - clock_seconds();
        struct pollfd answer = {PQsocket(conn), POLLIN, 0};
        if (left <= 0 || poll(&answer, 1, (int)(left * 1000) + 1) < 0 || PQconsumeInput(conn) != 1)
            return false;
    }
    return true;
}

static int session_in(const PGresult *result)
{
    bool told = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1;
    return told ? atoi(PQgetvalue(result, 0, 0)) : 0;
}

/* Opens a transaction and leaves it open. 0: nobody answers; -1: transactions are refused. */
static int begin_second(PGconn *conn)
{
    int session = 0;
    bool refused = false;
    double until = clock_seconds() + ANSWER_SECONDS;
    if (PQstatus(conn) != CONNECTION_OK || PQsendQuery(conn, "BEGIN; SELECT pg_backend_pid()") != 1)
        return 0;
    for (PGresult *result; wait_for(conn, until) && (result = PQgetResult(conn));) {
        refused |= PQresultStatus(result) == PGRES_FATAL_ERROR;
        session = session ? session : session_in(result);
        PQclear(result);
    }
    return refused ? -1 : session;
}

enum status postgres_check_pooler(struct postgres_store *s, int session, struct err *err)
{
    PGconn *conn = postgres_new_connection(s);
    int second = conn ? begin_second(conn) : 0;
    bool kept = second >= 0 && second != session;
    if (kept) {
        PGresult *result = PQexec(s->conn, "SELECT pg_backend_pid()");
        int again = session_in(result);
        kept = again == session || again == 0; /* 0: what comes next says why */
        PQclear(result);
    }
    PQfinish(conn);
    return kept ? OK
                : err_set(err, ERR_UNSUPPORTED,
                          "before the library %s is a pooler that gives every transaction another "
                          "session (transaction pooling): give the address of the server itself, "
                          "or of a pool in session mode",
                          s->label);
}
