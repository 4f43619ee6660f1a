/* SPDX-License-Identifier: MIT
 *
 * What PostgreSQL's failures mean to the user: an SQLSTATE becomes a status and one line that names
 * the library (without any password), says why, and what to do.
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
#include "store/postgres.h"

#include <stdio.h>
#include <string.h>

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

/* A line that begins a sentence goes on after a semicolon, in small letters: "… failed: No such
 * file or directory; is the server running …?" One that is indented and begins small is the rest of
 * the line before. */
const char *pg_one_line(const char *text, char *out, size_t size)
{
    size_t n = 0;
    bool ended = false, indented = false;
    for (const char *p = text ? text : ""; *p && n + 2 < size; p++) {
        ended |= *p == '\n';
        indented = *p == '\t' || (indented && *p != '\n');
        if (*p == '\n' || *p == '\t' || *p == '\r' || *p == ' ') {
            if (n > 0 && out[n - 1] != ' ')
                out[n++] = ' ';
            continue;
        }
        bool begins = ended && n > 1 && (!indented || is_upper(*p));
        if (begins && !strchr(",:;", out[n - 2])) {
            n -= out[n - 2] == '.' ? 2 : 1;
            out[n++] = ';';
            out[n++] = ' ';
        }
        out[n++] = begins && is_upper(*p) && !is_upper(p[1]) ? (char)(*p | 0x20) : *p;
        ended = indented = false;
    }
    while (n > 0 && (out[n - 1] == ' ' || out[n - 1] == '.'))
        n--;
    out[n] = '\0';
    return out;
}

struct meaning {
    const char *state; /* an SQLSTATE, or the beginning of several */
    enum status status;
    const char *format; /* of the library and what the server says */
};

/* The first that fits. */
static const struct meaning meanings[] = {
    {"53100", ERR_IO,
     "no space left on the server of the library %s (%s): free some space there and run it again, "
     "nothing is lost"},
    {"53200", ERR_IO, "the server of the library %s has not enough memory: %s"},
    {"53300", ERR_BUSY,
     "the server of the library %s takes no more connections (%s): try again later"},
    {"55P03", ERR_BUSY,
     "somebody else has held a part of the library %s for too long (%s): wait until they have "
     "finished and run this again"},
    {"40", ERR_BUSY,
     "others were changing the same part of the library %s at the same time (%s): run this again"},
    {"57014", ERR_IO,
     "the library %s did not answer in time (%s): raise statement_timeout, or look at what the "
     "server is busy with"},
    {"57P", ERR_IO, "the server of the library %s is stopping or starting (%s)"},
    {"25006", ERR_IO,
     "the library %s cannot be written to (%s): this server is a replica or read-only, give the "
     "address of the primary"},
    {"42501", ERR_IO,
     "the library %s: %s: ask the owner of the database to GRANT this role what is missing"},
    {"28", ERR_IO, "the library %s: %s"},
    {"08", ERR_IO,
     "the library %s cannot be reached, or a server that keeps a part of it: %s: start it and run "
     "this "
     "again, nothing is lost"},
    {"HV", ERR_IO, "the library %s: a server that keeps a part of it has failed: %s"},
    {"XX001", ERR_FORMAT, "the library %s is damaged (%s): put a backup in its place"},
    {"XX002", ERR_FORMAT,
     "the library %s is damaged (%s): REINDEX its tables, or put a backup in its place"},
    {"42P01", ERR_FORMAT,
     "the library %s lacks a table (%s): it was changed by something else than fovea"},
    {"42704", ERR_IO, "the library %s lacks what it needs here (%s): its owner has to make it"},
    {"42", ERR_FORMAT, "the library %s was changed by something else than fovea: %s"},
    {"54", ERR_LIMIT, "too large for the library %s: %s"},
    {"22", ERR_ARGUMENT, "the library %s refuses what is to be stored: %s"},
    {"23", ERR_ARGUMENT, "the library %s refuses what is to be stored: %s"},
    {"58", ERR_IO, "the server of the library %s cannot read or write its files: %s"},
    {"", ERR_INTERNAL, "the library %s: %s"},
};

/* Behind a pooler (postgres_pooler.c), where a table or a prepared statement is missing, or is
 * there before it was made: the session is somebody else's. */
static const struct meaning not_this_session = {
    "", ERR_UNSUPPORTED,
    "the library %s: %s: the pooler before it seems to give every transaction another session "
    "(transaction pooling): give the address of the server itself, or of a pool in session mode"};

static bool tells_of_another_session(const char *state)
{
    static const char *const states[] = {"26000", "42P01", "42P05", "42883"};
    bool tells = false;
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        tells |= strcmp(state, states[i]) == 0;
    return tells;
}

static const struct meaning *meaning_of(const char *state)
{
    const struct meaning *m = meanings;
    while (strncmp(m->state, state, strlen(m->state)) != 0)
        m++;
    return m;
}

/* The connection is gone when libpq says so, and when the server has said that it ends it. */
static bool is_lost(const struct postgres_store *s, const char *state)
{
    return PQstatus(s->conn) != CONNECTION_OK || strncmp(state, "57P", 3) == 0;
}

enum status pg_fail(struct postgres_store *s, const PGresult *result, struct err *err)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    char text[512];
    pg_one_line(primary ? primary : PQerrorMessage(s->conn), text, sizeof text);
    state = state ? state : "";
    s->conflict = strcmp(state, "40001") == 0 || strcmp(state, "40P01") == 0;
    s->lost = is_lost(s, state);
    if (s->lost) {
        err_set(err, ERR_IO, "the connection to the library %s was lost (%s)", s->label, text);
        postgres_disconnect(s);
        return ERR_IO;
    }
    const struct meaning *m =
        s->pooled && tells_of_another_session(state) ? &not_this_session : meaning_of(state);
    /* Formats of the table above. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    return err_set(err, m->status, m->format, s->label, text);
#pragma GCC diagnostic pop
}

enum status pg_damaged(const struct postgres_store *s, const char *what, struct err *err)
{
    return err_set(err, ERR_FORMAT, "the library %s is damaged (%s): put a backup in its place",
                   s->label, what);
}
