/* SPDX-License-Identifier: MIT
 *
 * Hashes that differ in few bits, without looking at all of them: multi-index hashing (Norouzi,
 * Punjani and Fleet, CVPR 2012). A hash is cut into four chunks of 16 bits. Two that differ in at
 * most m bits differ in at most m / 4 in one of the chunks, so it is enough to look, for each
 * chunk, at the buckets of all values within that: 1 bucket for m < 4, 17 for m < 8, 137 for m
 * < 12.
 *
 * A bucket loses the places that have found their group when it is next looked at, so that a
 * thousand copies of one picture are compared once each.
 *
 * Turned pictures: mirroring a picture changes the sign of the odd rows or columns of its cosine
 * transform, and turning it over the diagonal transposes it. The hash has a bit for "above the
 * median", which for these coefficients is nearly "above zero"; so the eight hashes of the turned
 * picture follow from the one, but for a bit or two.
 */
#include "library/duplicates_pool.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNKS = 4, CHUNK_BITS = 16, BUCKETS = 1 << CHUNK_BITS };

struct phash_index {
    const struct pool *pool;
    struct chunk {
        uint32_t *start; /* [BUCKETS + 1] into places */
        uint32_t *size;  /* [BUCKETS] places of the bucket that are still there */
        place_t *places; /* [count] */
    } chunks[CHUNKS];
    place_t *found; /* [capacity] */
    size_t found_count, capacity;
    uint32_t *seen; /* [count] the query that saw the place last */
    uint32_t query;
    bool failed;
};

static uint32_t chunk_of(uint64_t hash, int chunk)
{
    return (uint32_t)(hash >> (chunk * CHUNK_BITS)) & (BUCKETS - 1);
}

/* A flat picture's hash says nothing. */
static bool has_hash(const struct pool *pool, place_t p)
{
    const struct store_fact *f = pool_fact(pool, p);
    return f->has_phash && f->phash != 0;
}

static void fill_chunk(struct phash_index *index, int c)
{
    const struct pool *pool = index->pool;
    struct chunk *chunk = &index->chunks[c];
    for (place_t p = 0; p < pool->count; p++)
        if (!pool->is_out[p] && has_hash(pool, p))
            chunk->start[chunk_of(pool_fact(pool, p)->phash, c) + 1]++;
    for (int b = 0; b < BUCKETS; b++)
        chunk->start[b + 1] += chunk->start[b];
    for (place_t p = 0; p < pool->count; p++) {
        if (pool->is_out[p] || !has_hash(pool, p))
            continue;
        uint32_t b = chunk_of(pool_fact(pool, p)->phash, c);
        chunk->places[chunk->start[b] + chunk->size[b]++] = p;
    }
}

enum status phash_index_open(struct phash_index **out, const struct pool *pool, struct err *err)
{
    struct phash_index *index = *out = calloc(1, sizeof *index);
    if (!index)
        return err_no_memory(err, "the perceptual hashes", sizeof *index);
    index->pool = pool;
    index->seen = calloc((size_t)pool->count + 1, sizeof *index->seen);
    bool ok = index->seen != NULL;
    for (int c = 0; c < CHUNKS && ok; c++) {
        struct chunk *chunk = &index->chunks[c];
        chunk->start = calloc(BUCKETS + 1, sizeof *chunk->start);
        chunk->size = calloc(BUCKETS, sizeof *chunk->size);
        chunk->places = calloc((size_t)pool->count + 1, sizeof *chunk->places);
        ok = chunk->start && chunk->size && chunk->places;
        if (ok)
            fill_chunk(index, c);
    }
    if (ok)
        return OK;
    phash_index_close(index);
    *out = NULL;
    return err_no_memory(err, "the perceptual hashes", (size_t)pool->count * 20);
}

void phash_index_close(struct phash_index *index)
{
    if (!index)
        return;
    for (int c = 0; c < CHUNKS; c++) {
        free(index->chunks[c].start);
        free(index->chunks[c].size);
        free(index->chunks[c].places);
    }
    free(index->found);
    free(index->seen);
    free(index);
}

static void remember(struct phash_index *index, place_t p)
{
    if (index->found_count == index->capacity) {
        size_t capacity = index->capacity ? 2 * index->capacity : 256;
        place_t *more = realloc(index->found, capacity * sizeof *more);
        if (!more) {
            index->failed = true;
            return;
        }
        index->found = more;
        index->capacity = capacity;
    }
    index->found[index->found_count++] = p;
}

static void look_into(struct phash_index *index, int c, uint32_t bucket, uint64_t hash, int most,
                      place_t after)
{
    struct chunk *chunk = &index->chunks[c];
    place_t *places = chunk->places + chunk->start[bucket];
    for (uint32_t i = 0; i < chunk->size[bucket];) {
        place_t p = places[i];
        if (!pool_is_free(index->pool, p)) {
            places[i] = places[--chunk->size[bucket]];
            continue;
        }
        i++;
        if (p <= after || index->seen[p] == index->query)
            continue;
        index->seen[p] = index->query;
        if (__builtin_popcountll(pool_fact(index->pool, p)->phash ^ hash) <= most)
            remember(index, p);
    }
}

static int by_place(const void *a, const void *b)
{
    place_t x = *(const place_t *)a, y = *(const place_t *)b;
    return (x > y) - (x < y);
}

enum status phash_index_find(struct phash_index *index, uint64_t hash, int most, place_t after,
                             const place_t **found, size_t *count, struct err *err)
{
    index->found_count = 0;
    index->query++;
    for (int c = 0; c < CHUNKS; c++) {
        uint32_t at = chunk_of(hash, c);
        look_into(index, c, at, hash, most, after);
        for (int i = 0; i < CHUNK_BITS && most >= CHUNKS; i++) {
            look_into(index, c, at ^ 1u << i, hash, most, after);
            for (int k = 0; k < i && most >= 2 * CHUNKS; k++)
                look_into(index, c, at ^ 1u << i ^ 1u << k, hash, most, after);
        }
    }
    if (index->failed)
        return err_no_memory(err, "the perceptual hashes", index->capacity * sizeof(place_t));
    if (index->found_count > 1)
        qsort(index->found, index->found_count, sizeof *index->found, by_place);
    *found = index->found;
    *count = index->found_count;
    return OK;
}

/* --- turning -------------------------------------------------------------------------------- */

/* The bits of coefficients with an odd horizontal, and with an odd vertical frequency. Row by row
 * from the most significant bit, both frequencies 1 .. 8. */
#define ODD_ACROSS UINT64_C(0xaaaaaaaaaaaaaaaa)
#define ODD_DOWN UINT64_C(0xff00ff00ff00ff00)

static uint64_t transpose(uint64_t x)
{
    uint64_t t = (x ^ (x >> 7)) & UINT64_C(0x00aa00aa00aa00aa);
    x ^= t ^ (t << 7);
    t = (x ^ (x >> 14)) & UINT64_C(0x0000cccc0000cccc);
    x ^= t ^ (t << 14);
    t = (x ^ (x >> 28)) & UINT64_C(0x00000000f0f0f0f0);
    return x ^ t ^ (t << 28);
}

uint64_t phash_turn(uint64_t hash, int turn)
{
    if (turn & 4)
        hash = transpose(hash);
    if (turn & 1)
        hash ^= ODD_ACROSS;
    if (turn & 2)
        hash ^= ODD_DOWN;
    return hash;
}

int pool_distance(const struct pool *pool, place_t a, place_t b, int *turn)
{
    int least = -1;
    if (!has_hash(pool, a) || !has_hash(pool, b))
        return least;
    for (int t = 0; t < PHASH_TURNS; t++) {
        int d = __builtin_popcountll(phash_turn(pool_fact(pool, a)->phash, t) ^
                                     pool_fact(pool, b)->phash);
        if (least >= 0 && d >= least)
            continue;
        least = d;
        if (turn)
            *turn = t;
    }
    return least;
}
