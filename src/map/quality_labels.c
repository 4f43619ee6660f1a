/* SPDX-License-Identifier: MIT
 *
 * How well a map, or a partition, agrees with labels.
 */
#include "map/quality.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct silhouette {
    const float *positions;
    size_t count, rows;
    int dim, label_count;
    const int *labels;
    const size_t *sizes; /* [label_count] */
    double *sums;        /* [threads, label_count] */
    double *values;      /* [rows]; NAN: a row without a label, or alone with it */
};

static void silhouette_row(void *context, int item, int lane)
{
    struct silhouette *s = context;
    size_t row = s->count * (size_t)item / s->rows, dim = (size_t)s->dim;
    size_t labels = (size_t)s->label_count;
    double *sums = s->sums + (size_t)lane * labels, other = INFINITY;
    int own = s->labels[row];
    s->values[item] = NAN;
    if (own < 0)
        return;
    memset(sums, 0, labels * sizeof *sums);
    for (size_t j = 0; j < s->count; j++) {
        double square = 0;
        if (s->labels[j] < 0)
            continue;
        for (size_t d = 0; d < dim; d++) {
            double way = s->positions[row * dim + d] - s->positions[j * dim + d];
            square += way * way;
        }
        sums[s->labels[j]] += sqrt(square);
    }
    for (int l = 0; l < s->label_count; l++)
        if (l != own && s->sizes[l] > 0)
            other = fmin(other, sums[l] / (double)s->sizes[l]);
    if (!isfinite(other))
        return;
    if (s->sizes[own] < 2) {
        s->values[item] = 0;
        return;
    }
    double mine = sums[own] / (double)(s->sizes[own] - 1), most = fmax(mine, other);
    s->values[item] = most > 0 ? (other - mine) / most : 0;
}

enum status quality_silhouette(double *out, const float *positions, size_t count, int dim,
                               const int *labels, int label_count, struct team *team,
                               struct err *err)
{
    size_t many = (size_t)label_count, rows = count < 4 * QUALITY_ROWS ? count : 4 * QUALITY_ROWS;
    size_t *sizes = calloc(many + 1, sizeof *sizes);
    struct silhouette s = {.positions = positions,
                           .count = count,
                           .rows = rows,
                           .dim = dim,
                           .label_count = label_count,
                           .labels = labels,
                           .sizes = sizes,
                           .sums = calloc((size_t)team_threads(team) * many + 1, sizeof *s.sums),
                           .values = calloc(rows + 1, sizeof *s.values)};
    enum status status = OK;
    *out = 0;
    if (!sizes || !s.sums || !s.values)
        status = err_no_memory(err, "the silhouette", rows * sizeof *s.values);
    if (status == OK) {
        double sum = 0;
        size_t used = 0;
        for (size_t i = 0; i < count; i++)
            if (labels[i] >= 0)
                sizes[labels[i]]++;
        team_run(team, (int)rows, silhouette_row, &s);
        for (size_t i = 0; i < rows; i++)
            if (!isnan(s.values[i])) {
                sum += s.values[i];
                used++;
            }
        *out = used ? sum / (double)used : 0;
    }
    free(s.values);
    free(s.sums);
    free(sizes);
    return status;
}

static double pairs_in(double n)
{
    return n * (n - 1) / 2;
}

enum status quality_rand(double *out, const int *a, const int *b, size_t count, struct err *err)
{
    size_t la = 0, lb = 0;
    *out = 0;
    for (size_t i = 0; i < count; i++) {
        la = a[i] >= 0 && (size_t)a[i] >= la ? (size_t)a[i] + 1 : la;
        lb = b[i] >= 0 && (size_t)b[i] >= lb ? (size_t)b[i] + 1 : lb;
    }
    double *cells = calloc((la + 1) * (lb + 1) + la + lb + 2, sizeof *cells);
    if (!cells)
        return err_no_memory(err, "a table of two partitions", la * lb * sizeof *cells);
    double *rows = cells + la * lb, *columns = rows + la, n = 0;
    double both = 0, in_a = 0, in_b = 0;
    for (size_t i = 0; i < count; i++) {
        if (a[i] < 0 || b[i] < 0)
            continue;
        cells[(size_t)a[i] * lb + (size_t)b[i]]++;
        rows[a[i]]++;
        columns[b[i]]++;
        n++;
    }
    for (size_t i = 0; i < la * lb; i++)
        both += pairs_in(cells[i]);
    for (size_t i = 0; i < la; i++)
        in_a += pairs_in(rows[i]);
    for (size_t i = 0; i < lb; i++)
        in_b += pairs_in(columns[i]);
    double expected = n > 1 ? in_a * in_b / pairs_in(n) : 0, most = (in_a + in_b) / 2;
    *out = most > expected ? (both - expected) / (most - expected) : 1;
    free(cells);
    return OK;
}
