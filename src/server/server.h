/* SPDX-License-Identifier: MIT
 *
 * fovea serve: one library, one model, over HTTP.
 *
 *     sockets (sockets.c, one thread)
 *        │ whole requests, past the gate (gate.c), by the table (routes.c)
 *        ├── at once: the page, errors, health
 *        ▼
 *     lanes (lane.c): query ×16 · picture ×cores · heavy ×2, each with a bounded queue
 *        │                │
 *        ▼                ▼
 *     encoder.c        live.c: the library in memory, replaced by a newer snapshot when
 *     one thread,      the library changes; readers hold references
 *     batches
 *
 * A connection whose request is being worked on is suspended: no thread waits for a socket, and no
 * socket for a thread. Everything that can pile up has a limit (limits.h); beyond it the answer is
 * 503.
 */
#ifndef FOVEA_SERVER_SERVER_H
#define FOVEA_SERVER_SERVER_H

#include "base/status.h"
#include "clip/model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct server;

struct server_options {
    const char *listen;  /* "127.0.0.1:8080", "[::1]:0" (any free port), ":8080" (every address) */
    const char *library; /* path of the library */
    const struct model *model;
    const char *token;          /* NULL: none; ERR_ARGUMENT when `listen` is not loopback */
    const char *const *origins; /* [origin_count] allowed by name */
    size_t origin_count;
    int connections;        /* at once; 0: the default */
    int threads;            /* of a forward pass or a scan; 0: all cores */
    const char *thumbnails; /* folder of the thumbnails; NULL: the user's cache folder */
    /* A line per request, and one when something happens; from several threads. NULL: none. */
    void (*log)(const char *line, void *user);
    void *user;
};

/* Opens everything and serves from then on. The strings in the options must outlive the server. */
MUST_USE enum status server_open(struct server **out, const struct server_options *,
                                 struct err *err);
/* "http://127.0.0.1:8080/" */
const char *server_address(const struct server *);
/* No new connections; what is in flight is finished, for STOP_SECONDS at most. NULL-safe. */
void server_close(struct server *);

#endif
