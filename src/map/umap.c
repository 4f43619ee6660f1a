/* SPDX-License-Identifier: MIT
 *
 * See umap.h; the parts are fuzzy.h, curve.h, start.h and layout.h.
 */
#include "map/umap.h"

#include "map/curve.h"
#include "map/fuzzy.h"
#include "map/random.h"
#include "map/start.h"

#include <stdlib.h>
#include <string.h>

enum {
    SMALL = 10000, /* vectors, up to which there are more epochs */
    EPOCHS_SMALL = 500,
    EPOCHS_LARGE = 200,
    PLACE_SMALL = 100,
    PLACE_LARGE = 30,
    NEGATIVES = 5,
};
#define PLACE_RATE 0.25
#define SAME 1e-6f /* a distance in float32 that is none */

static struct layout_options layout_options(const struct umap_options *o)
{
    struct layout_options layout = {.gamma = 1, .rate = 1, .negatives = NEGATIVES, .seed = o->seed};
    curve_fit(o->min_dist, o->spread, &layout.a, &layout.b);
    return layout;
}

enum status umap_fit(float *positions, const struct map_vectors *vectors,
                     const struct knn_graph *graph, const struct umap_options *options,
                     struct team *team, const struct map_watch *watch, struct err *err)
{
    struct sparse fuzzy = {0};
    struct layout_options layout = layout_options(options);
    layout.epochs = graph->count <= SMALL ? EPOCHS_SMALL : EPOCHS_LARGE;
    if (options->epochs)
        layout.epochs = options->epochs;
    enum status status = map_watch_report(watch, "start", 0, 1, err);
    if (status == OK)
        status = fuzzy_graph(&fuzzy, graph, team, err);
    if (status == OK)
        status = start_spectral(&fuzzy, vectors, options->dim, options->seed, positions, team, err);
    if (status == OK)
        status = layout_run(positions, options->dim, &fuzzy, &layout, team, watch, err);
    sparse_free(&fuzzy);
    return status;
}

/* --- transform ----------------------------------------------------------------------------------
 */

/* The mean of the neighbours' positions by weight; of one that is the same, its position. */
static void start_beside(float *y, const struct knn_graph *g, size_t row, const float *weights,
                         const float *base, size_t dim)
{
    double sums[LAYOUT_DIM_MAX] = {0}, total = 0;
    size_t first = row * (size_t)g->k;
    if (g->distances[first] <= SAME) {
        memcpy(y, base + g->ids[first] * dim, dim * sizeof *y);
        return;
    }
    for (size_t n = first; n < first + (size_t)g->k; n++) {
        total += weights[n];
        for (size_t d = 0; d < dim; d++)
            sums[d] += (double)weights[n] * base[g->ids[n] * dim + d];
    }
    for (size_t d = 0; d < dim; d++)
        y[d] = (float)(sums[d] / (total > 0 ? total : 1));
}

static void place(float *positions, const struct knn_graph *g, const float *weights,
                  const float *base, size_t base_count, const struct umap_options *options,
                  struct team *team)
{
    size_t dim = (size_t)options->dim;
    struct layout_options layout = layout_options(options);
    layout.rate = PLACE_RATE;
    layout.epochs = g->count <= SMALL ? PLACE_SMALL : PLACE_LARGE;
    if (options->epochs)
        layout.epochs = options->epochs / 3 + 1;
    for (size_t i = 0; i < g->count; i++)
        start_beside(positions + i * dim, g, i, weights, base, dim);
    const struct layout_arrows arrows = {g->count, g->k, g->ids, weights};
    layout_place(positions, options->dim, &arrows, base, base_count, &layout, team);
    for (size_t i = 0; i < g->count; i++)
        if (g->distances[i * (size_t)g->k] <= SAME)
            start_beside(positions + i * dim, g, i, weights, base, dim);
}

enum status umap_transform(float *positions, const struct map_vectors *queries,
                           const struct map_vectors *base, const float *base_positions, int k,
                           const struct umap_options *options, struct team *team,
                           const struct map_watch *watch, struct err *err)
{
    struct knn_graph g = {0};
    struct fuzzy_scale *scales = NULL;
    float *weights = NULL;
    if (queries->count == 0)
        return OK;
    enum status status = knn_query(&g, queries, base, k, team, watch, err);
    if (status == OK) {
        size_t cells = g.count * (size_t)g.k;
        scales = malloc(g.count * sizeof *scales);
        weights = malloc(cells * sizeof *weights);
        if (!scales || !weights)
            status = err_no_memory(err, "places for new photographs", cells * sizeof *weights);
    }
    if (status == OK) {
        fuzzy_scales(&g, 0, scales, team);
        fuzzy_memberships(&g, scales, weights, team);
        place(positions, &g, weights, base_positions, base->count, options, team);
    }
    free(weights);
    free(scales);
    knn_free(&g);
    return status;
}
