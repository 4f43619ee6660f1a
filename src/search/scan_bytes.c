/* SPDX-License-Identifier: MIT
 *
 * The scan in two passes, with the answer of the scan in one.
 *
 *   1. The bytes of every row against the query in 16 bits: an estimate of each score, and with the
 *      row's stored error a bound on how far it is off (bytes_matrix.h). The limit-th best of the
 *      lower bounds is a score that at least `limit` rows reach: the threshold.
 *   2. A row whose upper bound is below the threshold is worse than all of those. The others (some
 *      ten for each that is wanted) are scored by their float16 vectors, by the same kernel as in
 *      one pass, and sorted.
 *
 * The bound. With q' the query in 16 bits, |q - q'| = lost, a row's error e and m the longest row,
 *
 *     | q·v - estimate | <= |q| e + lost (m + |mean| + e) + rounding
 *
 * where e <= m + |mean| for a row that is finite. The rounding covers what float32 loses in the
 * estimate (a few operations on numbers of at most |q| (m + |mean|)), and what it loses in the
 * score of the second pass, because that is what hits are ordered by: a sum of dim products, each
 * order of it within dim 2^-24 |q| |v| (Higham 2002, section 3.1). All of it is the row's own but
 * for |q| e, so one constant holds for all.
 *
 * Which rows are scored again depends on the bounds alone, not on the threads.
 */
#include "search/scan_internal.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

struct pass {
    const struct scan_request *request;
    int16_t *query;   /* [dim] */
    float factor;     /* what a unit of it stands for */
    float offset;     /* q · mean */
    float length;     /* |q|, rounded up */
    float constant;   /* the part of the bound that is the same for every row */
    float *estimates; /* [count]; of the rows of the set */
};

/* As fine as 16 bits and the kernel's sums allow. Returns |q - q'|. */
static double make_query(struct pass *pass)
{
    const struct scan_request *r = pass->request;
    const double dim = r->dim;
    double most = 0, total = 0, square = 0;
    for (int d = 0; d < r->dim; d++) {
        most = fmax(most, fabs((double)r->query[d]));
        total += fabs((double)r->query[d]);
    }
    /* each |q'| is rounded up by at most a half */
    const float factor = (float)fmax(most / INT16_MAX, total / (DOT_I8_MOST / 127.0 - dim));
    pass->factor = factor > 0 ? nextafterf(factor, INFINITY) : 1;
    for (int d = 0; d < r->dim; d++) {
        double whole = rint((double)r->query[d] / (double)pass->factor);
        double lost = (double)r->query[d] - whole * (double)pass->factor;
        pass->query[d] = (int16_t)whole;
        square += lost * lost;
    }
    return sqrt(square);
}

static void prepare(struct pass *pass, double length)
{
    const struct bytes_matrix *bytes = pass->request->bytes;
    const double lost = make_query(pass);
    double offset = 0;
    for (int d = 0; d < pass->request->dim; d++)
        offset += (double)pass->request->query[d] * (double)bytes->mean[d];
    const double reach = (double)bytes->most_length + (double)bytes->mean_length;
    const double rounding = (pass->request->dim + 64) * 0x1p-24 * length * reach;
    pass->offset = (float)offset;
    pass->length = nextafterf((float)length, INFINITY);
    pass->constant = nextafterf((float)(2 * lost * reach + rounding), INFINITY);
}

static inline float slack_of(const struct pass *pass, size_t row)
{
    return pass->length * pass->request->bytes->rows[row].error + pass->constant;
}

static void estimate_rows(const struct pass *pass, size_t first, size_t end, struct heap *heap)
{
    const struct scan_request *r = pass->request;
    const struct bytes_matrix *bytes = r->bytes;
    const size_t dim = (size_t)r->dim;
    int32_t sums[SCAN_BLOCK_ROWS];
    for (size_t row = first, block; row < end; row = block) {
        block = scan_block_end(row, end);
        r->kernels->dot_i8_rows(sums, pass->query, bytes->values + row * dim, block - row, dim);
        for (size_t i = row; i < block; i++) {
            float estimate =
                pass->offset + pass->factor * bytes->rows[i].scale * (float)sums[i - row];
            pass->estimates[i] = estimate;
            heap_offer(heap, i, estimate - slack_of(pass, i));
        }
    }
}

static void estimate_run(const struct pass *pass, size_t first, size_t end, struct heap *heap)
{
    const struct row_set *set = pass->request->rows;
    if (!set) {
        estimate_rows(pass, first, end, heap);
        return;
    }
    for (size_t row = first, count; (count = scan_next_rows(set, &row, end)); row += count)
        estimate_rows(pass, row, row + count, heap);
}

/* The first pass; *threshold is what the limit-th best row reaches at least. */
static enum status estimate_all(const struct pass *pass, float *threshold, struct err *err)
{
    struct scan_division division;
    struct heap *heaps;
    scan_divide(&division, pass->request);
    enum status status =
        heaps_open(&heaps, division.first, division.runs, pass->request->limit, err);
    if (status != OK)
        return status;
#pragma omp parallel for num_threads(division.runs) schedule(static, 1)
    for (int t = 0; t < division.runs; t++)
        estimate_run(pass, division.first[t], division.first[t + 1], &heaps[t]);
    const size_t kept = heaps_sort(heaps, division.runs);
    *threshold =
        kept >= pass->request->limit ? heaps[0].hits[pass->request->limit - 1].score : -INFINITY;
    free(heaps);
    return OK;
}

/* Written so that a row about which nothing is known (an infinite error) may. */
static bool may_reach(const struct pass *pass, size_t row, float threshold)
{
    if (pass->request->rows && !row_set_has(pass->request->rows, row))
        return false;
    return !(pass->estimates[row] + slack_of(pass, row) < threshold);
}

/* The second pass. */
static enum status rescore(const struct pass *pass, float threshold, struct scan_hit *hits,
                           size_t *found, struct err *err)
{
    const struct scan_request *r = pass->request;
    const size_t dim = (size_t)r->dim;
    size_t count = 0, at = 0;
    for (size_t row = 0; row < r->count; row++)
        count += may_reach(pass, row, threshold);
    struct scan_hit *candidates = malloc((count + 1) * sizeof *candidates);
    if (!candidates)
        return err_no_memory(err, "search hits", count * sizeof *candidates);
    for (size_t row = 0; row < r->count && at < count; row++)
        if (may_reach(pass, row, threshold))
            candidates[at++].row = row;

    struct scan_division division;
    scan_divide(&division, r);
#pragma omp parallel for num_threads(division.runs) schedule(static)
    for (size_t i = 0; i < count; i++) {
        struct scan_hit *hit = &candidates[i];
        r->kernels->dot_f16_rows(&hit->score, r->query, r->vectors + hit->row * dim, 1, dim);
        hit->score = scan_clean(hit->score);
    }
    qsort(candidates, count, sizeof *candidates, hit_compare);
    *found = count < r->limit ? count : r->limit;
    for (size_t i = 0; i < *found; i++)
        hits[i] = candidates[i];
    if (r->rescored)
        *r->rescored = count;
    free(candidates);
    return OK;
}

enum status scan_by_bytes(const struct scan_request *request, double length, struct scan_hit *hits,
                          size_t *found, struct err *err)
{
    struct pass pass = {.request = request};
    float threshold = -INFINITY;
    /* aligned: a load of the kernel would lie across two lines of the cache, every time */
    pass.query = aligned_alloc(64, ((size_t)request->dim / 32 + 1) * 64);
    pass.estimates = malloc(request->count * sizeof *pass.estimates);
    enum status status = OK;
    if (!pass.query || !pass.estimates)
        status = err_no_memory(err, "search scores", request->count * sizeof *pass.estimates);
    if (status == OK) {
        prepare(&pass, length);
        status = estimate_all(&pass, &threshold, err);
    }
    if (status == OK)
        status = rescore(&pass, threshold, hits, found, err);
    free(pass.query);
    free(pass.estimates);
    return status;
}
