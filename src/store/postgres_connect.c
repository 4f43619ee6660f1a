/* SPDX-License-Identifier: MIT
 *
 * From a URL to a connection.
 *
 * libpq reads the URL, and what the environment, a service file and a password file say; the one
 * parameter of fovea's own, schema=NAME, is taken out before. A few settings have a default of
 * fovea's, where nobody has said anything: how long a connection may take, how a dead one is
 * noticed, how long a statement and a lock may take.
 *
 * No message shows a password: libraries are named by user, host and database alone, and libpq's
 * own text about a URL is only passed on where no password can be in it.
 */
#include "store/postgres.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define URL_MAX 8192
#define KEYWORDS_MAX 80
#define SERVER_MIN 130000 /* pg_current_xact_id() */

/* --- the URL ------------------------------------------------------------------------------ */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static enum status decode(const char *from, size_t size, char **out, struct err *err)
{
    char *text = malloc(size + 1);
    if (!text)
        return err_no_memory(err, "the library's URL", size);
    size_t n = 0;
    for (size_t i = 0; i < size; i++) {
        text[n] = from[i];
        if (from[i] == '%') {
            int high = size - i > 2 ? hex_digit(from[i + 1]) : -1;
            int low = high < 0 ? -1 : hex_digit(from[i + 2]);
            if (low < 0 || high * 16 + low == 0) {
                free(text);
                return err_set(err, ERR_ARGUMENT,
                               "the library's URL has a bad %%-escape in its schema");
            }
            text[n] = (char)(high * 16 + low);
            i += 2;
        }
        n++;
    }
    text[n] = '\0';
    free(*out);
    *out = text;
    return OK;
}

/* Copies the URL without schema=NAME, whose value goes to *schema. */
static enum status take_schema(const char *url, struct str *rest, char **schema, struct err *err)
{
    const char *query = strchr(url, '?');
    str_append(rest, url, query ? (size_t)(query - url) : strlen(url));
    char separator = '?';
    while (query && *query) {
        const char *start = query + 1, *end = start + strcspn(start, "&");
        if (strncmp(start, "schema=", 7) == 0) {
            enum status status = decode(start + 7, (size_t)(end - start) - 7, schema, err);
            if (status != OK)
                return status;
        } else if (end > start) {
            str_putc(rest, separator);
            str_append(rest, start, (size_t)(end - start));
            separator = '&';
        }
        query = end;
    }
    return str_ok(rest)
               ? OK
               : err_set(err, ERR_LIMIT, "the library's URL has more than %d bytes", URL_MAX);
}

static enum status parse_options(struct postgres_store *s, const char *url, struct err *err)
{
    char *why = NULL, text[300];
    s->options = PQconninfoParse(url, &why);
    if (s->options)
        return OK;
    /* Between "//" and "@" may stand a password, which libpq's text may repeat. */
    bool secret = strchr(url, '@') || strstr(url, "password");
    enum status status = err_set(err, ERR_ARGUMENT, "the library's URL cannot be read%s%s",
                                 why && !secret ? ": " : ": write it as postgres://USER@HOST/NAME",
                                 why && !secret ? pg_one_line(why, text, sizeof text) : "");
    PQfreemem(why);
    return status;
}

static const char *option(const PQconninfoOption *options, const char *keyword)
{
    for (; options && options->keyword; options++)
        if (strcmp(options->keyword, keyword) == 0 && options->val && options->val[0])
            return options->val;
    return NULL;
}

/* postgres://user@host:port/name?schema=NAME, as far as it is known. */
static enum status make_label(struct postgres_store *s, const char *user, const char *host,
                              const char *port, const char *name, struct err *err)
{
    struct str label = str_new(1024);
    str_put(&label, "postgres://");
    if (user)
        str_format(&label, "%.128s@", user);
    if (host)
        str_format(&label, "%.256s", host);
    if (port && strcmp(port, "5432") != 0)
        str_format(&label, ":%.16s", port);
    if (name)
        str_format(&label, "/%.128s", name);
    if (strcmp(s->schema, POSTGRES_SCHEMA) != 0)
        str_format(&label, "?schema=%.64s", s->schema);
    if (!str_ok(&label)) {
        str_free(&label);
        return err_no_memory(err, "the library's URL", label.size);
    }
    free(s->label);
    s->label = label.data;
    return OK;
}

enum status postgres_read_url(struct postgres_store *s, const char *url, struct err *err)
{
    struct str rest = str_new(URL_MAX);
    s->schema = strdup(POSTGRES_SCHEMA);
    enum status status =
        s->schema ? take_schema(url, &rest, &s->schema, err) : err_no_memory(err, "a schema", 0);
    if (status == OK && (!s->schema[0] || strlen(s->schema) > 63))
        status = err_set(err, ERR_ARGUMENT, "a schema's name has 1 to 63 bytes");
    if (status == OK && strncmp(s->schema, "pg_", 3) == 0)
        status = err_set(err, ERR_ARGUMENT, "the schema %s is PostgreSQL's own: choose another",
                         s->schema);
    if (status == OK)
        status = parse_options(s, str_text(&rest), err);
    if (status == OK)
        status = make_label(s, option(s->options, "user"), option(s->options, "host"),
                            option(s->options, "port"), option(s->options, "dbname"), err);
    str_free(&rest);
    return status;
}

enum status postgres_take_conninfo(struct postgres_store *s, const char *conninfo,
                                   const char *schema, struct err *err)
{
    s->schema = strdup(schema);
    enum status status = s->schema ? parse_options(s, conninfo, err)
                                   : err_no_memory(err, "a schema", strlen(schema));
    if (status == OK)
        status = make_label(s, option(s->options, "user"), option(s->options, "host"),
                            option(s->options, "port"), option(s->options, "dbname"), err);
    return status;
}

/* --- connecting --------------------------------------------------------------------------- */

struct keywords {
    const char *names[KEYWORDS_MAX + 1], *values[KEYWORDS_MAX + 1];
    int count;
};

static void add(struct keywords *k, const char *name, const char *value)
{
    if (k->count < KEYWORDS_MAX) {
        k->names[k->count] = name;
        k->values[k->count++] = value;
    }
}

/* Unless the URL, the environment or a service says something else. */
static void add_default(struct keywords *k, const struct postgres_store *s,
                        const PQconninfoOption *defaults, const char *name, const char *value)
{
    if (!option(s->options, name) && !option(defaults, name) && !option(s->options, "service"))
        add(k, name, value);
}

PGconn *postgres_new_connection(const struct postgres_store *s)
{
    struct keywords k = {0};
    char host[64] = "", name[128];
    gethostname(host, sizeof host - 1);
    snprintf(name, sizeof name, "fovea, process %ld on %.32s", (long)getpid(), host);
    for (const PQconninfoOption *o = s->options; o->keyword; o++)
        if (o->val)
            add(&k, o->keyword, o->val);
    PQconninfoOption *defaults = PQconndefaults();
    add(&k, "fallback_application_name", name);
    add_default(&k, s, defaults, "connect_timeout", "15");
    add_default(&k, s, defaults, "keepalives_idle", "30");
    add_default(&k, s, defaults, "keepalives_interval", "10");
    add_default(&k, s, defaults, "keepalives_count", "3");
    add_default(&k, s, defaults, "tcp_user_timeout", "60000");
    add(&k, "client_encoding", "UTF8");
    PGconn *conn = PQconnectdbParams(k.names, k.values, 0);
    PQconninfoFree(defaults);
    return conn;
}

static void ignore_notice(void *context, const char *message)
{
}

static enum status fail_connecting(struct postgres_store *s, struct err *err)
{
    char text[600];
    pg_one_line(PQerrorMessage(s->conn), text, sizeof text);
    enum status status =
        PQconnectionNeedsPassword(s->conn)
            ? err_set(err, ERR_IO,
                      "cannot open the library %s: it asks for a password: put it into the "
                      "password file ~/.pgpass, or into PGPASSWORD",
                      s->label)
            : err_set(err, ERR_IO, "cannot open the library %s: %s", s->label, text);
    postgres_disconnect(s);
    return status;
}

void postgres_disconnect(struct postgres_store *s)
{
    PQfinish(s->conn);
    s->conn = NULL;
    s->in_transaction = false;
    s->vector_version = 0;
    memset(s->prepared, 0, sizeof s->prepared);
}

/* --- the session -------------------------------------------------------------------------- */

static enum status check_server(struct postgres_store *s, struct err *err)
{
    int version = PQserverVersion(s->conn);
    if (version < SERVER_MIN)
        return err_set(err, ERR_UNSUPPORTED,
                       "the library %s is on PostgreSQL %d.%d; fovea needs %d or newer", s->label,
                       version / 10000, version % 10000, SERVER_MIN / 10000);
    const char *encoding = PQparameterStatus(s->conn, "server_encoding");
    if (!encoding || strcmp(encoding, "UTF8") != 0)
        return err_set(err, ERR_UNSUPPORTED,
                       "the database of the library %s has the encoding %s: make one with "
                       "ENCODING 'UTF8'",
                       s->label, encoding ? encoding : "?");
    return OK;
}

/* Who this session is, for the next one, should this one be lost (pg_transaction.c). That of a
 * pooler is not ended by anybody but the pooler, who may have given it to somebody else. */
static enum status remember_session(struct postgres_store *s, struct err *err)
{
    PGresult *result = PQexec(s->conn, "SELECT pid, backend_start FROM pg_stat_activity"
                                       " WHERE pid = pg_backend_pid()");
    enum status status = OK;
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        status = pg_fail(s, result, err);
    s->backend_pid = 0;
    s->backend_start[0] = '\0';
    if (status == OK && PQntuples(result) == 1) {
        s->backend_pid = atoi(PQgetvalue(result, 0, 0));
        s->pooled = s->backend_pid != PQbackendPID(s->conn);
        if (s->pooled)
            status = postgres_check_pooler(s, s->backend_pid, err);
        else
            snprintf(s->backend_start, sizeof s->backend_start, "%s", PQgetvalue(result, 0, 1));
    }
    PQclear(result);
    return status;
}

/* The library's own schema, then that of the extension, and no other. */
enum status postgres_set_path(struct postgres_store *s, struct err *err)
{
    struct str text = str_new(4096);
    str_put(&text, "SELECT set_config('search_path', concat_ws(', ', ");
    char *literal = PQescapeLiteral(s->conn, s->schema, strlen(s->schema));
    str_format(&text,
               "quote_ident(%s), (SELECT quote_ident(nspname) FROM pg_extension JOIN pg_namespace"
               " n ON n.oid = extnamespace WHERE extname = 'vector')), false)",
               literal ? literal : "");
    enum status status =
        literal && str_ok(&text) ? pg_exec(s, str_text(&text), err) : pg_fail(s, NULL, err);
    PQfreemem(literal);
    str_free(&text);
    return status;
}

static enum status configure(struct postgres_store *s, struct err *err)
{
    enum status status =
        pg_exec(s,
                "SELECT set_config(name, value, false) FROM (VALUES"
                " ('lock_timeout', '30s'), ('statement_timeout', '10min')) AS v (name, value)"
                " WHERE current_setting(name) = '0';"
                /* Plans are short and known: compiling them takes longer than running them. One
                 * that was made while a table was small would be kept while the table grows; making
                 * them anew costs less than a round trip. */
                "SET jit = off; SET plan_cache_mode = force_custom_plan;"
                "SET client_min_messages = warning; SET standard_conforming_strings = on",
                err);
    if (status == OK)
        status = postgres_set_path(s, err);
    return status == OK ? remember_session(s, err) : status;
}

enum status postgres_connect(struct postgres_store *s, struct err *err)
{
    postgres_disconnect(s);
    s->conn = postgres_new_connection(s);
    if (!s->conn)
        return err_no_memory(err, "the library's connection", 0);
    if (PQstatus(s->conn) != CONNECTION_OK)
        return fail_connecting(s, err);
    PQsetNoticeProcessor(s->conn, ignore_notice, NULL);
    s->lost = s->held_lost = false;
    enum status status =
        make_label(s, PQuser(s->conn), PQhost(s->conn), PQport(s->conn), PQdb(s->conn), err);
    if (status == OK)
        status = check_server(s, err);
    if (status == OK)
        status = configure(s, err);
    if (status != OK)
        postgres_disconnect(s);
    return status;
}

void postgres_quoted(const struct postgres_store *s, struct str *out, const char *table)
{
    char *quoted = s->conn ? PQescapeIdentifier(s->conn, s->schema, strlen(s->schema)) : NULL;
    if (!quoted)
        out->failed = true;
    else
        str_format(out, "%s%s%s", quoted, table[0] ? "." : "", table);
    PQfreemem(quoted);
}
