/* SPDX-License-Identifier: MIT
 *
 * A matrix of vectors once more, in bytes: what the scan reads first, at half the memory traffic of
 * float16. It gives bounds and not answers. For every row v
 *
 *     v = mean + scale * values + rest,     |rest| <= error
 *
 * so that for any query q, by Cauchy and Schwarz,
 *
 *     | q·v - (q·mean + scale * (q·values)) | <= |q| error
 *
 * The mean of all rows is taken out first: CLIP's vectors lie in a narrow cone around it, and a few
 * components are large in all of them; without the mean those would set the scale of each row. The
 * scale is a row's own, largest component / 127. docs/search.md has what both are worth.
 *
 * A row that is not finite has the scale 0 and the error INFINITY: nothing is known about it.
 * Immutable once made; any number of threads read it. 1 byte for each component, 8 for each row.
 */
#ifndef FOVEA_SEARCH_BYTES_MATRIX_H
#define FOVEA_SEARCH_BYTES_MATRIX_H

#include "base/status.h"
#include "kern/kernels.h"

#include <stddef.h>
#include <stdint.h>

struct bytes_matrix {
    size_t count;
    int dim;
    int8_t *values; /* [count, dim], -127 .. 127; 64-byte aligned */
    struct bytes_row {
        float scale, error;
    } * rows;          /* [count] */
    float *mean;       /* [dim] */
    float mean_length; /* |mean| */
    float most_length; /* the largest |v| of a finite row */
};

/* vectors: [count, dim] float16. The same bytes at any number of threads (0: all cores). Takes some
 * ten times as long as a scan. */
MUST_USE enum status bytes_matrix_make(struct bytes_matrix **out, const struct kernels *,
                                       const uint16_t *vectors, size_t count, int dim, int threads,
                                       struct err *err);
void bytes_matrix_free(struct bytes_matrix *); /* NULL-safe */

/* Bytes in memory of such a matrix. */
size_t bytes_matrix_size(size_t count, int dim);

#endif
