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
 * one that the client was told, which is the pooler's own. What kind it is shows when a second
 * connection, while the first one is there and idle, is given the same session. (A pooler hands out
 * first what it was given back last, so with few clients this is certain. With many it may go
 * unseen; then a statement fails that is not prepared in its session, and pg_fail.c says why.)
 */
#include "store/postgres.h"

#include "base/clock.h"

#include <poll.h>
#include <stdlib.h>

#define ANSWER_SECONDS 2.0 /* a pool of one session keeps the second client waiting */

/* 0: nobody answers. */
static int ask_session(PGconn *conn)
{
    double until = clock_seconds() + ANSWER_SECONDS;
    if (PQstatus(conn) != CONNECTION_OK || PQsendQuery(conn, "SELECT pg_backend_pid()") != 1)
        return 0;
    while (PQisBusy(conn)) {
        double left = until - clock_seconds();
        struct pollfd answer = {PQsocket(conn), POLLIN, 0};
        if (left <= 0 || poll(&answer, 1, (int)(left * 1000) + 1) < 0 || PQconsumeInput(conn) != 1)
            return 0;
    }
    PGresult *result = PQgetResult(conn);
    int pid = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1
                  ? atoi(PQgetvalue(result, 0, 0))
                  : 0;
    PQclear(result);
    return pid;
}

enum status postgres_check_pooler(struct postgres_store *s, int session, struct err *err)
{
    PGconn *second = postgres_new_connection(s);
    bool same = second && ask_session(second) == session;
    PQfinish(second);
    return same ? err_set(err, ERR_UNSUPPORTED,
                          "before the library %s is a pooler that gives every transaction another "
                          "session (transaction pooling): give the address of the server itself, "
                          "or of a pool in session mode",
                          s->label)
                : OK;
}
