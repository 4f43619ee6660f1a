/* SPDX-License-Identifier: MIT
 *
 * The exact scan: every vector of the matrix, or those of a set of rows, against the query, the
 * best k kept. Vectors are float16 and L2-normalised, the query float32, the sum float32; ties go
 * to the lower row. The answer is the same at any number of threads, and the same, to the last bit,
 * with and without the matrix in bytes: that only saves reading the vectors which cannot be among
 * the best (scan_bytes.c has the bound).
 */
#ifndef FOVEA_SEARCH_SCAN_H
#define FOVEA_SEARCH_SCAN_H

#include "base/status.h"
#include "kern/kernels.h"
#include "search/bytes_matrix.h"
#include "search/row_set.h"

#include <stddef.h>
#include <stdint.h>

struct scan_hit {
    size_t row;
    float score; /* cosine; -1 for a damaged vector (NaN, infinity) */
};

struct scan_request {
    const struct kernels *kernels;
    const uint16_t *vectors; /* [count, dim] */
    size_t count;
    int dim;
    const float *query;               /* [dim], normalised */
    const struct bytes_matrix *bytes; /* of the same vectors; NULL: one pass over these */
    const struct row_set *rows;       /* NULL: all */
    size_t limit;
    int threads;      /* 0: all cores */
    size_t *rescored; /* may be NULL: of how many rows the vector itself was read */
};

/* hits: [limit], best first; *found = min(limit, rows of the set). */
MUST_USE enum status scan_top(const struct scan_request *, struct scan_hit *hits, size_t *found,
                              struct err *err);

/* scores: [count]; those of the rows, by the vectors themselves; the others are left as they are.
 * `limit` and `bytes` have no part in it. */
void scan_scores(const struct scan_request *, float *scores);

#endif
