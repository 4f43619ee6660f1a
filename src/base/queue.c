/* SPDX-License-Identifier: MIT
 *
 * A ring under one mutex with two conditions. Items are photographs and batches, some tens a
 * second, so that a lock-free queue would buy nothing.
 */
#include "base/queue.h"

#include <pthread.h>
#include <stdlib.h>

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t has_item, has_room;
    bool closed;
    size_t capacity, count, head;
    void *items[]; /* [capacity] */
};

enum status queue_open(struct queue **out, size_t capacity, struct err *err)
{
    size_t size = sizeof(struct queue) + capacity * sizeof(void *);
    struct queue *q = calloc(1, size);
    *out = q;
    if (!q)
        return err_no_memory(err, "a queue", size);
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->has_item, NULL);
    pthread_cond_init(&q->has_room, NULL);
    q->capacity = capacity;
    return OK;
}

void queue_free(struct queue *q)
{
    if (!q)
        return;
    pthread_cond_destroy(&q->has_room);
    pthread_cond_destroy(&q->has_item);
    pthread_mutex_destroy(&q->lock);
    free(q);
}

bool queue_push(struct queue *q, void *item)
{
    pthread_mutex_lock(&q->lock);
    while (q->count == q->capacity && !q->closed)
        pthread_cond_wait(&q->has_room, &q->lock);
    bool open = !q->closed;
    if (open) {
        q->items[(q->head + q->count++) % q->capacity] = item;
        pthread_cond_signal(&q->has_item);
    }
    pthread_mutex_unlock(&q->lock);
    return open;
}

static void *take(struct queue *q)
{
    void *item = q->items[q->head];
    q->head = (q->head + 1) % q->capacity;
    q->count--;
    pthread_cond_signal(&q->has_room);
    return item;
}

void *queue_pop(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    while (q->count == 0 && !q->closed)
        pthread_cond_wait(&q->has_item, &q->lock);
    void *item = q->count ? take(q) : NULL;
    pthread_mutex_unlock(&q->lock);
    return item;
}

void *queue_try_pop(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    void *item = q->count ? take(q) : NULL;
    pthread_mutex_unlock(&q->lock);
    return item;
}

void queue_close(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->closed = true;
    pthread_cond_broadcast(&q->has_item);
    pthread_cond_broadcast(&q->has_room);
    pthread_mutex_unlock(&q->lock);
}
