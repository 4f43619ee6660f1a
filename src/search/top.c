/* SPDX-License-Identifier: MIT
 *
 * See top.h.
 */
#include "search/top.h"

#include <stdlib.h>

int hit_compare(const void *a, const void *b)
{
    const struct scan_hit *x = a, *y = b;
    return hit_better(x, y) ? -1 : hit_better(y, x);
}

/* Puts `hit` where the path from the root leads it. */
static void sift_down(struct heap *heap, struct scan_hit hit)
{
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < heap->count; i = child) {
        if (child + 1 < heap->count && hit_better(&heap->hits[child], &heap->hits[child + 1]))
            child++; /* the worse of the two */
        if (!hit_better(&hit, &heap->hits[child]))
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
        if (!hit_better(&heap->hits[parent], &hit))
            break;
        heap->hits[i] = heap->hits[parent];
    }
    heap->hits[i] = hit;
}

void heap_replace(struct heap *heap, struct scan_hit hit)
{
    if (heap->count < heap->capacity)
        sift_up(heap, hit);
    else
        sift_down(heap, hit);
}

enum status heaps_open(struct heap **heaps, const size_t *first, int runs, size_t limit,
                       struct err *err)
{
    size_t total = 0, used = 0;
    for (int t = 0; t < runs; t++) {
        size_t rows = first[t + 1] - first[t];
        total += rows < limit ? rows : limit;
    }
    const size_t size = (size_t)runs * sizeof **heaps + total * sizeof(struct scan_hit);
    *heaps = calloc(1, size);
    if (!*heaps)
        return err_no_memory(err, "search hits", size);
    struct scan_hit *hits = (struct scan_hit *)(void *)(*heaps + runs);
    for (int t = 0; t < runs; t++) {
        size_t rows = first[t + 1] - first[t];
        (*heaps)[t] = (struct heap){hits + used, 0, rows < limit ? rows : limit};
        used += (*heaps)[t].capacity;
    }
    return OK;
}

size_t heaps_sort(struct heap *heaps, int runs)
{
    size_t count = 0;
    struct scan_hit *all = heaps[0].hits;
    for (int t = 0; t < runs; t++)
        for (size_t i = 0; i < heaps[t].count; i++)
            all[count++] = heaps[t].hits[i];
    qsort(all, count, sizeof *all, hit_compare);
    return count;
}
