/* SPDX-License-Identifier: MIT
 *
 * See vectors.h.
 */
#include "map/vectors.h"

#include "base/cpu.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_PER_ITEM = 1024 };

static const float *row_f32(const struct map_vectors *v, size_t row, float *scratch)
{
    size_t dim = (size_t)v->dim;
    if (v->f32)
        return v->f32 + row * dim;
    v->kernels.f16_to_f32(scratch, v->f16 + row * dim, dim);
    return scratch;
}

static float inverse_norm(const float *row, size_t dim)
{
    double square = 0;
    for (size_t d = 0; d < dim; d++)
        square += (double)row[d] * row[d];
    float inverse = (float)(1 / sqrt(square));
    return isfinite(square) && square > 0 && isfinite(inverse) ? inverse : 0;
}

static void take_norms(void *context, int item, int lane)
{
    struct map_vectors *v = context;
    float scratch[MAP_DIMENSION_MAX];
    (void)lane;
    size_t first = (size_t)item * ROWS_PER_ITEM, end = first + ROWS_PER_ITEM;
    for (size_t row = first; row < end && row < v->count; row++)
        v->inverse[row] = inverse_norm(row_f32(v, row, scratch), (size_t)v->dim);
}

enum status map_vectors_open(struct map_vectors *out, const float *f32, const uint16_t *f16,
                             size_t count, int dim, struct team *team, struct err *err)
{
    unsigned flags;
    *out = (struct map_vectors){.count = count, .dim = dim, .f32 = f32, .f16 = f16};
    if (count > MAP_ROWS_MAX || dim < 1 || dim > MAP_DIMENSION_MAX)
        return err_set(err, ERR_LIMIT, "a map of %zu vectors of %d dimensions; at most %d of %d",
                       count, dim, MAP_ROWS_MAX, MAP_DIMENSION_MAX);
    enum status status = cpu_flags(&flags, err);
    if (status != OK)
        return status;
    kernels_init(&out->kernels, flags);
    out->inverse = malloc((count + 1) * sizeof *out->inverse);
    if (!out->inverse)
        return err_no_memory(err, "the norms of the vectors", count * sizeof *out->inverse);
    team_run(team, (int)((count + ROWS_PER_ITEM - 1) / ROWS_PER_ITEM), take_norms, out);
    return OK;
}

void map_vectors_close(struct map_vectors *v)
{
    if (!v)
        return;
    free(v->inverse);
    *v = (struct map_vectors){0};
}

void map_vectors_row(const struct map_vectors *v, size_t row, float *out)
{
    size_t dim = (size_t)v->dim;
    float inverse = v->inverse[row];
    if (inverse == 0) {
        memset(out, 0, dim * sizeof *out);
        return;
    }
    const float *values = row_f32(v, row, out);
    v->kernels.scale(out, values, inverse, dim);
}

float map_vectors_cosine(const struct map_vectors *v, size_t row, const float *query)
{
    size_t dim = (size_t)v->dim;
    float dot = 0;
    if (v->inverse[row] == 0)
        return 0;
    if (v->f32)
        dot = v->kernels.dot(query, v->f32 + row * dim, dim);
    else
        v->kernels.dot_f16_rows(&dot, query, v->f16 + row * dim, 1, dim);
    return dot * v->inverse[row];
}
