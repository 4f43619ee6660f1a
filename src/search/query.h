/* SPDX-License-Identifier: MIT
 *
 * Query arithmetic and the floor. A query is a weighted sum of normalised embeddings, normalised
 * again: phrases and pictures in any number, a negative weight pushes away. The floor separates
 * strong hits from the rest; if nothing reaches it the single closest photo is given, flagged.
 */
#ifndef FOVEA_SEARCH_QUERY_H
#define FOVEA_SEARCH_QUERY_H

#include "base/status.h"
#include "search/scan.h"

#include <stdbool.h>
#include <stddef.h>

#define FLOOR_TEXT 0.20f
#define FLOOR_IMAGE 0.45f

struct query_part {
    const float *vector; /* [dim], normalised */
    float weight;
};

/* out: [dim], normalised. ERR_ARGUMENT when the parts cancel out (or there are none). */
MUST_USE enum status query_combine(const struct query_part *, size_t count, int dim, float *out,
                                   struct err *err);

/* Cuts hits (best first) at the floor: *found is lowered to the strong ones and the answer is true;
 * if none is strong, *found becomes 1 (0 without hits) and the answer is false. */
bool query_apply_floor(const struct scan_hit *hits, size_t *found, float floor);

#endif
