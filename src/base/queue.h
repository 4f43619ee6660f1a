/* SPDX-License-Identifier: MIT
 *
 * A bounded first-in first-out queue of pointers between threads. Its capacity is the back-pressure
 * of a pipeline: a producer that is ahead waits. Closing it lets the consumers finish what is there
 * and then tells them that there is no more.
 */
#ifndef FOVEA_BASE_QUEUE_H
#define FOVEA_BASE_QUEUE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

struct queue;

MUST_USE enum status queue_open(struct queue **out, size_t capacity, struct err *err);
/* No thread may use the queue any more. What is still in it belongs to the caller: drain it first
 * with queue_try_pop(). NULL-safe. */
void queue_free(struct queue *);

/* Waits for room. False (and the item stays the caller's) once the queue is closed. */
MUST_USE bool queue_push(struct queue *, void *item);
/* Waits for an item. NULL once the queue is closed and empty. */
void *queue_pop(struct queue *);
/* The next item, or NULL if there is none just now. */
void *queue_try_pop(struct queue *);
/* No more pushes; wakes everybody. May be called more than once. */
void queue_close(struct queue *);

#endif
