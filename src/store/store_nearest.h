/* SPDX-License-Identifier: MIT
 *
 * Search where the vectors are. A store that can (PostgreSQL with pgvector) names the rows that are
 * nearest to a query, so that a program with one question does not load a million vectors. The
 * scores that come with them are the store's own arithmetic; whoever shows scores computes them
 * from the vectors (store_vectors_load()), and `error` says how far the two may be apart.
 *
 * Exact unless an index was made for the model (store_hnsw_make()): that finds most of the nearest
 * in a fraction of the time.
 */
#ifndef FOVEA_STORE_STORE_NEAREST_H
#define FOVEA_STORE_STORE_NEAREST_H

#include "base/status.h"
#include "store/store_models.h"

/* Whether the verbs below do anything here; those on a store that cannot are ERR_UNSUPPORTED. */
bool store_searches(const struct store *);

/* store_matrix_load() without the vectors, which stay NULL. */
MUST_USE enum status store_rows_load(struct store *, int64_t model_id, struct store_matrix *out,
                                     struct err *err);

struct store_query {
    const float *vector; /* [dim], normalised */
    int dim;
    const int64_t *photo_ids; /* [photo_count] only among these; NULL: among all */
    size_t photo_count;
    bool bounded; /* only those that score less than `below` */
    double below;
};

struct store_near {
    int64_t photo_id; /* of a photo that a path names, or of one that waits for the sweep */
    double score;
};

struct store_nearness {
    double error;     /* a score differs from the exact kernel's by no more */
    bool approximate; /* by an index: some that are nearer may be missing */
};

/* near: [limit], best first by the store's score; *found < limit: there are no more. `indexed`:
 * the model's index may be used, if it has one. */
MUST_USE enum status store_nearest(struct store *, int64_t model_id, const struct store_query *,
                                   size_t limit, bool indexed, struct store_near *near,
                                   size_t *found, struct store_nearness *, struct err *err);

/* How many score at least `score`, by the store's arithmetic; of photos that a path names. */
MUST_USE enum status store_count_near(struct store *, int64_t model_id, const struct store_query *,
                                      double score, int64_t *count, struct err *err);

/* --- the index ---------------------------------------------------------------------------- */

struct store_hnsw {
    bool there;
    int m, ef_construction;
    int64_t size_bytes; /* 0 where the vectors are spread: store_hnsw_parts() has it */
    int shards;         /* servers that have a part of it each (store_shards.h); 0: not spread */
};
MUST_USE enum status store_hnsw_get(struct store *, int64_t model_id, struct store_hnsw *,
                                    struct err *err);
/* In the place of an older one; it keeps itself up to date from then on. ERR_LIMIT: the vectors
 * have too many dimensions for one. */
MUST_USE enum status store_hnsw_make(struct store *, int64_t model_id, int m, int ef_construction,
                                     struct err *err);
/* Fine if there is none. */
MUST_USE enum status store_hnsw_drop(struct store *, int64_t model_id, struct err *err);

struct store_hnsw_part {
    char server[64]; /* the shard */
    bool there;      /* an index of this model, there; without one its part of a search is exact */
    int64_t size_bytes;
    char trouble[ERR_TEXT_MAX]; /* why it cannot be said; "" */
};
/* What each shard has; none where nothing is spread. Asks every one of them. Freed with free(). */
MUST_USE enum status store_hnsw_parts(struct store *, int64_t model_id,
                                      struct store_hnsw_part **parts, size_t *count,
                                      struct err *err);

#endif
