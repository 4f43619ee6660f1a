/* SPDX-License-Identifier: MIT
 *
 * The two numbers of UMAP's curve 1 / (1 + a x^(2 b)), by which points attract each other: fitted
 * to a step with an exponential tail, 1 below min_dist and exp(-(x - min_dist) / spread) beyond
 * (umap-learn, find_ab_params).
 */
#ifndef FOVEA_MAP_CURVE_H
#define FOVEA_MAP_CURVE_H

/* 0 <= min_dist <= spread, spread > 0. */
void curve_fit(double min_dist, double spread, double *a, double *b);

#endif
