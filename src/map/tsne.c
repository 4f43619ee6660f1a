/* SPDX-License-Identifier: MIT
 *
 * See tsne.h. Affinities from the neighbour graph (each row's width by bisection to the
 * perplexity), made symmetric; then gradient descent with momentum and a gain for each coordinate.
 * A point's attraction and repulsion are one thread's work and the sum of all q is taken in order,
 * so nothing depends on the threads. Learning rate: n / exaggeration (Belkina et al., 2019).
 */
#include "map/tsne.h"

#include "map/octree.h"
#include "map/sparse.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HALVINGS = 200, ITEM = 64, REPORT_EVERY = 10 };
#define MOMENTUM 0.8f
#define GAIN_LEAST 0.01f
#define STEP_MOST 5.0f
#define START_DEVIATION 1e-4

const struct tsne_options tsne_defaults = {.dim = 3,
                                           .perplexity = 30,
                                           .exaggeration = 12,
                                           .early_iterations = 250,
                                           .iterations = 500,
                                           .theta = 0.5};

static double perplexity_of(const struct tsne_options *o, size_t count)
{
    double most = (double)(count - 1) / 3;
    return fmax(1, fmin(o->perplexity, most));
}

int tsne_neighbours(const struct tsne_options *o, size_t count)
{
    int k = (int)(3 * perplexity_of(o, count));
    return k < 1 ? 1 : k;
}

/* --- affinities ---------------------------------------------------------------------------------
 */

/* p: [k] of one row, summing to 1, with the entropy log(perplexity). */
static void row_affinities(const float *d, int k, double perplexity, float *p)
{
    double low = 0, high = INFINITY, beta = 1, wanted = log(perplexity);
    for (int step = 0; step < HALVINGS; step++) {
        double sum = 0, weighted = 0;
        for (int n = 0; n < k; n++) {
            double square = (double)d[n] * d[n] - (double)d[0] * d[0];
            double q = exp(-square * beta);
            p[n] = (float)q;
            sum += q;
            weighted += q * square;
        }
        double entropy = log(fmax(sum, 1e-300)) + beta * weighted / sum;
        for (int n = 0; n < k; n++)
            p[n] = (float)(p[n] / sum);
        if (fabs(entropy - wanted) < 1e-5)
            break;
        if (entropy > wanted) {
            low = beta;
            beta = isinf(high) ? beta * 2 : (low + high) / 2;
        } else {
            high = beta;
            beta = (low + high) / 2;
        }
    }
}

static enum status affinities(struct sparse *out, const struct knn_graph *g, double perplexity,
                              struct err *err)
{
    size_t k = (size_t)g->k;
    float *p = malloc(g->count * k * sizeof *p);
    *out = (struct sparse){0};
    if (!p)
        return err_no_memory(err, "the affinities", g->count * k * sizeof *p);
    for (size_t i = 0; i < g->count; i++)
        row_affinities(g->distances + i * k, g->k, perplexity, p + i * k);
    enum status status = sparse_from_arrows(out, g->count, g->k, g->ids, p, SPARSE_MEAN, err);
    double sum = 0;
    for (size_t e = 0; status == OK && e < out->starts[out->count]; e++)
        sum += out->weights[e];
    for (size_t e = 0; status == OK && e < out->starts[out->count]; e++)
        out->weights[e] = (float)(out->weights[e] / sum);
    free(p);
    return status;
}

/* --- descent ------------------------------------------------------------------------------------
 */

struct descent {
    const struct sparse *affinities;
    const struct tsne_options *options;
    struct octree tree;
    float *positions;   /* [count, dim] */
    float *steps;       /* [count, dim] */
    float *gains;       /* [count, dim] */
    double *attraction; /* [count, dim] */
    double *repulsion;  /* [count, dim] */
    double *q;          /* [count] */
    double q_sum, exaggeration, rate;
};

static void find_forces(void *context, int item, int lane)
{
    struct descent *t = context;
    size_t dim = (size_t)t->options->dim, first = (size_t)item * ITEM, n = t->affinities->count;
    const struct sparse *p = t->affinities;
    (void)lane;
    for (size_t place = first; place < first + ITEM && place < n; place++) {
        size_t i =
            t->tree.order[place]; /* near ones one after the other: they see the same cells */
        const float *y = t->positions + i * dim;
        double *attraction = t->attraction + i * dim;
        octree_repulsion(&t->tree, i, (float)t->options->theta, t->repulsion + i * dim, &t->q[i]);
        memset(attraction, 0, dim * sizeof *attraction);
        for (size_t e = p->starts[i]; e < p->starts[i + 1]; e++) {
            const float *x = t->positions + p->ids[e] * dim;
            float square = 0;
            for (size_t d = 0; d < dim; d++)
                square += (y[d] - x[d]) * (y[d] - x[d]);
            float weight = p->weights[e] / (1 + square);
            for (size_t d = 0; d < dim; d++)
                attraction[d] += weight * (y[d] - x[d]);
        }
    }
}

static void move_points(void *context, int item, int lane)
{
    struct descent *t = context;
    size_t dim = (size_t)t->options->dim, first = (size_t)item * ITEM, n = t->affinities->count;
    (void)lane;
    for (size_t i = first; i < first + ITEM && i < n; i++) {
        float *step = t->steps + i * dim, *gain = t->gains + i * dim, norm = 0;
        for (size_t d = 0; d < dim; d++) {
            float gradient = (float)(4 * (t->exaggeration * t->attraction[i * dim + d] -
                                          t->repulsion[i * dim + d] / t->q_sum));
            gain[d] = (gradient > 0) != (step[d] > 0) ? gain[d] + 0.2f : gain[d] * 0.8f;
            gain[d] = fmaxf(gain[d], GAIN_LEAST);
            step[d] = MOMENTUM * step[d] - (float)t->rate * gain[d] * gradient;
            norm += step[d] * step[d];
        }
        float scale = norm > STEP_MOST * STEP_MOST ? STEP_MOST / sqrtf(norm) : 1;
        for (size_t d = 0; d < dim; d++) {
            step[d] *= scale;
            t->positions[i * dim + d] += step[d];
        }
    }
}

static enum status iterate(struct descent *t, int iterations, double exaggeration, int done,
                           struct team *team, const struct map_watch *watch, struct err *err)
{
    size_t n = t->affinities->count, cells = n * (size_t)t->options->dim;
    int items = (int)((n + ITEM - 1) / ITEM);
    enum status status = OK;
    t->exaggeration = exaggeration;
    t->rate = fmax((double)n / exaggeration, 1);
    memset(t->steps, 0, cells * sizeof *t->steps);
    for (size_t i = 0; i < cells; i++)
        t->gains[i] = 1;
    for (int i = 0; i < iterations && status == OK; i++) {
        if (i % REPORT_EVERY == 0)
            status = map_watch_report(
                watch, "layout", (size_t)done + (size_t)i,
                (size_t)t->options->early_iterations + (size_t)t->options->iterations, err);
        if (status == OK)
            status = octree_build(&t->tree, t->positions, err);
        if (status != OK)
            break;
        team_run(team, items, find_forces, t);
        t->q_sum = 0;
        for (size_t p = 0; p < n; p++)
            t->q_sum += t->q[p];
        t->q_sum = fmax(t->q_sum, 1e-300);
        team_run(team, items, move_points, t);
    }
    return status;
}

/* The first axis gets the deviation that t-SNE begins with, the others keep their proportion. */
static void scale_start(float *positions, size_t count, size_t dim)
{
    double mean[OCTREE_DIM_MAX] = {0}, square = 0;
    for (size_t i = 0; i < count * dim; i++)
        mean[i % dim] += positions[i] / (double)count;
    for (size_t i = 0; i < count; i++)
        square += (positions[i * dim] - mean[0]) * (positions[i * dim] - mean[0]);
    double scale = square > 0 ? START_DEVIATION / sqrt(square / (double)count) : 0;
    for (size_t i = 0; i < count * dim; i++)
        positions[i] = (float)((positions[i] - mean[i % dim]) * scale);
}

static enum status descent_open(struct descent *t, size_t count, struct err *err)
{
    size_t cells = count * (size_t)t->options->dim + 1;
    t->steps = malloc(cells * sizeof *t->steps);
    t->gains = malloc(cells * sizeof *t->gains);
    t->attraction = malloc(cells * sizeof *t->attraction);
    t->repulsion = malloc(cells * sizeof *t->repulsion);
    t->q = malloc((count + 1) * sizeof *t->q);
    if (!t->steps || !t->gains || !t->attraction || !t->repulsion || !t->q)
        return err_no_memory(err, "t-SNE", cells * 24);
    return octree_open(&t->tree, count, t->options->dim, err);
}

static void descent_close(struct descent *t)
{
    octree_close(&t->tree);
    free(t->steps);
    free(t->gains);
    free(t->attraction);
    free(t->repulsion);
    free(t->q);
}

enum status tsne_fit(float *positions, const struct knn_graph *graph,
                     const struct tsne_options *options, struct team *team,
                     const struct map_watch *watch, struct err *err)
{
    struct sparse p;
    assert(options->dim >= 2 && options->dim <= OCTREE_DIM_MAX);
    enum status status = affinities(&p, graph, perplexity_of(options, graph->count), err);
    struct descent t = {.affinities = &p, .options = options, .positions = positions};
    if (status == OK)
        status = descent_open(&t, graph->count, err);
    if (status == OK) {
        scale_start(positions, graph->count, (size_t)options->dim);
        status = iterate(&t, options->early_iterations, options->exaggeration, 0, team, watch, err);
    }
    if (status == OK)
        status = iterate(&t, options->iterations, 1, options->early_iterations, team, watch, err);
    descent_close(&t);
    sparse_free(&p);
    return status;
}
