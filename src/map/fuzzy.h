/* SPDX-License-Identifier: MIT
 *
 * UMAP's fuzzy simplicial set (McInnes, Healy and Melville, 2018, section 3.1; umap-learn's
 * smooth_knn_dist and compute_membership_strengths): distances of a row's neighbours become
 * memberships exp(-(d - rho) / sigma), where rho is the nearest neighbour's distance and sigma is
 * such that a row's memberships sum to log2(k).
 */
#ifndef FOVEA_MAP_FUZZY_H
#define FOVEA_MAP_FUZZY_H

#include "map/knn.h"
#include "map/sparse.h"

struct fuzzy_scale {
    float sigma, rho;
};

/* scales: [count]. local_connectivity is 1 for the graph of the map: rho as above, and k counts the
 * row itself, as umap-learn's does; or 0 for neighbours among other rows (transform): rho is 0. */
void fuzzy_scales(const struct knn_graph *, int local_connectivity, struct fuzzy_scale *scales,
                  struct team *);

/* weights: [count, k]. */
void fuzzy_memberships(const struct knn_graph *, const struct fuzzy_scale *scales, float *weights,
                       struct team *);

/* The graph that is laid out: memberships united, a + b - a b. */
MUST_USE enum status fuzzy_graph(struct sparse *out, const struct knn_graph *, struct team *,
                                 struct err *err);

#endif
