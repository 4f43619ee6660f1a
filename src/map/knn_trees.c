/* SPDX-License-Identifier: MIT
 *
 * A random-projection tree: rows are parted by the plane that lies halfway between two of them,
 * drawn at random, and so are the parts, until they are small. The rows of a leaf are near each
 * other, and meet each other. The tree is made level by level, so that a level's cosines are shared
 * out among the threads row by row, however uneven its parts are.
 */
#include "map/knn_internal.h"
#include "map/random.h"

#include <stdlib.h>
#include <string.h>

enum { LEAF = 48, ITEM = 512, LEVELS_MAX = 48 };

struct part {
    size_t first, end; /* of `order` */
    size_t plane;      /* SIZE_MAX: a leaf */
};

struct tree {
    const struct map_vectors *vectors;
    struct knn_lists *lists;
    uint32_t *order, *scratch; /* [count] */
    uint32_t *part_of;         /* [count] by place in the order */
    uint8_t *side;             /* [count] by place */
    struct part *parts, *next; /* [count + 1] */
    size_t part_count;
    float *planes; /* [planes, dim] of this level */
    uint64_t key;
    float *rows; /* [threads, LEAF, dim] */
};

/* The plane between two rows of a part: the difference of their directions. */
static void draw_plane(const struct tree *t, const struct part *p, struct chance *chance,
                       float *out, float *scratch)
{
    size_t dim = (size_t)t->vectors->dim, size = p->end - p->first;
    size_t a = chance_below(chance, (uint32_t)size);
    size_t b = (a + 1 + chance_below(chance, (uint32_t)(size - 1))) % size;
    map_vectors_row(t->vectors, t->order[p->first + a], out);
    map_vectors_row(t->vectors, t->order[p->first + b], scratch);
    for (size_t d = 0; d < dim; d++)
        out[d] -= scratch[d];
}

static void find_sides(void *context, int item, int lane)
{
    struct tree *t = context;
    size_t first = (size_t)item * ITEM, dim = (size_t)t->vectors->dim;
    (void)lane;
    for (size_t i = first; i < first + ITEM && i < t->vectors->count; i++) {
        const struct part *p = &t->parts[t->part_of[i]];
        if (p->plane == SIZE_MAX)
            continue;
        float side = map_vectors_cosine(t->vectors, t->order[i], t->planes + p->plane * dim);
        /* What lies in the plane is parted by chance. */
        t->side[i] = side == 0 ? chance_mix(t->key ^ t->order[i]) & 1 : side > 0;
    }
}

/* The rows of a part by side, in their order; returns where the second side begins. */
static size_t divide(struct tree *t, const struct part *p)
{
    size_t left = p->first, right = 0;
    for (size_t i = p->first; i < p->end; i++) {
        if (t->side[i])
            t->scratch[right++] = t->order[i];
        else
            t->order[left++] = t->order[i];
    }
    memcpy(t->order + left, t->scratch, right * sizeof *t->order);
    /* A plane that leaves a side nearly empty parts nothing: halves, then. */
    size_t least = (p->end - p->first) / 16 + 1;
    if (left - p->first < least || right < least)
        left = p->first + (p->end - p->first) / 2;
    return left;
}

static enum status draw_planes(struct tree *t, uint64_t seed, uint64_t number, int level,
                               size_t *count, struct err *err)
{
    size_t dim = (size_t)t->vectors->dim;
    *count = 0;
    for (size_t i = 0; i < t->part_count; i++)
        t->parts[i].plane = t->parts[i].end - t->parts[i].first > LEAF ? (*count)++ : SIZE_MAX;
    if (*count == 0)
        return OK;
    free(t->planes);
    t->planes = malloc((*count + 1) * dim * sizeof *t->planes);
    if (!t->planes)
        return err_no_memory(err, "a projection tree", *count * dim * sizeof *t->planes);
    for (size_t i = 0; i < t->part_count; i++) {
        struct part *p = &t->parts[i];
        struct chance chance =
            chance_at(seed, CHANCE_TREE, p->first, number * LEVELS_MAX + (uint64_t)level);
        if (p->plane != SIZE_MAX)
            draw_plane(t, p, &chance, t->planes + p->plane * dim, t->planes + *count * dim);
        for (size_t place = p->first; place < p->end; place++)
            t->part_of[place] = (uint32_t)i;
    }
    return OK;
}

static void next_level(struct tree *t)
{
    size_t count = 0;
    for (size_t i = 0; i < t->part_count; i++) {
        struct part p = t->parts[i];
        if (p.plane == SIZE_MAX) {
            t->next[count++] = p;
            continue;
        }
        size_t middle = divide(t, &p);
        t->next[count++] = (struct part){.first = p.first, .end = middle};
        t->next[count++] = (struct part){.first = middle, .end = p.end};
    }
    struct part *parts = t->parts;
    t->parts = t->next;
    t->next = parts;
    t->part_count = count;
}

/* Leaves share no rows: no locks. */
static void meet_leaf(void *context, int item, int lane)
{
    struct tree *t = context;
    const struct part *p = &t->parts[item];
    size_t dim = (size_t)t->vectors->dim, size = p->end - p->first;
    float *rows = t->rows + (size_t)lane * LEAF * dim;
    const uint32_t *ids = t->order + p->first;
    if (size > LEAF)
        return; /* at the limit of levels only */
    for (size_t i = 0; i < size; i++)
        map_vectors_row(t->vectors, ids[i], rows + i * dim);
    for (size_t i = 0; i < size; i++)
        for (size_t j = 0; j < i; j++) {
            float score = t->vectors->kernels.dot(rows + i * dim, rows + j * dim, dim);
            if (score >= t->lists->reached[ids[i]])
                knn_lists_offer(t->lists, ids[i], score, ids[j]);
            if (score >= t->lists->reached[ids[j]])
                knn_lists_offer(t->lists, ids[j], score, ids[i]);
        }
}

static enum status tree_open(struct tree *t, int threads, struct err *err)
{
    size_t n = t->vectors->count + 1, dim = (size_t)t->vectors->dim;
    t->order = malloc(n * sizeof *t->order);
    t->scratch = malloc(n * sizeof *t->scratch);
    t->part_of = malloc(n * sizeof *t->part_of);
    t->side = malloc(n);
    t->parts = malloc(n * sizeof *t->parts);
    t->next = malloc(n * sizeof *t->next);
    t->rows = malloc((size_t)threads * LEAF * dim * sizeof *t->rows);
    if (!t->order || !t->scratch || !t->part_of || !t->side || !t->parts || !t->next || !t->rows)
        return err_no_memory(err, "a projection tree", n * 2 * sizeof *t->parts);
    for (size_t i = 0; i < t->vectors->count; i++)
        t->order[i] = (uint32_t)i;
    t->parts[0] = (struct part){.first = 0, .end = t->vectors->count};
    t->part_count = 1;
    return OK;
}

static void tree_close(struct tree *t)
{
    free(t->order);
    free(t->scratch);
    free(t->part_of);
    free(t->side);
    free(t->parts);
    free(t->next);
    free(t->planes);
    free(t->rows);
}

enum status knn_tree_offer(struct knn_lists *lists, const struct map_vectors *vectors,
                           uint64_t seed, uint64_t number, struct team *team, struct err *err)
{
    struct tree t = {.vectors = vectors, .lists = lists};
    enum status status = tree_open(&t, team_threads(team), err);
    for (int level = 0; level < LEVELS_MAX && status == OK; level++) {
        size_t planes;
        t.key = chance_at(seed, CHANCE_TREE, number, (uint64_t)level + 1000).state;
        status = draw_planes(&t, seed, number, level, &planes, err);
        if (status != OK || planes == 0)
            break;
        team_run(team, (int)((vectors->count + ITEM - 1) / ITEM), find_sides, &t);
        next_level(&t);
    }
    if (status == OK)
        team_run(team, (int)t.part_count, meet_leaf, &t);
    tree_close(&t);
    return status;
}
