/* SPDX-License-Identifier: MIT
 *
 * The map of a library: a place for each photograph of a snapshot, in two or three dimensions.
 *
 * It is kept in the library (as artifacts of the model), with the neighbour graph that it is made
 * from. A map by UMAP stays as it is when photographs come: new ones are placed on it by transform,
 * the others do not move, and photographs that went leave their place empty. It is made anew when
 * that is asked for, or when as many were placed since as it was made of. Maps by PCA and t-SNE
 * have no such way and are made anew when the photographs have changed. The graph follows every
 * change exactly (knn_update()), however it was made.
 *
 * The same options and the same history give the same bytes, at any number of threads; made anew,
 * the same photographs do.
 */
#ifndef FOVEA_LIBRARY_PHOTO_MAP_H
#define FOVEA_LIBRARY_PHOTO_MAP_H

#include "base/status.h"
#include "base/team.h"
#include "map/knn.h"
#include "map/watch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct snapshot;
struct store;

enum map_method { MAP_UMAP, MAP_TSNE, MAP_PCA };
extern const char *const map_methods[]; /* "umap", "tsne", "pca", NULL */

struct photo_map_options {
    enum map_method method;
    int dim;                       /* 3, or 2 */
    int neighbours;                /* UMAP: 15, the photograph itself among them; 2 .. 200 */
    double min_dist;               /* UMAP: 0.1; 0 .. 1 */
    uint64_t seed;                 /* 42 */
    bool remake;                   /* whatever is kept */
    int threads;                   /* 0: all cores */
    const struct map_watch *watch; /* may be NULL */
};
extern const struct photo_map_options photo_map_defaults;

struct photo_map {
    size_t count; /* the snapshot's rows */
    int dim;
    float *positions; /* [count, dim], centred, in the unit ball */
    uint8_t *placed;  /* [count] 1: came after the map was made, placed by transform */
    size_t placed_count;
    bool made;           /* just now; false: it was kept */
    double explained[3]; /* PCA: the axes' parts of the variance; else 0 */
};

/* Loads the map, brings it up to date, or makes it; what was made is kept in `store`, unless that
 * is NULL or open for reading. A damaged artifact is made again. No rows: an empty map. */
MUST_USE enum status photo_map_get(struct photo_map *out, const struct snapshot *, struct store *,
                                   const struct photo_map_options *, struct err *err);
void photo_map_free(struct photo_map *); /* NULL-safe */

/* The snapshot's neighbour graph: `k` others of each row; kept as above. Two rows at least. */
MUST_USE enum status photo_graph_get(struct knn_graph *out, const struct snapshot *, struct store *,
                                     int k, struct team *, const struct map_watch *,
                                     struct err *err);

#endif
