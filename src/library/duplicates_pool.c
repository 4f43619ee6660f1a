/* SPDX-License-Identifier: MIT
 *
 * The photographs that take part, best to keep first, and the stars that they form.
 */
#include "library/duplicates_pool.h"

#include "library/snapshot.h"
#include "search/row_set.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int by_preference(const void *left, const void *right, void *context)
{
    return duplicate_prefer(context, *(const uint32_t *)left, *(const uint32_t *)right);
}

static enum status choose_rows(struct pool *pool, struct err *err)
{
    const struct snapshot *snapshot = pool->snapshot;
    size_t rows = snapshot->matrix->count;
    struct row_set set = {0};
    pool->rows = malloc((rows + 1) * sizeof *pool->rows);
    if (!pool->rows)
        return err_no_memory(err, "the photographs", rows * sizeof *pool->rows);
    enum status status = row_set_open(&set, rows, true, err);
    if (status == OK && pool->options->filter)
        status = filter_apply(pool->options->filter, snapshot, &set, err);
    for (size_t row = 0; status == OK && row < rows; row++)
        if (row_set_has(&set, row) && snapshot->facts->rows[row].format >= 0)
            pool->rows[pool->count++] = (uint32_t)row;
    row_set_close(&set);
    if (status == OK && pool->count > 1)
        qsort_r(pool->rows, pool->count, sizeof *pool->rows, by_preference,
                (void *)(uintptr_t)snapshot->facts);
    return status;
}

/* --- decisions ------------------------------------------------------------------------------ */

struct hash_place {
    struct photo_hash hash;
    place_t place;
};

static int by_hash(const void *left, const void *right)
{
    const struct hash_place *a = left, *b = right;
    return memcmp(a->hash.bytes, b->hash.bytes, sizeof a->hash.bytes);
}

static int by_from(const void *left, const void *right)
{
    const struct decided_pair *a = left, *b = right;
    if (a->from != b->from)
        return a->from < b->from ? -1 : 1;
    return (a->to > b->to) - (a->to < b->to);
}

static const struct hash_place *find_hash(const struct hash_place *all, size_t count,
                                          const struct photo_hash *hash)
{
    const struct hash_place key = {.hash = *hash};
    return bsearch(&key, all, count, sizeof *all, by_hash);
}

/* Decisions about two photographs that both take part. */
static enum status translate(struct pool *pool, const struct store_decision *decisions,
                             size_t count, struct err *err)
{
    struct hash_place *all = malloc(((size_t)pool->count + 1) * sizeof *all);
    pool->pairs = malloc((2 * count + 1) * sizeof *pool->pairs);
    if (!all || !pool->pairs) {
        free(all);
        return err_no_memory(err, "the decisions", (size_t)pool->count * sizeof *all);
    }
    for (place_t p = 0; p < pool->count; p++)
        all[p] = (struct hash_place){pool_fact(pool, p)->hash, p};
    qsort(all, pool->count, sizeof *all, by_hash);
    for (size_t i = 0; i < count; i++) {
        const struct hash_place *a = find_hash(all, pool->count, &decisions[i].a);
        const struct hash_place *b = find_hash(all, pool->count, &decisions[i].b);
        if (!a || !b)
            continue;
        pool->pairs[pool->pair_count++] =
            (struct decided_pair){a->place, b->place, decisions[i].decision};
        pool->pairs[pool->pair_count++] =
            (struct decided_pair){b->place, a->place, decisions[i].decision};
    }
    qsort(pool->pairs, pool->pair_count, sizeof *pool->pairs, by_from);
    free(all);
    return OK;
}

static enum status load_decisions(struct pool *pool, struct store *store, struct err *err)
{
    struct store_decision *decisions = NULL;
    size_t count = 0;
    enum status status = store_decisions(store, &decisions, &count, err);
    if (status == OK && count > 0 && pool->count > 0)
        status = translate(pool, decisions, count, err);
    free(decisions);
    return status;
}

size_t pool_first_pair(const struct pool *pool, place_t p)
{
    size_t low = 0, high = pool->pair_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (pool->pairs[middle].from < p)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* --- the pool ------------------------------------------------------------------------------- */

enum status pool_open(struct pool *pool, const struct snapshot *snapshot, struct store *store,
                      const struct duplicate_options *options, struct err *err)
{
    *pool = (struct pool){.snapshot = snapshot, .options = options, .vector_of = NO_PLACE};
    if (snapshot->matrix->count >= NO_PLACE)
        return err_set(err, ERR_LIMIT, "too many photographs");
    enum status status = choose_rows(pool, err);
    if (status != OK)
        return status;
    size_t n = (size_t)pool->count + 1;
    pool->head = malloc(n * sizeof *pool->head);
    pool->next = malloc(n * sizeof *pool->next);
    pool->is_out = calloc(n, sizeof *pool->is_out);
    pool->is_decided = calloc(n, sizeof *pool->is_decided);
    pool->vector = malloc((size_t)snapshot->matrix->dim * sizeof *pool->vector + 1);
    if (!pool->head || !pool->next || !pool->is_out || !pool->is_decided || !pool->vector)
        return err_no_memory(err, "the groups", n * 10);
    for (place_t p = 0; p < pool->count; p++) {
        pool->head[p] = p;
        pool->next[p] = NO_PLACE;
    }
    return load_decisions(pool, store, err);
}

void pool_close(struct pool *pool)
{
    free(pool->rows);
    free(pool->head);
    free(pool->next);
    free(pool->is_out);
    free(pool->is_decided);
    free(pool->pairs);
    free(pool->vector);
}

void pool_end_tier(struct pool *pool)
{
    for (place_t p = 0; p < pool->count; p++) {
        if (pool->head[p] != p)
            pool->is_out[p] = true;
        pool->head[p] = p;
        pool->next[p] = NO_PLACE;
        pool->is_decided[p] = false;
    }
}

float pool_cosine(struct pool *pool, place_t a, place_t b)
{
    const struct store_matrix *matrix = pool->snapshot->matrix;
    size_t dim = (size_t)matrix->dim;
    float cosine;
    if (pool->vector_of == b) {
        b = a;
        a = pool->vector_of;
    }
    if (pool->vector_of != a) {
        pool->snapshot->kernels->f16_to_f32(pool->vector, pool_vector(pool, a), dim);
        pool->vector_of = a;
    }
    pool->snapshot->kernels->dot_f16_rows(&cosine, pool->vector, pool_vector(pool, b), 1, dim);
    return fminf(cosine, 1);
}

static bool is_forbidden(const struct pool *pool, place_t head, place_t p)
{
    for (size_t i = pool_first_pair(pool, p); i < pool->pair_count && pool->pairs[i].from == p; i++)
        if (pool->pairs[i].decision == DECISION_NOT_DUPLICATE &&
            pool->head[pool->pairs[i].to] == head)
            return true;
    return false;
}

bool pool_absorb(struct pool *pool, place_t head, place_t star)
{
    place_t last = star;
    for (place_t p = star; p != NO_PLACE; p = pool->next[p]) {
        if (pool->pair_count > 0 && is_forbidden(pool, head, p))
            return false;
        last = p;
    }
    for (place_t p = star; p != NO_PLACE; p = pool->next[p])
        pool->head[p] = head;
    pool->next[last] = pool->next[head];
    pool->next[head] = star;
    return true;
}
