/* SPDX-License-Identifier: MIT
 *
 * The rows that everything here is made from: float16 as the library keeps them, or float32.
 * They are borrowed. Whatever their length, it is their direction that counts: norms are taken
 * once, and rows come out normalised. A row of zeros, or with a value that is not finite (a damaged
 * vector), is a row of zeros, at the distance 1 from everything.
 */
#ifndef FOVEA_MAP_VECTORS_H
#define FOVEA_MAP_VECTORS_H

#include "base/status.h"
#include "base/team.h"
#include "kern/kernels.h"

#include <stddef.h>
#include <stdint.h>

enum {
    MAP_ROWS_MAX = 1 << 26,   /* row numbers fit 32 bits, products of two of them 64 */
    MAP_DIMENSION_MAX = 8192, /* of the vectors */
};

struct map_vectors {
    size_t count;
    int dim;
    const float *f32;    /* [count, dim], or NULL */
    const uint16_t *f16; /* [count, dim], when f32 is NULL */
    float *inverse;      /* [count] 1 / norm; 0 for a row that is none */
    struct kernels kernels;
};

/* f32 or f16 is given. ERR_LIMIT beyond the maxima. */
MUST_USE enum status map_vectors_open(struct map_vectors *out, const float *f32,
                                      const uint16_t *f16, size_t count, int dim, struct team *,
                                      struct err *err);
void map_vectors_close(struct map_vectors *); /* NULL-safe */

/* out: [dim], normalised. Any thread. */
void map_vectors_row(const struct map_vectors *, size_t row, float *out);
/* The cosine of a row with `query`: [dim], normalised. */
float map_vectors_cosine(const struct map_vectors *, size_t row, const float *query);

#endif
