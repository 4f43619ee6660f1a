/* SPDX-License-Identifier: MIT
 *
 * The open connections and what each is waited for: a whole head, a body, an answer to be taken.
 * Each has a time by which that must be over, however busily bytes drip; who is late is cut off.
 * When nearly as many are open as may be, the one that has been idle longest goes to make room, so
 * that idle connections, however many, lock nobody out.
 */
#ifndef FOVEA_SERVER_CONNECTIONS_H
#define FOVEA_SERVER_CONNECTIONS_H

#include "base/status.h"

struct connections;
struct watched; /* one connection */

/* limit: how many may be open; lowered to what the system lets a process open. */
MUST_USE enum status connections_open(struct connections **out, int limit, struct err *err);
void connections_close(struct connections *); /* NULL-safe */
int connections_limit(const struct connections *);

/* NULL without memory: such a connection gets no answer. */
struct watched *connections_add(struct connections *, int fd);
void connections_remove(struct connections *, struct watched *); /* before the fd is closed */

/* Nothing is going on: IDLE_SECONDS for the next head. So it begins. */
void connections_idle(struct connections *, struct watched *);
void connections_expect(struct connections *, struct watched *, double seconds);
/* We are at work; the client is not waited for. */
void connections_wait(struct connections *, struct watched *);

const char *connections_peer(const struct watched *); /* "127.0.0.1" */

#endif
