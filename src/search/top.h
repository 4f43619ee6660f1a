/* SPDX-License-Identifier: MIT
 *
 * Inside the room: the best k of many. A heap whose root is the worst of the kept: for almost every
 * row the cost is one comparison with it. Hits are ordered by (score, row), which is a total order;
 * so the best k of the whole are among the best k of each part, however it was divided.
 */
#ifndef FOVEA_SEARCH_TOP_H
#define FOVEA_SEARCH_TOP_H

#include "search/scan.h"

#include <stdbool.h>

/* Hits in heap order: no element is better than its children, so hits[0] is the worst. */
struct heap {
    struct scan_hit *hits; /* [capacity] */
    size_t count, capacity;
};

static inline bool hit_better(const struct scan_hit *a, const struct scan_hit *b)
{
    return a->score > b->score || (a->score == b->score && a->row < b->row);
}

int hit_compare(const void *a, const void *b); /* for qsort(), best first */
void heap_replace(struct heap *, struct scan_hit);

static inline void heap_offer(struct heap *heap, size_t row, float score)
{
    struct scan_hit hit = {row, score};
    if (heap->count < heap->capacity || (heap->count && hit_better(&hit, &heap->hits[0])))
        heap_replace(heap, hit);
}

/* Empty heaps, one for each run, with room for the best `limit` of the rows that come to it:
 * [first[t], first[t + 1]). One block of memory, freed with free(*heaps). */
MUST_USE enum status heaps_open(struct heap **heaps, const size_t *first, int runs, size_t limit,
                                struct err *err);
/* Moves all hits into one row, best first, at heaps[0].hits; returns how many. */
size_t heaps_sort(struct heap *heaps, int runs);

#endif
