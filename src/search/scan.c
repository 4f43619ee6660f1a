/* SPDX-License-Identifier: MIT
 *
 * The scan is bound by memory: every vector is read once and meets the query in one kernel call per
 * block of rows. A thread takes a run of neighbouring blocks, so that it reads on sequentially, and
 * keeps its best hits in a heap (top.h). At the end the threads' hits are sorted together.
 *
 * The same answer at any thread count: a row's score does not depend on the division (the kernel
 * promises that), and hits have a total order.
 *
 * A damaged vector (NaN, infinity) takes part with a score of -1, the least a cosine can be: it
 * neither breaks the order nor wins.
 */
#include "search/scan_internal.h"

#include "base/cpu.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

/* With fewer rows, or more of them wanted than one in so many, a first pass saves nothing. */
enum { BYTES_ROWS_LEAST = 4096, BYTES_LIMIT_PART = 8 };

void scan_divide(struct scan_division *division, const struct scan_request *request)
{
    size_t blocks = request->count / SCAN_BLOCK_ROWS + (request->count % SCAN_BLOCK_ROWS != 0);
    int runs = request->threads > 0 ? request->threads : cpu_cores();
    if (runs > SCAN_RUNS_MAX)
        runs = SCAN_RUNS_MAX;
    if ((size_t)runs > blocks)
        runs = blocks ? (int)blocks : 1;
    const size_t n = (size_t)runs;
    for (size_t t = 0; t <= n; t++)
        division->first[t] = (blocks / n * t + blocks % n * t / n) * SCAN_BLOCK_ROWS;
    division->first[n] = request->count;
    division->runs = runs;
}

size_t scan_next_rows(const struct row_set *set, size_t *row, size_t end)
{
    size_t first = *row;
    while (first < end && !row_set_has(set, first)) {
        /* on to the next row of this word, or to the next word */
        uint64_t rest = set->words[first / 64] >> first % 64;
        first += rest ? (size_t)__builtin_ctzll(rest) : 64 - first % 64;
    }
    if (first >= end)
        return 0;
    *row = first;
    size_t last = first + 1;
    while (last < end && row_set_has(set, last))
        last++;
    return last - first;
}

float scan_clean(float score)
{
    return isfinite(score) ? score : -1.0f;
}

/* The scores of the rows [first, end) of one block; scores[0] is that of `first`. */
static void score_rows(const struct scan_request *r, size_t first, size_t end, float *scores)
{
    r->kernels->dot_f16_rows(scores, r->query, r->vectors + first * (size_t)r->dim, end - first,
                             (size_t)r->dim);
    for (size_t i = 0; i < end - first; i++)
        scores[i] = scan_clean(scores[i]);
}

static void offer_rows(const struct scan_request *r, size_t first, size_t end, struct heap *heap)
{
    float scores[SCAN_BLOCK_ROWS];
    for (size_t row = first, block; row < end; row = block) {
        block = scan_block_end(row, end);
        score_rows(r, row, block, scores);
        for (size_t i = row; i < block; i++)
            heap_offer(heap, i, scores[i - row]);
    }
}

static void offer_run(const struct scan_request *r, size_t first, size_t end, struct heap *heap)
{
    if (!r->rows) {
        offer_rows(r, first, end, heap);
        return;
    }
    for (size_t row = first, count; (count = scan_next_rows(r->rows, &row, end)); row += count)
        offer_rows(r, row, row + count, heap);
}

static enum status scan_vectors(const struct scan_request *r, struct scan_hit *hits, size_t *found,
                                struct err *err)
{
    struct scan_division division;
    struct heap *heaps;
    scan_divide(&division, r);
    enum status status = heaps_open(&heaps, division.first, division.runs, r->limit, err);
    if (status != OK)
        return status;
#pragma omp parallel for num_threads(division.runs) schedule(static, 1)
    for (int t = 0; t < division.runs; t++)
        offer_run(r, division.first[t], division.first[t + 1], &heaps[t]);

    const size_t kept = heaps_sort(heaps, division.runs);
    *found = kept < r->limit ? kept : r->limit;
    for (size_t i = 0; i < *found; i++)
        hits[i] = heaps[0].hits[i];
    free(heaps);
    return OK;
}

static double length_of(const float *x, int dim)
{
    double square = 0;
    for (int d = 0; d < dim; d++)
        square += (double)x[d] * (double)x[d];
    return sqrt(square);
}

enum status scan_top(const struct scan_request *request, struct scan_hit *hits, size_t *found,
                     struct err *err)
{
    *found = 0;
    size_t rows = request->rows ? row_set_count(request->rows) : request->count;
    if (request->rescored)
        *request->rescored = rows;
    if (rows == 0 || request->limit == 0)
        return OK;
    if (request->bytes && rows >= BYTES_ROWS_LEAST && request->limit <= rows / BYTES_LIMIT_PART) {
        double length = length_of(request->query, request->dim);
        if (isfinite(length) && length > 0)
            return scan_by_bytes(request, length, hits, found, err);
    }
    return scan_vectors(request, hits, found, err);
}

static void score_run(const struct scan_request *r, size_t first, size_t end, float *scores)
{
    if (!r->rows) {
        score_rows(r, first, end, scores + first);
        return;
    }
    for (size_t row = first, count; (count = scan_next_rows(r->rows, &row, end)); row += count)
        score_rows(r, row, row + count, scores + row);
}

void scan_scores(const struct scan_request *request, float *scores)
{
    struct scan_division division;
    scan_divide(&division, request);
#pragma omp parallel for num_threads(division.runs) schedule(static, 1)
    for (int t = 0; t < division.runs; t++)
        score_run(request, division.first[t], division.first[t + 1], scores);
}
