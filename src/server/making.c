/* SPDX-License-Identifier: MIT
 *
 * See making.h.
 */
#include "server/making.h"

#include "base/clock.h"
#include "server/events.h"
#include "server/internal.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { REST = 10, REST_SECONDS = 5, RETRY_AFTER_SECONDS = 30 };

static const char *const kind_names[MADE_KINDS][2] = {
    {"map", "umap"}, {"map", "tsne"}, {"map", "pca"}, {"groups", ""}};

struct held_made {
    struct made made; /* first */
    size_t references;
};

struct slot {
    struct held_made *latest;
    bool wanted;
    double since;      /* when it was first asked for and not there */
    double not_before; /* when it may be made again */
    struct err err;    /* of the last try */
};

struct making {
    struct server *server;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct slot slots[MADE_KINDS];
    atomic_bool closing;
    pthread_t thread;
    bool started;
};

static void free_made(struct making *making, struct held_made *held)
{
    photo_map_free(&held->made.map);
    photo_groups_free(&held->made.groups);
    live_release(making->server->live, held->made.view);
    free(held);
}

struct work {
    struct making *making;
    enum made_kind kind;
    struct made *made;
};

static enum status make(struct store *store, void *user, struct err *err)
{
    const struct work *work = user;
    const struct server *server = work->making->server;
    const struct map_watch watch = {.cancel = &work->making->closing};
    if (work->kind == MADE_GROUPS) {
        struct photo_groups_options how = photo_groups_defaults;
        how.watch = &watch;
        how.threads = server->options.threads;
        return photo_groups_get(&work->made->groups, work->made->view->snapshot, store,
                                (struct model *)server->model, &how, err);
    }
    struct photo_map_options how = photo_map_defaults;
    how.method = (enum map_method)work->kind;
    how.watch = &watch;
    how.threads = server->options.threads;
    return photo_map_get(&work->made->map, work->made->view->snapshot, store, &how, err);
}

static void tell(const struct making *making, enum made_kind kind)
{
    char text[100];
    snprintf(text, sizeof text, "{\"what\":\"%s\",\"method\":%s%s%s}", kind_names[kind][0],
             kind == MADE_GROUPS ? "null" : "\"", kind_names[kind][1],
             kind == MADE_GROUPS ? "" : "\"");
    events_tell(making->server->events, "made", text, 0);
}

/* Without the lock. */
static void make_one(struct making *making, enum made_kind kind)
{
    struct server *server = making->server;
    struct err err = {0};
    struct held_made *held = calloc(1, sizeof *held);
    enum status status = held ? OK : err_no_memory(&err, "a map", sizeof *held);
    double begin = clock_seconds();
    if (held) {
        held->references = 1;
        held->made.view = live_view(server->live);
        struct work work = {making, kind, &held->made};
        status = live_work(server->live, STORE_WRITE, make, &work, &err);
    }
    double end = clock_seconds();
    if (status == OK)
        server_log(server, "made: %s %s in %.1f s", kind_names[kind][0], kind_names[kind][1],
                   end - begin);
    else
        server_log(server, "cannot make %s %s: %s", kind_names[kind][0], kind_names[kind][1],
                   err.text);
    pthread_mutex_lock(&making->lock);
    struct slot *slot = &making->slots[kind];
    struct held_made *old = status == OK ? slot->latest : held;
    if (status == OK)
        slot->latest = held;
    slot->err = err;
    slot->wanted = false;
    slot->not_before =
        end + (status == OK ? (end - begin) * REST + REST_SECONDS : RETRY_AFTER_SECONDS);
    bool last = old && --old->references == 0;
    pthread_mutex_unlock(&making->lock);
    if (last)
        free_made(making, old);
    if (status == OK)
        tell(making, kind);
}

static void *run(void *argument)
{
    struct making *making = argument;
    pthread_mutex_lock(&making->lock);
    while (!atomic_load(&making->closing)) {
        int kind = 0;
        while (kind < MADE_KINDS && !making->slots[kind].wanted)
            kind++;
        if (kind == MADE_KINDS) {
            pthread_cond_wait(&making->wake, &making->lock);
            continue;
        }
        pthread_mutex_unlock(&making->lock);
        make_one(making, (enum made_kind)kind);
        pthread_mutex_lock(&making->lock);
    }
    pthread_mutex_unlock(&making->lock);
    return NULL;
}

enum status making_open(struct making **out, struct server *server, struct err *err)
{
    struct making *making = *out = calloc(1, sizeof *making);
    if (!making)
        return err_no_memory(err, "the maps", sizeof *making);
    making->server = server;
    pthread_mutex_init(&making->lock, NULL);
    pthread_cond_init(&making->wake, NULL);
    int code = pthread_create(&making->thread, NULL, run, making);
    making->started = code == 0;
    if (code == 0)
        return OK;
    making_close(making);
    *out = NULL;
    return err_errno(err, code, "cannot start a thread");
}

void making_close(struct making *making)
{
    if (!making)
        return;
    if (making->started) {
        pthread_mutex_lock(&making->lock);
        atomic_store(&making->closing, true);
        pthread_cond_signal(&making->wake);
        pthread_mutex_unlock(&making->lock);
        pthread_join(making->thread, NULL);
    }
    for (int i = 0; i < MADE_KINDS; i++)
        if (making->slots[i].latest)
            free_made(making, making->slots[i].latest);
    pthread_cond_destroy(&making->wake);
    pthread_mutex_destroy(&making->lock);
    free(making);
}

const struct made *making_get(struct making *making, enum made_kind kind, double *elapsed_s,
                              struct err *err)
{
    const struct view *now = live_view(making->server->live);
    pthread_mutex_lock(&making->lock);
    struct slot *slot = &making->slots[kind];
    bool current = slot->latest && slot->latest->made.view == now;
    double time = clock_seconds();
    if (!current && !slot->wanted && time >= slot->not_before) {
        slot->wanted = true;
        slot->since = time;
        pthread_cond_signal(&making->wake);
    }
    *elapsed_s = time - slot->since;
    *err = slot->err;
    struct held_made *held = slot->latest;
    if (held)
        held->references++;
    pthread_mutex_unlock(&making->lock);
    live_release(making->server->live, now);
    return held ? &held->made : NULL;
}

void making_release(struct making *making, const struct made *made)
{
    if (!made)
        return;
    struct held_made *held = (struct held_made *)made;
    pthread_mutex_lock(&making->lock);
    bool last = --held->references == 0;
    pthread_mutex_unlock(&making->lock);
    if (last)
        free_made(making, held);
}
