/* SPDX-License-Identifier: MIT
 *
 * See lane.h.
 */
#include "server/lane.h"

#include <pthread.h>
#include <stdlib.h>

struct lane {
    struct lane_options options;
    pthread_mutex_t lock;
    pthread_cond_t ready;
    void **items; /* ring of options.waiting */
    size_t first, count;
    bool closing;
    pthread_t *threads;
    int started;
};

static void *run(void *argument)
{
    struct lane *lane = argument;
    pthread_mutex_lock(&lane->lock);
    for (;;) {
        while (lane->count == 0 && !lane->closing)
            pthread_cond_wait(&lane->ready, &lane->lock);
        if (lane->count == 0)
            break;
        void *item = lane->items[lane->first];
        lane->first = (lane->first + 1) % lane->options.waiting;
        lane->count--;
        pthread_mutex_unlock(&lane->lock);
        lane->options.work(item, lane->options.user);
        pthread_mutex_lock(&lane->lock);
    }
    pthread_mutex_unlock(&lane->lock);
    return NULL;
}

enum status lane_open(struct lane **out, const struct lane_options *options, struct err *err)
{
    struct lane *lane = *out = calloc(1, sizeof *lane);
    if (!lane)
        return err_no_memory(err, "a lane", sizeof *lane);
    lane->options = *options;
    pthread_mutex_init(&lane->lock, NULL);
    pthread_cond_init(&lane->ready, NULL);
    lane->items = calloc(options->waiting, sizeof *lane->items);
    lane->threads = calloc((size_t)options->threads, sizeof *lane->threads);
    enum status status = OK;
    if (!lane->items || !lane->threads)
        status = err_no_memory(err, "a lane", options->waiting * sizeof *lane->items);
    for (int i = 0; status == OK && i < options->threads; i++) {
        int code = pthread_create(&lane->threads[i], NULL, run, lane);
        if (code != 0)
            status = err_errno(err, code, "cannot start a thread");
        else
            lane->started++;
    }
    if (status != OK) {
        lane_close(lane);
        *out = NULL;
    }
    return status;
}

bool lane_push(struct lane *lane, void *item)
{
    pthread_mutex_lock(&lane->lock);
    bool taken = lane->count < lane->options.waiting && !lane->closing;
    if (taken) {
        lane->items[(lane->first + lane->count) % lane->options.waiting] = item;
        lane->count++;
        pthread_cond_signal(&lane->ready);
    }
    pthread_mutex_unlock(&lane->lock);
    return taken;
}

void lane_stop(struct lane *lane)
{
    if (!lane)
        return;
    pthread_mutex_lock(&lane->lock);
    lane->closing = true;
    pthread_cond_broadcast(&lane->ready);
    pthread_mutex_unlock(&lane->lock);
    for (int i = 0; i < lane->started; i++)
        pthread_join(lane->threads[i], NULL);
    lane->started = 0;
}

void lane_close(struct lane *lane)
{
    if (!lane)
        return;
    lane_stop(lane);
    pthread_cond_destroy(&lane->ready);
    pthread_mutex_destroy(&lane->lock);
    free(lane->threads);
    free(lane->items);
    free(lane);
}
