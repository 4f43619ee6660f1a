/* SPDX-License-Identifier: MIT
 *
 * What the files of the server share: the server's own state. Handlers read it through their
 * exchange; every member is either constant while serving or safe for several threads.
 */
#ifndef FOVEA_SERVER_INTERNAL_H
#define FOVEA_SERVER_INTERNAL_H

#include "server/gate.h"
#include "server/lane.h"
#include "server/routes.h"
#include "server/server.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>

struct encoder;
struct events;
struct sockets;
struct live;
struct making;
struct thumbs;

struct server {
    struct server_options options;
    struct gate gate;
    const struct model *model;
    const struct model_info *info;
    struct encoder *encoder;
    struct live *live;
    struct events *events;
    struct thumbs *thumbs;
    struct making *making;
    struct lane *lanes[LANE_COUNT];
    struct sockets *sockets;
    char address[300];
    double started; /* clock_seconds() */
    atomic_bool stopping;
    atomic_int searches; /* being encoded or scanned */
    sem_t decoding;      /* free places for uploads to be decoded in: pixels are large */
    bool library_ok;     /* as last logged; of the live thread */
};

/* One line for the log. */
void server_log(const struct server *, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
