/* SPDX-License-Identifier: MIT
 *
 * Private to the copy (copy.h): what its files share. copy.c runs it, copy_photos.c goes through
 * the photographs in batches, copy_record.c says what two stores know of one photograph in a form
 * that can be compared, copy_rest.c is everything else.
 *
 * Each part is written once, as "what does the target lack?". While copying that is put; while
 * verifying it is a difference, and should be nothing.
 */
#ifndef FOVEA_LIBRARY_COPY_PRIVATE_H
#define FOVEA_LIBRARY_COPY_PRIVATE_H

#include "base/str.h"
#include "library/copy.h"
#include "store/store.h"

#include <stdbool.h>

enum { COPY_BATCH = 256, COPY_PUT = 512 };

enum copy_side { COPY_FROM, COPY_TO };

struct copy_model {
    struct store_model model; /* as the source has it */
    int64_t ids[2];           /* by side */
    struct store_label_set *sets;
    size_t set_count;
};

struct copy {
    struct store *stores[2]; /* by side */
    const struct copy_options *options;
    struct copy_report *report;
    struct copy_model *models;
    size_t model_count;
    int64_t *ids[2]; /* [id_count] of the source, ascending; in the target: 0 while it has none */
    size_t id_count;
    bool verifying;
    int64_t differences;
    char first[256]; /* of the differences */
};

/* Counts a difference; what: "the photograph", where: its path. */
void copy_differs(struct copy *, const char *what, const char *where);

/* --- copy_record.c ------------------------------------------------------------------------ */

/* Everything that the store of `side` says of the photo, vectors aside, in bytes that are equal if
 * it is. Of what may be several (paths, labels) what `like`, the source's, has. */
void copy_record(struct str *out, const struct copy *, enum copy_side, const struct store_photo *,
                 const struct store_photo *like);
/* The label of this model and set; NULL if the photo has none. */
const struct store_photo_label *copy_label_of(const struct store_photo *, int64_t model_id,
                                              const char *set);

/* --- copy_photos.c, copy_rest.c ----------------------------------------------------------- */

MUST_USE enum status copy_photos(struct copy *, struct err *err);
MUST_USE enum status copy_sets(struct copy *, struct err *err);
MUST_USE enum status copy_failures(struct copy *, struct err *err);
MUST_USE enum status copy_saved_sets(struct copy *, struct err *err);
MUST_USE enum status copy_decisions(struct copy *, struct err *err);
MUST_USE enum status copy_places(struct copy *, struct err *err);
MUST_USE enum status copy_artifacts(struct copy *, struct err *err);

#endif
