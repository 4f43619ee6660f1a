/* SPDX-License-Identifier: MIT
 *
 * Where UMAP's layout begins: the first eigenvectors of the fuzzy graph's normalised Laplacian
 * (umap-learn, spectral_layout). A graph in several pieces has each laid out alone, around a place
 * of its own.
 */
#ifndef FOVEA_MAP_START_H
#define FOVEA_MAP_START_H

#include "map/sparse.h"
#include "map/vectors.h"

/* positions: [graph->count, dim], each axis in 0 .. 10. `vectors` are what the graph was made of:
 * pieces that are many are placed by their centres. */
MUST_USE enum status start_spectral(const struct sparse *graph, const struct map_vectors *vectors,
                                    int dim, uint64_t seed, float *positions, struct team *,
                                    struct err *err);

#endif
