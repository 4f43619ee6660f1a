/* SPDX-License-Identifier: MIT
 *
 * Two passes, the mean and then the products of what deviates from it, in blocks of rows that BLAS
 * adds up: nothing larger than d² is held, and nothing is cancelled. A row with a value that is not
 * finite counts as the zero vector, as everywhere in this room.
 */
#include "map/pca.h"

#include "map/eigen.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK = 512, ITEM = 256 };

/* The row as it is stored. */
static void plain_row(const struct map_vectors *v, size_t row, float *out)
{
    size_t dim = (size_t)v->dim;
    if (v->inverse[row] == 0)
        memset(out, 0, dim * sizeof *out);
    else if (v->f32)
        memcpy(out, v->f32 + row * dim, dim * sizeof *out);
    else
        v->kernels.f16_to_f32(out, v->f16 + row * dim, dim);
}

static void find_mean(double *mean, const struct map_vectors *v, float *row)
{
    size_t dim = (size_t)v->dim;
    memset(mean, 0, dim * sizeof *mean);
    for (size_t i = 0; i < v->count; i++) {
        plain_row(v, i, row);
        for (size_t d = 0; d < dim; d++)
            mean[d] += row[d];
    }
    for (size_t d = 0; d < dim; d++)
        mean[d] /= v->count ? (double)v->count : 1;
}

static enum status covariance(double *matrix, const double *mean, const struct map_vectors *v,
                              double *block, float *row, const struct map_watch *watch,
                              struct err *err)
{
    size_t dim = (size_t)v->dim;
    enum status status = OK;
    for (size_t first = 0; first < v->count && status == OK; first += BLOCK) {
        size_t rows = v->count - first < BLOCK ? v->count - first : BLOCK;
        for (size_t i = 0; i < rows; i++) {
            plain_row(v, first + i, row);
            for (size_t d = 0; d < dim; d++)
                block[i * dim + d] = row[d] - mean[d];
        }
        eigen_add_products(matrix, (int)dim, block, rows);
        status = map_watch_report(watch, "covariance", first + rows, v->count, err);
    }
    return status;
}

static enum status pca_open(struct pca *out, int dim, int components, struct err *err)
{
    size_t width = (size_t)dim, many = (size_t)components;
    *out = (struct pca){.dim = dim,
                        .components = components,
                        .mean = malloc(width * sizeof *out->mean),
                        .axes = malloc(width * many * sizeof *out->axes),
                        .explained = malloc(many * sizeof *out->explained)};
    if (out->mean && out->axes && out->explained)
        return OK;
    return err_no_memory(err, "principal components", width * many * sizeof *out->axes);
}

enum status pca_fit(struct pca *out, const struct map_vectors *v, int components,
                    const struct map_watch *watch, struct err *err)
{
    size_t dim = (size_t)v->dim;
    enum status status = pca_open(out, v->dim, components, err);
    if (status != OK) {
        pca_free(out);
        return status;
    }
    double *matrix = calloc(dim * dim, sizeof *matrix), total = 0;
    double *block = malloc(BLOCK * dim * sizeof *block);
    float *row = malloc(dim * sizeof *row);
    if (!matrix || !block || !row) {
        status = err_no_memory(err, "the covariance", dim * dim * sizeof *matrix);
    } else {
        find_mean(out->mean, v, row);
        status = covariance(matrix, out->mean, v, block, row, watch, err);
        for (size_t d = 0; d < dim; d++)
            total += matrix[d * dim + d];
    }
    if (status == OK)
        status = eigen_dense(matrix, v->dim, components, out->explained, out->axes, err);
    for (int c = 0; c < components && status == OK; c++)
        out->explained[c] = total > 0 ? out->explained[c] / total : 0;
    free(row);
    free(block);
    free(matrix);
    if (status != OK)
        pca_free(out);
    return status;
}

void pca_free(struct pca *p)
{
    if (!p)
        return;
    free(p->mean);
    free(p->axes);
    free(p->explained);
    *p = (struct pca){0};
}

struct projection {
    const struct pca *pca;
    const struct map_vectors *vectors;
    float *positions;
    float *rows; /* [threads, dim] */
};

static void project_item(void *context, int item, int lane)
{
    const struct projection *p = context;
    size_t dim = (size_t)p->pca->dim, many = (size_t)p->pca->components;
    size_t first = (size_t)item * ITEM;
    float *row = p->rows + (size_t)lane * dim;
    for (size_t i = first; i < first + ITEM && i < p->vectors->count; i++) {
        plain_row(p->vectors, i, row);
        for (size_t c = 0; c < many; c++) {
            double sum = 0;
            for (size_t d = 0; d < dim; d++)
                sum += (row[d] - p->pca->mean[d]) * p->pca->axes[c * dim + d];
            p->positions[i * many + c] = (float)sum;
        }
    }
}

enum status pca_project(const struct pca *pca, const struct map_vectors *v, float *positions,
                        struct team *team, struct err *err)
{
    size_t bytes = (size_t)team_threads(team) * (size_t)pca->dim * sizeof(float);
    struct projection p = {pca, v, positions, malloc(bytes)};
    if (!p.rows)
        return err_no_memory(err, "a projection", bytes);
    team_run(team, (int)((v->count + ITEM - 1) / ITEM), project_item, &p);
    free(p.rows);
    return OK;
}
