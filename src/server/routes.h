/* SPDX-License-Identifier: MIT
 *
 * What can be asked, as one const table: method, path, where it runs, what body it takes, who
 * answers. The same addresses are described in data/openapi.json; tests hold one against the other.
 */
#ifndef FOVEA_SERVER_ROUTES_H
#define FOVEA_SERVER_ROUTES_H

#include "server/exchange.h"

#include <stdbool.h>
#include <stddef.h>

enum lane_name {
    LANE_NONE,    /* at once, on the thread that serves the sockets: must not wait for anything */
    LANE_QUERY,   /* searches and everything that memory answers */
    LANE_PICTURE, /* decoding and reading photographs */
    LANE_HEAVY,   /* what looks at the whole library, seconds and more */
    LANE_COUNT,
};

enum body_kind { BODY_NONE, BODY_JSON, BODY_FORM, BODY_JSON_OR_FORM };

struct route {
    unsigned methods; /* enum method; HEAD is allowed wherever GET is */
    const char *path; /* "/api/v1/photos/{id}": {…} stands for one segment */
    enum lane_name lane;
    enum body_kind body;
    bool open; /* answered without a token */
    void (*run)(struct exchange *);
};

extern const struct route routes[]; /* `run` NULL ends it */

/* Sets x->route and x->captured. False, and answered with 404 or 405. Everything that is no address
 * of the API is the page's. */
bool route_find(struct exchange *);

#endif
