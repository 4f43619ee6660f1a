/* SPDX-License-Identifier: MIT
 *
 * A symmetric matrix of weights between rows, by rows (CSR): the fuzzy graph of UMAP, t-SNE's
 * affinities. Columns of a row ascend; nothing is on the diagonal.
 */
#ifndef FOVEA_MAP_SPARSE_H
#define FOVEA_MAP_SPARSE_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

struct sparse {
    size_t count;   /* rows */
    size_t *starts; /* [count + 1] */
    uint32_t *ids;  /* [starts[count]] columns */
    float *weights; /* [starts[count]] */
};

/* How (i, j) and (j, i) of a directed graph become one weight. Missing ones are 0. */
enum sparse_union {
    SPARSE_FUZZY_UNION, /* a + b - a b */
    SPARSE_MEAN,        /* (a + b) / 2 */
};

/* From k weighted arrows per row, ids distinct: ids, weights: [count, k]. Zeros are left out. */
MUST_USE enum status sparse_from_arrows(struct sparse *out, size_t count, int k,
                                        const uint32_t *ids, const float *weights,
                                        enum sparse_union, struct err *err);
void sparse_free(struct sparse *); /* NULL-safe */

/* Connected components: of[i] is row i's, numbered by their first rows; returns how many. */
MUST_USE enum status sparse_components(const struct sparse *, uint32_t *of, size_t *components,
                                       struct err *err);

/* The part of `s` among `rows` (ascending), renumbered. position: [s->count] scratch. Free it
 * whatever comes back. */
MUST_USE enum status sparse_part(struct sparse *out, const struct sparse *s, const uint32_t *rows,
                                 size_t count, uint32_t *position, struct err *err);

#endif
