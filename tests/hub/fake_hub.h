/* SPDX-License-Identifier: MIT
 *
 * A server on this machine that behaves as the hub does, and misbehaves on request. It listens on
 * two ports of 127.0.0.1, which the system chooses: the hub, and the CDN that it redirects large
 * files to.
 *
 *     /ORG/REPO/resolve/REVISION/FILE    ROOT/ORG/REPO/FILE; the revisions are main and the commit.
 *                                        Weights are large files: the hub answers with
 *                                        X-Linked-Size, X-Linked-Etag (the SHA-256) and a redirect.
 *     /plain/FILE                        ROOT/plain/FILE, with an ETag and nothing else
 *
 * Threads serve the connections. The rules may be changed between requests; the counts are read
 * when nothing is in flight.
 */
#ifndef FOVEA_TESTS_FAKE_HUB_H
#define FOVEA_TESTS_FAKE_HUB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define FAKE_HUB_COMMIT "0123456789abcdef0123456789abcdef01234567"
#define FAKE_HUB_STATUSES 16

struct fake_hub_rules {
    unsigned seed;                   /* of where a connection is cut */
    int cuts;                        /* so many bodies end too early */
    int statuses[FAKE_HUB_STATUSES]; /* answers of the hub before it does what it is asked; 0: none
                                      */
    int cdn_statuses[FAKE_HUB_STATUSES];
    int retry_after;        /* seconds, sent with the statuses; 0: not */
    int drip_ms;            /* between two bytes of a body */
    int version;            /* another one, another content (each byte is changed by it) */
    int change_after;       /* so many bodies later the version goes up; 0: never */
    int status_of_repo;     /* for every request of a repository: 401, 403, 404; 0: none */
    const char *error_code; /* X-Error-Code with that */
    bool moved;        /* small files are elsewhere on the hub: a relative redirect says where */
    bool no_head;      /* 403 for every request for headers alone */
    bool mirror;       /* who asks for "localhost" is redirected to 127.0.0.1 */
    bool no_redirect;  /* the hub sends large files itself */
    bool no_ranges;    /* always all of it, as 200 */
    bool wrong_range;  /* a 206 of another range than was asked for */
    bool wrong_bytes;  /* a byte of the body is not that of the hash */
    bool wrong_length; /* a Content-Length that is too large, at the CDN */
    bool no_length;    /* no Content-Length: the end is the end of the connection */
    bool endless_redirect;
    bool huge_headers;
    int claim_gb; /* the size that the hub claims for apple's models; nothing to download */
    const char *redirect_to; /* where large files are redirected to; NULL: the CDN */
};

struct fake_hub_counts {
    atomic_int connections, hub_requests, cdn_requests, bodies, ranges;
    atomic_int hub_authorizations, cdn_authorizations;
    atomic_llong bytes;     /* of bodies */
    atomic_llong last_from; /* where the last range began */
};

struct fake_hub {
    struct fake_hub_rules rules;
    struct fake_hub_counts counts;
    char url[64]; /* "http://127.0.0.1:PORT" */
    char cdn[64];
    char root[512];
    char authorization[256]; /* the last one that the hub was sent */
};

/* Exits the process when it cannot: there is no test without. */
struct fake_hub *fake_hub_start(const char *root);
void fake_hub_clear(struct fake_hub *); /* rules and counts back to zero */

#endif
