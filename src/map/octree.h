/* SPDX-License-Identifier: MIT
 *
 * Barnes and Hut's tree: space halved in every dimension again and again, each cell knowing how
 * many points it holds and their mean. A cell that looks small from a point stands for all of its
 * points.
 */
#ifndef FOVEA_MAP_OCTREE_H
#define FOVEA_MAP_OCTREE_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

enum { OCTREE_DIM_MAX = 3 };

struct octree_cell {
    float mean[OCTREE_DIM_MAX];
    float side;     /* of the cell's cube, squared */
    uint32_t count; /* points */
    uint32_t first; /* the first of its points in `order` */
    uint32_t next;  /* the cell after all of those within this one: where to go on */
    uint32_t leaf;  /* 1: has no cells within */
};

struct octree {
    int dim;
    size_t count, cell_count, cell_capacity;
    const float *points; /* [count, dim] */
    uint64_t *codes;     /* [count] Morton codes, in the order */
    uint32_t *order;     /* [count] */
    uint32_t *scratch;   /* [count] */
    uint64_t *scratch_codes;
    struct octree_cell *cells; /* in the order of a walk: a cell, then those within it */
};

/* Close it whatever comes back. */
MUST_USE enum status octree_open(struct octree *out, size_t count, int dim, struct err *err);
void octree_close(struct octree *); /* NULL-safe */
/* Makes the tree for points that have moved. */
MUST_USE enum status octree_build(struct octree *, const float *points, struct err *err);

/* Sums over all points but `point`: sums[d] of q² (y - x_d), and of q, where q = 1 / (1 + |y -
 * x|²). Any thread. */
void octree_repulsion(const struct octree *, size_t point, float theta, double *sums, double *q);

#endif
