/* SPDX-License-Identifier: MIT
 *
 * Values of an export's lines, checked: what is missing, of the wrong kind or out of bounds is an
 * ERR_FORMAT that names the key. Strings live as long as the json, or until keep_free().
 */
#ifndef FOVEA_LIBRARY_IMPORT_VALUES_H
#define FOVEA_LIBRARY_IMPORT_VALUES_H

#include "store/store.h"

#include <jansson.h>

/* Memory of a batch, freed at once. */
struct keep {
    void **blocks;
    size_t count, capacity;
};
void *keep_alloc(struct keep *, size_t size_bytes, struct err *err); /* zeroed; NULL: *err is set */
void keep_free(struct keep *);

/* Members of a JSON object. */
MUST_USE enum status value_int(json_t *, const char *key, int64_t min, int64_t max, int64_t *out,
                               struct err *err);
/* A string, or {"hex": "…"} for bytes that are no UTF-8; 1 to size_max bytes unless may_be_empty.
 */
MUST_USE enum status value_text(struct keep *, json_t *, const char *key, size_t size_max,
                                const char **out, struct err *err);
MUST_USE enum status value_real(json_t *, const char *key, double *out, struct err *err);
MUST_USE enum status value_bool(json_t *, const char *key, bool *out, struct err *err);
MUST_USE enum status value_hash(json_t *, const char *key, struct photo_hash *out, struct err *err);
/* Empty where the key is not there. */
MUST_USE enum status value_array(json_t *, const char *key, json_t **out, struct err *err);
/* *out is NULL where the key is not there. */
MUST_USE enum status value_meta(struct keep *, json_t *, const struct photo_meta **out,
                                struct err *err);
/* The text of a string or {"hex"} itself. */
MUST_USE enum status text_of(struct keep *, json_t *value, size_t size_max, const char **out,
                             struct err *err);

#endif
