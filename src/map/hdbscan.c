/* SPDX-License-Identifier: MIT
 *
 * The edges in ascending order merge points into a binary tree (single linkage). From its root
 * down, a node both of whose sides have min_size points is where a cluster splits into two;
 * otherwise points fall out of the cluster, at lambda = 1 / distance, and it goes on as its larger
 * side: the condensed tree. A cluster's stability is the sum over its points of (lambda at which it
 * left - lambda at which the cluster began). From the leaves up, a cluster is kept unless its
 * children together are more stable. The root is no cluster.
 */
#include "map/hdbscan.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NO UINT32_MAX

struct node { /* of the single linkage tree; points are the nodes below `count` */
    uint32_t left, right, size;
    double lambda;
};

struct cluster {
    uint32_t parent, children[2];
    uint32_t size;
    double birth, stability;
    bool kept;
};

struct hierarchy {
    size_t count, min_size;
    struct node *nodes;       /* [count - 1], the root last */
    uint32_t *top;            /* [count] union: a component's topmost node */
    uint32_t *parent;         /* [count] */
    struct cluster *clusters; /* [at most 2 count / min_size + 1], parents before children */
    size_t cluster_count;
    uint32_t *cluster_of; /* [count] the cluster that a point fell out of */
    struct todo {
        uint32_t node, cluster;
    } * stack;         /* [count] */
    uint32_t *falling; /* [count] */
};

static uint32_t root_of(uint32_t *parent, uint32_t i)
{
    while (parent[i] != i) {
        parent[i] = parent[parent[i]];
        i = parent[i];
    }
    return i;
}

static uint32_t size_of(const struct hierarchy *h, uint32_t node)
{
    return node < h->count ? 1 : h->nodes[node - h->count].size;
}

static void link_all(struct hierarchy *h, const struct spanning_edge *edges)
{
    double floor = h->count > 1 ? sqrt((double)edges[h->count - 2].square) * 1e-6 : 1;
    for (size_t i = 0; i < h->count; i++)
        h->parent[i] = h->top[i] = (uint32_t)i;
    for (size_t e = 0; e + 1 < h->count; e++) {
        uint32_t a = root_of(h->parent, edges[e].a), b = root_of(h->parent, edges[e].b);
        double distance = fmax(sqrt((double)edges[e].square), fmax(floor, 1e-30));
        h->nodes[e] = (struct node){.left = h->top[a],
                                    .right = h->top[b],
                                    .size = size_of(h, h->top[a]) + size_of(h, h->top[b]),
                                    .lambda = 1 / distance};
        h->parent[b] = a;
        h->top[a] = (uint32_t)(h->count + e);
    }
}

/* Every point under `node` leaves `cluster`. */
static void fall_out(struct hierarchy *h, uint32_t node, uint32_t cluster, double lambda)
{
    size_t depth = 0;
    h->falling[depth++] = node;
    while (depth > 0) {
        uint32_t n = h->falling[--depth];
        if (n < h->count) {
            h->cluster_of[n] = cluster;
            h->clusters[cluster].stability += lambda - h->clusters[cluster].birth;
            continue;
        }
        h->falling[depth++] = h->nodes[n - h->count].left;
        h->falling[depth++] = h->nodes[n - h->count].right;
    }
}

static uint32_t add_cluster(struct hierarchy *h, uint32_t parent, uint32_t size, double birth)
{
    h->clusters[h->cluster_count] =
        (struct cluster){.parent = parent, .children = {NO, NO}, .size = size, .birth = birth};
    return (uint32_t)h->cluster_count++;
}

/* One step down from a node that is the whole of its cluster at its lambda. */
static size_t step_down(struct hierarchy *h, struct todo at, size_t depth)
{
    const struct node *node = &h->nodes[at.node - h->count];
    uint32_t left = node->left, right = node->right;
    bool left_stays = size_of(h, left) >= h->min_size;
    bool right_stays = size_of(h, right) >= h->min_size;
    if (left_stays && right_stays) {
        struct cluster *cluster = &h->clusters[at.cluster];
        cluster->stability += (node->lambda - cluster->birth) * node->size;
        uint32_t a = add_cluster(h, at.cluster, size_of(h, left), node->lambda);
        uint32_t b = add_cluster(h, at.cluster, size_of(h, right), node->lambda);
        h->clusters[at.cluster].children[0] = a;
        h->clusters[at.cluster].children[1] = b;
        h->stack[depth++] = (struct todo){left, a};
        h->stack[depth++] = (struct todo){right, b};
        return depth;
    }
    if (!left_stays)
        fall_out(h, left, at.cluster, node->lambda);
    if (!right_stays)
        fall_out(h, right, at.cluster, node->lambda);
    if (left_stays || right_stays)
        h->stack[depth++] = (struct todo){left_stays ? left : right, at.cluster};
    return depth;
}

static void condense(struct hierarchy *h)
{
    size_t depth = 0;
    h->stack[depth++] = (struct todo){(uint32_t)(2 * h->count - 2), add_cluster(h, NO, 0, 0)};
    while (depth > 0) {
        struct todo at = h->stack[--depth];
        depth = step_down(h, at, depth);
    }
}

/* Children come after their parents: from the last to the first. */
static void select_stable(struct hierarchy *h)
{
    for (size_t i = h->cluster_count; i-- > 1;) {
        struct cluster *c = &h->clusters[i];
        double below = 0;
        for (int n = 0; n < 2; n++)
            below += c->children[n] == NO ? 0 : h->clusters[c->children[n]].stability;
        c->kept = c->children[0] == NO || !(below > c->stability);
        if (!c->kept)
            c->stability = below;
    }
}

/* The topmost kept cluster that a cluster lies in, or NO. */
static uint32_t kept_above(const struct hierarchy *h, uint32_t cluster)
{
    uint32_t kept = NO;
    for (; cluster != NO && cluster != 0; cluster = h->clusters[cluster].parent)
        if (h->clusters[cluster].kept)
            kept = cluster;
    return kept;
}

static int number(struct hierarchy *h, int *labels)
{
    int count = 0;
    uint32_t *numbers = h->falling; /* by cluster; there are fewer than points */
    for (size_t c = 0; c < h->cluster_count; c++)
        numbers[c] = NO;
    for (size_t i = 0; i < h->count; i++) {
        uint32_t kept = kept_above(h, h->cluster_of[i]);
        if (kept != NO && numbers[kept] == NO)
            numbers[kept] = (uint32_t)count++;
        labels[i] = kept == NO ? -1 : (int)numbers[kept];
    }
    return count;
}

static enum status hierarchy_open(struct hierarchy *h, struct err *err)
{
    size_t n = h->count;
    h->nodes = malloc((n + 1) * sizeof *h->nodes);
    h->top = malloc(n * sizeof *h->top);
    h->parent = malloc(n * sizeof *h->parent);
    h->clusters = malloc((2 * (n / h->min_size) + 2) * sizeof *h->clusters);
    h->cluster_of = calloc(n + 1, sizeof *h->cluster_of);
    h->stack = malloc((n + 2) * sizeof *h->stack);
    h->falling = malloc((2 * n + 2) * sizeof *h->falling);
    if (!h->nodes || !h->top || !h->parent || !h->clusters || !h->cluster_of || !h->stack ||
        !h->falling)
        return err_no_memory(err, "the hierarchy of groups", n * sizeof *h->nodes);
    return OK;
}

static void hierarchy_close(struct hierarchy *h)
{
    free(h->nodes);
    free(h->top);
    free(h->parent);
    free(h->clusters);
    free(h->cluster_of);
    free(h->stack);
    free(h->falling);
}

enum status hdbscan_cut(int *labels, int *label_count, const struct spanning_edge *edges,
                        size_t count, size_t min_size, struct err *err)
{
    struct hierarchy h = {.count = count, .min_size = min_size < 2 ? 2 : min_size};
    *label_count = 0;
    for (size_t i = 0; i < count; i++)
        labels[i] = -1;
    if (count < 2 * h.min_size)
        return OK; /* nothing can split */
    enum status status = hierarchy_open(&h, err);
    if (status == OK) {
        link_all(&h, edges);
        condense(&h);
        select_stable(&h);
        *label_count = number(&h, labels);
    }
    hierarchy_close(&h);
    return status;
}
