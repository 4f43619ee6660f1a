/* SPDX-License-Identifier: MIT
 *
 * Eigenvectors of symmetric matrices: a dense one by LAPACK's dsyevr, and of a sparse one the few
 * at the upper end. Double, and the same bits at any number of threads.
 *
 * Signs are no property of an eigenvector: each comes with its largest value positive.
 */
#ifndef FOVEA_MAP_EIGEN_H
#define FOVEA_MAP_EIGEN_H

#include "base/status.h"
#include "base/team.h"
#include "map/sparse.h"

/* The `count` largest of matrix: [n, n] (destroyed), n <= 8192. values: [count] descending;
 * vectors: [count, n]. */
MUST_USE enum status eigen_dense(double *matrix, int n, int count, double *values, double *vectors,
                                 struct err *err);

/* matrix: [n, n], lower triangle: += rows^T rows; rows: [count, n]. */
void eigen_add_products(double *matrix, int n, const double *rows, size_t count);

/* Of D^-1/2 W D^-1/2 (D: the sums of the rows of W, which is connected): the eigenvectors after the
 * first, which is known. vectors: [w->count, count]. They start a layout, so a residual of 1e-4 or
 * a limit of steps is enough: whatever is reached is an orthonormal base of smooth functions. */
MUST_USE enum status eigen_spectral(const struct sparse *w, int count, uint64_t seed,
                                    double *vectors, struct team *, struct err *err);

#endif
