/* SPDX-License-Identifier: MIT
 *
 * Boruvka's method over a tree of points: in each round every point looks for the nearest point of
 * another component, each component takes the best edge that its points found, and components that
 * are joined become one; they at least halve, so there are few rounds. A part of the tree that lies
 * in one component is passed over by the points of that component. Edges are compared by (square,
 * a, b), a total order, so that components agree on edges and no cycle can close.
 */
#include "map/spanning.h"

#include "map/kdtree.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { ITEM = 128 };

struct spanning {
    struct kdtree tree;
    float *core;                 /* [count] squared distance to the min_samples-th neighbour */
    uint32_t *component;         /* [count] */
    uint32_t *whole;             /* [nodes] the component that a node lies in, or UINT32_MAX */
    struct spanning_edge *found; /* [count] of each point */
    uint32_t *parent;            /* [count] of the union */
    uint32_t *best; /* [count] by component: the point whose edge is best, or UINT32_MAX */
};

static bool is_before(const struct spanning_edge *x, const struct spanning_edge *y)
{
    if (x->square != y->square)
        return x->square < y->square;
    return x->a != y->a ? x->a < y->a : x->b < y->b;
}

static void try_leaf(const struct spanning *s, const struct kdtree_node *node, uint32_t point,
                     struct spanning_edge *best)
{
    size_t dim = (size_t)s->tree.dim;
    const float *y = s->tree.points + point * dim;
    for (size_t i = node->first; i < node->end; i++) {
        uint32_t other = s->tree.order[i];
        const float *x = s->tree.points + other * dim;
        if (s->component[other] == s->component[point])
            continue;
        float square = 0;
        for (size_t d = 0; d < dim; d++)
            square += (x[d] - y[d]) * (x[d] - y[d]);
        square = fmaxf(square, fmaxf(s->core[point], s->core[other]));
        struct spanning_edge edge = {point < other ? point : other, point < other ? other : point,
                                     square};
        if (is_before(&edge, best))
            *best = edge;
    }
}

static void look(const struct spanning *s, size_t n, uint32_t point, struct spanning_edge *best)
{
    const struct kdtree_node *node = &s->tree.nodes[n];
    if (s->whole[n] == s->component[point])
        return;
    if (!node->left) {
        try_leaf(s, node, point, best);
        return;
    }
    const float *y = s->tree.points + point * (size_t)s->tree.dim;
    float left = kdtree_box_square(&s->tree, node->left, y);
    float right = kdtree_box_square(&s->tree, node->right, y);
    size_t near = left <= right ? node->left : node->right;
    size_t far = left <= right ? node->right : node->left;
    if (fmaxf(fminf(left, right), s->core[point]) <= best->square)
        look(s, near, point, best);
    if (fmaxf(fmaxf(left, right), s->core[point]) <= best->square)
        look(s, far, point, best);
}

static void look_item(void *context, int item, int lane)
{
    struct spanning *s = context;
    size_t first = (size_t)item * ITEM;
    (void)lane;
    for (size_t i = first; i < first + ITEM && i < s->tree.count; i++) {
        uint32_t point = s->tree.order[i];
        struct spanning_edge best = {UINT32_MAX, UINT32_MAX, INFINITY};
        look(s, 0, point, &best);
        s->found[point] = best;
    }
}

/* Nodes come after the node that they are within: from the last to the first, children are known.
 */
static void find_whole(struct spanning *s)
{
    for (size_t n = s->tree.node_count; n-- > 0;) {
        const struct kdtree_node *node = &s->tree.nodes[n];
        if (node->left) {
            uint32_t left = s->whole[node->left], right = s->whole[node->right];
            s->whole[n] = left == right ? left : UINT32_MAX;
            continue;
        }
        s->whole[n] = s->component[s->tree.order[node->first]];
        for (size_t i = node->first; i < node->end; i++)
            if (s->component[s->tree.order[i]] != s->whole[n])
                s->whole[n] = UINT32_MAX;
    }
}

static uint32_t root_of(uint32_t *parent, uint32_t i)
{
    while (parent[i] != i) {
        parent[i] = parent[parent[i]];
        i = parent[i];
    }
    return i;
}

/* Joins components by their best edges; returns how many edges there are then. */
static size_t join(struct spanning *s, struct spanning_edge *edges, size_t used)
{
    size_t n = s->tree.count;
    for (size_t i = 0; i < n; i++)
        s->best[i] = UINT32_MAX;
    for (size_t i = 0; i < n; i++) {
        uint32_t *best = &s->best[s->component[i]];
        if (s->found[i].a != UINT32_MAX &&
            (*best == UINT32_MAX || is_before(&s->found[i], &s->found[*best])))
            *best = (uint32_t)i;
    }
    for (size_t c = 0; c < n; c++) {
        if (s->best[c] == UINT32_MAX)
            continue;
        const struct spanning_edge *edge = &s->found[s->best[c]];
        uint32_t a = root_of(s->parent, edge->a), b = root_of(s->parent, edge->b);
        if (a == b)
            continue; /* the other end chose the same edge */
        s->parent[a < b ? b : a] = a < b ? a : b;
        edges[used++] = *edge;
    }
    for (size_t i = 0; i < n; i++)
        s->component[i] = root_of(s->parent, (uint32_t)i);
    return used;
}

static int compare_edges(const void *a, const void *b)
{
    return is_before(a, b) ? -1 : is_before(b, a);
}

static enum status find_cores(struct spanning *s, int min_samples, struct team *team,
                              struct err *err)
{
    size_t n = s->tree.count;
    size_t k = (size_t)min_samples < n - 1 ? (size_t)min_samples : n - 1;
    uint32_t *ids = malloc(n * k * sizeof *ids);
    float *squares = malloc(n * k * sizeof *squares);
    if (ids && squares) {
        kdtree_all_nearest(&s->tree, (int)k, ids, squares, team);
        for (size_t i = 0; i < n; i++)
            s->core[i] = squares[i * k + k - 1];
    }
    enum status status =
        ids && squares ? OK : err_no_memory(err, "core distances", n * k * sizeof *squares);
    free(ids);
    free(squares);
    return status;
}

static enum status spanning_open(struct spanning *s, const float *points, size_t count, int dim,
                                 struct err *err)
{
    enum status status = kdtree_open(&s->tree, points, count, dim, err);
    if (status != OK)
        return status;
    s->core = malloc(count * sizeof *s->core);
    s->component = malloc(count * sizeof *s->component);
    s->whole = malloc((s->tree.node_count + 1) * sizeof *s->whole);
    s->found = malloc(count * sizeof *s->found);
    s->parent = malloc(count * sizeof *s->parent);
    s->best = malloc(count * sizeof *s->best);
    if (!s->core || !s->component || !s->whole || !s->found || !s->parent || !s->best)
        return err_no_memory(err, "a spanning tree", count * sizeof *s->found);
    for (size_t i = 0; i < count; i++)
        s->component[i] = s->parent[i] = (uint32_t)i;
    return OK;
}

static void spanning_close(struct spanning *s)
{
    kdtree_close(&s->tree);
    free(s->core);
    free(s->component);
    free(s->whole);
    free(s->found);
    free(s->parent);
    free(s->best);
}

enum status spanning_tree(struct spanning_edge *edges, const float *points, size_t count, int dim,
                          int min_samples, struct team *team, struct err *err)
{
    struct spanning s = {0};
    if (count < 2)
        return OK;
    enum status status = spanning_open(&s, points, count, dim, err);
    if (status == OK)
        status = find_cores(&s, min_samples, team, err);
    size_t used = 0;
    while (status == OK && used < count - 1) {
        find_whole(&s);
        team_run(team, (int)((count + ITEM - 1) / ITEM), look_item, &s);
        size_t before = used;
        used = join(&s, edges, used);
        if (used == before)
            status = err_set(err, ERR_INTERNAL, "points that are not finite have no spanning tree");
    }
    if (status == OK)
        qsort(edges, used, sizeof *edges, compare_edges);
    spanning_close(&s);
    return status;
}
