/* SPDX-License-Identifier: MIT
 *
 * See connections.h. Two lists under one lock: idle connections, the longest idle first, and busy
 * ones. A connection is cut by shutdown(): its thread then finds it at its end and closes it. That
 * is safe because it leaves the lists, under the lock, before its descriptor is closed.
 */
#include "server/connections.h"

#include "base/clock.h"
#include "server/limits.h"

#include <math.h>
#include <netdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum { OTHER_FILES = 128, WATCH_MS = 200 }; /* descriptors for everything else */

struct watched {
    struct watched *next, *prev; /* in a ring with its list's head */
    double deadline;             /* clock_seconds(); INFINITY: none */
    int fd;
    bool idle;
    char peer[64];
};

struct connections {
    int limit, room_from; /* from here on idle ones have to go */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct watched idle, busy; /* heads of the rings */
    int count;
    bool closing, started;
    pthread_t thread;
};

static void ring_remove(struct watched *item)
{
    item->prev->next = item->next;
    item->next->prev = item->prev;
}

static void ring_append(struct watched *head, struct watched *item)
{
    item->prev = head->prev;
    item->next = head;
    head->prev->next = item;
    head->prev = item;
}

static void cut_late(struct watched *head, double now)
{
    for (struct watched *item = head->next; item != head; item = item->next) {
        if (item->deadline > now)
            continue;
        shutdown(item->fd, SHUT_RDWR);
        item->deadline = INFINITY;
    }
}

static void *watch(void *argument)
{
    struct connections *all = argument;
    pthread_mutex_lock(&all->lock);
    while (!all->closing) {
        double now = clock_seconds();
        cut_late(&all->idle, now);
        cut_late(&all->busy, now);
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += WATCH_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        pthread_cond_timedwait(&all->wake, &all->lock, &until);
    }
    pthread_mutex_unlock(&all->lock);
    return NULL;
}

/* As many descriptors as the connections need, if the system lets us; how many connections then. */
static int raise_files(int wanted)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return wanted;
    rlim_t need = (rlim_t)wanted + OTHER_FILES;
    if (files.rlim_cur != RLIM_INFINITY && files.rlim_cur < need) {
        files.rlim_cur = files.rlim_max < need ? files.rlim_max : need;
        if (setrlimit(RLIMIT_NOFILE, &files) != 0)
            getrlimit(RLIMIT_NOFILE, &files);
    }
    if (files.rlim_cur == RLIM_INFINITY || files.rlim_cur >= need)
        return wanted;
    return files.rlim_cur > 2 * OTHER_FILES ? (int)files.rlim_cur - OTHER_FILES : OTHER_FILES;
}

enum status connections_open(struct connections **out, int limit, struct err *err)
{
    struct connections *all = *out = calloc(1, sizeof *all);
    if (!all)
        return err_no_memory(err, "the connections", sizeof *all);
    all->limit = raise_files(limit);
    all->room_from = all->limit - all->limit / 16 - 1;
    all->idle.next = all->idle.prev = &all->idle;
    all->busy.next = all->busy.prev = &all->busy;
    pthread_mutex_init(&all->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&all->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    int code = pthread_create(&all->thread, NULL, watch, all);
    all->started = code == 0;
    if (code == 0)
        return OK;
    connections_close(all);
    *out = NULL;
    return err_errno(err, code, "cannot start a thread");
}

void connections_close(struct connections *all)
{
    if (!all)
        return;
    if (all->started) {
        pthread_mutex_lock(&all->lock);
        all->closing = true;
        pthread_cond_signal(&all->wake);
        pthread_mutex_unlock(&all->lock);
        pthread_join(all->thread, NULL);
    }
    pthread_cond_destroy(&all->wake);
    pthread_mutex_destroy(&all->lock);
    free(all);
}

int connections_limit(const struct connections *all)
{
    return all->limit;
}

static void name_peer(struct watched *item)
{
    struct sockaddr_storage peer;
    socklen_t size = sizeof peer;
    if (getpeername(item->fd, (struct sockaddr *)&peer, &size) != 0 ||
        getnameinfo((struct sockaddr *)&peer, size, item->peer, sizeof item->peer, NULL, 0,
                    NI_NUMERICHOST) != 0)
        memcpy(item->peer, "-", 2);
}

struct watched *connections_add(struct connections *all, int fd)
{
    struct watched *item = calloc(1, sizeof *item);
    if (!item)
        return NULL;
    item->fd = fd;
    item->idle = true;
    item->deadline = clock_seconds() + IDLE_SECONDS;
    name_peer(item);
    pthread_mutex_lock(&all->lock);
    ring_append(&all->idle, item);
    if (++all->count >= all->room_from) {
        struct watched *oldest = all->idle.next;
        while (oldest != &all->idle && isinf(oldest->deadline)) /* is going already */
            oldest = oldest->next;
        if (oldest != &all->idle && oldest != item) {
            shutdown(oldest->fd, SHUT_RDWR);
            oldest->deadline = INFINITY;
        }
    }
    pthread_mutex_unlock(&all->lock);
    return item;
}

void connections_remove(struct connections *all, struct watched *item)
{
    if (!item)
        return;
    pthread_mutex_lock(&all->lock);
    ring_remove(item);
    all->count--;
    pthread_mutex_unlock(&all->lock);
    free(item);
}

static void move(struct connections *all, struct watched *item, bool idle, double deadline)
{
    pthread_mutex_lock(&all->lock);
    ring_remove(item);
    ring_append(idle ? &all->idle : &all->busy, item);
    item->idle = idle;
    item->deadline = deadline;
    pthread_mutex_unlock(&all->lock);
}

void connections_idle(struct connections *all, struct watched *item)
{
    move(all, item, true, clock_seconds() + IDLE_SECONDS);
}

void connections_expect(struct connections *all, struct watched *item, double seconds)
{
    move(all, item, false, clock_seconds() + seconds);
}

void connections_wait(struct connections *all, struct watched *item)
{
    move(all, item, false, INFINITY);
}

const char *connections_peer(const struct watched *item)
{
    return item->peer;
}
