/* SPDX-License-Identifier: MIT
 *
 * Area averaging, first down the columns, then along the rows: a row of the result is the weighted
 * sum of the picture's rows that it covers, which is a loop over contiguous samples that compilers
 * make vector code of; only what remains is summed along. Sums are float32 in a fixed order.
 */
#include "image/area.h"

#include <math.h>
#include <stdlib.h>

/* The samples that one sample of the result covers: [first, last], with the weights of these two;
 * those between weigh 1. */
struct cover {
    int first, last;
    float first_weight, last_weight;
};

static struct cover cover_of(const struct image_span *span, int samples, int i, int n)
{
    double each = (span->end - span->begin) / n;
    double begin = span->begin + i * each, end = begin + each;
    int first = (int)floor(begin), last = (int)ceil(end) - 1;
    first = first < 0 ? 0 : first > samples - 1 ? samples - 1 : first;
    last = last < first ? first : last > samples - 1 ? samples - 1 : last;
    if (first == last)
        return (struct cover){first, last, 1, 1};
    /* An edge of the picture may lie a little beyond the pixels: the last one stands for it. */
    double end_weight = last == samples - 1 && end > samples ? 1 : end - last;
    return (struct cover){first, last, (float)(first + 1 - begin), (float)end_weight};
}

static void add_row(float *restrict sum, const uint8_t *restrict row, size_t n, float weight)
{
    for (size_t i = 0; i < n; i++)
        sum[i] += weight * (float)row[i];
}

static float sum_down(float *sum, const struct image *image, const struct cover *c)
{
    size_t n = (size_t)image->width * 3;
    float weights = 0;
    for (size_t i = 0; i < n; i++)
        sum[i] = 0;
    for (int y = c->first; y <= c->last; y++) {
        float weight = y == c->first ? c->first_weight : y == c->last ? c->last_weight : 1;
        add_row(sum, image->pixels + (size_t)y * n, n, weight);
        weights += weight;
    }
    return weights;
}

static void sum_along(uint8_t *out, const float *sum, const struct cover *c, float weights_down)
{
    float rgb[3] = {0}, weights = 0;
    for (int x = c->first; x <= c->last; x++) {
        float weight = x == c->first ? c->first_weight : x == c->last ? c->last_weight : 1;
        for (int k = 0; k < 3; k++)
            rgb[k] += weight * sum[3 * (size_t)x + (size_t)k];
        weights += weight;
    }
    for (int k = 0; k < 3; k++)
        out[k] = (uint8_t)(rgb[k] / (weights * weights_down) + 0.5F);
}

enum status area_mean(uint8_t *out, int width, int height, const struct image *image,
                      struct err *err)
{
    size_t samples = (size_t)image->width * 3;
    float *sum = malloc(samples * sizeof *sum);
    struct cover *across = malloc((size_t)width * sizeof *across);
    enum status status = OK;
    if (!sum || !across) {
        status = err_no_memory(err, "a smaller picture", samples * sizeof *sum);
        goto out;
    }
    for (int x = 0; x < width; x++)
        across[x] = cover_of(&image->across, image->width, x, width);
    for (int y = 0; y < height; y++) {
        struct cover down = cover_of(&image->down, image->height, y, height);
        float weights = sum_down(sum, image, &down);
        for (int x = 0; x < width; x++, out += 3)
            sum_along(out, sum, &across[x], weights);
    }
out:
    free(across);
    free(sum);
    return status;
}
