/* SPDX-License-Identifier: MIT
 *
 * What the library knows about its paths, for an index run that compares all of them with what is
 * on the disk; and the places at which it looked.
 */
#ifndef FOVEA_STORE_STORE_KNOWN_H
#define FOVEA_STORE_STORE_KNOWN_H

#include "store/store_photos.h"

/* --- paths -------------------------------------------------------------------------------- */

/* The mtime of a path whose failure is to be no answer at the next look. */
#define STORE_NO_MTIME INT64_MIN

struct store_known {
    const char *path;
    int64_t size_bytes, mtime_ns;
    int64_t sidecar_size_bytes, sidecar_mtime_ns; /* -1, 0: none */
    bool failed;                                  /* has a failure in place of a photo */
    bool has_vector;                              /* its photo has one of the model asked for */
    bool has_meta; /* the metadata embedded in its photo was recorded */
};

typedef enum status store_known_visitor(void *context, const struct store_known *, struct err *err);

/* Calls visit() with each path (photos and failures) that is `root` ("" for the whole library), and
 * then with each below it, bytewise ascending: `root` itself comes first. The strings live until
 * visit() returns, which must not use the store; what it returns ends the visits unless it is OK.
 */
MUST_USE enum status store_known_visit(struct store *, int64_t model_id, const char *root,
                                       store_known_visitor *visit, void *context, struct err *err);

/* store_file_state() of a path that was visited. */
enum file_state store_known_state(const struct store_known *, const struct store_file *);

/* --- places ------------------------------------------------------------------------------- */

enum store_place_kind {
    STORE_ROOT = 1, /* a folder that was given to an index run */
    STORE_MOUNT,    /* a folder below a root at which another disk was mounted */
};

struct store_place {
    char *path;
    int kind; /* enum store_place_kind */
};
/* Sorted by path; freed with free() as one block. */
MUST_USE enum status store_places(struct store *, struct store_place **places, size_t *count,
                                  struct err *err);
/* Of what somebody has read (`before`) he has made `after`: what is only in the one goes, what is
 * only in the other comes. What others have added meanwhile stays. */
MUST_USE enum status store_places_change(struct store *, const struct store_place *before,
                                         size_t before_count, const struct store_place *after,
                                         size_t after_count, struct err *err);
/* Puts these in the place of all others. */
MUST_USE enum status store_places_replace(struct store *, const struct store_place *, size_t count,
                                          struct err *err);

#endif
