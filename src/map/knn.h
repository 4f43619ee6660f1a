/* SPDX-License-Identifier: MIT
 *
 * The neighbour graph: of each vector the k others that are nearest by cosine. It is what UMAP,
 * t-SNE, the groups and the duplicates begin with, so it is made once and kept.
 *
 * Exact (knn_exact.c): every pair's cosine, as blocked matrix products, each pair once. Beyond
 * KNN_EXACT_MAX vectors that is n² too many, and knn_build() takes NN-descent (knn_descent.c:
 * Dong, Charikar and Li, WWW 2011), which finds nearly all of them; how nearly, knn_recall() says.
 *
 * Both give the same bytes for the same input at any number of threads: neighbours are in the order
 * of (cosine, descending; row, ascending), which is a total one, so that the best k are the same
 * whoever finds them first.
 */
#ifndef FOVEA_MAP_KNN_H
#define FOVEA_MAP_KNN_H

#include "base/status.h"
#include "base/team.h"
#include "map/vectors.h"
#include "map/watch.h"

#include <stddef.h>
#include <stdint.h>

enum {
    KNN_MAX = 1024, /* neighbours */
    /* Where NN-descent begins. Measured in docs/map.md. */
    KNN_EXACT_MAX = 50000,
};

/* Row i's neighbours, nearest first, itself not among them. */
struct knn_graph {
    size_t count; /* rows */
    int k;
    uint32_t *ids;    /* [count, k] */
    float *distances; /* [count, k] 1 - cosine, in 0 .. 2 */
};

/* k is lowered to count - 1 where there are no more. count >= 2, k >= 1. */
MUST_USE enum status knn_build(struct knn_graph *out, const struct map_vectors *, int k,
                               uint64_t seed, struct team *, const struct map_watch *,
                               struct err *err);
MUST_USE enum status knn_exact(struct knn_graph *out, const struct map_vectors *, int k,
                               struct team *, const struct map_watch *, struct err *err);
MUST_USE enum status knn_descent(struct knn_graph *out, const struct map_vectors *, int k,
                                 uint64_t seed, struct team *, const struct map_watch *,
                                 struct err *err);
void knn_free(struct knn_graph *); /* NULL-safe */

/* Neighbours of `queries` among `base` (other vectors, of the same dimension): exact. Of row i
 * they are base rows; out->k may be lower than k, as above (to base->count). */
MUST_USE enum status knn_query(struct knn_graph *out, const struct map_vectors *queries,
                               const struct map_vectors *base, int k, struct team *,
                               const struct map_watch *, struct err *err);

/* The graph after the vectors changed, as knn_exact() would make it if `old` was exact:
 * old_row[i] is the row that row i had in `old`, or KNN_NEW. Costs the new rows, and those that
 * lost a neighbour, against all. */
#define KNN_NEW UINT32_MAX
MUST_USE enum status knn_update(struct knn_graph *out, const struct map_vectors *,
                                const struct knn_graph *old, const uint32_t *old_row, struct team *,
                                const struct map_watch *, struct err *err);

/* The part of the true neighbours that the graph has, over `samples` rows drawn by `seed`. */
MUST_USE enum status knn_recall(double *recall, const struct knn_graph *,
                                const struct map_vectors *, size_t samples, uint64_t seed,
                                struct team *, struct err *err);

#endif
