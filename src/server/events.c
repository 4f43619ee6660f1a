/* SPDX-License-Identifier: MIT
 *
 * See events.h. One lock covers the list, the texts, and whether a connection is suspended: a
 * connection is suspended and resumed under it, so that no wake-up is lost and none comes twice.
 */
#include "server/events.h"

#include "base/str.h"
#include "server/limits.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PENDING_MAX = 256 << 10, KEPT_MAX = 64 << 10 };

struct stream {
    struct events *events;
    struct stream *next;
    struct str pending;
    void *connection;
    void (*suspend)(void *), (*resume)(void *);
    bool suspended;
};

struct events {
    pthread_mutex_t lock;
    struct stream *streams;
    int count;
    struct str kept; /* the latest event of the one name that is kept */
    bool ending;
};

enum status events_open(struct events **out, struct err *err)
{
    struct events *events = *out = calloc(1, sizeof *events);
    if (!events)
        return err_no_memory(err, "the events", sizeof *events);
    pthread_mutex_init(&events->lock, NULL);
    events->kept = str_new(KEPT_MAX);
    return OK;
}

/* Under the lock. */
static void wake(struct stream *stream)
{
    if (!stream->suspended)
        return;
    stream->suspended = false;
    stream->resume(stream->connection);
}

static void put(struct stream *stream, const char *text, size_t size)
{
    if (stream->pending.size + size <= PENDING_MAX)
        str_append(&stream->pending, text, size);
    wake(stream);
}

void events_tell(struct events *events, const char *name, const char *data, int keep)
{
    struct str text = str_new(KEPT_MAX);
    str_format(&text, "event: %s\ndata: %s\n\n", name, data);
    pthread_mutex_lock(&events->lock);
    if (str_ok(&text)) {
        if (keep) {
            str_clear(&events->kept);
            str_append(&events->kept, text.data, text.size);
        }
        for (struct stream *s = events->streams; s; s = s->next)
            put(s, text.data, text.size);
    }
    pthread_mutex_unlock(&events->lock);
    str_free(&text);
}

void events_beat(struct events *events)
{
    static const char comment[] = ": still here\n\n";
    pthread_mutex_lock(&events->lock);
    for (struct stream *s = events->streams; s; s = s->next)
        if (s->pending.size == 0)
            put(s, comment, sizeof comment - 1);
    pthread_mutex_unlock(&events->lock);
}

int events_listeners(struct events *events)
{
    pthread_mutex_lock(&events->lock);
    int count = events->count;
    pthread_mutex_unlock(&events->lock);
    return count;
}

enum status events_join(struct events *events, struct stream **out, struct err *err)
{
    struct stream *stream = *out = calloc(1, sizeof *stream);
    if (!stream)
        return err_no_memory(err, "a stream", sizeof *stream);
    stream->events = events;
    stream->pending = str_new(PENDING_MAX);
    pthread_mutex_lock(&events->lock);
    bool taken = events->count < STREAMS_MAX && !events->ending;
    if (taken) {
        str_append(&stream->pending, str_text(&events->kept), events->kept.size);
        stream->next = events->streams;
        events->streams = stream;
        events->count++;
    }
    pthread_mutex_unlock(&events->lock);
    if (taken)
        return OK;
    free(stream);
    *out = NULL;
    return err_set(err, ERR_BUSY, "%d pages listen already, which is the limit", STREAMS_MAX);
}

void events_attach(struct stream *stream, void *connection, void (*suspend)(void *),
                   void (*resume)(void *))
{
    stream->connection = connection;
    stream->suspend = suspend;
    stream->resume = resume;
}

ssize_t events_read(struct stream *stream, char *out, size_t most)
{
    struct events *events = stream->events;
    pthread_mutex_lock(&events->lock);
    ssize_t got = -1;
    if (stream->pending.size > 0) {
        size_t size = stream->pending.size < most ? stream->pending.size : most;
        memcpy(out, stream->pending.data, size);
        memmove(stream->pending.data, stream->pending.data + size, stream->pending.size - size);
        stream->pending.size -= size;
        got = (ssize_t)size;
    } else if (!events->ending) {
        stream->suspended = true;
        stream->suspend(stream->connection);
        got = 0;
    }
    pthread_mutex_unlock(&events->lock);
    return got;
}

void events_leave(struct stream *stream)
{
    struct events *events = stream->events;
    pthread_mutex_lock(&events->lock);
    struct stream **link = &events->streams;
    while (*link && *link != stream)
        link = &(*link)->next;
    if (*link) {
        *link = stream->next;
        events->count--;
    }
    pthread_mutex_unlock(&events->lock);
    str_free(&stream->pending);
    free(stream);
}

void events_end(struct events *events)
{
    if (!events)
        return;
    pthread_mutex_lock(&events->lock);
    events->ending = true;
    for (struct stream *s = events->streams; s; s = s->next)
        wake(s);
    pthread_mutex_unlock(&events->lock);
}

void events_close(struct events *events)
{
    if (!events)
        return;
    str_free(&events->kept);
    pthread_mutex_destroy(&events->lock);
    free(events);
}
