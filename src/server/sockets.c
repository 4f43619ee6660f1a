/* SPDX-License-Identifier: MIT
 *
 * See sockets.h. The life of a call, all of it on libmicrohttpd's thread but for the lane's part:
 *
 *   on_uri()      the request line: the call is made
 *   on_access()   1. the head is whole: gate, route, limits; a refusal is answered when the body
 *                    has been read and thrown away (else closing the socket would take the answer
 *                    along), unless it is too large for that
 *                 2. the body, piece by piece
 *                 3. the body is whole: run at once, or suspend and hand to a lane
 *                 4. resumed: the answer is queued
 *   on_completed() the access log; the call is freed
 *
 * A suspended connection is not touched by libmicrohttpd, so the lane may use the call without a
 * lock. Whatever libmicrohttpd has no limit for (the time of a whole head, of a body, of an answer)
 * connections.c watches over.
 */
#include "server/sockets.h"

#include "base/clock.h"
#include "server/connections.h"
#include "server/events.h"
#include "server/internal.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum call_state { CALL_HEAD, CALL_BODY, CALL_REFUSED, CALL_WORKING, CALL_ANSWERED };

struct call {
    struct exchange x; /* first: an exchange is a call */
    struct sockets *sockets;
    struct MHD_Connection *connection;
    struct watched *watched;
    enum call_state state;
    char *uri;
    struct err uri_err;
    const char *method_name;
    uint8_t *body;
    size_t capacity, limit, thrown_away;
    double begin;
    uint64_t sent; /* bytes of the answer's body, as far as known */
};

struct sockets {
    struct server *server;
    struct MHD_Daemon *daemon;
    struct connections *connections;
    int port;
    atomic_size_t body_bytes; /* held by all calls */
    atomic_int calls;         /* in flight */
};

/* --- answers ------------------------------------------------------------------------------ */

static void resume_stream(void *connection)
{
    MHD_resume_connection(connection);
}

static void suspend_stream(void *connection)
{
    MHD_suspend_connection(connection);
}

static ssize_t read_stream(void *context, uint64_t position, char *out, size_t most)
{
    const ssize_t got = events_read(context, out, most);
    return got < 0 ? MHD_CONTENT_READER_END_OF_STREAM : got;
}

static void close_stream(void *context)
{
    events_leave(context);
}

static struct MHD_Response *make_response(struct call *call)
{
    struct reply *reply = &call->x.reply;
    struct MHD_Response *response = NULL;
    switch (reply->kind) {
    case REPLY_BYTES:
        response = MHD_create_response_from_buffer(reply->size, (void *)reply->bytes,
                                                   MHD_RESPMEM_MUST_FREE);
        break;
    case REPLY_STATIC:
        response = MHD_create_response_from_buffer(reply->size, (void *)reply->bytes,
                                                   MHD_RESPMEM_PERSISTENT);
        break;
    case REPLY_FILE:
        response = MHD_create_response_from_fd_at_offset64(reply->size, reply->fd, reply->offset);
        break;
    case REPLY_STREAM:
        events_attach(reply->stream, call->connection, suspend_stream, resume_stream);
        response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, read_stream,
                                                     reply->stream, close_stream);
        break;
    case REPLY_NONE:
        break;
    }
    if (response)
        reply->kind = REPLY_NONE; /* the response owns it now */
    return response;
}

/* Headers of every answer. */
static void add_common_headers(struct MHD_Response *response, const struct reply *reply)
{
    static const struct {
        const char *name, *value;
    } common[] = {
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"X-Frame-Options", "DENY"},
    };
    static const struct {
        const char *name, *value;
    } fallback[] = {
        {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox"},
        {"Cache-Control", "no-store"},
    };
    for (size_t i = 0; i < sizeof common / sizeof common[0]; i++)
        MHD_add_response_header(response, common[i].name, common[i].value);
    for (size_t i = 0; i < sizeof fallback / sizeof fallback[0]; i++) {
        bool given = false;
        for (size_t j = 0; j < reply->header_count; j++)
            given |= strcmp(reply->headers[j].name, fallback[i].name) == 0;
        if (!given)
            MHD_add_response_header(response, fallback[i].name, fallback[i].value);
    }
}

static enum MHD_Result answer(struct call *call)
{
    struct exchange *x = &call->x;
    if (x->reply.kind == REPLY_NONE)
        reply_error(x, 500, "nothing answered this request");
    const struct reply *reply = &x->reply;
    call->sent = reply->size;
    bool stream = reply->kind == REPLY_STREAM;
    struct MHD_Response *response = make_response(call);
    if (!response)
        return MHD_NO;
    if (reply->type)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->type);
    for (size_t i = 0; i < reply->header_count; i++)
        MHD_add_response_header(response, reply->headers[i].name, reply->headers[i].value);
    add_common_headers(response, reply);
    call->state = CALL_ANSWERED;
    if (stream)
        connections_wait(call->sockets->connections, call->watched);
    else
        connections_expect(call->sockets->connections, call->watched,
                           SEND_SECONDS + (double)call->sent / SEND_BYTES_PER_SECOND);
    enum MHD_Result result = MHD_queue_response(call->connection, reply->status, response);
    MHD_destroy_response(response);
    return result;
}

/* --- requests ----------------------------------------------------------------------------- */

struct header_reader {
    struct request_headers *out;
    int hosts;
};

static enum MHD_Result take_header(void *context, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    struct header_reader *reader = context;
    reader->hosts += strcasecmp(name, "Host") == 0;
    const char **wanted = request_header(reader->out, name);
    if (wanted)
        *wanted = value ? value : "";
    return MHD_YES;
}

static bool refuse_body(struct call *call)
{
    if (call->limit > 0)
        reply_error(&call->x, 413, "the request is larger than %zu MiB, which is the limit here",
                    call->limit >> 20);
    else
        reply_error(&call->x, 413, "this address takes no body");
    return false;
}

/* Everything that can be said about a request by its head. False: answered. */
static bool check_head(struct call *call)
{
    struct exchange *x = &call->x;
    struct header_reader reader = {&x->headers, 0};
    MHD_get_connection_values(call->connection, MHD_HEADER_KIND, take_header, &reader);
    x->method = (enum method)method_named(call->method_name);
    const union MHD_ConnectionInfo *peer =
        MHD_get_connection_info(call->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    x->peer = throttle_peer(peer ? peer->client_addr : NULL);
    if (reader.hosts != 1)
        x->headers.host = NULL;
    if (!x->method) {
        reply_error(x, 501, "the method is not one that this server knows");
        return false;
    }
    if (call->uri_err.status != OK) {
        reply_error(x, call->uri_err.status == ERR_LIMIT ? 414 : 400, "%s", call->uri_err.text);
        return false;
    }
    if (!gate_check_source(&x->server->gate, x) || !route_find(x))
        return false;
    if (!x->route->open && !gate_check_token(&x->server->gate, x))
        return false;
    if (x->server->stopping) {
        reply_error(x, 503, "the server is stopping");
        return false;
    }
    call->limit = exchange_body_limit(x);
    const char *length = MHD_lookup_connection_value(call->connection, MHD_HEADER_KIND,
                                                     MHD_HTTP_HEADER_CONTENT_LENGTH);
    if (length && strtoull(length, NULL, 10) > call->limit)
        return refuse_body(call);
    return true;
}

/* Whether a refusal must not wait for the body: the client asks before it sends, or sends more than
 * is worth reading. */
static bool refuse_at_once(const struct call *call)
{
    const char *length = MHD_lookup_connection_value(call->connection, MHD_HEADER_KIND,
                                                     MHD_HTTP_HEADER_CONTENT_LENGTH);
    return MHD_lookup_connection_value(call->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_EXPECT) ||
           (length && strtoull(length, NULL, 10) > DRAIN_BYTES_MAX);
}

static void free_body(struct call *call)
{
    atomic_fetch_sub(&call->sockets->body_bytes, call->capacity);
    free(call->body);
    call->body = NULL;
    call->capacity = 0;
}

/* Room for `more` bytes. False: answered. */
static bool reserve(struct call *call, size_t more)
{
    size_t need = call->x.body_size + more;
    if (need > call->limit)
        return refuse_body(call);
    if (need <= call->capacity)
        return true;
    size_t capacity = call->capacity ? call->capacity : 16384;
    while (capacity < need)
        capacity *= 2;
    size_t grown = capacity - call->capacity;
    if (atomic_fetch_add(&call->sockets->body_bytes, grown) + grown > BODIES_BYTES_MAX) {
        atomic_fetch_sub(&call->sockets->body_bytes, grown);
        reply_error(&call->x, 503, "too many uploads at once; try again in a moment");
        return false;
    }
    uint8_t *body = realloc(call->body, capacity);
    if (!body) {
        atomic_fetch_sub(&call->sockets->body_bytes, grown);
        reply_error(&call->x, 503, "not enough memory for the upload");
        return false;
    }
    call->body = body;
    call->capacity = capacity;
    return true;
}

static enum MHD_Result take_body(struct call *call, const char *data, size_t *size)
{
    if (call->state == CALL_BODY && reserve(call, *size)) {
        memcpy(call->body + call->x.body_size, data, *size);
        call->x.body_size += *size;
    } else if (call->state == CALL_BODY) {
        free_body(call);
        call->state = CALL_REFUSED;
    }
    if (call->state == CALL_REFUSED) {
        call->thrown_away += *size;
        if (call->thrown_away > DRAIN_BYTES_MAX)
            return MHD_NO;
    }
    *size = 0;
    return MHD_YES;
}

void sockets_work(void *exchange, void *server)
{
    struct call *call = exchange;
    call->x.route->run(&call->x);
    MHD_resume_connection(call->connection);
}

static enum MHD_Result dispatch(struct call *call)
{
    struct exchange *x = &call->x;
    x->body = call->body;
    if (x->route->lane == LANE_NONE) {
        x->route->run(x);
        return answer(call);
    }
    call->state = CALL_WORKING;
    connections_wait(call->sockets->connections, call->watched);
    MHD_suspend_connection(call->connection);
    if (!lane_push(x->server->lanes[x->route->lane], call)) {
        reply_error(x, 503, "too many requests at once; try again in a moment");
        MHD_resume_connection(call->connection);
    }
    return MHD_YES;
}

static enum MHD_Result on_access(void *context, struct MHD_Connection *connection, const char *url,
                                 const char *method, const char *version, const char *data,
                                 size_t *size, void **state)
{
    struct call *call = *state;
    if (!call) /* no memory for it */
        return MHD_NO;
    switch (call->state) {
    case CALL_HEAD:
        call->method_name = method;
        call->state = check_head(call) ? CALL_BODY : CALL_REFUSED;
        connections_expect(call->sockets->connections, call->watched, BODY_SECONDS);
        if (call->state == CALL_REFUSED && refuse_at_once(call))
            return answer(call);
        return MHD_YES;
    case CALL_BODY:
        return *size ? take_body(call, data, size) : dispatch(call);
    case CALL_REFUSED:
        return *size ? take_body(call, data, size) : answer(call);
    case CALL_WORKING:
        return answer(call);
    case CALL_ANSWERED:
        break;
    }
    return MHD_YES;
}

static void *on_uri(void *context, const char *uri, struct MHD_Connection *connection)
{
    struct sockets *sockets = context;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct call *call = calloc(1, sizeof *call);
    if (!call || !info || !info->socket_context) {
        free(call);
        return NULL;
    }
    call->sockets = sockets;
    call->x.server = sockets->server;
    call->connection = connection;
    call->watched = info->socket_context;
    call->begin = clock_seconds();
    call->uri = strdup(uri);
    atomic_fetch_add(&sockets->calls, 1);
    if (uri_parse(&call->x.uri, uri, &call->uri_err) == OK)
        call->uri_err.status = OK;
    return call;
}

/* Without the query: it may hold a token. */
static void log_call(const struct call *call, bool whole)
{
    char path[512];
    size_t length = 0;
    for (const char *c = call->uri ? call->uri : "-"; *c && *c != '?' && length < sizeof path - 1;
         c++)
        path[length++] = *c > ' ' && *c <= '~' ? *c : '?';
    path[length] = '\0';
    server_log(call->sockets->server, "%s %s %s %u %llu %.1fms%s", connections_peer(call->watched),
               call->method_name ? call->method_name : "-", path, call->x.reply.status,
               (unsigned long long)call->sent, (clock_seconds() - call->begin) * 1e3,
               whole ? "" : " (cut off)");
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode why)
{
    struct call *call = *state;
    if (!call)
        return;
    log_call(call, why == MHD_REQUEST_TERMINATED_COMPLETED_OK);
    connections_idle(call->sockets->connections, call->watched);
    free_body(call);
    exchange_free_reply(&call->x);
    uri_free(&call->x.uri);
    free(call->uri);
    atomic_fetch_sub(&call->sockets->calls, 1);
    free(call);
    *state = NULL;
}

static void on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct sockets *sockets = context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *fd =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        *socket_context = fd ? connections_add(sockets->connections, fd->connect_fd) : NULL;
    } else {
        connections_remove(sockets->connections, *socket_context);
        *socket_context = NULL;
    }
}

/* Escapes are ours to decode (uri.c): libmicrohttpd would do it before the path is split. */
static size_t keep_escapes(void *context, struct MHD_Connection *connection, char *text)
{
    return strlen(text);
}

/* --- opening ------------------------------------------------------------------------------ */

enum status sockets_split_listen(const char *listen, char *host, size_t host_size, char port[8],
                                 struct err *err)
{
    const char *colon = strrchr(listen, ':');
    size_t length = colon ? (size_t)(colon - listen) : 0;
    const char *begin = listen;
    if (length >= 2 && listen[0] == '[' && listen[length - 1] == ']') {
        begin++;
        length -= 2;
    } else if (colon && memchr(listen, ':', length)) {
        colon = NULL;
    }
    size_t digits = colon ? strspn(colon + 1, "0123456789") : 0;
    if (!colon || digits == 0 || digits > 5 || colon[1 + digits] || length >= host_size ||
        strtol(colon + 1, NULL, 10) > 65535)
        return err_set(err, ERR_ARGUMENT,
                       "\"%.200s\" is not an address to listen on; accepted: HOST:PORT, "
                       "[IPv6]:PORT, :PORT",
                       listen);
    memcpy(host, begin, length);
    host[length] = '\0';
    memcpy(port, colon + 1, digits + 1);
    return OK;
}

static enum status try_listen(const struct addrinfo *at, int *out)
{
    int yes = 1;
    int fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
    if (fd < 0)
        return ERR_IO;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(fd, at->ai_addr, at->ai_addrlen) != 0 || listen(fd, 512) != 0) {
        int code = errno;
        close(fd);
        errno = code;
        return ERR_IO;
    }
    *out = fd;
    return OK;
}

static enum status listen_on(const char *where, int *out, int *port, struct err *err)
{
    char host[HOST_BYTES_MAX], service[8];
    enum status status = sockets_split_listen(where, host, sizeof host, service, err);
    if (status != OK)
        return status;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *list;
    int code = getaddrinfo(host[0] ? host : NULL, service, &hints, &list);
    if (code != 0)
        return err_set(err, ERR_ARGUMENT, "cannot listen on %.200s: %s", where, gai_strerror(code));
    status = ERR_IO;
    for (const struct addrinfo *at = list; at && status != OK; at = at->ai_next)
        status = try_listen(at, out);
    int reason = errno;
    freeaddrinfo(list);
    if (status != OK && reason == EADDRINUSE)
        return err_set(err, ERR_BUSY,
                       "cannot listen on %.200s: another program does, perhaps a fovea; give "
                       "--listen another port",
                       where);
    if (status != OK)
        return err_errno(err, reason, "cannot listen on %.200s", where);
    struct sockaddr_storage bound;
    socklen_t size = sizeof bound;
    char number[8] = "0";
    if (getsockname(*out, (struct sockaddr *)&bound, &size) == 0)
        getnameinfo((struct sockaddr *)&bound, size, NULL, 0, number, sizeof number,
                    NI_NUMERICSERV);
    *port = (int)strtol(number, NULL, 10);
    return OK;
}

static enum status start(struct sockets *sockets, int fd, struct err *err)
{
    const unsigned connections = (unsigned)connections_limit(sockets->connections);
    sockets->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC, 0, NULL, NULL,
        on_access, sockets, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, connections,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEAD_BYTES_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)STALL_SECONDS, MHD_OPTION_URI_LOG_CALLBACK, on_uri, sockets,
        MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
        sockets, MHD_OPTION_NOTIFY_CONNECTION, on_connection, sockets, MHD_OPTION_STRICT_FOR_CLIENT,
        1, MHD_OPTION_END);
    return sockets->daemon ? OK : err_set(err, ERR_INTERNAL, "cannot start the HTTP server");
}

enum status sockets_open(struct sockets **out, struct server *server, struct err *err)
{
    struct sockets *sockets = *out = calloc(1, sizeof *sockets);
    if (!sockets)
        return err_no_memory(err, "the server", sizeof *sockets);
    sockets->server = server;
    int fd = -1, most = server->options.connections;
    enum status status = listen_on(server->options.listen, &fd, &sockets->port, err);
    if (status == OK)
        status = connections_open(&sockets->connections, most > 0 ? most : CONNECTIONS, err);
    if (status == OK)
        status = start(sockets, fd, err);
    if (status != OK) {
        if (fd >= 0)
            close(fd);
        sockets_close(sockets);
        *out = NULL;
    }
    return status;
}

int sockets_port(const struct sockets *sockets)
{
    return sockets->port;
}

void sockets_stop(struct sockets *sockets)
{
    if (!sockets || !sockets->daemon)
        return;
    int fd = MHD_quiesce_daemon(sockets->daemon);
    if (fd >= 0)
        close(fd);
    double until = clock_seconds() + STOP_SECONDS;
    while (atomic_load(&sockets->calls) > 0 && clock_seconds() < until)
        usleep(10000);
}

void sockets_close(struct sockets *sockets)
{
    if (!sockets)
        return;
    if (sockets->daemon)
        MHD_stop_daemon(sockets->daemon);
    connections_close(sockets->connections);
    free(sockets);
}
