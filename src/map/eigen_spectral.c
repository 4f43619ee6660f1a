/* SPDX-License-Identifier: MIT
 *
 * Subspace iteration with a Chebyshev filter (Zhou, Saad, Tiago and Chelikowsky, 2006): a block of
 * vectors is multiplied by a polynomial of the matrix that is small on the eigenvalues that are not
 * wanted, -1 up to the block's lowest Ritz value, and grows fast above. Then the block is made
 * orthonormal, also to the known first eigenvector sqrt(D), and turned to its Ritz vectors. Chosen
 * over Lanczos because the block is read by rows, one gather serving all its vectors, and because
 * clusters of eigenvalues near 1, which is what well-parted groups of photographs have, need no
 * restarts. Products run on the team by rows; sums are taken by one thread, in order.
 */
#include "map/eigen.h"
#include "map/random.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD = 9, BLOCK_MAX = 64, DEGREE = 24, ROUNDS = 10, ROWS_PER_ITEM = 1024 };
#define RESIDUAL 1e-4

struct filter {
    const struct sparse *w;
    size_t block;      /* vectors */
    double *root;      /* [count] D^1/2, of length 1 after normalisation */
    double *inverse;   /* [count] D^-1/2 */
    double *x, *y, *z; /* [count, block] */
    /* y = scale (M x - centre x) - before z, where before is 0 or 1 */
    double scale, centre, before;
    const double *from, *older;
    double *to;
};

/* One row of the recurrence. */
static void filter_row(const struct filter *f, size_t row)
{
    size_t m = f->block;
    double sum[BLOCK_MAX] = {0};
    for (size_t e = f->w->starts[row]; e < f->w->starts[row + 1]; e++) {
        size_t other = f->w->ids[e];
        double weight = (double)f->w->weights[e] * f->inverse[other];
        const double *x = f->from + other * m;
        for (size_t c = 0; c < m; c++)
            sum[c] += weight * x[c];
    }
    const double *own = f->from + row * m, *older = f->older + row * m;
    double *to = f->to + row * m, inverse = f->inverse[row];
    for (size_t c = 0; c < m; c++)
        to[c] = f->scale * (inverse * sum[c] - f->centre * own[c]) - f->before * older[c];
}

static void filter_rows(void *context, int item, int lane)
{
    const struct filter *f = context;
    size_t first = (size_t)item * ROWS_PER_ITEM;
    (void)lane;
    for (size_t row = first; row < first + ROWS_PER_ITEM && row < f->w->count; row++)
        filter_row(f, row);
}

static void multiply(struct filter *f, const double *from, const double *older, double *to,
                     struct team *team)
{
    f->from = from;
    f->older = older;
    f->to = to;
    team_run(team, (int)((f->w->count + ROWS_PER_ITEM - 1) / ROWS_PER_ITEM), filter_rows, f);
}

/* x becomes T(M) x, T the Chebyshev polynomial on [-1, cut]. */
static void chebyshev(struct filter *f, double cut, struct team *team)
{
    double half = (cut + 1) / 2;
    f->centre = (cut - 1) / 2;
    f->scale = 1 / half;
    f->before = 0;
    multiply(f, f->x, f->x, f->y, team);
    f->scale = 2 / half;
    f->before = 1;
    for (int d = 1; d < DEGREE; d++) {
        multiply(f, f->y, f->x, f->z, team);
        double *oldest = f->x;
        f->x = f->y;
        f->y = f->z;
        f->z = oldest;
    }
    double *result = f->y;
    f->y = f->x;
    f->x = result;
}

/* Takes the first eigenvector and the columns before `c` out of column c: dots, then minus. */
static void project(struct filter *f, size_t c)
{
    size_t m = f->block, n = f->w->count;
    double dots[BLOCK_MAX + 1] = {0};
    for (size_t i = 0; i < n; i++) {
        const double *row = f->x + i * m;
        for (size_t b = 0; b < c; b++)
            dots[b] += row[b] * row[c];
        dots[c] += f->root[i] * row[c];
    }
    for (size_t i = 0; i < n; i++) {
        double *row = f->x + i * m, sum = dots[c] * f->root[i];
        for (size_t b = 0; b < c; b++)
            sum += dots[b] * row[b];
        row[c] -= sum;
    }
}

static double column_norm(const struct filter *f, size_t c)
{
    double square = 0;
    for (size_t i = 0; i < f->w->count; i++)
        square += f->x[i * f->block + c] * f->x[i * f->block + c];
    return sqrt(square);
}

static void scale_column(struct filter *f, size_t c, double factor)
{
    for (size_t i = 0; i < f->w->count; i++)
        f->x[i * f->block + c] *= factor;
}

/* Gram and Schmidt, twice; a column that is nothing afterwards is drawn anew. */
static void orthonormalise(struct filter *f, uint64_t seed, uint64_t round)
{
    for (size_t c = 0; c < f->block; c++) {
        for (int pass = 0; pass < 2; pass++) {
            double norm = column_norm(f, c);
            if (!(norm > 0) || !isfinite(norm)) {
                struct chance chance = chance_at(seed, CHANCE_SPECTRAL, c, round + 1);
                for (size_t i = 0; i < f->w->count; i++)
                    f->x[i * f->block + c] = chance_normal(&chance);
                norm = column_norm(f, c);
            }
            scale_column(f, c, 1 / norm);
            project(f, c);
        }
        scale_column(f, c, 1 / fmax(column_norm(f, c), 1e-300));
    }
}

/* The block's Ritz values and vectors: x and y = M x are turned. */
static enum status rayleigh_ritz(struct filter *f, double *values, struct team *team,
                                 struct err *err)
{
    size_t m = f->block;
    double h[BLOCK_MAX * BLOCK_MAX], v[BLOCK_MAX * BLOCK_MAX];
    memset(h, 0, m * m * sizeof *h);
    f->scale = 1;
    f->centre = 0;
    f->before = 0;
    multiply(f, f->x, f->x, f->y, team);
    for (size_t i = 0; i < f->w->count; i++)
        for (size_t a = 0; a < m; a++)
            for (size_t b = 0; b <= a; b++)
                h[a * m + b] += f->x[i * m + a] * f->y[i * m + b];
    enum status status = eigen_dense(h, (int)m, (int)m, values, v, err);
    for (size_t i = 0; i < f->w->count && status == OK; i++) {
        double x[BLOCK_MAX], y[BLOCK_MAX];
        memcpy(x, f->x + i * m, m * sizeof *x);
        memcpy(y, f->y + i * m, m * sizeof *y);
        for (size_t a = 0; a < m; a++) {
            double sx = 0, sy = 0;
            for (size_t b = 0; b < m; b++) {
                sx += v[a * m + b] * x[b];
                sy += v[a * m + b] * y[b];
            }
            f->x[i * m + a] = sx;
            f->y[i * m + a] = sy;
        }
    }
    return status;
}

/* The largest |M x - value x| of the first `count` columns. */
static double residual(const struct filter *f, const double *values, int count)
{
    double worst = 0;
    for (size_t c = 0; c < (size_t)count; c++) {
        double square = 0;
        for (size_t i = 0; i < f->w->count; i++) {
            double r = f->y[i * f->block + c] - values[c] * f->x[i * f->block + c];
            square += r * r;
        }
        worst = fmax(worst, sqrt(square));
    }
    return worst;
}

static enum status filter_open(struct filter *f, const struct sparse *w, int count, uint64_t seed,
                               struct err *err)
{
    size_t n = w->count, m = (size_t)count + GUARD;
    if (m > n - 1)
        m = n - 1;
    *f = (struct filter){.w = w, .block = m};
    f->root = malloc(n * sizeof *f->root);
    f->inverse = malloc(n * sizeof *f->inverse);
    f->x = malloc(n * m * sizeof *f->x);
    f->y = malloc(n * m * sizeof *f->y);
    f->z = malloc(n * m * sizeof *f->z);
    if (!f->root || !f->inverse || !f->x || !f->y || !f->z)
        return err_no_memory(err, "the spectral start", 3 * n * m * sizeof *f->x);
    double total = 0;
    for (size_t i = 0; i < n; i++) {
        double degree = 0;
        for (size_t e = w->starts[i]; e < w->starts[i + 1]; e++)
            degree += w->weights[e];
        f->root[i] = sqrt(degree);
        f->inverse[i] = degree > 0 ? 1 / f->root[i] : 0;
        total += degree;
    }
    for (size_t i = 0; i < n; i++) {
        struct chance chance = chance_at(seed, CHANCE_SPECTRAL, i, 0);
        f->root[i] /= sqrt(total);
        for (size_t c = 0; c < m; c++)
            f->x[i * m + c] = chance_normal(&chance);
    }
    return OK;
}

static void filter_close(struct filter *f)
{
    free(f->root);
    free(f->inverse);
    free(f->x);
    free(f->y);
    free(f->z);
}

/* The largest value of each column positive, as everywhere here. */
static void take_columns(const struct filter *f, int count, double *vectors)
{
    size_t m = f->block, wanted = (size_t)count;
    for (size_t c = 0; c < wanted; c++) {
        double largest = 0;
        for (size_t i = 0; i < f->w->count; i++)
            if (fabs(f->x[i * m + c]) > fabs(largest))
                largest = f->x[i * m + c];
        for (size_t i = 0; i < f->w->count; i++)
            vectors[i * wanted + c] = largest < 0 ? -f->x[i * m + c] : f->x[i * m + c];
    }
}

enum status eigen_spectral(const struct sparse *w, int count, uint64_t seed, double *vectors,
                           struct team *team, struct err *err)
{
    struct filter f = {0};
    double values[BLOCK_MAX];
    if (count < 1 || count + GUARD > BLOCK_MAX || w->count < (size_t)count + 2)
        return err_set(err, ERR_ARGUMENT, "a spectral start in %d dimensions for %zu vectors",
                       count, w->count);
    enum status status = filter_open(&f, w, count, seed, err);
    double cut = 0;
    for (int round = 0; round < ROUNDS && status == OK; round++) {
        chebyshev(&f, cut, team);
        orthonormalise(&f, seed, (uint64_t)round);
        status = rayleigh_ritz(&f, values, team, err);
        if (status == OK && residual(&f, values, count) < RESIDUAL)
            break;
        /* Below the block's lowest value, and never so near 1 that the filter does nothing. */
        cut = fmin(fmax(values[f.block - 1], -0.5), 0.999);
    }
    if (status == OK)
        take_columns(&f, count, vectors);
    filter_close(&f);
    return status;
}
