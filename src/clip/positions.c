/* SPDX-License-Identifier: MIT
 *
 * See positions.h. The filter is separable: along the rows first, then along the columns. For
 * output i the centre lies at (i + 0.5) * from / to; the weights are those of Keys' cubic with
 * a = -0.5 at the distances of the samples, made wider by from / to when the grid shrinks
 * (antialias), cut off at the border and divided by their sum. (torch uses a = -0.75 only without
 * antialias.) Sums are in double and rounded once per pass.
 */
#include "clip/positions.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Keys, Cubic convolution interpolation for digital image processing (1981), a = -0.5. */
static double cubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2)
        return ((x - 5) * x + 8) * x * a - 4 * a;
    return 0;
}

/* Samples that output i is a weighted sum of: weights[0 .. count) from sample `first` on. */
struct taps {
    int first, count;
};

static struct taps fill_taps(double *weights, int i, int to, int from)
{
    double scale = (double)from / to, stretch = scale > 1 ? scale : 1;
    double centre = (i + 0.5) * scale, support = 2 * stretch, sum = 0;
    int first = (int)(centre - support + 0.5), end = (int)(centre + support + 0.5);
    first = centre - support + 0.5 < 0 ? 0 : first;
    end = end > from ? from : end;
    for (int k = 0; k < end - first; k++)
        sum += weights[k] = cubic((first + k - centre + 0.5) / stretch);
    for (int k = 0; k < end - first; k++)
        weights[k] /= sum;
    return (struct taps){first, end - first};
}

/* out: [lines, to, width] from in: [lines, from, width], `step` floats between neighbours and
 * `line` floats between lines. Both passes are this one with the two exchanged. */
struct pass {
    int lines, width;
    size_t in_step, in_line, out_step, out_line;
};

static void resize_lines(float *out, int to, const float *in, int from, const struct pass *p,
                         double *weights)
{
    for (int i = 0; i < to; i++) {
        struct taps taps = fill_taps(weights, i, to, from);
        for (int line = 0; line < p->lines; line++) {
            const float *at = in + (size_t)line * p->in_line + (size_t)taps.first * p->in_step;
            float *row = out + (size_t)line * p->out_line + (size_t)i * p->out_step;
            for (int c = 0; c < p->width; c++) {
                double sum = 0;
                for (int k = 0; k < taps.count; k++)
                    sum += weights[k] * at[(size_t)k * p->in_step + (size_t)c];
                row[c] = (float)sum;
            }
        }
    }
}

enum status positions_resize(float *out, int to, const float *in, int from, int width,
                             struct err *err)
{
    size_t w = (size_t)width, rows = (size_t)from, columns = (size_t)to;
    if (to == from) {
        memcpy(out, in, (1 + rows * rows) * w * sizeof *out);
        return OK;
    }
    float *between = malloc(rows * columns * w * sizeof *between); /* [from, to, W] */
    double *weights = malloc(rows * sizeof *weights);
    if (!between || !weights) {
        free(between);
        free(weights);
        return err_no_memory(err, "position embeddings", rows * columns * w * sizeof *between);
    }
    const struct pass across = {.lines = from,
                                .width = width,
                                .in_step = w,
                                .in_line = rows * w,
                                .out_step = w,
                                .out_line = columns * w};
    const struct pass down = {.lines = to,
                              .width = width,
                              .in_step = columns * w,
                              .in_line = w,
                              .out_step = columns * w,
                              .out_line = w};
    memcpy(out, in, w * sizeof *out); /* the class token */
    resize_lines(between, to, in + w, from, &across, weights);
    resize_lines(out + w, to, between, from, &down, weights);
    free(between);
    free(weights);
    return OK;
}
