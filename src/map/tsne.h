/* SPDX-License-Identifier: MIT
 *
 * t-SNE by Barnes and Hut's approximation (van der Maaten, JMLR 2014) in two or three dimensions,
 * with openTSNE's defaults. The same bytes at any number of threads.
 */
#ifndef FOVEA_MAP_TSNE_H
#define FOVEA_MAP_TSNE_H

#include "map/knn.h"
#include "map/watch.h"

struct tsne_options {
    int dim;              /* 2 or 3 */
    double perplexity;    /* 30; lowered to (n - 1) / 3 */
    double exaggeration;  /* 12 */
    int early_iterations; /* 250, with exaggeration */
    int iterations;       /* 500, without */
    double theta;         /* 0.5 */
};
extern const struct tsne_options tsne_defaults;

/* Neighbours a graph for it must have: 3 x perplexity, as far as there are. */
int tsne_neighbours(const struct tsne_options *, size_t count);

/* positions: [graph->count, dim]: where to begin (the principal components; only their shape
 * counts), and the result. */
MUST_USE enum status tsne_fit(float *positions, const struct knn_graph *graph,
                              const struct tsne_options *, struct team *, const struct map_watch *,
                              struct err *err);

#endif
