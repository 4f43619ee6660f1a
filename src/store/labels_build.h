/* SPDX-License-Identifier: MIT
 *
 * Private to store/: struct store_labels, made from the rows of one set as a kind of store reads
 * them: the set's name, its categories by position, its labels by photo id.
 */
#ifndef FOVEA_STORE_LABELS_BUILD_H
#define FOVEA_STORE_LABELS_BUILD_H

#include "base/str.h"
#include "store/store_ops.h"

struct labels_photo {
    int64_t photo_id;
    size_t row;
};

struct labels_build {
    const struct store *store; /* for the texts of errors */
    struct store_labels *out;
    struct labels_photo *index; /* [count] the matrix's photos by id */
    size_t next;                /* in index, where the next label likely belongs */
    struct str names;           /* each with its NUL */
    struct str also;            /* of struct also */
    struct str positions;       /* of int32_t */
};

struct label_row {
    int64_t photo_id, position;
    bool named; /* false: none of these */
    double confidence, margin;
    bool uncertain;
    const void *also; /* int32[], little-endian */
    size_t also_size;
};

/* Closed also after a failure. What is in `out` then, its owner frees. */
MUST_USE enum status labels_open(struct labels_build *, const struct store *,
                                 const struct store_matrix *, struct store_labels *out,
                                 struct err *err);
void labels_close(struct labels_build *);

MUST_USE enum status labels_set(struct labels_build *, const char *name, struct err *err);
void labels_category(struct labels_build *, const char *name);
/* Also where there was no category, nor a set. */
MUST_USE enum status labels_categories_end(struct labels_build *, struct err *err);
MUST_USE enum status labels_row(struct labels_build *, const struct label_row *, struct err *err);
MUST_USE enum status labels_finish(struct labels_build *, struct err *err);

#endif
