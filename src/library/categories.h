/* SPDX-License-Identifier: MIT
 *
 * Category sets: names in order, each with the prompts that describe it. Read from a JSON object,
 * name -> list of prompts (or a single prompt); the six landscape categories ship as the default.
 */
#ifndef FOVEA_LIBRARY_CATEGORIES_H
#define FOVEA_LIBRARY_CATEGORIES_H

#include "base/status.h"
#include "clip/model.h"

#include <stddef.h>

enum { CATEGORIES_MAX = 1000, PROMPTS_MAX = 1000 };
enum { CATEGORY_NAME_MAX = 200 }; /* bytes; it becomes a folder's name, of which 255 are usual */

struct category {
    char *name;
    char **prompts; /* [prompt_count], at least one */
    size_t prompt_count;
};

struct categories {
    struct category *items; /* [count], at least one */
    size_t count;
    char *json; /* the same as compact JSON text, order kept */
};

/* ERR_FORMAT names the place: not JSON (line and column), not an object, an empty name, a category
 * without prompts, a prompt that is not text, a name used twice. ERR_LIMIT past the counts above.
 */
MUST_USE enum status categories_parse(struct categories *out, const char *json, size_t size,
                                      struct err *err);
MUST_USE enum status categories_read(struct categories *out, const char *path, struct err *err);
MUST_USE enum status categories_default(struct categories *out, struct err *err);
void categories_free(struct categories *); /* NULL-safe */

/* One vector per category: each prompt's embedding normalised, averaged, normalised again.
 * vectors: [count, D]. The session needs text_batch >= 1. */
MUST_USE enum status categories_encode(const struct categories *, struct session *,
                                       const struct model_info *, float *vectors, struct err *err);

#endif
