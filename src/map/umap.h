/* SPDX-License-Identifier: MIT
 *
 * UMAP: from the neighbour graph to coordinates, and the places of new photographs among them.
 */
#ifndef FOVEA_MAP_UMAP_H
#define FOVEA_MAP_UMAP_H

#include "map/knn.h"
#include "map/layout.h"

struct umap_options {
    int dim;         /* 3 */
    double min_dist; /* 0.1 */
    double spread;   /* 1 */
    int epochs;      /* 0: 500 up to 10,000 vectors, 200 beyond */
    uint64_t seed;   /* 42 */
};

/* positions: [graph->count, dim]. `vectors` are those of the graph. Fewer than dim + 2 vectors are
 * laid out too, if only at random. */
MUST_USE enum status umap_fit(float *positions, const struct map_vectors *vectors,
                              const struct knn_graph *graph, const struct umap_options *,
                              struct team *, const struct map_watch *, struct err *err);

/* Where `queries` belong on a map of `base`, whose positions do not move: [queries->count, dim].
 * k: neighbours of each among `base`. What equals a vector of the base gets its position. */
MUST_USE enum status umap_transform(float *positions, const struct map_vectors *queries,
                                    const struct map_vectors *base, const float *base_positions,
                                    int k, const struct umap_options *, struct team *,
                                    const struct map_watch *, struct err *err);

#endif
