/* SPDX-License-Identifier: MIT
 *
 * Nearest points among points of few dimensions: a map's, or what the groups are found in. Exact;
 * ties by ascending index. Euclidean.
 */
#ifndef FOVEA_MAP_KDTREE_H
#define FOVEA_MAP_KDTREE_H

#include "base/status.h"
#include "base/team.h"

#include <stddef.h>
#include <stdint.h>

enum { KDTREE_DIM_MAX = 16, KDTREE_K_MAX = 1024 };

struct kdtree_node {
    size_t first, end;  /* of `order` */
    size_t left, right; /* nodes; left 0: a leaf */
};

struct kdtree {
    const float *points; /* [count, dim], borrowed */
    size_t count;
    int dim;
    uint32_t *order; /* [count] points, by leaves */
    struct kdtree_node *nodes;
    float *boxes; /* [node_count, 2, dim] least and greatest */
    size_t node_count;
};

/* Points are finite; dim <= KDTREE_DIM_MAX. */
MUST_USE enum status kdtree_open(struct kdtree *out, const float *points, size_t count, int dim,
                                 struct err *err);
void kdtree_close(struct kdtree *); /* NULL-safe */

/* The k nearest to `point`, without the point `except` (SIZE_MAX: none): ids and squared distances,
 * nearest first. Returns how many: fewer than k where there are no more. Any thread. */
int kdtree_nearest(const struct kdtree *, const float *point, size_t except, int k, uint32_t *ids,
                   float *squares);

/* Of every point, itself left out: [count, k]; k < count. */
void kdtree_all_nearest(const struct kdtree *, int k, uint32_t *ids, float *squares, struct team *);

/* The least squared distance from `point` to a node's box. */
float kdtree_box_square(const struct kdtree *, size_t node, const float *point);

#endif
