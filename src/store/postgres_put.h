/* SPDX-License-Identifier: MIT
 *
 * Private to store/: a part of a batch of results on its way into a PostgreSQL database, and the
 * stages that record it, in this order (postgres_put.c).
 */
#ifndef FOVEA_STORE_POSTGRES_PUT_H
#define FOVEA_STORE_POSTGRES_PUT_H

#include "store/postgres.h"

#define NONE SIZE_MAX

/* A content of the part; the numbers are those of results. */
struct content {
    struct photo_hash hash;
    size_t first;               /* that names it */
    size_t first_ok;            /* that may add it: with a vector, or of no model */
    size_t vector, meta, phash; /* the vector: of the first; the others: of the last that has one */
    int64_t id;                 /* 0: not known yet */
    bool added;                 /* by this part */
};

struct part {
    struct postgres_store *store;
    int64_t model_id;
    int dim;
    bool half;
    const struct store_result *results;
    size_t count;
    bool *kept;               /* [count] a failure that leaves the photo alone */
    struct content *contents; /* [content_count] by hash */
    size_t content_count;
};

/* The content with this hash; NULL if no result of the part names it. */
struct content *part_content(const struct part *, const void *hash);

/* postgres_put_files.c */
MUST_USE enum status part_find_kept(struct part *, struct err *err);
/* postgres_put_photos.c */
MUST_USE enum status part_put_photos(struct part *, struct err *err);
MUST_USE enum status part_put_vectors(struct part *, struct err *err);
MUST_USE enum status part_put_meta(struct part *, struct err *err);
MUST_USE enum status part_put_phash(struct part *, struct err *err);
/* postgres_put_files.c */
MUST_USE enum status part_put_files(struct part *, struct err *err);
MUST_USE enum status part_drop_sidecars(struct part *, struct err *err);
MUST_USE enum status part_put_sidecars(struct part *, struct err *err);

#endif
