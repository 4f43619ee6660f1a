/* SPDX-License-Identifier: MIT
 *
 * See find_near.h. The store names candidates, a few more than are wanted, by scores of its own
 * arithmetic, which are within `error` of ours (store_nearest.h has that bound). Their vectors are
 * fetched and scored by the kernel of the scan. What the store did not name scores at most
 *
 *     the last candidate's score there + error
 *
 * here; if the last hit that is wanted is above that, nothing is missing, no tie either. If it is
 * not, twice as many are asked for.
 *
 * A filter goes to the store as numbers of photos; one that leaves out a few rows only is applied
 * here. An index is used where it pays: where no more than a twentieth of the rows is wanted, of a
 * set that has no less than a twentieth of them.
 */
#include "library/find_near.h"

#include "library/snapshot.h"
#include "search/scan.h"
#include "store/store.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FEW = 512, SHARE = 20, SPARE = 64 };

/* What of the rows is wanted, and how the store is asked for it. */
struct near_set {
    const struct row_set *rows;
    size_t wanted;  /* rows of the set */
    size_t missing; /* rows that are not: left out here, if ids is NULL */
    int64_t *ids;   /* [wanted] ascending; NULL: all are asked for */
};

enum status find_near_open(struct find_near *near, const struct snapshot *snapshot,
                           const float *query, struct err *err)
{
    *near = (struct find_near){.snapshot = snapshot, .query = query};
    return OK;
}

void find_near_close(struct find_near *near)
{
    free(near->vectors);
    free(near->slots);
    *near = (struct find_near){0};
}

/* --- which rows --------------------------------------------------------------------------- */

static int compare_ids(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static enum status open_set(struct near_set *set, const struct find_near *near,
                            const struct row_set *rows, struct err *err)
{
    const struct store_matrix *matrix = near->snapshot->matrix;
    *set = (struct near_set){.rows = rows, .wanted = row_set_count(rows)};
    set->missing = matrix->count - set->wanted;
    if (set->missing <= FEW)
        return OK;
    set->ids = malloc((set->wanted + 1) * sizeof *set->ids);
    if (!set->ids)
        return err_no_memory(err, "a filter", set->wanted * sizeof *set->ids);
    size_t n = 0;
    for (size_t row = 0; row < matrix->count; row++)
        if (row_set_has(rows, row))
            set->ids[n++] = matrix->photo_ids[row];
    qsort(set->ids, n, sizeof *set->ids, compare_ids);
    return OK;
}

static struct store_query query_of(const struct find_near *near, const struct near_set *set)
{
    return (struct store_query){.vector = near->query,
                                .dim = near->snapshot->matrix->dim,
                                .photo_ids = set->ids,
                                .photo_count = set->ids ? set->wanted : 0};
}

/* --- exact scores ------------------------------------------------------------------------- */

/* scores: [count] of these rows; vectors: [count, dim] */
static enum status score_rows(struct find_near *near, const size_t *rows, size_t count,
                              uint16_t *vectors, float *scores, struct err *err)
{
    const struct snapshot *s = near->snapshot;
    const size_t dim = (size_t)s->matrix->dim;
    int64_t ids[STORE_BATCH_MAX];
    bool has[STORE_BATCH_MAX];
    for (size_t i = 0; i < count; i++)
        ids[i] = s->matrix->photo_ids[rows[i]];
    enum status status = store_vectors_load(s->store, s->model_id, ids, count, vectors, has, err);
    if (status != OK)
        return status;
    for (size_t i = 0; i < count; i++)
        if (!has[i])
            return err_set(err, ERR_INTERNAL, "a vector went from a library that is held");
    s->kernels->dot_f16_rows(scores, near->query, vectors, count, dim);
    for (size_t i = 0; i < count; i++)
        scores[i] = isfinite(scores[i]) ? scores[i] : -1.0f; /* as the scan does */
    return OK;
}

static enum status score_all(struct find_near *near, const size_t *rows, size_t count, bool keep,
                             struct scan_hit *hits, struct err *err)
{
    const size_t dim = (size_t)near->snapshot->matrix->dim;
    float scores[STORE_BATCH_MAX];
    free(near->vectors);
    near->vectors = malloc(((keep ? count : 0) + STORE_BATCH_MAX) * dim * sizeof *near->vectors);
    if (!near->vectors)
        return err_no_memory(err, "the vectors of the hits", count * dim * sizeof *near->vectors);
    enum status status = OK;
    for (size_t at = 0; status == OK && at < count; at += STORE_BATCH_MAX) {
        const size_t n = count - at < STORE_BATCH_MAX ? count - at : STORE_BATCH_MAX;
        status = score_rows(near, rows + at, n, near->vectors + (keep ? at * dim : 0), scores, err);
        for (size_t i = 0; status == OK && i < n; i++)
            hits[at + i] = (struct scan_hit){rows[at + i], scores[i]};
    }
    return status;
}

static int compare_slots(const void *a, const void *b)
{
    const struct near_slot *x = a, *y = b;
    return (x->row > y->row) - (x->row < y->row);
}

static enum status keep_slots(struct find_near *near, const size_t *rows, size_t count,
                              struct err *err)
{
    free(near->slots);
    near->slot_count = 0;
    near->slots = malloc((count + 1) * sizeof *near->slots);
    if (!near->slots)
        return err_no_memory(err, "the vectors of the hits", count * sizeof *near->slots);
    for (size_t i = 0; i < count; i++)
        near->slots[i] = (struct near_slot){rows[i], i};
    qsort(near->slots, count, sizeof *near->slots, compare_slots);
    near->slot_count = count;
    return OK;
}

const uint16_t *find_near_vector(const struct find_near *near, size_t row)
{
    const struct near_slot key = {.row = row};
    const struct near_slot *found =
        bsearch(&key, near->slots, near->slot_count, sizeof key, compare_slots);
    return near->vectors + found->slot * (size_t)near->snapshot->matrix->dim;
}

/* --- candidates --------------------------------------------------------------------------- */

struct candidates {
    struct store_near *near; /* [asked] as the store gave them */
    size_t *rows;            /* [count] those that are wanted */
    struct scan_hit *hits;   /* [count] */
    size_t asked, found, count;
    bool indexed;
};

static void free_candidates(struct candidates *c)
{
    free(c->near);
    free(c->rows);
    free(c->hits);
    *c = (struct candidates){0};
}

static enum status ask(struct find_near *near, const struct near_set *set, size_t asked,
                       bool indexed, struct candidates *c, struct err *err)
{
    const struct snapshot *s = near->snapshot;
    struct store_nearness how;
    free_candidates(c);
    c->asked = asked;
    c->near = malloc((asked + 1) * sizeof *c->near);
    c->rows = malloc((asked + 1) * sizeof *c->rows);
    c->hits = malloc((asked + 1) * sizeof *c->hits);
    if (!c->near || !c->rows || !c->hits)
        return err_no_memory(err, "search hits", asked * sizeof *c->hits);
    const struct store_query query = query_of(near, set);
    enum status status =
        store_nearest(s->store, s->model_id, &query, asked, indexed, c->near, &c->found, &how, err);
    near->error = how.error;
    c->indexed = how.approximate;
    for (size_t i = 0; status == OK && i < c->found; i++) {
        size_t row = snapshot_row_of(s, c->near[i].photo_id);
        if (row != SNAPSHOT_NO_ROW && row_set_has(set->rows, row))
            c->rows[c->count++] = row;
    }
    return status;
}

static int compare_hits(const void *a, const void *b)
{
    const struct scan_hit *x = a, *y = b;
    if (x->score > y->score || x->score < y->score)
        return x->score > y->score ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

/* Whether the best `limit` of the candidates are the best of all. */
static bool suffices(const struct find_near *near, const struct candidates *c, size_t limit)
{
    if (c->indexed)
        return c->count >= limit;
    if (c->found < c->asked)
        return true; /* there are no others */
    return c->count >= limit &&
           (double)c->hits[limit - 1].score > c->near[c->found - 1].score + near->error;
}

enum status find_near_top(struct find_near *near, const struct row_set *rows, size_t limit,
                          bool keep, struct scan_hit *hits, size_t *found, struct err *err)
{
    struct near_set set;
    struct candidates c = {0};
    const size_t all = near->snapshot->matrix->count;
    *found = 0;
    enum status status = open_set(&set, near, rows, err);
    bool indexed = limit <= all / SHARE && set.wanted >= all / SHARE;
    size_t asked = limit + limit / 32 + SPARE + (set.ids ? 0 : set.missing);
    while (status == OK && limit > 0) {
        status = ask(near, &set, asked, indexed, &c, err);
        if (status == OK)
            status = score_all(near, c.rows, c.count, keep, c.hits, err);
        if (status == OK && keep)
            status = keep_slots(near, c.rows, c.count, err);
        if (status != OK)
            break;
        qsort(c.hits, c.count, sizeof *c.hits, compare_hits);
        if (suffices(near, &c, limit))
            break;
        asked = c.indexed ? asked : 2 * asked;
        indexed = false;
    }
    if (status == OK) {
        *found = c.count < limit ? c.count : limit;
        if (*found > 0)
            memcpy(hits, c.hits, *found * sizeof *hits);
        near->approximate = c.indexed;
    }
    free_candidates(&c);
    free(set.ids);
    return status;
}

/* --- counting ----------------------------------------------------------------------------- */

/* Of these rows, how many reach the floor. */
static enum status count_rows(struct find_near *near, const size_t *rows, size_t count, float floor,
                              size_t *reach, struct err *err)
{
    struct scan_hit *hits = malloc((count + 1) * sizeof *hits);
    *reach = 0;
    if (!hits)
        return err_no_memory(err, "search hits", count * sizeof *hits);
    enum status status = score_all(near, rows, count, false, hits, err);
    for (size_t i = 0; status == OK && i < count; i++)
        *reach += hits[i].score >= floor;
    free(hits);
    return status;
}

/* The rows that the store scores less than floor + error, down to floor - error: `room` of them or
 * more, because those that wait for the sweep are among them. *rows is freed with free(). */
static enum status list_close(struct find_near *near, const struct near_set *set, size_t room,
                              float floor, size_t **rows, size_t *count, struct err *err)
{
    const struct snapshot *s = near->snapshot;
    struct store_query query = query_of(near, set);
    struct store_nearness how;
    size_t found = 0;
    query.bounded = true;
    query.below = (double)floor + near->error;
    struct store_near *list = malloc(room * sizeof *list);
    *rows = malloc(room * sizeof **rows);
    *count = 0;
    enum status status = list && *rows ? OK : err_no_memory(err, "search hits", room);
    if (status == OK)
        status = store_nearest(s->store, s->model_id, &query, room, false, list, &found, &how, err);
    for (size_t i = 0; status == OK && i < found; i++) {
        size_t row = snapshot_row_of(s, list[i].photo_id);
        if (row != SNAPSHOT_NO_ROW)
            (*rows)[(*count)++] = row;
    }
    const bool all =
        status != OK || found < room || list[found - 1].score < (double)floor - near->error;
    free(list);
    if (status == OK && !all) {
        free(*rows);
        return list_close(near, set, 2 * room, floor, rows, count, err);
    }
    return status;
}

/* Rows whose score the store cannot tell from the floor. */
static enum status count_close(struct find_near *near, const struct near_set *set, size_t close,
                               float floor, size_t *reach, struct err *err)
{
    size_t *rows = NULL, count = 0;
    enum status status = list_close(near, set, close + SPARE, floor, &rows, &count, err);
    if (status == OK)
        status = count_rows(near, rows, count, floor, reach, err);
    free(rows);
    return status;
}

/* Of the rows that are left out here, how many were counted. */
static enum status count_missing(struct find_near *near, const struct near_set *set, float floor,
                                 size_t *reach, struct err *err)
{
    size_t rows[FEW] = {0}, count = 0;
    *reach = 0;
    if (set->ids || set->missing == 0)
        return OK;
    for (size_t row = 0; row < near->snapshot->matrix->count; row++)
        if (!row_set_has(set->rows, row))
            rows[count++] = row;
    return count_rows(near, rows, count, floor, reach, err);
}

enum status find_near_count(struct find_near *near, const struct row_set *rows, float floor,
                            size_t *count, struct err *err)
{
    const struct snapshot *s = near->snapshot;
    struct near_set set;
    int64_t surely = 0, maybe = 0;
    size_t close = 0, missing = 0;
    if (near->approximate)
        return OK;
    enum status status = open_set(&set, near, rows, err);
    const struct store_query query = query_of(near, &set);
    if (status == OK)
        status = store_count_near(s->store, s->model_id, &query, (double)floor + near->error,
                                  &surely, err);
    if (status == OK)
        status = store_count_near(s->store, s->model_id, &query, (double)floor - near->error,
                                  &maybe, err);
    if (status == OK && maybe > surely)
        status = count_close(near, &set, (size_t)(maybe - surely), floor, &close, err);
    if (status == OK)
        status = count_missing(near, &set, floor, &missing, err);
    if (status == OK)
        *count = (size_t)surely + close - missing;
    free(set.ids);
    return status;
}
