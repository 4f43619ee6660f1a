/* SPDX-License-Identifier: MIT
 *
 * Reading a request's JSON, strictly: a field that is missing, unknown, of another type or out of
 * its range is a 422 that names it. The first thing that is wrong is answered; afterwards `ok` is
 * false and every further read gives its fallback, so that handlers check once.
 */
#ifndef FOVEA_SERVER_FIELDS_H
#define FOVEA_SERVER_FIELDS_H

#include "server/exchange.h"

struct fields {
    struct exchange *x;
    const char *where; /* "texts[2]."; "" */
    bool ok;
};

/* names: what the object may have, NULL-terminated. */
void fields_only(struct fields *, const json_t *object, const char *const *names);
double fields_number(struct fields *, const json_t *object, const char *name, double fallback,
                     double min, double max);
int64_t fields_integer(struct fields *, const json_t *object, const char *name, int64_t fallback,
                       int64_t min, int64_t max);
bool fields_bool(struct fields *, const json_t *object, const char *name, bool fallback);
/* max: bytes. NULL (and not ok) when it is missing, empty or too long. */
const char *fields_text(struct fields *, const json_t *object, const char *name, size_t max);
/* Index of one of `names`. */
int fields_choice(struct fields *, const json_t *object, const char *name, const char *const *names,
                  int fallback);
/* NULL when it is absent. */
const json_t *fields_array(struct fields *, const json_t *object, const char *name, size_t min,
                           size_t max);
const json_t *fields_object(struct fields *, const json_t *object, const char *name);
void fields_fail(struct fields *, const char *name, const char *format, ...) PRINTF_LIKE(3, 4);

#endif
