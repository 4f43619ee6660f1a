/* SPDX-License-Identifier: MIT
 *
 * What the tiers of duplicates.c share (private): the photographs that take part, in the order in
 * which they are preferred, and who stands for whom.
 */
#ifndef FOVEA_LIBRARY_DUPLICATES_POOL_H
#define FOVEA_LIBRARY_DUPLICATES_POOL_H

#include "library/duplicates.h"
#include "library/snapshot.h"
#include "store/store.h"

/* A row's place in the order of preference; places are what the tiers speak of. */
typedef uint32_t place_t;
#define NO_PLACE UINT32_MAX

struct decided_pair {
    place_t from, to;
    enum decision decision;
};

struct pool {
    const struct snapshot *snapshot;
    const struct duplicate_options *options;
    uint32_t *rows; /* [count] of the snapshot, best to keep first */
    place_t count;
    /* The stars of this tier. A place that is its own head stands for itself and for those in its
     * list. Those that an earlier tier has put behind another have is_out. */
    place_t *head;              /* [count] */
    place_t *next;              /* [count] the list behind a head; NO_PLACE ends it */
    bool *is_out;               /* [count] */
    bool *is_decided;           /* [count] came here by decision */
    struct decided_pair *pairs; /* [pair_count] both ways round, ascending by from */
    size_t pair_count;
    float *vector; /* [D] of the place `vector_of` */
    place_t vector_of;
};

bool duplicate_is_raw(const struct store_facts *, size_t row);

static inline const struct store_fact *pool_fact(const struct pool *pool, place_t p)
{
    return &pool->snapshot->facts->rows[pool->rows[p]];
}
static inline const char *pool_path(const struct pool *pool, place_t p)
{
    return pool->snapshot->matrix->paths[pool->rows[p]];
}
static inline const uint16_t *pool_vector(const struct pool *pool, place_t p)
{
    const struct store_matrix *m = pool->snapshot->matrix;
    return m->vectors + (size_t)pool->rows[p] * (size_t)m->dim;
}
/* Takes part in this tier, and stands for itself so far. */
static inline bool pool_is_free(const struct pool *pool, place_t p)
{
    return !pool->is_out[p] && pool->head[p] == p;
}
static inline bool pool_is_cancelled(const struct pool *pool)
{
    const struct duplicate_options *o = pool->options;
    return o->is_cancelled && o->is_cancelled(o->context);
}

static inline bool pool_is_raw(const struct pool *pool, place_t p)
{
    return duplicate_is_raw(pool->snapshot->facts, pool->rows[p]);
}
/* Takes options with every default filled in. pool_close() also after a failure. */
MUST_USE enum status pool_open(struct pool *, const struct snapshot *, struct store *,
                               const struct duplicate_options *, struct err *err);
void pool_close(struct pool *);
/* Who stands behind another is out; the stars are taken apart. */
void pool_end_tier(struct pool *);

/* Of the vectors, at most 1; quick for the same `a` again and again. */
float pool_cosine(struct pool *, place_t a, place_t b);
/* Where the decisions about `p` begin in `pairs`. */
size_t pool_first_pair(const struct pool *, place_t p);
/* Puts the star of `p` behind `head`; false where a decision is against it. */
bool pool_absorb(struct pool *, place_t head, place_t p);

/* Whether a is to be kept rather than b: negative, else positive; 0 never for two rows. */
int duplicate_prefer(const struct store_facts *, size_t a, size_t b);
/* Why `kept` is preferred to `other`. */
void duplicate_reason(char *text, size_t size, const struct store_facts *, size_t kept,
                      size_t other);

enum { PHASH_TURNS = 8 };
/* The hash of the same picture turned: 0 as it is; the others are rotations and mirrorings.
 * 1 .. 3 keep width and height, 4 .. 7 swap them. */
uint64_t phash_turn(uint64_t hash, int turn);

MUST_USE enum status duplicates_same_picture(struct pool *, struct err *err);
MUST_USE enum status duplicates_same_moment(struct pool *, struct err *err);
MUST_USE enum status duplicates_similar(struct pool *, struct err *err);

/* The least difference of two places' hashes; -1 where one is unknown. *turn may be NULL. */
int pool_distance(const struct pool *, place_t a, place_t b, int *turn);

/* A multi-index over 64-bit hashes (phash_index.c). */
struct phash_index;
MUST_USE enum status phash_index_open(struct phash_index **out, const struct pool *,
                                      struct err *err);
void phash_index_close(struct phash_index *);
/* Every free place behind `after` whose hash differs from `hash` in at most `most` bits, by
 * place, each once. *found is good until the next call. */
MUST_USE enum status phash_index_find(struct phash_index *, uint64_t hash, int most, place_t after,
                                      const place_t **found, size_t *count, struct err *err);

#endif
