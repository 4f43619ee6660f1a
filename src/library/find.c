/* SPDX-License-Identifier: MIT
 *
 * See find.h. The steps, each a function, in the order in which they narrow down:
 *
 *   rows      what the filter lets pass, without the photo that is asked about
 *   floor     given, or from the similarities of the whole library (search/floor.h)
 *   exclude   without what matches an unwanted phrase
 *   scan      the best of the rows, exactly; more than the window where copies are to be collapsed
 *   unique    of photos that repeat each other the best stays
 *   window    strong ones, then (on request) weak ones; in the order that was asked for
 */
#include "library/find.h"

#include "library/duplicates.h"
#include "library/find_near.h"
#include "library/snapshot.h"
#include "search/floor.h"
#include "search/scan.h"
#include "store/store.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of near-duplicates (docs/search.md): their vectors are at least as near as
 * DUPLICATE_SIMILAR_COSINE says, and so are their perceptual hashes, or they were taken within
 * DUPLICATE_MOMENT_SECONDS; where nothing but the vectors is known, these have to be nearer. */
enum { UNIQUE_BITS = 12 };
#define UNIQUE_VECTORS_ALONE 0.99f

struct finding {
    const struct snapshot *snapshot;
    const struct find_request *request;
    struct row_set rows;
    struct scan_hit *hits; /* [found] best first */
    size_t *collapsed;     /* [found] */
    size_t found;
    float *scores;         /* [rows of the snapshot] scratch; NULL until it is needed */
    struct find_near near; /* where the store has the vectors */
    struct find_answer *answer;
};

/* --- scores ------------------------------------------------------------------------------- */

static struct scan_request scan_of(const struct finding *f, const float *query)
{
    return (struct scan_request){.kernels = f->snapshot->kernels,
                                 .vectors = f->snapshot->matrix->vectors,
                                 .count = f->snapshot->matrix->count,
                                 .dim = f->snapshot->matrix->dim,
                                 .query = query,
                                 .bytes = f->snapshot->bytes,
                                 .threads = f->request->threads};
}

/* Into f->scores, of every row or of those of the set. */
static enum status score(struct finding *f, const float *query, const struct row_set *rows,
                         struct err *err)
{
    const size_t count = f->snapshot->matrix->count;
    if (!f->scores)
        f->scores = malloc((count + 1) * sizeof *f->scores);
    if (!f->scores)
        return err_no_memory(err, "search scores", count * sizeof *f->scores);
    struct scan_request request = scan_of(f, query);
    request.rows = rows;
    scan_scores(&request, f->scores);
    return OK;
}

/* --- rows --------------------------------------------------------------------------------- */

static enum status choose_rows(struct finding *f, struct err *err)
{
    enum status status = row_set_open(&f->rows, f->snapshot->matrix->count, true, err);
    if (status == OK && f->request->filter)
        status = filter_apply(f->request->filter, f->snapshot, &f->rows, err);
    if (status != OK)
        return status;
    size_t self = f->request->exclude_photo_id
                      ? snapshot_row_of(f->snapshot, f->request->exclude_photo_id)
                      : SNAPSHOT_NO_ROW;
    if (self != SNAPSHOT_NO_ROW)
        row_set_remove(&f->rows, self);
    f->answer->total = row_set_count(&f->rows);
    return OK;
}

static enum status choose_floor(struct finding *f, struct err *err)
{
    f->answer->floor = f->request->floor;
    if (f->request->floor_mode == FIND_FLOOR_FIXED)
        return OK;
    enum status status = score(f, f->request->query, NULL, err);
    if (status == OK)
        f->answer->floor = floor_find(f->scores, f->snapshot->matrix->count, f->request->floor);
    return status;
}

/* The rows that reach the floor, into a set of their own. */
static enum status find_wanted(struct finding *f, struct row_set *wanted, struct err *err)
{
    enum status status = row_set_open(wanted, f->rows.rows, false, err);
    if (status == OK)
        status = score(f, f->request->query, &f->rows, err);
    for (size_t row = 0; status == OK && row < f->rows.rows; row++)
        if (row_set_has(&f->rows, row) && f->scores[row] >= f->answer->floor)
            row_set_add(wanted, row);
    return status;
}

/* values: [rows] scratch */
static enum status exclude_one(struct finding *f, const struct row_set *wanted, size_t number,
                               float *values, struct err *err)
{
    const struct find_request *r = f->request;
    const float *phrase = r->unwanted + number * (size_t)f->snapshot->matrix->dim;
    size_t count = 0;
    enum status status = score(f, phrase, &f->rows, err);
    if (status != OK)
        return status;
    for (size_t row = 0; row < wanted->rows; row++)
        if (row_set_has(wanted, row) && row_set_has(&f->rows, row))
            values[count++] = f->scores[row];
    const float floor = floor_split(values, count, r->unwanted_floors[number]);
    for (size_t row = 0; row < f->rows.rows; row++) {
        if (!row_set_has(&f->rows, row) || f->scores[row] < floor)
            continue;
        row_set_remove(&f->rows, row);
        f->answer->excluded++;
    }
    return OK;
}

/* Takes out what matches an unwanted phrase. What counts as a match is seen among the photographs
 * that match the query: in the whole library all of these may be near the phrase, because they are
 * of one kind. */
static enum status exclude(struct finding *f, struct err *err)
{
    struct row_set wanted = {0};
    if (f->request->unwanted_count == 0)
        return OK;
    float *values = malloc((f->rows.rows + 1) * sizeof *values);
    enum status status =
        values ? find_wanted(f, &wanted, err) : err_no_memory(err, "search scores", f->rows.rows);
    for (size_t u = 0; status == OK && u < f->request->unwanted_count; u++)
        status = exclude_one(f, &wanted, u, values, err);
    row_set_close(&wanted);
    free(values);
    return status;
}

/* --- hits --------------------------------------------------------------------------------- */

static enum status scan(struct finding *f, size_t limit, struct err *err)
{
    const size_t rows = f->answer->total - f->answer->excluded;
    if (limit > rows)
        limit = rows;
    free(f->hits);
    free(f->collapsed);
    f->hits = malloc((limit + 1) * sizeof *f->hits);
    f->collapsed = calloc(limit + 1, sizeof *f->collapsed);
    if (!f->hits || !f->collapsed)
        return err_no_memory(err, "search hits", limit * sizeof *f->hits);
    if (f->snapshot->store)
        return find_near_top(&f->near, &f->rows, limit, f->request->unique, f->hits, &f->found,
                             err);
    struct scan_request request = scan_of(f, f->request->query);
    request.rows = rows == f->snapshot->matrix->count ? NULL : &f->rows;
    request.limit = limit;
    return scan_top(&request, f->hits, &f->found, err);
}

static bool moments_near(const struct store_fact *a, const struct store_fact *b)
{
    return a->taken_ms != PHOTO_NO_TIME && b->taken_ms != PHOTO_NO_TIME &&
           llabs((long long)(a->taken_ms - b->taken_ms)) <= DUPLICATE_MOMENT_SECONDS * 1000LL;
}

static const uint16_t *vector_of(const struct finding *f, size_t row)
{
    return f->snapshot->store
               ? find_near_vector(&f->near, row)
               : f->snapshot->matrix->vectors + row * (size_t)f->snapshot->matrix->dim;
}

static float cosine(const struct finding *f, size_t a, size_t b, float *wide)
{
    const size_t dim = (size_t)f->snapshot->matrix->dim;
    float score;
    f->snapshot->kernels->f16_to_f32(wide, vector_of(f, a), dim);
    f->snapshot->kernels->dot_f16_rows(&score, wide, vector_of(f, b), 1, dim);
    return score;
}

/* wide: [dim] scratch. What is cheap to ask is asked first. */
static bool repeats(const struct finding *f, size_t a, size_t b, float *wide)
{
    const struct store_fact *x = &f->snapshot->facts->rows[a], *y = &f->snapshot->facts->rows[b];
    const bool known = x->has_phash && y->has_phash;
    if (moments_near(x, y) || (known && __builtin_popcountll(x->phash ^ y->phash) <= UNIQUE_BITS))
        return cosine(f, a, b, wide) >= DUPLICATE_SIMILAR_COSINE;
    return !known && cosine(f, a, b, wide) >= UNIQUE_VECTORS_ALONE;
}

static enum status collapse(struct finding *f, struct err *err)
{
    float *wide = malloc((size_t)f->snapshot->matrix->dim * sizeof *wide);
    if (!wide)
        return err_no_memory(err, "a vector", (size_t)f->snapshot->matrix->dim);
    size_t kept = 0;
    for (size_t i = 0; i < f->found; i++) {
        size_t j = 0;
        while (j < kept && !repeats(f, f->hits[i].row, f->hits[j].row, wide))
            j++;
        if (j < kept)
            f->collapsed[j]++;
        else
            f->hits[kept++] = f->hits[i];
    }
    f->found = kept;
    free(wide);
    return OK;
}

/* The hits up to the end of the window. Where copies are collapsed that takes more of them than the
 * window holds, how many nobody knows: twice as many until there are enough. */
static enum status collect(struct finding *f, struct err *err)
{
    const size_t rows = f->answer->total - f->answer->excluded;
    const size_t end = f->request->offset + f->request->limit;
    enum status status = scan(f, f->request->unique ? 2 * end + 16 : end, err);
    if (!f->request->unique)
        return status;
    for (size_t limit = 2 * end + 16; status == OK; limit *= 2) {
        float last = f->found ? f->hits[f->found - 1].score : -1;
        bool all = limit >= rows || (!f->request->weak && last < f->answer->floor);
        /* What is not shown needs no comparison. */
        while (!f->request->weak && f->found > 1 && f->hits[f->found - 1].score < f->answer->floor)
            f->found--;
        status = collapse(f, err);
        if (status != OK || all || f->found >= end)
            break;
        status = scan(f, 2 * limit, err);
    }
    return status;
}

/* How many reach the floor. The hits themselves tell it, unless all of them do. */
static enum status count_strong(struct finding *f, struct err *err)
{
    struct find_answer *answer = f->answer;
    const size_t rows = answer->total - answer->excluded;
    while (answer->strong_count < f->found && f->hits[answer->strong_count].score >= answer->floor)
        answer->strong_count++;
    answer->strong = answer->strong_count > 0;
    if (f->request->unique || answer->strong_count < f->found || f->found == rows)
        return OK;
    if (f->snapshot->store)
        return find_near_count(&f->near, &f->rows, answer->floor, &answer->strong_count, err);
    enum status status = score(f, f->request->query, &f->rows, err);
    answer->strong_count = 0;
    for (size_t row = 0; status == OK && row < f->rows.rows; row++)
        answer->strong_count += row_set_has(&f->rows, row) && f->scores[row] >= answer->floor;
    return status;
}

/* --- the answer --------------------------------------------------------------------------- */

static enum status take_window(struct finding *f, struct err *err)
{
    const struct find_request *r = f->request;
    struct find_answer *answer = f->answer;
    size_t end = r->offset + r->limit;
    if (!r->weak && answer->strong && end > answer->strong_count)
        end = answer->strong_count;
    if (!r->weak && !answer->strong)
        end = 1; /* the single closest */
    if (end > f->found)
        end = f->found;
    const size_t count = end > r->offset ? end - r->offset : 0;
    answer->hits = calloc(count + 1, sizeof *answer->hits);
    if (!answer->hits)
        return err_no_memory(err, "the answer", count * sizeof *answer->hits);
    for (size_t i = 0; i < count; i++) {
        const struct scan_hit *hit = &f->hits[r->offset + i];
        answer->hits[i] = (struct find_hit){
            .row = hit->row,
            .photo_id = f->snapshot->matrix->photo_ids[hit->row],
            /* a stored vector is float16 and its length only nearly 1; more would puzzle */
            .score = fminf(hit->score, 1),
            .strong = hit->score >= answer->floor,
            .collapsed = f->collapsed[r->offset + i],
            .taken_ms = f->snapshot->facts->rows[hit->row].taken_ms,
        };
    }
    answer->count = count;
    return OK;
}

static int by_row(const void *a, const void *b)
{
    const struct find_hit *x = a, *y = b;
    if (x->strong != y->strong)
        return x->strong ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

/* Newest first, those without a date last. */
static int by_date(const void *a, const void *b)
{
    const struct find_hit *x = a, *y = b;
    if (x->strong != y->strong || x->taken_ms == y->taken_ms)
        return by_row(a, b);
    return x->taken_ms > y->taken_ms ? -1 : 1; /* PHOTO_NO_TIME is the least */
}

static void arrange(struct find_answer *answer, enum find_order order)
{
    if (order != FIND_BY_SCORE)
        qsort(answer->hits, answer->count, sizeof *answer->hits,
              order == FIND_BY_DATE ? by_date : by_row);
}

static enum status check(const struct find_request *r, struct err *err)
{
    if (r->limit < 1 || r->limit > FIND_LIMIT_MAX || r->offset > FIND_LIMIT_MAX)
        return err_set(err, ERR_ARGUMENT, "a search has a limit of 1 to %d and an offset up to %d",
                       FIND_LIMIT_MAX, FIND_LIMIT_MAX);
    if (r->unique && r->offset + r->limit > FIND_UNIQUE_MAX)
        return err_set(err, ERR_ARGUMENT,
                       "without near-duplicates a search goes up to its %dth hit: lower the limit",
                       FIND_UNIQUE_MAX);
    return OK;
}

bool find_needs_vectors(const struct find_request *request)
{
    return request->floor_mode == FIND_FLOOR_AUTO || request->unwanted_count > 0;
}

enum status find(struct find_answer *out, const struct snapshot *snapshot,
                 const struct find_request *request, struct err *err)
{
    *out = (struct find_answer){0};
    struct finding f = {.snapshot = snapshot, .request = request, .answer = out};
    enum status status = check(request, err);
    if (status == OK && snapshot->store && find_needs_vectors(request))
        status = err_set(err, ERR_INTERNAL, "such a search needs a snapshot with vectors");
    if (status == OK)
        status = find_near_open(&f.near, snapshot, request->query, err);
    if (status == OK)
        status = choose_rows(&f, err);
    if (status == OK)
        status = choose_floor(&f, err);
    if (status == OK)
        status = exclude(&f, err);
    if (status == OK)
        status = collect(&f, err);
    if (status == OK)
        status = count_strong(&f, err);
    if (status == OK)
        status = take_window(&f, err);
    if (status == OK)
        arrange(out, request->order);
    else
        find_answer_free(out);
    row_set_close(&f.rows);
    free(f.hits);
    free(f.collapsed);
    free(f.scores);
    find_near_close(&f.near);
    return status;
}

void find_answer_free(struct find_answer *answer)
{
    free(answer->hits);
    *answer = (struct find_answer){0};
}
