/* SPDX-License-Identifier: MIT
 *
 * One HTTP request at a time, by libcurl. Redirects are followed here and not by the library, so
 * that three rules hold on every hop: https only (http to this machine, or where the user named an
 * http endpoint), at most HTTP_REDIRECTS_MAX of them, and the token goes to the origin it is for
 * and to nobody else. Proxies and certificates are libcurl's business and its environment's
 * (HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE); certificates are always verified.
 *
 * What a server says is bounded: headers by HTTP_HEADERS_MAX bytes, a body by whoever takes it,
 * time by the limits below.
 */
#ifndef FOVEA_HUB_HTTP_H
#define FOVEA_HUB_HTTP_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_REDIRECTS_MAX 8
#define HTTP_HEADERS_MAX (64 << 10)
#define HTTP_URL_MAX 4096 /* signed addresses of a CDN run to some 2,000 bytes */

struct http_limits {
    long connect_ms;
    long low_speed_bytes; /* fewer bytes a second than this … */
    long low_speed_s;     /* … for so long is a broken connection */
};

struct http_answer {
    long code;             /* of the last hop */
    int hops;              /* redirects followed */
    char host[256];        /* that answered, for messages */
    int64_t length;        /* Content-Length; -1: not said */
    int64_t first, total;  /* Content-Range: "bytes first-last/total"; -1: not said */
    int64_t retry_after_s; /* 0: not said */
    char etag[160];        /* with its quotes; "" when not said or over-long, like the rest */
    /* The hub's own headers, from whichever hop has them: the CDN does not repeat them. */
    char linked_etag[160]; /* X-Linked-Etag, without quotes */
    int64_t linked_size;   /* X-Linked-Size; -1 */
    char commit[80];       /* X-Repo-Commit */
    char error_code[64];   /* X-Error-Code: "GatedRepo", "RepoNotFound", "EntryNotFound", … */
};

struct http_request {
    const char *url;
    bool head; /* no body */
    /* With head: a redirect to another origin that says what the file is (X-Linked-…) is the
     * answer, and its target is not asked. A mirror's redirect to the hub says nothing, and is
     * followed. */
    bool stop_at_other_host;
    const char *token;    /* "hf_…", for the first origin only; NULL: none */
    int64_t from;         /* first byte wanted; 0: all of it */
    const char *if_range; /* the ETag that `from` belongs to; NULL: not sent */
    /* Called once with the answer's headers if the code is 200 or 206, then with the body. Both may
     * be NULL. An error ends the transfer and is what http_run() returns. */
    enum status (*begin)(void *context, const struct http_answer *, struct err *err);
    enum status (*body)(void *context, const void *data, size_t size, struct err *err);
    void *context;
};

/* What went wrong with a request that got no answer. */
enum http_failure {
    HTTP_FAILED_NOT,     /* there is an answer, whatever its code */
    HTTP_FAILED_RESOLVE, /* no such host: most often, no network */
    HTTP_FAILED_CONNECT,
    HTTP_FAILED_BROKEN,   /* cut, too slow, malformed: trying again may work */
    HTTP_FAILED_FOR_GOOD, /* a certificate, an address: it will not */
    HTTP_FAILED_CALLER,   /* begin() or body() said so */
};

struct http;

/* endpoint: the origin for which http may be used although it is not this machine; NULL: none. */
MUST_USE enum status http_open(struct http **out, const struct http_limits *, const char *endpoint,
                               struct err *err);
void http_close(struct http *); /* NULL-safe */

/* OK when there is an answer (look at its code); otherwise *failure says of which kind the error
 * is. */
MUST_USE enum status http_run(struct http *, const struct http_request *, struct http_answer *,
                              enum http_failure *failure, struct err *err);

/* "https://huggingface.co" of an address, with the port where it is not the usual one; false if it
 * is none. */
bool http_origin(char *out, size_t size, const char *url);
/* True for addresses of this machine: 127.0.0.0/8, ::1, localhost. */
bool http_is_loopback(const char *url);

#endif
