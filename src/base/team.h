/* SPDX-License-Identifier: MIT
 *
 * A few threads that share out pieces of work, again and again, each time for some tens of
 * microseconds: the loops of a forward pass. The caller is one of them.
 *
 * Why not OpenMP, which such loops would be one line of: its threads wait for the next loop by
 * spinning for milliseconds. Where another program wants the cores too, that takes the time away
 * from the very thread that is waited for. These spin for about 30 µs and then sleep, and nobody
 * waits for a thread that has taken nothing: a text through ViT-H-14 on a machine with both cores
 * busy took 0.2 s instead of 0.7 to 2.
 */
#ifndef FOVEA_BASE_TEAM_H
#define FOVEA_BASE_TEAM_H

#include "base/status.h"

struct team;

/* threads: at least 1, the caller included. Used by one thread at a time. */
MUST_USE enum status team_open(struct team **out, int threads, struct err *err);
void team_close(struct team *); /* NULL-safe */
int team_threads(const struct team *);

/* Calls work(context, item, lane) once for each item 0 .. count - 1, and returns when all are done.
 * Of the calls that run at once each has another lane, 0 .. threads - 1. */
void team_run(struct team *, int count, void (*work)(void *context, int item, int lane),
              void *context);

#endif
