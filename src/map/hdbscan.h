/* SPDX-License-Identifier: MIT
 *
 * HDBSCAN (Campello, Moulavi and Sander, 2013; McInnes and Healy, 2017): clusters of a spanning
 * tree that last the longest while the density at which points still hang together rises.
 */
#ifndef FOVEA_MAP_HDBSCAN_H
#define FOVEA_MAP_HDBSCAN_H

#include "map/spanning.h"

/* edges: [count - 1] of spanning_tree(). labels: [count]; clusters are numbered by their first
 * points, -1 is noise. A cluster has min_size points at least (>= 2). */
MUST_USE enum status hdbscan_cut(int *labels, int *label_count, const struct spanning_edge *edges,
                                 size_t count, size_t min_size, struct err *err);

#endif
