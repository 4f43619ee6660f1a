/* SPDX-License-Identifier: MIT
 *
 * The sockets, by libmicrohttpd: the only file of the project that knows it.
 */
#ifndef FOVEA_SERVER_SOCKETS_H
#define FOVEA_SERVER_SOCKETS_H

#include "base/status.h"

#include <stddef.h>

struct exchange;
struct sockets;
struct server;

/* Listens and serves from then on. The server's lanes and gate must be open. */
MUST_USE enum status sockets_open(struct sockets **out, struct server *, struct err *err);
/* The port it got. */
int sockets_port(const struct sockets *);
/* "127.0.0.1:8080" -> host and port. ERR_ARGUMENT with what is accepted. */
MUST_USE enum status sockets_split_listen(const char *listen, char *host, size_t host_size,
                                          char port[8], struct err *err);
/* No new connections; waits for the requests in flight. */
void sockets_stop(struct sockets *);
/* After the lanes and the streams are closed. NULL-safe. */
void sockets_close(struct sockets *);

/* The work of a lane: runs the exchange's route and lets its connection go on. */
void sockets_work(void *exchange, void *server);

#endif
