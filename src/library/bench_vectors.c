/* SPDX-License-Identifier: MIT
 *
 * See bench_vectors.h. A row is cone + cluster + smaller cluster + its own, each part random with a
 * fixed share of the length: 0.5, 0.2, 0.15 and 0.15 of its square, which are the cosines above. In
 * a thousand dimensions random parts are as good as orthogonal.
 */
#include "library/bench_vectors.h"

#include <math.h>
#include <stdlib.h>

enum { CLUSTERS = 4096, GROUPS = 64, OUTLIERS = 3 };

static const float share_cone = 0.7071f, share_group = 0.4472f, share_cluster = 0.3873f,
                   share_own = 0.3873f;

/* splitmix64 */
static uint64_t next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t stream(uint64_t seed, uint64_t kind, uint64_t number)
{
    uint64_t state = seed ^ kind << 56;
    return next(&state) + number * 0xd1342543de82ef95u;
}

/* x += factor * a random vector of length 1, nearly: components are the sum of four uniform
 * numbers, near enough to normal, with the variance 1 / dim. */
static void add_random(float *x, size_t dim, float factor, uint64_t state)
{
    const float unit = factor * sqrtf(3 / (float)dim) * 0x1p-16f;
    for (size_t d = 0; d < dim; d++) {
        uint64_t z = next(&state);
        int sum = (int)(z & 0xffff) + (int)(z >> 16 & 0xffff) + (int)(z >> 32 & 0xffff) +
                  (int)(z >> 48) - 2 * 0xffff;
        x[d] += unit * (float)sum;
    }
}

static void normalize(float *x, size_t dim)
{
    double square = 0;
    for (size_t d = 0; d < dim; d++)
        square += (double)x[d] * (double)x[d];
    const float factor = (float)(1 / sqrt(square));
    for (size_t d = 0; d < dim; d++)
        x[d] *= factor;
}

enum status bench_vectors_open(struct bench_vectors *out, size_t rows, int dim, uint64_t seed,
                               struct err *err)
{
    const size_t width = (size_t)dim;
    *out = (struct bench_vectors){.seed = seed, .rows = rows, .dim = width};
    out->cone = calloc(width, sizeof *out->cone);
    out->clusters = calloc(CLUSTERS * width, sizeof *out->clusters);
    if (!out->cone || !out->clusters) {
        bench_vectors_close(out);
        return err_no_memory(err, "vectors to measure with", CLUSTERS * width * sizeof(float));
    }
    /* a few components hold half of what all rows share */
    add_random(out->cone, width, 1, stream(seed, 1, 0));
    uint64_t state = stream(seed, 2, 0);
    for (int i = 0; i < OUTLIERS; i++)
        out->cone[next(&state) % width] = i % 2 ? -0.6f : 0.6f;
    normalize(out->cone, width);
    for (size_t c = 0; c < CLUSTERS; c++) {
        add_random(out->clusters + c * width, width, share_group, stream(seed, 3, c % GROUPS));
        add_random(out->clusters + c * width, width, share_cluster, stream(seed, 4, c));
    }
    return OK;
}

void bench_vectors_close(struct bench_vectors *v)
{
    free(v->cone);
    free(v->clusters);
    *v = (struct bench_vectors){0};
}

static void make_vector(const struct bench_vectors *v, uint64_t kind, size_t number, float *x)
{
    uint64_t state = stream(v->seed, kind, number);
    const float *cluster = v->clusters + next(&state) % CLUSTERS * v->dim;
    for (size_t d = 0; d < v->dim; d++)
        x[d] = share_cone * v->cone[d] + cluster[d];
    add_random(x, v->dim, share_own, state);
    normalize(x, v->dim);
}

void bench_vectors_row(const struct bench_vectors *v, size_t row, float *x)
{
    make_vector(v, 5, row, x);
}

void bench_vectors_query(const struct bench_vectors *v, size_t query, float *x)
{
    make_vector(v, 6, query, x);
    if (query % 2 == 0)
        return;
    /* a phrase: little of the cone, something of a cluster, the rest elsewhere */
    for (size_t d = 0; d < v->dim; d++)
        x[d] = 0.3f * (x[d] - 0.6f * v->cone[d]);
    add_random(x, v->dim, 1, stream(v->seed, 7, query));
    normalize(x, v->dim);
}
