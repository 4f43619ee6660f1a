/* SPDX-License-Identifier: MIT
 *
 * The tiers that ask how a photograph was made: the same picture, by perceptual hash, and the same
 * moment, by the camera's clock. Both go through the photographs from the best to keep on; each
 * that is still free takes those behind it that repeat it. docs/duplicates.md says the rules in
 * words and what the figures were measured on.
 */
#include "library/duplicates_pool.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>

/* Bits of 64 that may differ, and the cosine that is asked for beside: two pictures that agree by
 * chance in the hash do not in the vector. NEAR is bound first, so that a picture goes to what it
 * is a copy of and not to what it only resembles. */
enum { DISTANCE_NEAR = 3, DISTANCE_FAIR = 6, DISTANCE_FAR = 10 };
static const float COSINE_NEAR = 0.60f, COSINE_FAIR = 0.80f, COSINE_FAR = 0.90f;
/* A model sees a turned picture as another one, so that the cosine helps less. */
enum { DISTANCE_TURNED_NEAR = 4, DISTANCE_TURNED = 7 };
static const float COSINE_TURNED_NEAR = 0.30f, COSINE_TURNED = 0.60f;
/* Frames that a camera without fractions of a second dates alike are told apart by these only. */
enum { DISTANCE_ONE_SECOND = 2 };
static const float COSINE_ONE_SECOND = 0.97f;
static const float COSINE_MOMENT = 0.85f, COSINE_STEM = 0.60f;
#define STEM_SECONDS 2
#define ASPECT_TOLERANCE 0.04
#define BURST_BYTES 1.5

/* --- evidence ------------------------------------------------------------------------------- */

static bool have_times(const struct store_fact *a, const struct store_fact *b)
{
    return a->taken_ms != PHOTO_NO_TIME && b->taken_ms != PHOTO_NO_TIME;
}

/* Clocks run from year 1 to 9999: no overflow. */
static int64_t gap_ms(const struct store_fact *a, const struct store_fact *b)
{
    return a->taken_ms > b->taken_ms ? a->taken_ms - b->taken_ms : b->taken_ms - a->taken_ms;
}

/* Two exposures, by what the camera wrote. */
static bool are_two_exposures(const struct store_fact *a, const struct store_fact *b)
{
    if (a->camera >= 0 && b->camera >= 0 && a->camera != b->camera)
        return true;
    if (!have_times(a, b))
        return false;
    bool have_fractions = a->taken_ms % 1000 != 0 && b->taken_ms % 1000 != 0;
    return have_fractions ? a->taken_ms != b->taken_ms : gap_ms(a, b) >= 1000;
}

/* Dated to the same second by a camera that tells no fractions, and of one size: it may be a burst.
 */
static bool may_be_burst(const struct store_fact *a, const struct store_fact *b)
{
    return have_times(a, b) && a->taken_ms % 1000 == 0 && b->taken_ms % 1000 == 0 &&
           a->camera >= 0 && a->camera == b->camera && a->width == b->width &&
           a->height == b->height && a->format == b->format &&
           (double)a->size_bytes < (double)b->size_bytes * BURST_BYTES &&
           (double)b->size_bytes < (double)a->size_bytes * BURST_BYTES;
}

static bool has_same_shape(const struct store_fact *a, const struct store_fact *b, int turn)
{
    if (a->width <= 0 || a->height <= 0 || b->width <= 0 || b->height <= 0)
        return true;
    double x = (double)a->width / a->height, y = (double)b->width / b->height;
    if (turn & 4)
        y = 1 / y;
    return x < y * (1 + ASPECT_TOLERANCE) && y < x * (1 + ASPECT_TOLERANCE);
}

static bool hashes_agree(struct pool *pool, place_t a, place_t b, int distance, int turn)
{
    const struct store_fact *x = pool_fact(pool, a), *y = pool_fact(pool, b);
    if (!has_same_shape(x, y, turn))
        return false;
    float cosine = pool_cosine(pool, a, b);
    if (turn)
        return (distance <= DISTANCE_TURNED_NEAR && cosine >= COSINE_TURNED_NEAR) ||
               (distance <= DISTANCE_TURNED && cosine >= COSINE_TURNED);
    return (distance <= DISTANCE_NEAR && cosine >= COSINE_NEAR) ||
           (distance <= DISTANCE_FAIR && cosine >= COSINE_FAIR) ||
           (distance <= DISTANCE_FAR && cosine >= COSINE_FAR);
}

static bool is_same_picture(struct pool *pool, place_t a, place_t b)
{
    const struct store_fact *x = pool_fact(pool, a), *y = pool_fact(pool, b);
    int turn = 0, distance = pool_distance(pool, a, b, &turn);
    if (distance < 0 || pool_is_raw(pool, a) != pool_is_raw(pool, b) || are_two_exposures(x, y))
        return false;
    if (may_be_burst(x, y) &&
        (turn || distance > DISTANCE_ONE_SECOND || pool_cosine(pool, a, b) < COSINE_ONE_SECOND))
        return false;
    return hashes_agree(pool, a, b, distance, turn);
}

/* "a/IMG_1.CR3" and "a/IMG_1.jpg". */
static bool have_same_stem(const char *a, const char *b)
{
    const char *dot = strrchr(path_basename(a), '.');
    size_t n = dot ? (size_t)(dot - a) : strlen(a);
    return strncmp(a, b, n) == 0 && b[n] == '.' && !strpbrk(b + n + 1, "./");
}

/* A RAW file and a picture out of it. */
static bool is_raw_with_picture(struct pool *pool, place_t a, place_t b)
{
    const struct store_fact *x = pool_fact(pool, a), *y = pool_fact(pool, b);
    if (pool_is_raw(pool, a) == pool_is_raw(pool, b) ||
        (x->camera >= 0 && y->camera >= 0 && x->camera != y->camera))
        return false;
    if (have_same_stem(pool_path(pool, a), pool_path(pool, b)))
        return have_times(x, y) ? gap_ms(x, y) <= STEM_SECONDS * 1000
                                : pool_cosine(pool, a, b) >= COSINE_STEM;
    int turn = 0, distance = pool_distance(pool, a, b, &turn);
    return distance >= 0 && !are_two_exposures(x, y) && hashes_agree(pool, a, b, distance, turn);
}

static bool is_burst(struct pool *pool, place_t a, place_t b)
{
    const struct store_fact *x = pool_fact(pool, a), *y = pool_fact(pool, b);
    return have_times(x, y) && x->camera == y->camera &&
           gap_ms(x, y) <= (int64_t)pool->options->moment_seconds * 1000 &&
           pool_cosine(pool, a, b) >= COSINE_MOMENT;
}

/* --- the same picture ------------------------------------------------------------------------ */

/* Joins what was decided, whatever stands between: "a = b, b = c" is one picture. */
static enum status join_decided(struct pool *pool, struct err *err)
{
    place_t *stack = malloc(((size_t)pool->pair_count + 1) * sizeof *stack);
    if (!stack)
        return err_no_memory(err, "decisions", pool->pair_count * sizeof *stack);
    for (size_t i = 0; i < pool->pair_count; i++) {
        place_t head = pool->pairs[i].from;
        size_t depth = 0;
        if (pool->pairs[i].decision != DECISION_DUPLICATE || !pool_is_free(pool, head))
            continue;
        for (stack[depth++] = head; depth > 0;) {
            place_t from = stack[--depth];
            for (size_t k = pool_first_pair(pool, from);
                 k < pool->pair_count && pool->pairs[k].from == from; k++) {
                place_t to = pool->pairs[k].to;
                if (pool->pairs[k].decision != DECISION_DUPLICATE || to == head ||
                    !pool_is_free(pool, to) || !pool_absorb(pool, head, to))
                    continue;
                pool->is_decided[to] = true;
                stack[depth++] = to;
            }
        }
    }
    free(stack);
    return OK;
}

/* A star whose head repeats this one: it comes along only as a whole. */
static bool all_repeat(struct pool *pool, place_t head, place_t star)
{
    bool all = is_same_picture(pool, head, star);
    for (place_t p = pool->next[star]; all && p != NO_PLACE; p = pool->next[p])
        all = pool->is_decided[p] || is_same_picture(pool, head, p);
    return all;
}

static enum status take_copies(struct pool *pool, struct phash_index *index, place_t head,
                               bool is_near, struct err *err)
{
    const struct store_fact *fact = pool_fact(pool, head);
    enum status status = OK;
    for (int turn = 0; turn < PHASH_TURNS && status == OK; turn++) {
        const place_t *found = NULL;
        size_t count = 0;
        int most = is_near ? DISTANCE_NEAR : turn ? DISTANCE_TURNED : DISTANCE_FAR;
        status =
            phash_index_find(index, phash_turn(fact->phash, turn), most, head, &found, &count, err);
        for (size_t i = 0; status == OK && i < count; i++)
            if (pool_is_free(pool, found[i]) && all_repeat(pool, head, found[i]))
                (void)pool_absorb(pool, head, found[i]);
    }
    return status;
}

enum status duplicates_same_picture(struct pool *pool, struct err *err)
{
    struct phash_index *index = NULL;
    enum status status = join_decided(pool, err);
    if (status == OK)
        status = phash_index_open(&index, pool, err);
    for (int pass = 0; pass < 2; pass++)
        for (place_t p = 0; status == OK && p < pool->count; p++) {
            const struct store_fact *f = pool_fact(pool, p);
            if (p % 1024 == 0 && pool_is_cancelled(pool))
                status = err_set(err, ERR_CANCELLED, "stopped");
            else if (pool_is_free(pool, p) && f->has_phash && f->phash != 0)
                status = take_copies(pool, index, p, pass == 0, err);
        }
    phash_index_close(index);
    return status;
}

/* --- the same moment -------------------------------------------------------------------------- */

/* Places in the order of camera and clock; those without a clock are left out. */
struct timeline {
    struct tick {
        int64_t taken_ms;
        int camera;
        place_t place;
    } * ticks; /* [count] */
    size_t count;
    uint32_t *tick_of; /* [pool count]; UINT32_MAX: none */
    place_t *place_of; /* [rows of the snapshot]; NO_PLACE */
};

static int by_clock(const void *left, const void *right)
{
    const struct tick *a = left, *b = right;
    if (a->camera != b->camera)
        return a->camera < b->camera ? -1 : 1;
    if (a->taken_ms != b->taken_ms)
        return a->taken_ms < b->taken_ms ? -1 : 1;
    return (a->place > b->place) - (a->place < b->place);
}

static enum status timeline_open(struct timeline *t, const struct pool *pool, struct err *err)
{
    size_t rows = pool->snapshot->matrix->count;
    *t = (struct timeline){0};
    t->ticks = calloc((size_t)pool->count + 1, sizeof *t->ticks);
    t->tick_of = calloc((size_t)pool->count + 1, sizeof *t->tick_of);
    t->place_of = calloc(rows + 1, sizeof *t->place_of);
    if (!t->ticks || !t->tick_of || !t->place_of)
        return err_no_memory(err, "the photographs by time", rows * sizeof *t->ticks);
    memset(t->place_of, 0xff, (rows + 1) * sizeof *t->place_of);
    memset(t->tick_of, 0xff, ((size_t)pool->count + 1) * sizeof *t->tick_of);
    for (place_t p = 0; p < pool->count; p++) {
        const struct store_fact *f = pool_fact(pool, p);
        t->place_of[pool->rows[p]] = p;
        if (!pool->is_out[p] && f->taken_ms != PHOTO_NO_TIME)
            t->ticks[t->count++] = (struct tick){f->taken_ms, f->camera, p};
    }
    qsort(t->ticks, t->count, sizeof *t->ticks, by_clock);
    for (size_t i = 0; i < t->count; i++)
        t->tick_of[t->ticks[i].place] = (uint32_t)i;
    return OK;
}

static void timeline_close(struct timeline *t)
{
    free(t->ticks);
    free(t->tick_of);
    free(t->place_of);
}

/* Before and after it on the camera's clock, the nearest first. */
static void take_burst(struct pool *pool, const struct timeline *t, place_t head)
{
    if (t->tick_of[head] == UINT32_MAX)
        return;
    size_t at = t->tick_of[head];
    const struct tick *own = &t->ticks[at];
    int64_t most = (int64_t)pool->options->moment_seconds * 1000;
    for (int way = -1; way <= 1; way += 2)
        for (size_t i = at + (size_t)way; i < t->count; i += (size_t)way) { /* wraps below 0 */
            const struct tick *tick = &t->ticks[i];
            if (tick->camera != own->camera ||
                (way > 0 ? tick->taken_ms - own->taken_ms : own->taken_ms - tick->taken_ms) > most)
                break;
            if (tick->place > head && pool_is_free(pool, tick->place) &&
                is_burst(pool, head, tick->place))
                (void)pool_absorb(pool, head, tick->place);
        }
}

/* Neighbours by path have the same stem: nothing sorts between "a/b." and "a/b.x". */
static void take_same_stem(struct pool *pool, const struct timeline *t, place_t head)
{
    size_t row = pool->rows[head], rows = pool->snapshot->matrix->count;
    for (int way = -1; way <= 1; way += 2)
        for (size_t i = row + (size_t)way; i < rows; i += (size_t)way) {
            if (!have_same_stem(pool_path(pool, head), pool->snapshot->matrix->paths[i]))
                break;
            place_t p = t->place_of[i];
            if (p != NO_PLACE && p > head && pool_is_free(pool, p) &&
                is_raw_with_picture(pool, head, p))
                (void)pool_absorb(pool, head, p);
        }
}

/* Only a RAW file looks for its pictures: it is preferred to them unless somebody rated one. */
static enum status take_pictures_of_raw(struct pool *pool, struct phash_index *index, place_t head,
                                        struct err *err)
{
    const struct store_fact *fact = pool_fact(pool, head);
    const place_t *found = NULL;
    size_t count = 0;
    if (!pool_is_raw(pool, head) || !fact->has_phash || fact->phash == 0)
        return OK;
    enum status status =
        phash_index_find(index, fact->phash, DISTANCE_FAR, head, &found, &count, err);
    for (size_t i = 0; status == OK && i < count; i++)
        if (pool_is_free(pool, found[i]) && is_raw_with_picture(pool, head, found[i]))
            (void)pool_absorb(pool, head, found[i]);
    return status;
}

enum status duplicates_same_moment(struct pool *pool, struct err *err)
{
    struct timeline timeline;
    struct phash_index *index = NULL;
    enum status status = timeline_open(&timeline, pool, err);
    if (status == OK)
        status = phash_index_open(&index, pool, err);
    for (place_t p = 0; status == OK && p < pool->count; p++) {
        if (p % 1024 == 0 && pool_is_cancelled(pool))
            status = err_set(err, ERR_CANCELLED, "stopped");
        if (status != OK || !pool_is_free(pool, p))
            continue;
        take_same_stem(pool, &timeline, p);
        status = take_pictures_of_raw(pool, index, p, err);
        take_burst(pool, &timeline, p);
    }
    phash_index_close(index);
    timeline_close(&timeline);
    return status;
}
