/* SPDX-License-Identifier: MIT
 *
 * Server-sent events: what is told goes to every listener. A listener is a connection that is
 * suspended while there is nothing to tell; one that does not take what it is told for long loses
 * it, not the others.
 */
#ifndef FOVEA_SERVER_EVENTS_H
#define FOVEA_SERVER_EVENTS_H

#include "base/status.h"

#include <sys/types.h>

struct events;
struct stream;

MUST_USE enum status events_open(struct events **out, struct err *err);
/* Ends every stream and waits until their connections have let go. */
void events_end(struct events *);
void events_close(struct events *); /* NULL-safe; no stream is left */

/* name: of the event; data: one line of JSON. The latest event of each name is kept for listeners
 * that come later, when `keep`. */
void events_tell(struct events *, const char *name, const char *data, int keep);
/* A comment to every listener: whether they are still there. */
void events_beat(struct events *);
int events_listeners(struct events *);

/* ERR_BUSY when there are too many. */
MUST_USE enum status events_join(struct events *, struct stream **out, struct err *err);
/* How its connection sleeps and wakes; before the first read. */
void events_attach(struct stream *, void *connection, void (*suspend)(void *),
                   void (*resume)(void *));
/* Bytes for it; 0: none just now, and it has been suspended; -1: the end. */
ssize_t events_read(struct stream *, char *out, size_t most);
void events_leave(struct stream *);

#endif
