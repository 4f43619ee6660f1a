/* SPDX-License-Identifier: MIT
 *
 * Forms (RFC 7578) of a body that lies in memory whole: nothing is copied but the names. The body
 * is bounded before it gets here; this bounds how many parts it has and how long their heads are.
 */
#ifndef FOVEA_SERVER_MULTIPART_H
#define FOVEA_SERVER_MULTIPART_H

#include "base/status.h"
#include "server/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct part {
    char name[64];       /* of the field */
    bool is_file;        /* had a file name (which nobody needs) */
    const uint8_t *data; /* [size], in the body */
    size_t size;
};

struct form {
    struct part parts[PARTS_MAX];
    size_t count;
};

/* content_type: the header's value, "multipart/form-data; boundary=…". Errors: ERR_FORMAT,
 * ERR_LIMIT. */
MUST_USE enum status form_parse(struct form *out, const char *content_type, const uint8_t *body,
                                size_t size, struct err *err);

/* The first part of this name, or NULL. */
const struct part *form_part(const struct form *, const char *name);

#endif
