/* SPDX-License-Identifier: MIT
 *
 * Inside the room: how a scan is divided, and its second way.
 */
#ifndef FOVEA_SEARCH_SCAN_INTERNAL_H
#define FOVEA_SEARCH_SCAN_INTERNAL_H

#include "search/scan.h"
#include "search/top.h"

/* Rows per kernel call: 1 MiB of 1,024 dimensions. Long enough for the hardware to prefetch, and
 * the scores stay in the first-level cache. */
enum { SCAN_BLOCK_ROWS = 512, SCAN_RUNS_MAX = 1024 };

/* A run of neighbouring blocks for each thread; run t has the rows [first[t], first[t + 1]). */
struct scan_division {
    size_t first[SCAN_RUNS_MAX + 1];
    int runs;
};
void scan_divide(struct scan_division *, const struct scan_request *);

/* The next run of neighbouring rows of the set at or after *row, before `end`: *row becomes its
 * start, and its length is returned; 0: there is none. */
size_t scan_next_rows(const struct row_set *, size_t *row, size_t end);

static inline size_t scan_block_end(size_t row, size_t end)
{
    return end - row < SCAN_BLOCK_ROWS ? end : row + SCAN_BLOCK_ROWS;
}

float scan_clean(float score); /* what a damaged vector scores, if it is one */

/* By the bytes first. Needs limit >= 1 and a query whose length is a number. */
MUST_USE enum status scan_by_bytes(const struct scan_request *, double length,
                                   struct scan_hit *hits, size_t *found, struct err *err);

#endif
