/* SPDX-License-Identifier: MIT
 *
 * See query.h. Sums are kept in double: a text pushed away with almost the weight it was asked with
 * leaves a small difference, and that is then the whole query.
 */
#include "search/query.h"

#include <math.h>
#include <stdlib.h>

/* Shorter than this part of the weights, the sum is rounding and not a direction: float32 vectors
 * carry relative errors of 6e-8 per component. */
#define CANCELLED 1e-5

static enum status check_parts(const struct query_part *parts, size_t count, double *weights,
                               struct err *err)
{
    if (count == 0)
        return err_set(err, ERR_ARGUMENT, "the query is empty: give a phrase or a picture");
    *weights = 0;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(parts[i].weight))
            return err_set(err, ERR_ARGUMENT, "the weight of part %zu is not a number", i + 1);
        *weights += fabs((double)parts[i].weight);
    }
    return OK;
}

static double component(const struct query_part *parts, size_t count, size_t d)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)parts[i].weight * (double)parts[i].vector[d];
    return sum;
}

enum status query_combine(const struct query_part *parts, size_t count, int dim, float *out,
                          struct err *err)
{
    double weights = 0;
    enum status status = check_parts(parts, count, &weights, err);
    if (status != OK)
        return status;
    double square = 0;
    for (size_t d = 0; d < (size_t)dim; d++) {
        double sum = component(parts, count, d);
        square += sum * sum;
    }
    double length = sqrt(square);
    if (!isfinite(length))
        return err_set(err, ERR_ARGUMENT, "an embedding in the query is not a number");
    if (length <= CANCELLED * weights)
        return err_set(err, ERR_ARGUMENT,
                       "the parts of the query cancel out: change a weight or leave one out");
    for (size_t d = 0; d < (size_t)dim; d++)
        out[d] = (float)(component(parts, count, d) / length);
    return OK;
}

bool query_apply_floor(const struct scan_hit *hits, size_t *found, float floor)
{
    size_t strong = 0;
    while (strong < *found && hits[strong].score >= floor)
        strong++;
    if (strong == 0 && *found > 0) {
        *found = 1;
        return false;
    }
    *found = strong;
    return strong > 0;
}
