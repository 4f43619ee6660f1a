/* SPDX-License-Identifier: MIT
 *
 * The scan is bound by memory: every vector is read once and meets the query in one kernel call per
 * block of rows. A thread takes a run of neighbouring blocks, so that it reads on sequentially, and
 * keeps its best hits in a heap whose root is the worst of them: for almost every row the cost
 * beside the product is one comparison with the root. At the end the threads' hits are sorted
 * together.
 *
 * The same answer at any thread count: blocks begin at fixed rows whoever works on them, so that a
 * row's score does not depend on the division; hits are ordered by (score, row), which is a total
 * order; the best k of the whole are among the best k of each run.
 *
 * A damaged vector (NaN, infinity) takes part with a score of -1, the least a cosine can be: it
 * neither breaks the order nor wins.
 */
#include "search/scan.h"

#include "base/cpu.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

/* Rows per kernel call: 1 MiB of 1,024 dimensions. Long enough for the hardware to prefetch, and
 * the scores stay in the first-level cache. */
#define BLOCK_ROWS 512

/* Hits in heap order: no element is better than its children, so hits[0] is the worst. */
struct heap {
    struct scan_hit *hits; /* [capacity] */
    size_t count, capacity;
};

struct scan {
    const struct kernels *kernels;
    const uint16_t *vectors; /* [count, dim] */
    const float *query;      /* [dim] */
    size_t count, dim;
};

static bool better(const struct scan_hit *a, const struct scan_hit *b)
{
    return a->score > b->score || (a->score == b->score && a->row < b->row);
}

static int compare_hits(const void *a, const void *b)
{
    return better(a, b) ? -1 : better(b, a);
}

/* Puts `hit` where the path from the root leads it. */
static void sift_down(struct heap *heap, struct scan_hit hit)
{
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < heap->count; i = child) {
        if (child + 1 < heap->count && better(&heap->hits[child], &heap->hits[child + 1]))
            child++; /* the worse of the two */
        if (!better(&hit, &heap->hits[child]))
            break;
        heap->hits[i] = heap->hits[child];
    }
    heap->hits[i] = hit;
}

static void sift_up(struct heap *heap, struct scan_hit hit)
{
    size_t i = heap->count++;
    for (size_t parent; i > 0; i = parent) {
        parent = (i - 1) / 2;
        if (!better(&heap->hits[parent], &hit))
            break;
        heap->hits[i] = heap->hits[parent];
    }
    heap->hits[i] = hit;
}

static void offer(struct heap *heap, size_t row, float score)
{
    struct scan_hit hit = {row, isfinite(score) ? score : -1.0f};
    if (heap->count < heap->capacity)
        sift_up(heap, hit);
    else if (better(&hit, &heap->hits[0]))
        sift_down(heap, hit);
}

static void scan_block(const struct scan *scan, size_t block, struct heap *heap)
{
    float scores[BLOCK_ROWS];
    size_t first = block * BLOCK_ROWS;
    size_t rows = scan->count - first < BLOCK_ROWS ? scan->count - first : BLOCK_ROWS;
    scan->kernels->dot_f16_rows(scores, scan->query, scan->vectors + first * scan->dim, rows,
                                scan->dim);
    for (size_t i = 0; i < rows; i++)
        offer(heap, first + i, scores[i]);
}

/* The division of the blocks: run t is [blocks * t / runs, blocks * (t + 1) / runs). */
static size_t run_start(size_t blocks, int t, int runs)
{
    return blocks / (size_t)runs * (size_t)t + blocks % (size_t)runs * (size_t)t / (size_t)runs;
}

/* Heaps no larger than the rows that can come to them: together at most count hits. */
static size_t divide(struct heap *heaps, int runs, size_t blocks, size_t count, size_t limit)
{
    size_t total = 0;
    for (int t = 0; t < runs; t++) {
        size_t end = run_start(blocks, t + 1, runs) * BLOCK_ROWS;
        size_t rows = (end < count ? end : count) - run_start(blocks, t, runs) * BLOCK_ROWS;
        heaps[t] = (struct heap){.capacity = rows < limit ? rows : limit};
        total += heaps[t].capacity;
    }
    return total;
}

static void run_all(const struct scan *scan, struct heap *heaps, int runs, size_t blocks)
{
#pragma omp parallel for num_threads(runs) schedule(static, 1)
    for (int t = 0; t < runs; t++)
        for (size_t b = run_start(blocks, t, runs); b < run_start(blocks, t + 1, runs); b++)
            scan_block(scan, b, &heaps[t]);
}

enum status scan_top(const struct kernels *kernels, const uint16_t *vectors, size_t count, int dim,
                     const float *query, size_t limit, int threads, struct scan_hit *hits,
                     size_t *found, struct err *err)
{
    *found = 0;
    if (count == 0 || limit == 0)
        return OK;
    struct scan scan = {kernels, vectors, query, count, (size_t)dim};
    size_t blocks = (count - 1) / BLOCK_ROWS + 1;
    int runs = threads > 0 ? threads : cpu_cores();
    if ((size_t)runs > blocks)
        runs = (int)blocks;

    struct heap *heaps = calloc((size_t)runs, sizeof *heaps);
    size_t total = heaps ? divide(heaps, runs, blocks, count, limit) : 0;
    struct scan_hit *kept = heaps ? malloc(total * sizeof *kept) : NULL;
    if (!kept) {
        free(heaps);
        return err_no_memory(err, "search hits", total * sizeof *kept);
    }
    size_t used = 0;
    for (int t = 0; t < runs; used += heaps[t++].capacity)
        heaps[t].hits = kept + used;
    run_all(&scan, heaps, runs, blocks);

    /* Every heap is full by now: its capacity is at most the rows it has seen. */
    qsort(kept, total, sizeof *kept, compare_hits);
    *found = total < limit ? total : limit;
    for (size_t i = 0; i < *found; i++)
        hits[i] = kept[i];
    free(kept);
    free(heaps);
    return OK;
}
