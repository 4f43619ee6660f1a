/* SPDX-License-Identifier: MIT
 *
 * See server.h: opens the parts in the order in which they need each other, and closes them in the
 * one in which they can do without.
 */
#include "server/server.h"

#include "base/clock.h"
#include "base/str.h"
#include "base/cpu.h"
#include "library/thumbs.h"
#include "server/api.h"
#include "server/encoder.h"
#include "server/events.h"
#include "server/sockets.h"
#include "server/internal.h"
#include "server/live.h"
#include "server/making.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LINE_MAX_BYTES = 1024 };

struct beat {             /* the thread that asks listeners whether they are still there */
    struct server server; /* first: a server is this */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    bool started, closing;
};

void server_log(const struct server *server, const char *format, ...)
{
    if (!server->options.log)
        return;
    char line[LINE_MAX_BYTES];
    time_t now = time(NULL);
    struct tm tm;
    size_t length = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%SZ ", gmtime_r(&now, &tm));
    va_list args;
    va_start(args, format);
    vsnprintf(line + length, sizeof line - length, format, args);
    va_end(args);
    text_disarm(line);
    server->options.log(line, server->options.user);
}

/* On the live thread. */
static void library_changed(void *user)
{
    struct server *server = user;
    if (!server->live) /* opening it */
        return;
    struct live_status status;
    live_status(server->live, &status);
    if (server->library_ok != status.ok)
        server_log(server, "library: %s", status.ok ? "can be read again" : status.detail);
    server->library_ok = status.ok;
    api_tell_status(server);
}

static void *beat(void *argument)
{
    struct beat *beat = argument;
    pthread_mutex_lock(&beat->lock);
    while (!beat->closing) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += HEARTBEAT_SECONDS;
        pthread_cond_timedwait(&beat->wake, &beat->lock, &until);
        if (!beat->closing)
            events_beat(beat->server.events);
    }
    pthread_mutex_unlock(&beat->lock);
    return NULL;
}

static enum status open_gate(struct server *server, struct err *err)
{
    const struct server_options *options = &server->options;
    char host[HOST_BYTES_MAX], port[8];
    enum status status = sockets_split_listen(options->listen, host, sizeof host, port, err);
    if (status != OK)
        return status;
    if (!options->token && !name_is_loopback(host))
        return err_set(err, ERR_ARGUMENT,
                       "listening on %.200s lets others in: give a --token-file, or listen on "
                       "127.0.0.1",
                       host[0] ? host : "every address");
    const struct gate_options gate = {.listen_host = host,
                                      .token = options->token,
                                      .origins = options->origins,
                                      .origin_count = options->origin_count};
    return gate_open(&server->gate, &gate, err);
}

static enum status open_lanes(struct server *server, struct err *err)
{
    const struct lane_options how[LANE_COUNT] = {
        [LANE_QUERY] = {QUERY_THREADS, QUERY_WAITING, sockets_work, server},
        [LANE_PICTURE] = {cpu_cores(), PICTURE_WAITING, sockets_work, server},
        [LANE_HEAVY] = {HEAVY_THREADS, HEAVY_WAITING, sockets_work, server},
    };
    enum status status = OK;
    for (int i = LANE_NONE + 1; status == OK && i < LANE_COUNT; i++)
        status = lane_open(&server->lanes[i], &how[i], err);
    return status;
}

static enum status open_beat(struct server *server, struct err *err)
{
    struct beat *self = (struct beat *)server;
    int code = pthread_create(&self->thread, NULL, beat, self);
    self->started = code == 0;
    return code == 0 ? OK : err_errno(err, code, "cannot start a thread");
}

static void name_address(struct server *server)
{
    char host[HOST_BYTES_MAX], port[8];
    struct err ignored;
    if (sockets_split_listen(server->options.listen, host, sizeof host, port, &ignored) != OK)
        host[0] = '\0';
    bool v6 = strchr(host, ':') != NULL;
    bool every = !host[0] || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
    snprintf(server->address, sizeof server->address, "http://%s%s%s:%d/", v6 && !every ? "[" : "",
             every ? "localhost" : host, v6 && !every ? "]" : "", sockets_port(server->sockets));
}

static enum status open_parts(struct server *server, struct err *err)
{
    const struct server_options *options = &server->options;
    const struct live_options library = {.library = options->library,
                                         .model = server->info,
                                         .changed = library_changed,
                                         .user = server};
    enum status status = open_gate(server, err);
    if (status == OK)
        status = events_open(&server->events, err);
    if (status == OK)
        status = live_open(&server->live, &library, err);
    if (status == OK)
        status = thumbs_open(&server->thumbs, options->thumbnails, 0, err);
    if (status == OK)
        status = encoder_open(&server->encoder, options->model, options->threads, err);
    if (status == OK)
        status = making_open(&server->making, server, err);
    if (status == OK)
        status = open_lanes(server, err);
    if (status == OK)
        status = open_beat(server, err);
    if (status == OK)
        status = sockets_open(&server->sockets, server, err);
    if (status == OK) {
        name_address(server);
        api_tell_status(server);
    }
    return status;
}

enum status server_open(struct server **out, const struct server_options *options, struct err *err)
{
    struct beat *self = calloc(1, sizeof *self);
    *out = NULL;
    if (!self)
        return err_no_memory(err, "the server", sizeof *self);
    struct server *server = *out = &self->server;
    server->options = *options;
    server->model = options->model;
    server->info = model_info(options->model);
    server->started = clock_seconds();
    server->library_ok = true;
    sem_init(&server->decoding, 0, UPLOADS_DECODED);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    enum status status = open_parts(server, err);
    if (status != OK) {
        server_close(server);
        *out = NULL;
    }
    return status;
}

const char *server_address(const struct server *server)
{
    return server->address;
}

static void stop_beat(struct beat *self)
{
    if (self->started) {
        pthread_mutex_lock(&self->lock);
        self->closing = true;
        pthread_cond_signal(&self->wake);
        pthread_mutex_unlock(&self->lock);
        pthread_join(self->thread, NULL);
    }
    pthread_cond_destroy(&self->wake);
    pthread_mutex_destroy(&self->lock);
}

/* New requests are refused, streams end, what is in flight finishes; then the lanes have nothing to
 * do, nothing is suspended, and the sockets can be closed. */
void server_close(struct server *server)
{
    if (!server)
        return;
    atomic_store(&server->stopping, true);
    stop_beat((struct beat *)server);
    events_end(server->events);
    sockets_stop(server->sockets);
    for (int i = 0; i < LANE_COUNT; i++)
        lane_stop(server->lanes[i]);
    sockets_close(server->sockets); /* until here a slow request may still come to a lane */
    for (int i = 0; i < LANE_COUNT; i++)
        lane_close(server->lanes[i]);
    making_close(server->making);
    gate_close(&server->gate);
    encoder_close(server->encoder);
    live_close(server->live);
    thumbs_close(server->thumbs);
    events_close(server->events);
    sem_destroy(&server->decoding);
    free(server);
}
