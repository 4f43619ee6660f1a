/* SPDX-License-Identifier: MIT
 *
 * Principal components: the directions in which the vectors vary most, and how much of their
 * variance each explains. The covariance is exact, d by d in double, its eigenvectors LAPACK's;
 * each has its largest loading positive.
 */
#ifndef FOVEA_MAP_PCA_H
#define FOVEA_MAP_PCA_H

#include "map/vectors.h"
#include "map/watch.h"

struct pca {
    int dim, components;
    double *mean;      /* [dim] */
    double *axes;      /* [components, dim], of length 1 */
    double *explained; /* [components] parts of the whole variance, descending */
};

/* Of the rows as they are: not normalised (a library's are). components <= dim. */
MUST_USE enum status pca_fit(struct pca *out, const struct map_vectors *, int components,
                             const struct map_watch *, struct err *err);
void pca_free(struct pca *); /* NULL-safe */

/* positions: [count, components]. Any vectors of that dimension. */
MUST_USE enum status pca_project(const struct pca *, const struct map_vectors *, float *positions,
                                 struct team *, struct err *err);

#endif
