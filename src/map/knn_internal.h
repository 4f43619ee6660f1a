/* SPDX-License-Identifier: MIT
 *
 * What the files of the neighbour graph share.
 *
 * The best k candidates of each row while a graph is being made: sorted, with the worst at the end,
 * whose score is what a newcomer has to reach. Scores are cosines.
 */
#ifndef FOVEA_MAP_KNN_INTERNAL_H
#define FOVEA_MAP_KNN_INTERNAL_H

#include "map/knn.h"

#include <stdbool.h>

#define KNN_NONE UINT32_MAX /* a place not taken yet; its score is -infinity */

struct knn_lists {
    size_t count;
    int k;
    float *scores;  /* [count, k] descending */
    uint32_t *ids;  /* [count, k] */
    float *reached; /* [count] the last score of each row */
};

MUST_USE enum status knn_lists_open(struct knn_lists *out, size_t count, int k, struct err *err);
void knn_lists_close(struct knn_lists *);

/* Puts (score, id) where it belongs; false if it does not belong there, or is there already. */
bool knn_lists_offer(struct knn_lists *, size_t row, float score, uint32_t id);

/* The lists become the graph; they are empty afterwards. */
void knn_lists_finish(struct knn_lists *, struct knn_graph *out);

/* Which rows against which columns. */
struct knn_pairs {
    const struct map_vectors *rows, *columns;
    const uint32_t *row_ids, *column_ids; /* NULL: 0, 1, 2, … */
    size_t row_count, column_count;
    bool same;      /* rows and columns are of the same vectors: a row is not its own neighbour */
    bool symmetric; /* rows are the columns: each pair once, for both */
    struct knn_lists *lists; /* by position among the rows */
};

/* Offers every pair's cosine to the lists: of the rows and, in a symmetric run, of the columns. */
MUST_USE enum status knn_run_pairs(const struct knn_pairs *, struct team *,
                                   const struct map_watch *, struct err *err);

/* Offers to each row those that one random-projection tree puts beside it. */
MUST_USE enum status knn_tree_offer(struct knn_lists *, const struct map_vectors *, uint64_t seed,
                                    uint64_t number, struct team *, struct err *err);

#endif
