/* SPDX-License-Identifier: MIT
 *
 * How much of the vectors' neighbourhoods a map shows. All in 0 .. 1 (Spearman's and silhouette
 * from -1), 1 the best; k neighbours each.
 */
#ifndef FOVEA_MAP_QUALITY_H
#define FOVEA_MAP_QUALITY_H

#include "map/vectors.h"

struct map_quality {
    int k;
    size_t rows;            /* that were looked at: all, or a sample of QUALITY_ROWS */
    double trustworthiness; /* who is near on the map is near in truth (Venna and Kaski, 2001) */
    double continuity;      /* who is near in truth is near on the map */
    double preserved;       /* the part of the true neighbours that are neighbours on the map */
    double spearman;        /* of pair distances, over QUALITY_PAIRS_OF points */
};

enum { QUALITY_ROWS = 2000, QUALITY_PAIRS_OF = 1000 };

/* positions: [vectors->count, dim]. k is lowered where there are too few vectors: 2 n > 3 k + 1. */
MUST_USE enum status quality_measure(struct map_quality *out, const struct map_vectors *vectors,
                                     const float *positions, int dim, int k, uint64_t seed,
                                     struct team *, struct err *err);

/* (b - a) / max(a, b), a the mean distance to the others of the own label, b to those of the
 * nearest other label (Rousseeuw, 1987). labels: [count], negative: left out. Over a sample of
 * 4 QUALITY_ROWS rows beyond that many. 0 with fewer than two labels. */
MUST_USE enum status quality_silhouette(double *out, const float *positions, size_t count, int dim,
                                        const int *labels, int label_count, struct team *,
                                        struct err *err);

/* The adjusted Rand index (Hubert and Arabie, 1985) of two partitions; rows where either label is
 * negative are left out. 1 the same, 0 as by chance. */
MUST_USE enum status quality_rand(double *out, const int *a, const int *b, size_t count,
                                  struct err *err);

#endif
