/* SPDX-License-Identifier: MIT
 *
 * See start.h. Up to 2 dim pieces lie on the half axes; more lie where a spectral layout of their
 * centres puts them (affinity exp(-d²) of cosine distances); beyond PLACED_MAX, where that would be
 * a matrix of its square, at random: such pieces are bursts of a few photographs each.
 * A piece fills half the way to the next one. Pieces too small for eigenvectors are strewn.
 */
#include "map/start.h"

#include "map/eigen.h"
#include "map/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PLACED_MAX = 1024 };

struct pieces {
    size_t count;
    uint32_t *of;   /* [rows] */
    size_t *starts; /* [count + 1] into rows */
    uint32_t *rows; /* by piece, ascending */
    double *places; /* [count, dim] */
};

static void pieces_close(struct pieces *p)
{
    free(p->of);
    free(p->starts);
    free(p->rows);
    free(p->places);
}

static enum status pieces_open(struct pieces *p, const struct sparse *graph, int dim,
                               struct err *err)
{
    size_t n = graph->count;
    *p = (struct pieces){.of = malloc((n + 1) * sizeof *p->of),
                         .rows = malloc((n + 1) * sizeof *p->rows)};
    if (!p->of || !p->rows)
        return err_no_memory(err, "the pieces of the graph", n * sizeof *p->of);
    enum status status = sparse_components(graph, p->of, &p->count, err);
    if (status != OK)
        return status;
    p->starts = calloc(p->count + 2, sizeof *p->starts);
    p->places = calloc(p->count * (size_t)dim + 1, sizeof *p->places);
    if (!p->starts || !p->places)
        return err_no_memory(err, "the pieces of the graph", p->count * sizeof *p->starts);
    for (size_t i = 0; i < n; i++)
        p->starts[p->of[i] + 2]++;
    for (size_t c = 0; c < p->count; c++)
        p->starts[c + 2] += p->starts[c + 1];
    for (size_t i = 0; i < n; i++)
        p->rows[p->starts[p->of[i] + 1]++] = (uint32_t)i;
    return OK;
}

/* --- where the pieces lie -----------------------------------------------------------------------
 */

static void on_axes(struct pieces *p, size_t dim)
{
    size_t axes = (p->count + 1) / 2;
    for (size_t c = 0; c < p->count; c++)
        p->places[c * dim + (c < axes ? c : c - axes)] = c < axes ? 1 : -1;
}

static void at_random(struct pieces *p, size_t dim, uint64_t seed)
{
    struct chance chance = chance_at(seed, CHANCE_COMPONENT, 0, 0);
    for (size_t i = 0; i < p->count * dim; i++)
        p->places[i] = 2 * chance_unit(&chance) - 1;
}

static enum status centres_make(const struct pieces *p, const struct map_vectors *v, float **out,
                                struct err *err)
{
    size_t dim = (size_t)v->dim;
    float *centres = calloc(p->count * dim + dim, sizeof *centres), *row = centres;
    *out = centres;
    if (!centres)
        return err_no_memory(err, "the centres of the graph's pieces", p->count * dim * 4);
    row += p->count * dim;
    for (size_t i = 0; i < v->count; i++) {
        map_vectors_row(v, i, row);
        for (size_t d = 0; d < dim; d++)
            centres[p->of[i] * dim + d] += row[d];
    }
    for (size_t c = 0; c < p->count; c++) {
        float *x = centres + c * dim, norm = sqrtf(v->kernels.dot(x, x, dim));
        v->kernels.scale(x, x, norm > 0 ? 1 / norm : 0, dim);
    }
    return OK;
}

/* Every piece's affinity to every other, as a graph. */
static enum status affinities(struct sparse *out, const struct pieces *p,
                              const struct map_vectors *v, struct err *err)
{
    size_t n = p->count, dim = (size_t)v->dim, used = 0;
    float *centres;
    *out = (struct sparse){.count = n,
                           .starts = malloc((n + 1) * sizeof *out->starts),
                           .ids = malloc(n * n * sizeof *out->ids),
                           .weights = malloc(n * n * sizeof *out->weights)};
    if (!out->starts || !out->ids || !out->weights)
        return err_no_memory(err, "the places of the graph's pieces", n * n * 8);
    enum status status = centres_make(p, v, &centres, err);
    for (size_t i = 0; i < n && status == OK; i++) {
        out->starts[i] = used;
        for (size_t j = 0; j < n; j++) {
            if (j == i)
                continue;
            float d = 1 - v->kernels.dot(centres + i * dim, centres + j * dim, dim);
            out->ids[used] = (uint32_t)j;
            out->weights[used++] = expf(-d * d);
        }
    }
    out->starts[n] = used;
    free(centres);
    return status;
}

static enum status by_centres(struct pieces *p, const struct map_vectors *v, int dim, uint64_t seed,
                              struct team *team, struct err *err)
{
    struct sparse graph = {0};
    double largest = 0;
    enum status status = affinities(&graph, p, v, err);
    if (status == OK)
        status = eigen_spectral(&graph, dim, seed, p->places, team, err);
    for (size_t i = 0; i < p->count * (size_t)dim; i++)
        largest = fmax(largest, fabs(p->places[i]));
    for (size_t i = 0; i < p->count * (size_t)dim; i++)
        p->places[i] /= largest > 0 ? largest : 1;
    sparse_free(&graph);
    return status;
}

static enum status place(struct pieces *p, const struct map_vectors *v, int dim, uint64_t seed,
                         struct team *team, struct err *err)
{
    if (p->count <= 2 * (size_t)dim)
        on_axes(p, (size_t)dim);
    else if (p->count > PLACED_MAX)
        at_random(p, (size_t)dim, seed);
    else
        return by_centres(p, v, dim, seed, team, err);
    return OK;
}

/* --- a piece ------------------------------------------------------------------------------------
 */

/* Half the way to the nearest other piece. */
static double room(const struct pieces *p, size_t piece, size_t dim)
{
    double nearest = INFINITY;
    for (size_t c = 0; c < p->count; c++) {
        double square = 0;
        for (size_t d = 0; d < dim; d++) {
            double way = p->places[c * dim + d] - p->places[piece * dim + d];
            square += way * way;
        }
        if (square > 0)
            nearest = fmin(nearest, square);
    }
    return isfinite(nearest) ? sqrt(nearest) / 2 : 1;
}

struct piece {
    const uint32_t *rows; /* [count] */
    size_t count;
    const double *place; /* [dim] */
    double room;
};

static void strew(const struct piece *p, int dim, uint64_t seed, float *positions)
{
    for (size_t i = 0; i < p->count; i++) {
        struct chance chance = chance_at(seed, CHANCE_COMPONENT, p->rows[i], 1);
        for (int d = 0; d < dim; d++)
            positions[(size_t)p->rows[i] * (size_t)dim + (size_t)d] =
                (float)(p->place[d] + p->room * (2 * chance_unit(&chance) - 1));
    }
}

static enum status lay_out(const struct piece *p, const struct sparse *graph, int dim,
                           uint64_t seed, float *positions, struct team *team, struct err *err)
{
    size_t width = (size_t)dim;
    double *vectors = malloc(p->count * width * sizeof *vectors), largest = 0;
    if (!vectors)
        return err_no_memory(err, "the spectral start", p->count * width * sizeof *vectors);
    enum status status = eigen_spectral(graph, dim, seed, vectors, team, err);
    for (size_t i = 0; i < p->count * width && status == OK; i++)
        largest = fmax(largest, fabs(vectors[i]));
    for (size_t i = 0; i < p->count * width && status == OK; i++)
        positions[p->rows[i / width] * width + i % width] =
            (float)(p->place[i % width] + vectors[i] * p->room / (largest > 0 ? largest : 1));
    free(vectors);
    return status;
}

static enum status start_piece(const struct piece *p, const struct sparse *graph, size_t pieces,
                               int dim, uint64_t seed, float *positions, struct team *team,
                               struct err *err)
{
    if (p->count < 2 * (size_t)dim || p->count < (size_t)dim + 2) {
        strew(p, dim, seed, positions);
        return OK;
    }
    if (pieces == 1)
        return lay_out(p, graph, dim, seed, positions, team, err);
    struct sparse part = {0};
    uint32_t *scratch = malloc(graph->count * sizeof *scratch);
    if (!scratch)
        return err_no_memory(err, "a piece of the graph", graph->count * sizeof *scratch);
    enum status status = sparse_part(&part, graph, p->rows, p->count, scratch, err);
    if (status == OK)
        status = lay_out(p, &part, dim, seed, positions, team, err);
    sparse_free(&part);
    free(scratch);
    return status;
}

/* --- the whole ----------------------------------------------------------------------------------
 */

/* The largest coordinate becomes 10, points that coincide are parted a little, then each axis is
 * brought to 0 .. 10. */
static void scale_axes(float *positions, size_t count, size_t dim, uint64_t seed)
{
    float largest = 0;
    for (size_t i = 0; i < count * dim; i++)
        largest = fmaxf(largest, fabsf(positions[i]));
    float expansion = largest > 0 ? 10 / largest : 1;
    for (size_t i = 0; i < count; i++) {
        struct chance chance = chance_at(seed, CHANCE_JITTER, i, 0);
        for (size_t d = 0; d < dim; d++)
            positions[i * dim + d] =
                (float)(positions[i * dim + d] * expansion + 1e-4 * chance_normal(&chance));
    }
    for (size_t d = 0; d < dim; d++) {
        float low = INFINITY, high = -INFINITY;
        for (size_t i = 0; i < count; i++) {
            low = fminf(low, positions[i * dim + d]);
            high = fmaxf(high, positions[i * dim + d]);
        }
        for (size_t i = 0; i < count; i++)
            positions[i * dim + d] =
                high > low ? 10 * (positions[i * dim + d] - low) / (high - low) : 0;
    }
}

enum status start_spectral(const struct sparse *graph, const struct map_vectors *vectors, int dim,
                           uint64_t seed, float *positions, struct team *team, struct err *err)
{
    struct pieces p;
    enum status status = pieces_open(&p, graph, dim, err);
    if (status == OK && p.count > 1)
        status = place(&p, vectors, dim, seed, team, err);
    for (size_t c = 0; c < p.count && status == OK; c++) {
        const struct piece piece = {.rows = p.rows + p.starts[c],
                                    .count = p.starts[c + 1] - p.starts[c],
                                    .place = p.places + c * (size_t)dim,
                                    .room = room(&p, c, (size_t)dim)};
        status = start_piece(&piece, graph, p.count, dim, seed, positions, team, err);
    }
    if (status == OK)
        scale_axes(positions, graph->count, (size_t)dim, seed);
    pieces_close(&p);
    return status;
}
