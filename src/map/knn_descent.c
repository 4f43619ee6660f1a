/* SPDX-License-Identifier: MIT
 *
 * NN-descent (Dong, Charikar and Li, WWW 2011): a neighbour's neighbour is probably a neighbour.
 * The lists begin with what random-projection trees put into the same leaf (knn_trees.c); then in
 * each round every row introduces its neighbours, and those that have it as theirs, to each other,
 * unless both had been introduced before. It ends when nearly nothing changes.
 *
 * Deterministic at any number of threads. Introductions of one round are decided before it begins,
 * from keyed random numbers. Lists are locked while they are added to, and keep the best k in a
 * total order: what is left at the end of a round does not depend on who came first. New is what
 * was not in the list when the round began, which does not depend on that either.
 */
#include "map/knn.h"
#include "map/knn_internal.h"
#include "map/random.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
    CANDIDATES = 24, /* of a row, new and old each */
    TREES = 8,
    ROUNDS_LEAST = 6,
    LOCKS = 4096,
    ITEM = 256,
};
#define ENOUGH 0.001 /* of all list entries, changed in a round */

struct candidates {
    uint32_t *ids;   /* [count, CANDIDATES] */
    uint32_t *keys;  /* [count, CANDIDATES] random; the lowest stay */
    uint8_t *counts; /* [count] */
};

struct descent {
    const struct map_vectors *vectors;
    struct knn_lists lists;
    uint32_t *before; /* [count, k] the ids when the round began */
    uint8_t *fresh;   /* [count, k] new in the last round */
    struct candidates recent, known;
    pthread_mutex_t locks[LOCKS];
    float *rows; /* [threads, 2 CANDIDATES, dim] */
};

/* --- who is introduced
 * ---------------------------------------------------------------------------- */

static enum status candidates_open(struct candidates *c, size_t count, struct err *err)
{
    c->ids = malloc(count * CANDIDATES * sizeof *c->ids);
    c->keys = malloc(count * CANDIDATES * sizeof *c->keys);
    c->counts = malloc(count);
    return c->ids && c->keys && c->counts
               ? OK
               : err_no_memory(err, "neighbour candidates", count * CANDIDATES * 8);
}

static void candidates_close(struct candidates *c)
{
    free(c->ids);
    free(c->keys);
    free(c->counts);
}

/* Keeps the CANDIDATES entries of a row with the lowest (key, id), without repeats. */
static void candidates_add(struct candidates *c, size_t row, uint32_t id, uint32_t key)
{
    uint32_t *ids = c->ids + row * CANDIDATES, *keys = c->keys + row * CANDIDATES;
    int count = c->counts[row], at = count;
    for (int i = 0; i < count; i++)
        if (ids[i] == id)
            return;
    while (at > 0 && (keys[at - 1] > key || (keys[at - 1] == key && ids[at - 1] > id)))
        at--;
    if (at == CANDIDATES)
        return;
    int last = count < CANDIDATES ? count++ : CANDIDATES - 1;
    memmove(ids + at + 1, ids + at, (size_t)(last - at) * sizeof *ids);
    memmove(keys + at + 1, keys + at, (size_t)(last - at) * sizeof *keys);
    ids[at] = id;
    keys[at] = key;
    c->counts[row] = (uint8_t)count;
}

static void choose(struct descent *d, uint64_t seed, int round)
{
    size_t k = (size_t)d->lists.k;
    memset(d->recent.counts, 0, d->lists.count);
    memset(d->known.counts, 0, d->lists.count);
    for (size_t row = 0; row < d->lists.count; row++) {
        struct chance chance = chance_at(seed, CHANCE_DESCENT, row, (uint64_t)round);
        for (size_t n = row * k; n < (row + 1) * k; n++) {
            uint32_t key = (uint32_t)(chance_bits(&chance) >> 32), id = d->lists.ids[n];
            struct candidates *c = d->fresh[n] ? &d->recent : &d->known;
            if (id == KNN_NONE)
                continue;
            candidates_add(c, row, id, key);
            candidates_add(c, id, (uint32_t)row, key);
        }
    }
    memcpy(d->before, d->lists.ids, d->lists.count * k * sizeof *d->before);
}

/* --- a round
 * ---------------------------------------------------------------------------------------- */

static void add(struct descent *d, uint32_t row, float score, uint32_t id)
{
    pthread_mutex_t *lock = &d->locks[row % LOCKS];
    pthread_mutex_lock(lock);
    if (score >= d->lists.reached[row])
        knn_lists_offer(&d->lists, row, score, id);
    pthread_mutex_unlock(lock);
}

static void introduce(struct descent *d, uint32_t a, const float *x, uint32_t b, const float *y)
{
    if (a == b)
        return;
    float score = d->vectors->kernels.dot(x, y, (size_t)d->vectors->dim);
    add(d, a, score, b);
    add(d, b, score, a);
}

static void join_row(struct descent *d, size_t row, float *rows)
{
    const uint32_t *recent = d->recent.ids + row * CANDIDATES;
    const uint32_t *known = d->known.ids + row * CANDIDATES;
    size_t dim = (size_t)d->vectors->dim, r = d->recent.counts[row], n = d->known.counts[row];
    for (size_t i = 0; i < r; i++)
        map_vectors_row(d->vectors, recent[i], rows + i * dim);
    for (size_t i = 0; i < n && r > 0; i++)
        map_vectors_row(d->vectors, known[i], rows + (r + i) * dim);
    for (size_t i = 0; i < r; i++) {
        for (size_t j = 0; j < i; j++)
            introduce(d, recent[i], rows + i * dim, recent[j], rows + j * dim);
        for (size_t j = 0; j < n; j++)
            introduce(d, recent[i], rows + i * dim, known[j], rows + (r + j) * dim);
    }
}

static void join_item(void *context, int item, int lane)
{
    struct descent *d = context;
    size_t first = (size_t)item * ITEM;
    float *rows = d->rows + (size_t)lane * 2 * CANDIDATES * (size_t)d->vectors->dim;
    for (size_t row = first; row < first + ITEM && row < d->lists.count; row++)
        join_row(d, row, rows);
}

/* Marks what is new; returns how much. */
static size_t mark(struct descent *d)
{
    size_t k = (size_t)d->lists.k, changed = 0;
    for (size_t row = 0; row < d->lists.count; row++)
        for (size_t n = 0; n < k; n++) {
            bool fresh = true;
            for (size_t m = 0; m < k && fresh; m++)
                fresh = d->before[row * k + m] != d->lists.ids[row * k + n];
            d->fresh[row * k + n] = fresh;
            changed += fresh;
        }
    return changed;
}

/* --- the whole
 * ---------------------------------------------------------------------------------------- */

static enum status descent_open(struct descent *d, const struct map_vectors *v, int k, int threads,
                                struct err *err)
{
    size_t cells = v->count * (size_t)k;
    size_t rows = (size_t)threads * 2 * CANDIDATES * (size_t)v->dim;
    d->vectors = v;
    for (int i = 0; i < LOCKS; i++)
        pthread_mutex_init(&d->locks[i], NULL);
    enum status status = knn_lists_open(&d->lists, v->count, k, err);
    if (status != OK)
        return status;
    d->before = malloc(cells * sizeof *d->before);
    d->fresh = malloc(cells);
    d->rows = malloc(rows * sizeof *d->rows);
    if (!d->before || !d->fresh || !d->rows)
        return err_no_memory(err, "the neighbour graph", cells * sizeof *d->before);
    memset(d->fresh, 1, cells);
    status = candidates_open(&d->recent, v->count, err);
    return status == OK ? candidates_open(&d->known, v->count, err) : status;
}

static void descent_close(struct descent *d)
{
    for (int i = 0; i < LOCKS; i++)
        pthread_mutex_destroy(&d->locks[i]);
    knn_lists_close(&d->lists);
    candidates_close(&d->recent);
    candidates_close(&d->known);
    free(d->before);
    free(d->fresh);
    free(d->rows);
    free(d);
}

/* Whoever shares no leaf with k others gets random ones, so that every list is full. */
static void fill(struct descent *d, uint64_t seed)
{
    size_t k = (size_t)d->lists.k, dim = (size_t)d->vectors->dim;
    for (size_t row = 0; row < d->lists.count; row++) {
        struct chance chance = chance_at(seed, CHANCE_START, row, 0);
        while (d->lists.ids[row * k + k - 1] == KNN_NONE) {
            uint32_t other = chance_below(&chance, (uint32_t)d->lists.count);
            if (other == row)
                continue;
            map_vectors_row(d->vectors, row, d->rows);
            map_vectors_row(d->vectors, other, d->rows + dim);
            knn_lists_offer(&d->lists, row, d->vectors->kernels.dot(d->rows, d->rows + dim, dim),
                            other);
        }
    }
}

enum status knn_descent(struct knn_graph *out, const struct map_vectors *v, int k, uint64_t seed,
                        struct team *team, const struct map_watch *watch, struct err *err)
{
    struct descent *d = calloc(1, sizeof *d);
    *out = (struct knn_graph){0};
    assert(v->count >= 2 && k >= 1);
    if (!d)
        return err_no_memory(err, "the neighbour graph", sizeof *d);
    if ((size_t)k > v->count - 1)
        k = (int)(v->count - 1);
    int rounds = (int)fmax(ROUNDS_LEAST, round(log2((double)v->count)));
    size_t stages = TREES + (size_t)rounds;
    enum status status = descent_open(d, v, k, team_threads(team), err);
    for (int tree = 0; tree < TREES && status == OK; tree++) {
        status = map_watch_report(watch, "neighbours", (size_t)tree, stages, err);
        if (status == OK)
            status = knn_tree_offer(&d->lists, v, seed, (uint64_t)tree, team, err);
    }
    if (status == OK)
        fill(d, seed);
    for (int round = 0; round < rounds && status == OK; round++) {
        status = map_watch_report(watch, "neighbours", TREES + (size_t)round, stages, err);
        if (status != OK)
            break;
        choose(d, seed, round);
        team_run(team, (int)((v->count + ITEM - 1) / ITEM), join_item, d);
        if ((double)mark(d) < ENOUGH * (double)v->count * k)
            break;
    }
    if (status == OK)
        knn_lists_finish(&d->lists, out);
    descent_close(d);
    return status;
}
