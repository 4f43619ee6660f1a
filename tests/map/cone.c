/* SPDX-License-Identifier: MIT
 *
 * See cone.h. The same recipe as the script's; not its numbers, which are NumPy's.
 */
#include "cone.h"

#include "map/random.h"

#include <math.h>
#include <stdlib.h>

enum { DIRECTIONS = 12, CLASSES_MAX = 256 };

static void unit(struct chance *c, float *out, int dim)
{
    double square = 0;
    for (int d = 0; d < dim; d++) {
        out[d] = (float)chance_normal(c);
        square += (double)out[d] * out[d];
    }
    for (int d = 0; d < dim; d++)
        out[d] = (float)(out[d] / sqrt(square));
}

/* Shares of the classes: Dirichlet(3, 3, …), by sums of three exponentials; cumulative. */
static void shares(struct chance *c, double *out, int classes)
{
    double sum = 0;
    for (int i = 0; i < classes; i++) {
        for (int e = 0; e < 3; e++)
            sum -= log(1 - chance_unit(c));
        out[i] = sum;
    }
    for (int i = 0; i < classes; i++)
        out[i] /= sum;
}

static int pick(struct chance *c, const double *cumulative, int classes)
{
    double u = chance_unit(c);
    int i = 0;
    while (i < classes - 1 && u >= cumulative[i])
        i++;
    return i;
}

struct cone {
    int dim, classes;
    double cumulative[CLASSES_MAX];
    float *common, *centres, *basis; /* [dim], [classes, dim], [classes, DIRECTIONS, dim] */
};

static void point(const struct cone *cone, struct chance *c, float *x, int label)
{
    size_t dim = (size_t)cone->dim;
    const float *centre = cone->centres + (size_t)label * dim;
    double square = 0, scale = 1 / sqrt((double)dim);
    for (size_t d = 0; d < dim; d++)
        x[d] = 0.75f * cone->common[d] + 0.5f * centre[d];
    for (size_t b = 0; b < DIRECTIONS; b++) {
        float weight = (float)(chance_normal(c) * 0.12 * scale);
        const float *basis = cone->basis + ((size_t)label * DIRECTIONS + b) * dim;
        for (size_t d = 0; d < dim; d++)
            x[d] += weight * basis[d];
    }
    if (chance_unit(c) < 0.06) {
        const float *other = cone->centres + (size_t)chance_below(c, (uint32_t)cone->classes) * dim;
        for (size_t d = 0; d < dim; d++)
            x[d] += 0.25f * other[d];
    }
    for (size_t d = 0; d < dim; d++) {
        x[d] += (float)(chance_normal(c) * 0.25 * scale);
        square += (double)x[d] * x[d];
    }
    for (size_t d = 0; d < dim; d++)
        x[d] = (float)(x[d] / sqrt(square));
}

float *cone_make(size_t n, int dim, int classes, uint64_t seed, int *labels)
{
    size_t width = (size_t)dim, many = (size_t)classes;
    struct cone cone = {.dim = dim, .classes = classes};
    float *parts = malloc((1 + many + many * DIRECTIONS) * width * sizeof *parts);
    float *out = malloc(n * width * sizeof *out);
    if (!parts || !out || classes > CLASSES_MAX) {
        free(parts);
        free(out);
        return NULL;
    }
    struct chance c = chance_at(seed, 1000, 0, 0);
    cone.common = parts;
    cone.centres = parts + width;
    cone.basis = cone.centres + many * width;
    for (size_t i = 0; i < 1 + many; i++)
        unit(&c, parts + i * width, dim);
    for (size_t i = 0; i < many * DIRECTIONS * width; i++)
        cone.basis[i] = (float)chance_normal(&c);
    shares(&c, cone.cumulative, classes);
    for (size_t i = 0; i < n; i++) {
        struct chance own = chance_at(seed, 1001, i, 0);
        int label = pick(&own, cone.cumulative, classes);
        point(&cone, &own, out + i * width, label);
        if (labels)
            labels[i] = label;
    }
    free(parts);
    return out;
}
