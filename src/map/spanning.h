/* SPDX-License-Identifier: MIT
 *
 * The minimum spanning tree of points under mutual reachability: the distance of two points, or the
 * distance of either to its min_samples-th neighbour if that is more (Campello, Moulavi and Sander,
 * 2013). What HDBSCAN's hierarchy is made of.
 */
#ifndef FOVEA_MAP_SPANNING_H
#define FOVEA_MAP_SPANNING_H

#include "base/status.h"
#include "base/team.h"

#include <stddef.h>
#include <stdint.h>

struct spanning_edge {
    uint32_t a, b; /* a < b */
    float square;  /* the squared distance */
};

/* edges: [count - 1], ascending by (square, a, b). points: [count, dim], dim <= KDTREE_DIM_MAX. */
MUST_USE enum status spanning_tree(struct spanning_edge *edges, const float *points, size_t count,
                                   int dim, int min_samples, struct team *, struct err *err);

#endif
