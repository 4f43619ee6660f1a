/* SPDX-License-Identifier: MIT
 *
 * Which way a graph is made, and how good one is.
 */
#include "map/knn.h"
#include "map/knn_internal.h"
#include "map/random.h"

#include <stdlib.h>

void knn_free(struct knn_graph *g)
{
    if (!g)
        return;
    free(g->ids);
    free(g->distances);
    *g = (struct knn_graph){0};
}

enum status knn_build(struct knn_graph *out, const struct map_vectors *v, int k, uint64_t seed,
                      struct team *team, const struct map_watch *watch, struct err *err)
{
    if (v->count <= KNN_EXACT_MAX)
        return knn_exact(out, v, k, team, watch, err);
    return knn_descent(out, v, k, seed, team, watch, err);
}

/* How many of a row's neighbours `truth` has, too: up to the last one's distance, so that one of
 * several at the same distance is as good as another. */
static size_t found(const struct knn_graph *g, size_t row, const struct knn_lists *truth, size_t at)
{
    size_t count = 0;
    float last = 1 - truth->reached[at];
    for (int n = 0; n < g->k; n++)
        count += g->distances[row * (size_t)g->k + (size_t)n] <= last + 1e-6f;
    return count;
}

enum status knn_recall(double *recall, const struct knn_graph *g, const struct map_vectors *v,
                       size_t samples, uint64_t seed, struct team *team, struct err *err)
{
    struct knn_lists truth = {0};
    if (samples > v->count)
        samples = v->count;
    uint32_t *rows = malloc((samples + 1) * sizeof *rows);
    if (!rows)
        return err_no_memory(err, "a sample of rows", samples * sizeof *rows);
    struct chance chance = chance_at(seed, CHANCE_QUALITY, 0, 0);
    for (size_t i = 0; i < samples; i++)
        rows[i] = chance_below(&chance, (uint32_t)v->count);
    enum status status = knn_lists_open(&truth, samples, g->k, err);
    if (status == OK)
        status = knn_run_pairs(&(struct knn_pairs){.rows = v,
                                                   .columns = v,
                                                   .row_ids = rows,
                                                   .row_count = samples,
                                                   .column_count = v->count,
                                                   .same = true,
                                                   .lists = &truth},
                               team, NULL, err);
    size_t sum = 0;
    for (size_t i = 0; i < samples && status == OK; i++)
        sum += found(g, rows[i], &truth, i);
    *recall = samples ? (double)sum / (double)(samples * (size_t)g->k) : 1;
    knn_lists_close(&truth);
    free(rows);
    return status;
}
