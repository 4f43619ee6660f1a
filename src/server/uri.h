/* SPDX-License-Identifier: MIT
 *
 * The target of a request: path segments and query parameters, decoded once and strictly.
 *
 * Splitting comes before decoding, so an encoded slash never makes a folder. Refused, whatever the
 * encoding: zero bytes, broken escapes, empty and dot segments, slashes and parent folders
 * inside a segment. (A newline may be in the name of a file.) What is left is only ever looked up
 * in tables, never given to the file system.
 */
#ifndef FOVEA_SERVER_URI_H
#define FOVEA_SERVER_URI_H

#include "base/status.h"
#include "server/limits.h"

#include <stddef.h>

struct uri_param {
    const char *name, *value;
};

struct uri {
    char *block; /* owns the strings */
    const char *segments[URI_SEGMENTS_MAX];
    size_t segment_count; /* "/" has none */
    struct uri_param params[URI_PARAMS_MAX];
    size_t param_count;
};

/* raw: as in the request line. Errors: ERR_ARGUMENT, ERR_LIMIT, ERR_MEMORY. */
MUST_USE enum status uri_parse(struct uri *out, const char *raw, struct err *err);
void uri_free(struct uri *);

/* The parameter's value, or NULL. One that is given twice counts once, the first time. */
const char *uri_param(const struct uri *, const char *name);

#endif
