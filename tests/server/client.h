/* SPDX-License-Identifier: MIT
 *
 * A plain HTTP client for the tests of the server: sends exactly the bytes it is given, which the
 * clients that one would otherwise use refuse to.
 */
#ifndef FOVEA_TESTS_SERVER_CLIENT_H
#define FOVEA_TESTS_SERVER_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

struct answer {
    int status; /* 0: none came */
    char *head; /* NUL-terminated; freed with answer_free() */
    char *body; /* [size], NUL after it */
    size_t size;
    bool closed; /* the server closed the connection after it */
};

/* "http://127.0.0.1:8080/" or "127.0.0.1:8080"; ends the process if it is neither. */
void client_use(const char *address);
const char *client_host(void); /* "127.0.0.1:8080" */

int client_connect(void); /* -1: refused */
bool client_send(int fd, const void *bytes, size_t size);
/* Waits for one answer, `seconds` at most. False: none came whole. */
bool client_receive(int fd, double seconds, struct answer *out);
void answer_free(struct answer *);
/* The header's value, or NULL; valid until the answer is freed. */
const char *answer_header(const struct answer *, const char *name, char value[1024]);

/* A whole exchange on a connection of its own. extra: header lines, each with CRLF, or NULL; body
 * may be NULL. False: no answer. */
bool client_ask(const char *method, const char *target, const char *extra, const void *body,
                size_t size, struct answer *out);

#endif
