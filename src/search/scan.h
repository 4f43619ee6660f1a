/* SPDX-License-Identifier: MIT
 *
 * The exact scan: every vector of the matrix against the query, the best k kept. Vectors are
 * float16 and L2-normalised, the query float32, the sum float32; ties go to the lower row, so the
 * answer is the same at any thread count.
 */
#ifndef FOVEA_SEARCH_SCAN_H
#define FOVEA_SEARCH_SCAN_H

#include "base/status.h"
#include "kern/kernels.h"

#include <stddef.h>
#include <stdint.h>

struct scan_hit {
    size_t row;
    float score; /* cosine */
};

/* vectors: [count, dim]; query: [dim], normalised; hits: [limit], best first. *found =
 * min(limit, count). threads: 0 means all cores. */
MUST_USE enum status scan_top(const struct kernels *, const uint16_t *vectors, size_t count,
                              int dim, const float *query, size_t limit, int threads,
                              struct scan_hit *hits, size_t *found, struct err *err);

#endif
