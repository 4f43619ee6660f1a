/* SPDX-License-Identifier: MIT
 *
 * The union of a directed graph with its transpose: arrows are turned round by counting (which
 * leaves each row's sources ascending), each row's own arrows sorted, and the two merged.
 */
#include "map/sparse.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct arrow {
    uint32_t id;
    float weight;
};

struct turned {
    size_t *starts; /* [count + 1] */
    struct arrow *arrows;
};

static void turn(struct turned *t, size_t count, size_t k, const uint32_t *ids,
                 const float *weights)
{
    memset(t->starts, 0, (count + 1) * sizeof *t->starts);
    for (size_t i = 0; i < count * k; i++)
        t->starts[ids[i] + 1]++;
    for (size_t i = 0; i < count; i++)
        t->starts[i + 1] += t->starts[i];
    for (size_t i = 0; i < count * k; i++)
        t->arrows[t->starts[ids[i]]++] = (struct arrow){(uint32_t)(i / k), weights[i]};
    memmove(t->starts + 1, t->starts, count * sizeof *t->starts);
    t->starts[0] = 0;
}

static void sort_arrows(struct arrow *a, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct arrow x = a[i];
        size_t j = i;
        for (; j > 0 && a[j - 1].id > x.id; j--)
            a[j] = a[j - 1];
        a[j] = x;
    }
}

static float unite(enum sparse_union how, float a, float b)
{
    return how == SPARSE_FUZZY_UNION ? a + b - a * b : (a + b) / 2;
}

/* Merges a row's own arrows with those that point at it; returns how many columns there are. */
static size_t merge_row(enum sparse_union how, const struct arrow *a, size_t an,
                        const struct arrow *b, size_t bn, uint32_t *ids, float *weights)
{
    size_t n = 0, i = 0, j = 0;
    while (i < an || j < bn) {
        bool left = j == bn || (i < an && a[i].id <= b[j].id);
        bool right = i == an || (j < bn && b[j].id <= a[i].id);
        uint32_t id = left ? a[i].id : b[j].id;
        float weight = unite(how, left ? a[i].weight : 0, right ? b[j].weight : 0);
        i += left;
        j += right;
        if (weight > 0) {
            ids[n] = id;
            weights[n++] = weight;
        }
    }
    return n;
}

static enum status merge_all(struct sparse *out, const struct turned *t, size_t k,
                             const uint32_t *ids, const float *weights, enum sparse_union how,
                             struct err *err)
{
    struct arrow *own = malloc((k + 1) * sizeof *own);
    if (!own)
        return err_no_memory(err, "a graph's row", k * sizeof *own);
    size_t used = 0;
    for (size_t row = 0; row < out->count; row++) {
        for (size_t n = 0; n < k; n++)
            own[n] = (struct arrow){ids[row * k + n], weights[row * k + n]};
        sort_arrows(own, k);
        out->starts[row] = used;
        used +=
            merge_row(how, own, k, t->arrows + t->starts[row], t->starts[row + 1] - t->starts[row],
                      out->ids + used, out->weights + used);
    }
    out->starts[out->count] = used;
    free(own);
    return OK;
}

static enum status sparse_open(struct sparse *out, size_t count, size_t edges, struct err *err)
{
    *out = (struct sparse){.count = count,
                           .starts = malloc((count + 1) * sizeof *out->starts),
                           .ids = malloc((edges + 1) * sizeof *out->ids),
                           .weights = malloc((edges + 1) * sizeof *out->weights)};
    if (out->starts && out->ids && out->weights)
        return OK;
    return err_no_memory(err, "a graph", edges * 8);
}

/* Gives back what the merging of arrows in both directions left over. */
static void shrink(struct sparse *s)
{
    size_t used = s->starts[s->count] + 1;
    void *ids = realloc(s->ids, used * sizeof *s->ids);
    if (ids)
        s->ids = ids;
    void *weights = realloc(s->weights, used * sizeof *s->weights);
    if (weights)
        s->weights = weights;
}

enum status sparse_from_arrows(struct sparse *out, size_t count, int k, const uint32_t *ids,
                               const float *weights, enum sparse_union how, struct err *err)
{
    size_t width = (size_t)k, arrows = count * width;
    struct turned t = {malloc((count + 1) * sizeof *t.starts),
                       malloc((arrows + 1) * sizeof *t.arrows)};
    enum status status = sparse_open(out, count, 2 * arrows, err);
    if (status == OK && (!t.starts || !t.arrows))
        status = err_no_memory(err, "a graph", arrows * sizeof *t.arrows);
    if (status == OK) {
        turn(&t, count, width, ids, weights);
        status = merge_all(out, &t, width, ids, weights, how, err);
    }
    if (status == OK)
        shrink(out);
    else
        sparse_free(out);
    free(t.starts);
    free(t.arrows);
    return status;
}

void sparse_free(struct sparse *s)
{
    if (!s)
        return;
    free(s->starts);
    free(s->ids);
    free(s->weights);
    *s = (struct sparse){0};
}

enum status sparse_components(const struct sparse *s, uint32_t *of, size_t *components,
                              struct err *err)
{
    uint32_t *stack = malloc((s->count + 1) * sizeof *stack);
    *components = 0;
    if (!stack)
        return err_no_memory(err, "a graph's components", s->count * sizeof *stack);
    for (size_t i = 0; i < s->count; i++)
        of[i] = UINT32_MAX;
    for (size_t first = 0; first < s->count; first++) {
        if (of[first] != UINT32_MAX)
            continue;
        size_t depth = 0;
        stack[depth++] = (uint32_t)first;
        of[first] = (uint32_t)*components;
        while (depth > 0) {
            uint32_t row = stack[--depth];
            for (size_t e = s->starts[row]; e < s->starts[row + 1]; e++)
                if (of[s->ids[e]] == UINT32_MAX) {
                    of[s->ids[e]] = (uint32_t)*components;
                    stack[depth++] = s->ids[e];
                }
        }
        ++*components;
    }
    free(stack);
    return OK;
}

enum status sparse_part(struct sparse *out, const struct sparse *s, const uint32_t *rows,
                        size_t count, uint32_t *position, struct err *err)
{
    size_t edges = 0, used = 0;
    for (size_t i = 0; i < s->count; i++)
        position[i] = UINT32_MAX;
    for (size_t i = 0; i < count; i++) {
        position[rows[i]] = (uint32_t)i;
        edges += s->starts[rows[i] + 1] - s->starts[rows[i]];
    }
    enum status status = sparse_open(out, count, edges, err);
    if (status != OK)
        return status;
    for (size_t i = 0; i < count; i++) {
        out->starts[i] = used;
        for (size_t e = s->starts[rows[i]]; e < s->starts[rows[i] + 1]; e++)
            if (position[s->ids[e]] != UINT32_MAX) {
                out->ids[used] = position[s->ids[e]];
                out->weights[used++] = s->weights[e];
            }
    }
    out->starts[count] = used;
    return OK;
}
