/* SPDX-License-Identifier: MIT
 *
 * One request and its answer, as the handlers see them: nothing of sockets, nothing of the HTTP
 * library. A handler reads the request's fields and calls one of the reply functions, once; what it
 * does not answer is a 500. Tests make exchanges themselves.
 */
#ifndef FOVEA_SERVER_EXCHANGE_H
#define FOVEA_SERVER_EXCHANGE_H

#include "base/status.h"
#include "server/multipart.h"
#include "server/throttle.h"
#include "server/uri.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct server;
struct route;
struct stream;

enum method {
    METHOD_GET = 1,
    METHOD_HEAD = 2,
    METHOD_POST = 4,
    METHOD_PUT = 8,
    METHOD_DELETE = 16,
    METHOD_OPTIONS = 32,
};

/* The request's headers that anybody looks at; NULL: not sent. */
struct request_headers {
    const char *host, *origin, *referer, *authorization, *cookie, *content_type;
    const char *fetch_site, *fetch_mode, *fetch_dest; /* Sec-Fetch-… */
    const char *range, *if_range, *if_none_match, *accept_encoding;
    const char *preflight_method; /* Access-Control-Request-Method */
};
/* Where the value of a header of this name goes; NULL: nobody looks at it. */
const char **request_header(struct request_headers *, const char *name);
/* 0: another one. */
enum method method_named(const char *name);

enum reply_kind {
    REPLY_NONE,
    REPLY_BYTES,  /* `bytes`, malloc'ed */
    REPLY_STATIC, /* `bytes`, which outlive the server */
    REPLY_FILE,   /* `size` bytes of `fd` from `offset` on */
    REPLY_STREAM, /* of events */
};

enum { REPLY_HEADERS_MAX = 20 };

struct reply {
    unsigned status;
    enum reply_kind kind;
    const char *type; /* Content-Type; NULL: no body */
    const void *bytes;
    size_t size;
    int fd;
    uint64_t offset;
    struct stream *stream;
    struct reply_header {
        const char *name;
        char *value; /* malloc'ed */
    } headers[REPLY_HEADERS_MAX];
    size_t header_count;
};

struct exchange {
    struct server *server;
    enum method method;
    struct uri uri;
    struct request_headers headers;
    struct peer peer;    /* who asks, as far as the connection tells */
    const uint8_t *body; /* [body_size], whole */
    size_t body_size;

    const struct route *route;
    const char *captured[2]; /* what stood at the {…} of the route's path */

    struct reply reply;
};

void exchange_free_reply(struct exchange *);

/* --- answering ---------------------------------------------------------------------------- */

/* {"detail": text}. The text may hold anything (names of files); it becomes UTF-8. */
void reply_error(struct exchange *, unsigned status, const char *format, ...) PRINTF_LIKE(3, 4);
/* By the error's kind: what the client got wrong is 4xx, what may pass 503, the rest 500. */
void reply_err(struct exchange *, const struct err *);
/* Takes the value over; NULL (no memory) is a 503. */
void reply_json(struct exchange *, unsigned status, json_t *value);
void reply_no_content(struct exchange *);
/* Takes the malloc'ed bytes over. */
void reply_bytes(struct exchange *, unsigned status, const char *type, void *bytes, size_t size);
void reply_static(struct exchange *, unsigned status, const char *type, const void *bytes,
                  size_t size);
/* `name` must be a literal. A header that does not fit, or without memory, is left out. */
void reply_header(struct exchange *, const char *name, const char *format, ...) PRINTF_LIKE(3, 4);

/* With ETag and If-None-Match: true, and answered with 304, if the client has this already. The tag
 * has its quotes. */
bool reply_not_modified(struct exchange *, const char *etag);

/* --- reading ------------------------------------------------------------------------------ */

/* A query parameter as a whole number or one of words; false, and answered with 400, when it is
 * not. `names` is NULL-terminated, *out the index. */
bool param_int(struct exchange *, const char *name, int64_t fallback, int64_t min, int64_t max,
               int64_t *out);
bool param_choice(struct exchange *, const char *name, const char *const *names, int fallback,
                  int *out);
bool param_bool(struct exchange *, const char *name, bool fallback, bool *out);
/* The id at the route's {…} number `i`; false, and answered with 404, when it is none. */
bool captured_id(struct exchange *, int i, int64_t *out);

/* The JSON of the body (`text` of `size` bytes), an object; NULL, and answered with 400 or 422. */
json_t *read_json(struct exchange *, const void *text, size_t size);
/* The body as JSON; NULL, and answered, also for another Content-Type (415). */
json_t *read_json_body(struct exchange *);
/* The body as a form; false, and answered. */
bool read_form(struct exchange *, struct form *);
bool content_is(const struct exchange *, const char *type);

/* Bytes of body that the route takes. */
size_t exchange_body_limit(const struct exchange *);

#endif
