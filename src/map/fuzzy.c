/* SPDX-License-Identifier: MIT
 *
 * See fuzzy.h. Constants are umap-learn's: 64 halvings, stopped at 1e-5; sigma is at least a
 * thousandth of the mean distance of the row, or where rho is 0 of all rows. Means count the row
 * itself, at distance 0, as umap-learn's do.
 */
#include "map/fuzzy.h"

#include <math.h>
#include <stdlib.h>

#define TOLERANCE 1e-5
#define SIGMA_FLOOR 1e-3

enum { HALVINGS = 64, ROWS_PER_ITEM = 512 };

struct scaling {
    const struct knn_graph *graph;
    const struct fuzzy_scale *scales; /* fuzzy_memberships() */
    struct fuzzy_scale *out;
    float *weights;
    int local_connectivity;
    double mean;
};

/* How many a row counts: itself, too, unless its neighbours are others' photographs. */
static int counted(int k, int local_connectivity)
{
    return local_connectivity ? k + 1 : k;
}

static double row_sum(const float *d, int k)
{
    double sum = 0;
    for (int n = 0; n < k; n++)
        sum += d[n];
    return sum;
}

/* umap-learn leaves out the first of those that a row counts, whoever it is. */
static double find_sigma(const float *d, int k, double rho, int local_connectivity)
{
    double low = 0, high = INFINITY, sigma = 1, target = log2(counted(k, local_connectivity));
    for (int step = 0; step < HALVINGS; step++) {
        double sum = 0;
        for (int n = local_connectivity ? 0 : 1; n < k; n++)
            sum += d[n] > rho ? exp(-(d[n] - rho) / sigma) : 1;
        if (fabs(sum - target) < TOLERANCE)
            break;
        if (sum > target) {
            high = sigma;
            sigma = (low + high) / 2;
        } else {
            low = sigma;
            sigma = isinf(high) ? sigma * 2 : (low + high) / 2;
        }
    }
    return sigma;
}

static struct fuzzy_scale scale_of(const struct scaling *s, const float *d, int k)
{
    double rho = 0;
    for (int n = 0; n < k && s->local_connectivity; n++)
        if (d[n] > 0) {
            rho = d[n]; /* distances ascend */
            break;
        }
    double sigma = find_sigma(d, k, rho, s->local_connectivity);
    double mean = row_sum(d, k) / counted(k, s->local_connectivity);
    double least = SIGMA_FLOOR * (rho > 0 ? mean : s->mean);
    return (struct fuzzy_scale){(float)fmax(sigma, least), (float)rho};
}

static void scale_rows(void *context, int item, int lane)
{
    struct scaling *s = context;
    size_t k = (size_t)s->graph->k, first = (size_t)item * ROWS_PER_ITEM;
    (void)lane;
    for (size_t i = first; i < first + ROWS_PER_ITEM && i < s->graph->count; i++)
        s->out[i] = scale_of(s, s->graph->distances + i * k, (int)k);
}

static int items(const struct knn_graph *g)
{
    return (int)((g->count + ROWS_PER_ITEM - 1) / ROWS_PER_ITEM);
}

void fuzzy_scales(const struct knn_graph *g, int local_connectivity, struct fuzzy_scale *scales,
                  struct team *team)
{
    struct scaling s = {.graph = g, .out = scales, .local_connectivity = local_connectivity};
    for (size_t i = 0; i < g->count; i++)
        s.mean += row_sum(g->distances + i * (size_t)g->k, g->k);
    s.mean /= (double)(g->count ? g->count : 1) * counted(g->k, local_connectivity);
    team_run(team, items(g), scale_rows, &s);
}

static void weigh_rows(void *context, int item, int lane)
{
    struct scaling *s = context;
    size_t k = (size_t)s->graph->k, first = (size_t)item * ROWS_PER_ITEM;
    (void)lane;
    for (size_t i = first; i < first + ROWS_PER_ITEM && i < s->graph->count; i++) {
        double sigma = s->scales[i].sigma, rho = s->scales[i].rho;
        for (size_t n = 0; n < k; n++) {
            double over = s->graph->distances[i * k + n] - rho;
            s->weights[i * k + n] = over <= 0 || sigma == 0 ? 1 : (float)exp(-over / sigma);
        }
    }
}

void fuzzy_memberships(const struct knn_graph *g, const struct fuzzy_scale *scales, float *weights,
                       struct team *team)
{
    struct scaling s = {.graph = g, .scales = scales, .weights = weights};
    team_run(team, items(g), weigh_rows, &s);
}

enum status fuzzy_graph(struct sparse *out, const struct knn_graph *g, struct team *team,
                        struct err *err)
{
    size_t cells = g->count * (size_t)g->k;
    struct fuzzy_scale *scales = malloc((g->count + 1) * sizeof *scales);
    float *weights = malloc((cells + 1) * sizeof *weights);
    enum status status = OK;
    *out = (struct sparse){0};
    if (!scales || !weights)
        status = err_no_memory(err, "the fuzzy graph", cells * sizeof *weights);
    if (status == OK) {
        fuzzy_scales(g, 1, scales, team);
        fuzzy_memberships(g, scales, weights, team);
        status = sparse_from_arrows(out, g->count, g->k, g->ids, weights, SPARSE_FUZZY_UNION, err);
    }
    free(weights);
    free(scales);
    return status;
}
