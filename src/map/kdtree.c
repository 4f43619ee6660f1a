/* SPDX-License-Identifier: MIT
 *
 * See kdtree.h. A node is halved at the median of its box's longest side, by (coordinate, index),
 * so that the tree is the same every time and no deeper than the logarithm, whatever coincides.
 */
#include "map/kdtree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LEAF = 12, ITEM = 64 };

static void box_make(struct kdtree *t, size_t node)
{
    size_t dim = (size_t)t->dim;
    float *low = t->boxes + node * 2 * dim, *high = low + dim;
    for (size_t d = 0; d < dim; d++) {
        low[d] = INFINITY;
        high[d] = -INFINITY;
    }
    for (size_t i = t->nodes[node].first; i < t->nodes[node].end; i++) {
        const float *p = t->points + t->order[i] * dim;
        for (size_t d = 0; d < dim; d++) {
            low[d] = fminf(low[d], p[d]);
            high[d] = fmaxf(high[d], p[d]);
        }
    }
}

static int before(const struct kdtree *t, size_t axis, uint32_t a, uint32_t b)
{
    float x = t->points[a * (size_t)t->dim + axis], y = t->points[b * (size_t)t->dim + axis];
    return x < y || (x == y && a < b);
}

/* Hoare's selection: order[middle] as if [first, end) were sorted, smaller ones before it. */
static void select_middle(struct kdtree *t, size_t axis, size_t first, size_t end, size_t middle)
{
    while (end - first > 1) {
        uint32_t pivot = t->order[first + (end - first) / 2];
        size_t i = first, j = end - 1;
        while (i <= j) {
            while (before(t, axis, t->order[i], pivot))
                i++;
            while (before(t, axis, pivot, t->order[j]))
                j--;
            if (i > j)
                break;
            uint32_t swap = t->order[i];
            t->order[i++] = t->order[j];
            t->order[j] = swap;
            if (j == 0)
                break;
            j--;
        }
        if (middle <= j)
            end = j + 1;
        else if (middle >= i)
            first = i;
        else
            return;
    }
}

static size_t longest_side(const struct kdtree *t, size_t node)
{
    size_t dim = (size_t)t->dim, axis = 0;
    const float *low = t->boxes + node * 2 * dim, *high = low + dim;
    for (size_t d = 1; d < dim; d++)
        if (high[d] - low[d] > high[axis] - low[axis])
            axis = d;
    return axis;
}

/* Nodes are appended as they are made; those that are not leaves are split in that order. */
static void split_all(struct kdtree *t)
{
    t->nodes[0] = (struct kdtree_node){.first = 0, .end = t->count};
    t->node_count = 1;
    box_make(t, 0);
    for (size_t n = 0; n < t->node_count; n++) {
        size_t first = t->nodes[n].first, end = t->nodes[n].end;
        if (end - first <= LEAF)
            continue;
        size_t middle = first + (end - first) / 2;
        select_middle(t, longest_side(t, n), first, end, middle);
        t->nodes[n].left = t->node_count++;
        t->nodes[n].right = t->node_count++;
        t->nodes[t->nodes[n].left] = (struct kdtree_node){.first = first, .end = middle};
        t->nodes[t->nodes[n].right] = (struct kdtree_node){.first = middle, .end = end};
        box_make(t, t->nodes[n].left);
        box_make(t, t->nodes[n].right);
    }
}

enum status kdtree_open(struct kdtree *out, const float *points, size_t count, int dim,
                        struct err *err)
{
    /* A leaf has at least LEAF / 2 points, or all. */
    size_t most = 2 * (count / (LEAF / 2) + 1) + 1;
    *out = (struct kdtree){.points = points, .count = count, .dim = dim};
    out->order = malloc((count + 1) * sizeof *out->order);
    out->nodes = calloc(most, sizeof *out->nodes);
    out->boxes = malloc(most * 2 * (size_t)dim * sizeof *out->boxes);
    if (!out->order || !out->nodes || !out->boxes) {
        kdtree_close(out);
        return err_no_memory(err, "a tree of points", most * sizeof *out->nodes);
    }
    for (size_t i = 0; i < count; i++)
        out->order[i] = (uint32_t)i;
    split_all(out);
    return OK;
}

void kdtree_close(struct kdtree *t)
{
    if (!t)
        return;
    free(t->order);
    free(t->nodes);
    free(t->boxes);
    *t = (struct kdtree){0};
}

float kdtree_box_square(const struct kdtree *t, size_t node, const float *point)
{
    size_t dim = (size_t)t->dim;
    const float *low = t->boxes + node * 2 * dim, *high = low + dim;
    float square = 0;
    for (size_t d = 0; d < dim; d++) {
        float way = point[d] < low[d]    ? low[d] - point[d]
                    : point[d] > high[d] ? point[d] - high[d]
                                         : 0;
        square += way * way;
    }
    return square;
}

struct query {
    const struct kdtree *tree;
    const float *point;
    size_t except;
    int k, found;
    uint32_t *ids;
    float *squares;
};

static void offer(struct query *q, uint32_t id, float square)
{
    int at = q->found < q->k ? q->found : q->k;
    while (at > 0 &&
           (square < q->squares[at - 1] || (square == q->squares[at - 1] && id < q->ids[at - 1])))
        at--;
    if (at == q->k)
        return;
    int last = q->found < q->k ? q->found++ : q->k - 1;
    memmove(q->ids + at + 1, q->ids + at, (size_t)(last - at) * sizeof *q->ids);
    memmove(q->squares + at + 1, q->squares + at, (size_t)(last - at) * sizeof *q->squares);
    q->ids[at] = id;
    q->squares[at] = square;
}

static void scan_leaf(struct query *q, const struct kdtree_node *node)
{
    size_t dim = (size_t)q->tree->dim;
    for (size_t i = node->first; i < node->end; i++) {
        uint32_t id = q->tree->order[i];
        const float *p = q->tree->points + id * dim;
        float square = 0;
        for (size_t d = 0; d < dim; d++)
            square += (p[d] - q->point[d]) * (p[d] - q->point[d]);
        if (id != q->except)
            offer(q, id, square);
    }
}

static void descend(struct query *q, size_t n) /* depth: the tree's, some 30 */
{
    const struct kdtree_node *node = &q->tree->nodes[n];
    if (!node->left) {
        scan_leaf(q, node);
        return;
    }
    float left = kdtree_box_square(q->tree, node->left, q->point);
    float right = kdtree_box_square(q->tree, node->right, q->point);
    size_t near = left <= right ? node->left : node->right;
    size_t far = left <= right ? node->right : node->left;
    descend(q, near);
    float beyond = left <= right ? right : left;
    if (q->found < q->k || beyond <= q->squares[q->k - 1])
        descend(q, far);
}

int kdtree_nearest(const struct kdtree *t, const float *point, size_t except, int k, uint32_t *ids,
                   float *squares)
{
    struct query q = {t, point, except, k, 0, ids, squares};
    if (t->count > 0 && k > 0)
        descend(&q, 0);
    return q.found;
}

struct all_nearest {
    const struct kdtree *tree;
    int k;
    uint32_t *ids;
    float *squares;
};

static void nearest_item(void *context, int item, int lane)
{
    const struct all_nearest *a = context;
    const struct kdtree *t = a->tree;
    size_t first = (size_t)item * ITEM, k = (size_t)a->k;
    (void)lane;
    for (size_t i = first; i < first + ITEM && i < t->count; i++) {
        size_t id = t->order[i]; /* neighbours in the tree one after the other: the cache is warm */
        kdtree_nearest(t, t->points + id * (size_t)t->dim, id, a->k, a->ids + id * k,
                       a->squares + id * k);
    }
}

void kdtree_all_nearest(const struct kdtree *t, int k, uint32_t *ids, float *squares,
                        struct team *team)
{
    struct all_nearest all = {t, k, ids, squares};
    team_run(team, (int)((t->count + ITEM - 1) / ITEM), nearest_item, &all);
}
