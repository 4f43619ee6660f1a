/* SPDX-License-Identifier: MIT
 *
 * From what somebody looks for to vectors: phrases and example pictures, weighted, wanted or
 * unwanted, become one query. What is found with it is find.h's.
 */
#ifndef FOVEA_LIBRARY_SEARCH_H
#define FOVEA_LIBRARY_SEARCH_H

#include "base/status.h"
#include "clip/model.h"

#include <stddef.h>

enum search_part_kind { SEARCH_TEXT, SEARCH_IMAGE };

struct search_part {
    enum search_part_kind kind;
    const char *value; /* the phrase, or the file's path */
    float weight;      /* negative: unwanted */
};

/* Which towers such a query needs. */
enum model_towers search_towers(const struct search_part *, size_t count);

/* The floor that fits the parts: FLOOR_TEXT for phrases, FLOOR_IMAGE for pictures, in between for
 * both, by the weights of the wanted ones. */
float search_default_floor(const struct search_part *, size_t count);

/* "phrase:0.5" -> weight 0.5, "phrase" -> 1. A weight has a decimal point, so that "ratio 16:9" is
 * a phrase. Cuts the weight off `value`. ERR_ARGUMENT for a weight of 0 or less, or above 100. */
MUST_USE enum status search_part_parse(char *value, float *weight, struct err *err);

/* query: [D], normalised. The session needs text_batch and image_batch >= 1 for the kinds used.
 * Errors of a picture name its file; an empty phrase is an ERR_ARGUMENT. */
MUST_USE enum status search_encode(struct session *, const struct model *,
                                   const struct search_part *, size_t count, float *query,
                                   struct err *err);

/* Each part by itself, as find_request.unwanted wants them: vectors: [count, D], floors: [count].
 */
MUST_USE enum status search_encode_each(struct session *, const struct model *,
                                        const struct search_part *, size_t count, float *vectors,
                                        float *floors, struct err *err);

#endif
