/* SPDX-License-Identifier: MIT
 *
 * The tiers one after the other, and the groups that they leave. What a tier asks is in
 * duplicates_picture.c and duplicates_similar.c; the stars are duplicates_pool.c's.
 */
#include "library/duplicates.h"

#include "library/duplicates_pool.h"
#include "library/snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOMENT_SECONDS_MAX (24 * 3600)

const char *const duplicate_tier_names[DUPLICATE_TIERS + 1] = {"same-bytes", "same-picture",
                                                               "same-moment", "similar", NULL};

/* Owns what the groups point to. */
struct owned {
    void **blocks; /* [count] */
    size_t count, capacity;
};

static void *own(struct owned *owned, void *block)
{
    if (block && owned->count == owned->capacity) {
        size_t capacity = owned->capacity ? 2 * owned->capacity : 64;
        void **more = realloc((void *)owned->blocks, capacity * sizeof *more);
        if (!more) {
            free(block);
            return NULL;
        }
        owned->blocks = more;
        owned->capacity = capacity;
    }
    if (block)
        owned->blocks[owned->count++] = block;
    return block;
}

struct making {
    struct duplicate_groups *out;
    size_t capacity;
};

static enum status add_group(struct making *making, enum duplicate_tier tier, size_t count,
                             struct duplicate_group **group, struct err *err)
{
    struct duplicate_groups *out = making->out;
    if (out->count == making->capacity) {
        size_t capacity = making->capacity ? 2 * making->capacity : 64;
        struct duplicate_group *more = realloc(out->groups, capacity * sizeof *more);
        if (!more)
            return err_no_memory(err, "the groups", capacity * sizeof *more);
        out->groups = more;
        making->capacity = capacity;
    }
    struct duplicate_member *members = own(out->private, calloc(count, sizeof *members));
    if (!members)
        return err_no_memory(err, "a group", count * sizeof *members);
    *group = &out->groups[out->count++];
    **group = (struct duplicate_group){.tier = tier, .members = members, .count = count};
    out->per_tier[tier]++;
    return OK;
}

static void count_bytes(struct duplicate_group *group)
{
    for (size_t i = 1; i < group->count; i++)
        group->reclaim_bytes += group->members[i].size_bytes;
}

/* --- the same bytes -------------------------------------------------------------------------- */

/* The file to keep: the one with a sidecar, the oldest, the shortest path, the first. */
static int by_copy(const void *left, const void *right)
{
    const struct store_photo_path *a = left, *b = right;
    size_t x = strlen(a->path), y = strlen(b->path);
    if (!a->sidecar != !b->sidecar)
        return a->sidecar ? -1 : 1;
    if (a->mtime_ns != b->mtime_ns)
        return a->mtime_ns < b->mtime_ns ? -1 : 1;
    if (x != y)
        return x < y ? -1 : 1;
    return strcmp(a->path, b->path);
}

static const char *reason_of_copy(const struct store_photo_path *a,
                                  const struct store_photo_path *b)
{
    if (!a->sidecar != !b->sidecar)
        return "has a sidecar";
    if (a->mtime_ns != b->mtime_ns)
        return "older file";
    return strlen(a->path) != strlen(b->path) ? "shorter path" : "first by path";
}

static enum status add_copies(struct making *making, const struct pool *pool, struct store *store,
                              place_t p, struct err *err)
{
    size_t row = pool->rows[p];
    int64_t photo_id = pool->snapshot->matrix->photo_ids[row];
    struct store_photo photo;
    enum status status = store_photo_load(store, photo_id, &photo, err);
    if (status == ERR_NOT_FOUND) /* gone meanwhile */
        return OK;
    if (status != OK)
        return status;
    struct duplicate_group *group = NULL;
    if (photo.path_count > 1)
        status = add_group(making, DUPLICATE_SAME_BYTES, photo.path_count, &group, err);
    if (status == OK && group) {
        qsort(photo.paths, photo.path_count, sizeof *photo.paths, by_copy);
        for (size_t i = 0; i < photo.path_count; i++) {
            char *path = own(making->out->private, strdup(photo.paths[i].path));
            if (!path)
                status = err_no_memory(err, "a path", strlen(photo.paths[i].path));
            group->members[i] = (struct duplicate_member){.row = row,
                                                          .photo_id = photo_id,
                                                          .path = path ? path : "",
                                                          .size_bytes = photo.paths[i].size_bytes,
                                                          .mtime_ns = photo.paths[i].mtime_ns,
                                                          .score = 1};
        }
        snprintf(group->reason, sizeof group->reason, "%s",
                 reason_of_copy(&photo.paths[0], &photo.paths[1]));
        count_bytes(group);
    }
    store_photo_free(&photo);
    return status;
}

static enum status add_same_bytes(struct making *making, const struct pool *pool,
                                  struct store *store, struct err *err)
{
    enum status status = OK;
    for (place_t p = 0; status == OK && p < pool->count; p++)
        if (pool_fact(pool, p)->path_count > 1)
            status = add_copies(making, pool, store, p, err);
    return status;
}

/* --- stars as groups -------------------------------------------------------------------------- */

static int by_nearness(const void *left, const void *right)
{
    const struct duplicate_member *a = left, *b = right;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    return (a->row > b->row) - (a->row < b->row);
}

static struct duplicate_member member_of(struct pool *pool, place_t head, place_t p)
{
    size_t row = pool->rows[p];
    const struct store_fact *fact = pool_fact(pool, p);
    int turn = 0, distance = pool_distance(pool, head, p, &turn);
    return (struct duplicate_member){
        .row = row,
        .photo_id = pool->snapshot->matrix->photo_ids[row],
        .path = pool_path(pool, p),
        .size_bytes = fact->size_bytes,
        .mtime_ns = fact->mtime_ns,
        .score = p == head ? 1 : pool_cosine(pool, head, p),
        .distance = distance,
        .turned = p != head && distance >= 0 && turn != 0 &&
                  pool_is_raw(pool, p) == pool_is_raw(pool, head),
        .is_decided = pool->is_decided[p],
    };
}

static enum status add_star(struct making *making, struct pool *pool, enum duplicate_tier tier,
                            place_t head, struct err *err)
{
    size_t count = 0;
    place_t second = NO_PLACE; /* what the kept one was preferred to at last */
    for (place_t p = head; p != NO_PLACE; p = pool->next[p]) {
        count++;
        if (p != head && p < second)
            second = p;
    }
    struct duplicate_group *group;
    enum status status = add_group(making, tier, count, &group, err);
    if (status != OK)
        return status;
    size_t i = 0;
    for (place_t p = head; p != NO_PLACE; p = pool->next[p]) {
        group->members[i] = member_of(pool, head, p);
        if (tier != DUPLICATE_SAME_PICTURE) /* elsewhere a turned hash is chance */
            group->members[i].turned = false;
        i++;
    }
    qsort(group->members + 1, count - 1, sizeof *group->members, by_nearness);
    duplicate_reason(group->reason, sizeof group->reason, pool->snapshot->facts, pool->rows[head],
                     pool->rows[second]);
    count_bytes(group);
    return OK;
}

static enum status add_stars(struct making *making, struct pool *pool, enum duplicate_tier tier,
                             struct err *err)
{
    enum status status = OK;
    if (pool->options->tiers & DUPLICATE_TIER(tier))
        for (place_t p = 0; status == OK && p < pool->count; p++)
            if (pool_is_free(pool, p) && pool->next[p] != NO_PLACE)
                status = add_star(making, pool, tier, p, err);
    pool_end_tier(pool);
    return status;
}

/* --- all of it ---------------------------------------------------------------------------------
 */

static int by_gain(const void *left, const void *right)
{
    const struct duplicate_group *a = left, *b = right;
    if (a->tier != b->tier)
        return a->tier < b->tier ? -1 : 1;
    if (a->reclaim_bytes != b->reclaim_bytes)
        return a->reclaim_bytes > b->reclaim_bytes ? -1 : 1;
    return (a->members[0].row > b->members[0].row) - (a->members[0].row < b->members[0].row);
}

static enum status run_tiers(struct making *making, struct pool *pool, struct store *store,
                             struct err *err)
{
    static const struct {
        enum duplicate_tier tier;
        enum status (*run)(struct pool *, struct err *);
    } steps[] = {
        {DUPLICATE_SAME_PICTURE, duplicates_same_picture},
        {DUPLICATE_SAME_MOMENT, duplicates_same_moment},
        {DUPLICATE_SIMILAR, duplicates_similar},
    };
    unsigned wanted = pool->options->tiers;
    enum status status = OK;
    if (wanted & DUPLICATE_TIER(DUPLICATE_SAME_BYTES))
        status = add_same_bytes(making, pool, store, err);
    /* A tier needs the narrower ones, wanted or not, and not the wider ones. */
    for (size_t i = 0; status == OK && i < sizeof steps / sizeof *steps; i++) {
        if (wanted >> steps[i].tier == 0)
            break;
        status = steps[i].run(pool, err);
        if (status == OK)
            status = add_stars(making, pool, steps[i].tier, err);
    }
    return status;
}

enum status duplicates_find(struct duplicate_groups *out, const struct snapshot *snapshot,
                            struct store *store, const struct duplicate_options *given,
                            struct err *err)
{
    struct duplicate_options options = *given;
    if (options.similar_cosine <= 0)
        options.similar_cosine = DUPLICATE_SIMILAR_COSINE;
    if (options.moment_seconds <= 0)
        options.moment_seconds = DUPLICATE_MOMENT_SECONDS;
    *out = (struct duplicate_groups){.private = calloc(1, sizeof(struct owned))};
    if (options.moment_seconds > MOMENT_SECONDS_MAX || !out->private) {
        duplicates_free(out);
        return options.moment_seconds > MOMENT_SECONDS_MAX
                   ? err_set(err, ERR_ARGUMENT, "a moment lasts a day at the most")
                   : err_no_memory(err, "the groups", sizeof(struct owned));
    }
    struct making making = {.out = out};
    struct pool pool;
    enum status status = pool_open(&pool, snapshot, store, &options, err);
    if (status == OK)
        status = run_tiers(&making, &pool, store, err);
    pool_close(&pool);
    if (status == OK && out->count > 1)
        qsort(out->groups, out->count, sizeof *out->groups, by_gain);
    if (status != OK)
        duplicates_free(out);
    return status;
}

void duplicates_free(struct duplicate_groups *groups)
{
    if (!groups)
        return;
    struct owned *owned = groups->private;
    for (size_t i = 0; owned && i < owned->count; i++)
        free(owned->blocks[i]);
    if (owned)
        free((void *)owned->blocks);
    free(owned);
    free(groups->groups);
    *groups = (struct duplicate_groups){0};
}
