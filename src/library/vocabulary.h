/* SPDX-License-Identifier: MIT
 *
 * The phrases that groups are named by (data/vocabulary.txt, compiled in), with their vectors,
 * which a model's text tower makes once per library and which are kept there.
 */
#ifndef FOVEA_LIBRARY_VOCABULARY_H
#define FOVEA_LIBRARY_VOCABULARY_H

#include "base/status.h"
#include "map/watch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct model;
struct store;

struct vocabulary {
    const char **phrases; /* [count] */
    float *vectors;       /* [count, dim], normalised */
    size_t count;
    int dim;
    char *text;
};

/* From the store, or encoded by `model` (whose session is opened here) and put there; an empty
 * vocabulary where there is neither. Either may be NULL. */
MUST_USE enum status vocabulary_get(struct vocabulary *out, struct store *, int64_t model_id,
                                    int dim, struct model *model, const struct map_watch *,
                                    struct err *err);
void vocabulary_free(struct vocabulary *); /* NULL-safe */

#endif
