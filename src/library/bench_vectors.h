/* SPDX-License-Identifier: MIT
 *
 * Vectors that lie as CLIP's do, from a seed, any row by itself: in a narrow cone (a direction that
 * all share, with a few components far larger than the others), in clusters of clusters, and close
 * together in the smallest. Two rows have a cosine of about 0.5, two of a cluster 0.7 to 0.9.
 * Queries are either such a vector (a picture) or one whose cosines are 0.1 to 0.3 (a phrase).
 */
#ifndef FOVEA_LIBRARY_BENCH_VECTORS_H
#define FOVEA_LIBRARY_BENCH_VECTORS_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

struct bench_vectors {
    uint64_t seed;
    size_t rows;
    size_t dim;
    float *cone;     /* [dim] */
    float *clusters; /* [CLUSTERS, dim] */
};

MUST_USE enum status bench_vectors_open(struct bench_vectors *out, size_t rows, int dim,
                                        uint64_t seed, struct err *err);
void bench_vectors_close(struct bench_vectors *);

/* x: [dim], normalised. Thread-safe. */
void bench_vectors_row(const struct bench_vectors *, size_t row, float *x);
void bench_vectors_query(const struct bench_vectors *, size_t query, float *x);

#endif
