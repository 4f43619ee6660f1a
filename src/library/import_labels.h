/* SPDX-License-Identifier: MIT
 *
 * Categories that another program has given to photographs (import_origin.h), kept as a set of
 * labels of the model: what it named, and how sure it was. What else a label has of a
 * classification of fovea's own is not known and left open: the other categories' probabilities are
 * NaN, the margin is 0. The set's prompts are those of the default categories for names that these
 * have, and the name itself for others, so that `fovea classify` can go on with it.
 */
#ifndef FOVEA_LIBRARY_IMPORT_LABELS_H
#define FOVEA_LIBRARY_IMPORT_LABELS_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

struct store;

#define IMPORT_LABELS_SET "image_embeddings"

struct import_label {
    char *path, *category; /* category NULL: none of these */
    double confidence;     /* 0: not known */
    int64_t photo_id;
    int position;
};

/* Zeroed is empty. */
struct import_labels {
    struct import_label *items; /* [count], room for more */
    size_t count, room;
};

/* path: absolute, as it is in the library once all is recorded. */
MUST_USE enum status import_labels_add(struct import_labels *, const char *path,
                                       const char *category, double confidence, struct err *err);
/* As the set IMPORT_LABELS_SET, in the place of one of that name; of a photograph at several paths
 * the label that is surest. Nothing where there are none. ERR_LIMIT, ERR_FORMAT: these are no
 * categories (too many, a name that is too long): nothing is kept. */
MUST_USE enum status import_labels_keep(struct import_labels *, struct store *, int64_t model_id,
                                        int64_t *kept, struct err *err);
void import_labels_free(struct import_labels *);

#endif
