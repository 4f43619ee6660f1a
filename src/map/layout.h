/* SPDX-License-Identifier: MIT
 *
 * UMAP's optimisation: points that share an edge attract each other, points drawn at random repel
 * (McInnes, Healy and Melville, 2018, section 3.2; the sampling schedule and the constants are
 * umap-learn's). The same bytes at any number of threads.
 */
#ifndef FOVEA_MAP_LAYOUT_H
#define FOVEA_MAP_LAYOUT_H

#include "base/team.h"
#include "map/sparse.h"
#include "map/watch.h"

enum { LAYOUT_DIM_MAX = 16 };

struct layout_options {
    double a, b;  /* of curve.h */
    double gamma; /* weight of repulsion, 1 */
    double rate;  /* at the start; falls to 0 in a straight line. 1, for transform 0.25 */
    int epochs;
    int negatives; /* per attraction, 5; odd, at most 15 */
    uint64_t seed;
};

/* positions: [graph->count, dim], where they begin and end. dim <= LAYOUT_DIM_MAX. */
MUST_USE enum status layout_run(float *positions, int dim, const struct sparse *graph,
                                const struct layout_options *, struct team *,
                                const struct map_watch *, struct err *err);

/* New points among fixed ones: arrows [count, k] of each to `fixed` [fixed_count, dim]. */
struct layout_arrows {
    size_t count;
    int k;
    const uint32_t *ids;
    const float *weights;
};
void layout_place(float *positions, int dim, const struct layout_arrows *, const float *fixed,
                  size_t fixed_count, const struct layout_options *, struct team *);

#endif
