/* SPDX-License-Identifier: MIT
 *
 * Points are sorted by Morton code (the bits of their coordinates interleaved), so that a cell is a
 * run of points, and the tree is made by going over the runs: the same tree every time. Cells lie
 * in the order of a walk through the tree; `next` of a cell leads past what is within it, so that
 * the walk needs no stack.
 */
#include "map/octree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BITS = 20, LEAF = 4 }; /* bits per dimension; points of a cell that is not divided */

enum status octree_open(struct octree *out, size_t count, int dim, struct err *err)
{
    *out = (struct octree){.dim = dim, .count = count, .cell_capacity = 2 * count + 64};
    out->codes = malloc((count + 1) * sizeof *out->codes);
    out->scratch_codes = malloc((count + 1) * sizeof *out->scratch_codes);
    out->order = malloc((count + 1) * sizeof *out->order);
    out->scratch = malloc((count + 1) * sizeof *out->scratch);
    out->cells = malloc(out->cell_capacity * sizeof *out->cells);
    if (out->codes && out->scratch_codes && out->order && out->scratch && out->cells)
        return OK;
    return err_no_memory(err, "the tree of points", count * sizeof *out->cells);
}

void octree_close(struct octree *t)
{
    if (!t)
        return;
    free(t->codes);
    free(t->scratch_codes);
    free(t->order);
    free(t->scratch);
    free(t->cells);
    *t = (struct octree){0};
}

static uint64_t code_of(const float *point, const float *low, float side, int dim)
{
    uint64_t code = 0, at[OCTREE_DIM_MAX];
    for (int d = 0; d < dim; d++) {
        double part = ((double)point[d] - low[d]) / side * (1 << BITS);
        at[d] = part >= (1 << BITS) - 1 ? (1 << BITS) - 1 : part > 0 ? (uint64_t)part : 0;
    }
    for (int bit = BITS - 1; bit >= 0; bit--)
        for (int d = 0; d < dim; d++)
            code = code << 1 | (at[d] >> bit & 1);
    return code;
}

/* By code, then by index: a radix sort, stable, from the order of the indices. */
static void sort_codes(struct octree *t)
{
    for (int shift = 0; shift < BITS * t->dim; shift += 8) {
        size_t starts[257] = {0};
        for (size_t i = 0; i < t->count; i++)
            starts[(t->codes[i] >> shift & 255) + 1]++;
        for (int b = 0; b < 256; b++)
            starts[b + 1] += starts[b];
        for (size_t i = 0; i < t->count; i++) {
            size_t at = starts[t->codes[i] >> shift & 255]++;
            t->scratch[at] = t->order[i];
            t->scratch_codes[at] = t->codes[i];
        }
        uint32_t *order = t->order;
        uint64_t *codes = t->codes;
        t->order = t->scratch;
        t->codes = t->scratch_codes;
        t->scratch = order;
        t->scratch_codes = codes;
    }
}

static enum status cells_grow(struct octree *t, struct err *err)
{
    if (t->cell_count < t->cell_capacity)
        return OK;
    size_t capacity = 2 * t->cell_capacity + 64;
    struct octree_cell *cells = realloc(t->cells, capacity * sizeof *cells);
    if (!cells)
        return err_no_memory(err, "the tree of points", capacity * sizeof *cells);
    t->cells = cells;
    t->cell_capacity = capacity;
    return OK;
}

static void find_mean(const struct octree *t, struct octree_cell *cell)
{
    size_t dim = (size_t)t->dim;
    double sums[OCTREE_DIM_MAX] = {0};
    for (size_t i = cell->first; i < (size_t)cell->first + cell->count; i++)
        for (size_t d = 0; d < dim; d++)
            sums[d] += t->points[t->order[i] * dim + d];
    for (size_t d = 0; d < dim; d++)
        cell->mean[d] = (float)(sums[d] / cell->count);
}

/* The cell of a run of points that share their first `level` bits of each coordinate, and those
 * within it. Recursion is as deep as a code has bits per coordinate. */
static enum status divide(struct octree *t, size_t first, size_t end, int level, float side,
                          struct err *err)
{
    enum status status = cells_grow(t, err);
    if (status != OK)
        return status;
    size_t self = t->cell_count++;
    struct octree_cell cell = {.side = side * side,
                               .count = (uint32_t)(end - first),
                               .first = (uint32_t)first,
                               .leaf = end - first <= LEAF || level == BITS};
    find_mean(t, &cell);
    int shift = (BITS - 1 - level) * t->dim;
    while (!cell.leaf && first < end && status == OK) {
        uint64_t child = t->codes[first] >> shift;
        size_t stop = first + 1;
        while (stop < end && t->codes[stop] >> shift == child)
            stop++;
        status = divide(t, first, stop, level + 1, side / 2, err);
        first = stop;
    }
    cell.next = (uint32_t)t->cell_count;
    t->cells[self] = cell;
    return status;
}

enum status octree_build(struct octree *t, const float *points, struct err *err)
{
    float low[OCTREE_DIM_MAX], side = 0;
    size_t dim = (size_t)t->dim;
    t->points = points;
    for (size_t d = 0; d < dim; d++) {
        float high = -INFINITY;
        low[d] = INFINITY;
        for (size_t i = 0; i < t->count; i++) {
            low[d] = fminf(low[d], points[i * dim + d]);
            high = fmaxf(high, points[i * dim + d]);
        }
        side = fmaxf(side, high - low[d]);
    }
    side = side > 0 ? side * 1.0001f : 1;
    for (size_t i = 0; i < t->count; i++) {
        t->order[i] = (uint32_t)i;
        t->codes[i] = code_of(points + i * dim, low, side, t->dim);
    }
    sort_codes(t);
    t->cell_count = 0;
    return t->count ? divide(t, 0, t->count, 0, side, err) : OK;
}

static float square_to(const float *y, const float *x, size_t dim)
{
    float square = 0;
    for (size_t d = 0; d < dim; d++)
        square += (y[d] - x[d]) * (y[d] - x[d]);
    return square;
}

static void add(double *sums, double *q_sum, const float *y, const float *x, float square,
                float count, size_t dim)
{
    float q = 1 / (1 + square);
    *q_sum += count * q;
    for (size_t d = 0; d < dim; d++)
        sums[d] += count * q * q * (y[d] - x[d]);
}

void octree_repulsion(const struct octree *t, size_t point, float theta, double *sums, double *q)
{
    size_t dim = (size_t)t->dim, c = 0;
    const float *y = t->points + point * dim;
    float bound = theta * theta;
    for (size_t d = 0; d < dim; d++)
        sums[d] = 0;
    *q = 0;
    while (c < t->cell_count) {
        const struct octree_cell *cell = &t->cells[c];
        float square = square_to(y, cell->mean, dim);
        if (!cell->leaf && cell->side >= bound * square) {
            c++;
            continue;
        }
        if (cell->side < bound * square) {
            add(sums, q, y, cell->mean, square, (float)cell->count, dim);
        } else {
            for (size_t i = cell->first; i < (size_t)cell->first + cell->count; i++) {
                const float *x = t->points + t->order[i] * dim;
                if (t->order[i] != point)
                    add(sums, q, y, x, square_to(y, x, dim), 1, dim);
            }
        }
        c = cell->next;
    }
}
