/* SPDX-License-Identifier: MIT
 *
 * A lane: threads that take requests from a bounded queue. Requests of one kind share a lane, so
 * that a hundred thumbnails do not stand before a search. Who finds the queue full is told so at
 * once instead of waiting.
 */
#ifndef FOVEA_SERVER_LANE_H
#define FOVEA_SERVER_LANE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

struct lane;

struct lane_options {
    int threads;
    size_t waiting; /* items that may wait */
    void (*work)(void *item, void *user);
    void *user;
};

MUST_USE enum status lane_open(struct lane **out, const struct lane_options *, struct err *err);
/* False when too many wait, or the lane is closing: the item stays the caller's. Any thread. */
MUST_USE bool lane_push(struct lane *, void *item);
/* Takes nothing more, and waits until everything that was pushed is done. NULL-safe. */
void lane_stop(struct lane *);
/* lane_stop(), then frees: when nobody can push any more. NULL-safe. */
void lane_close(struct lane *);

#endif
