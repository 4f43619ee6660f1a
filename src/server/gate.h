/* SPDX-License-Identifier: MIT
 *
 * Who is let in. Three questions before a request is looked at any closer:
 *
 *   Host    Is it us that the browser meant? A page elsewhere can point a name of its own to
 *           127.0.0.1 (DNS rebinding) and then read what we answer; but the name is in the header.
 *   Origin  Which page asks? Another site's page may send requests here and show our pictures, but
 *           not with our consent: cross-origin requests are refused unless allowed by name. A
 *           development server that passes requests on from another port is not cross-origin to its
 *           browser, which says so in Sec-Fetch-Site, a header that pages cannot set.
 *   Token   Who is it? Asked where the server does not listen on loopback alone, or was told to.
 *
 * The token comes as `Authorization: Bearer`, or as a cookie that stands for it and that a login
 * gives; the cookie's value is random and dies with the server. Guessing tokens is slowed by
 * address (throttle.h); cookies are too long to be guessed.
 */
#ifndef FOVEA_SERVER_GATE_H
#define FOVEA_SERVER_GATE_H

#include "base/status.h"
#include "server/exchange.h"
#include "server/throttle.h"

#include <stdbool.h>
#include <stddef.h>

enum { ORIGINS_MAX = 16, TOKEN_BYTES_MIN = 16, TOKEN_BYTES_MAX = 512, HOST_BYTES_MAX = 256 };

#define SESSION_COOKIE "fovea_session"

struct gate {
    const char *origins[ORIGINS_MAX]; /* allowed ones, "https://host[:port]" */
    size_t origin_count;
    char listen_host[HOST_BYTES_MAX], own_host[HOST_BYTES_MAX]; /* names that are ours */
    char token[TOKEN_BYTES_MAX + 1];                            /* "": none is asked */
    char cookie[65];
    struct throttle throttle;
};

struct gate_options {
    const char *listen_host;
    const char *token;          /* NULL: none */
    const char *const *origins; /* [origin_count], borrowed */
    size_t origin_count;
};

/* ERR_ARGUMENT for an origin that is none, and for a token that is too short or has characters that
 * a header cannot carry. */
MUST_USE enum status gate_open(struct gate *, const struct gate_options *, struct err *err);
void gate_close(struct gate *);

/* Host and Origin: false, and answered with 400 or 403. Sets the CORS headers of an answer to an
 * allowed origin. A preflight request is answered here: false. */
bool gate_check_source(const struct gate *, struct exchange *);
/* False, and answered with 401, or with 429 while tokens from there are not looked at. */
bool gate_check_token(struct gate *, struct exchange *);
/* A token that the request brings otherwise; compared in constant time but for the length. False
 * and *answered: with 429. True if none is asked. */
bool gate_try_token(struct gate *, struct exchange *, const char *token, bool *answered);
void gate_set_cookie(const struct gate *, struct exchange *);
void gate_drop_cookie(struct exchange *);

/* "localhost", "127.0.0.1:8080", "[::1]:80", "app.localhost". */
bool host_is_loopback(const char *host_and_port);
bool name_is_loopback(const char *host); /* without port and brackets */

#endif
