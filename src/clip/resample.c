/* SPDX-License-Identifier: MIT
 *
 * Resizing as Pillow: see resample.h. The weights are Pillow's own arithmetic in double, rounded
 * to fixed point; the passes are integer.
 *
 * The data's way: input row (premultiplied by its alpha, if it has one) → horizontal pass → one
 * output-width row of 8 bits → added into the accumulators of those output rows it weighs in.
 * An output row is rounded and written when its last input row has gone by. So the memory does
 * not depend on the input's height, and each input row is touched once, while it is in the cache.
 */
#include "clip/resample.h"
#include "clip/resample_rows.h"

#include "base/cpu.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static double bicubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0)
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
    if (x < 2.0)
        return (((x - 5) * x + 8) * x - 4) * a;
    return 0.0;
}

static double bilinear(double x)
{
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

struct stretch {
    double begin;   /* where the first output sample begins */
    double scale;   /* input samples per output sample */
    double widen;   /* the scale, at least 1: shrinking widens the filter (antialias) */
    double support; /* half the filter's width, in input samples */
    double (*filter)(double);
};

static bool is_whole(const struct resample_window *w)
{
    return (w->begin == 0 && w->end == 0) || (w->begin == 0 && w->end == w->in_size);
}

static struct stretch stretch_of(const struct resample_window *w, enum resample_filter filter)
{
    double length = is_whole(w) ? (double)w->in_size : w->end - w->begin;
    double scale = length / (double)w->out_size;
    double widen = scale < 1.0 ? 1.0 : scale;
    bool cubic = filter == RESAMPLE_BICUBIC;
    return (struct stretch){is_whole(w) ? 0 : w->begin, scale, widen, (cubic ? 2.0 : 1.0) * widen,
                            cubic ? bicubic : bilinear};
}

/* The input samples [*start, *end) under the filter of output sample i. */
static void reach(int *start, int *end, const struct stretch *s, int64_t i, int in_size)
{
    double center = s->begin + ((double)i + 0.5) * s->scale;
    double low = center - s->support + 0.5, high = center + s->support + 0.5;
    *start = low < 0 ? 0 : (int)low;
    *end = high > in_size ? in_size : (int)high;
}

static int padded(int taps, int block)
{
    return (taps + block - 1) / block * block;
}

/* Pillow's precompute_coeffs() and normalize_coeffs_8bpc(). weights: [taps]; work: [taps] */
static void weigh(int32_t *weights, double *work, const struct stretch *s, int64_t i, int start,
                  int taps)
{
    double center = s->begin + ((double)i + 0.5) * s->scale, inverse = 1.0 / s->widen, sum = 0.0;
    for (int t = 0; t < taps; t++) {
        work[t] = s->filter((t + start - center + 0.5) * inverse);
        sum += work[t];
    }
    for (int t = 0; t < taps; t++) {
        double w = sum != 0.0 ? work[t] / sum : work[t];
        weights[t] = (int32_t)(w * (1 << RESAMPLE_BITS) + (w < 0 ? -0.5 : 0.5));
    }
}

static int most_together(const struct resample_axis *axis)
{
    int most = 0;
    for (int i = 0, oldest = 0; i < axis->count; i++) {
        while (axis->start[oldest] + axis->taps[oldest] <= axis->start[i])
            oldest++;
        if (i - oldest + 1 > most)
            most = i - oldest + 1;
    }
    return most;
}

/* Fills start, taps and offset; returns the number of weights. *longest: the most taps of any. */
static size_t lay_out(struct resample_axis *axis, const struct resample_window *w,
                      const struct stretch *s, int block, int *longest)
{
    size_t total = 0;
    *longest = 0;
    for (int i = 0; i < axis->count; i++) {
        int end;
        reach(&axis->start[i], &end, s, w->first + i, w->in_size);
        axis->taps[i] = end - axis->start[i];
        axis->offset[i] = total;
        total += (size_t)padded(axis->taps[i], block);
        if (axis->taps[i] > *longest)
            *longest = axis->taps[i];
    }
    axis->low = axis->start[0];
    axis->high = axis->start[axis->count - 1] + axis->taps[axis->count - 1];
    axis->most_together = most_together(axis);
    int most = padded(*longest, block);
    axis->span = w->in_size > most ? w->in_size : most;
    return total;
}

enum status resample_axis_open(struct resample_axis *out, const struct resample_window *w,
                               enum resample_filter filter, int block, struct err *err)
{
    *out = (struct resample_axis){.count = w->count, .span = w->in_size};
    if (w->in_size == w->out_size && is_whole(w)) {
        out->identity = true;
        out->first = (int)w->first;
        out->low = out->first;
        out->high = out->first + out->count;
        return OK;
    }
    enum status status = OK;
    double *work = NULL;
    struct stretch s = stretch_of(w, filter);
    size_t n = (size_t)w->count;
    out->start = calloc(n, sizeof *out->start);
    out->taps = malloc(n * sizeof *out->taps);
    out->offset = malloc(n * sizeof *out->offset);
    if (!out->start || !out->taps || !out->offset) {
        status = err_no_memory(err, "resizing a picture", n * 2 * sizeof(int));
        goto out;
    }
    int longest;
    size_t total = lay_out(out, w, &s, block, &longest);
    out->weights = calloc(total, sizeof *out->weights);
    work = malloc((size_t)longest * sizeof *work);
    if (!out->weights || !work) {
        status = err_no_memory(err, "resizing a picture", total * sizeof *out->weights);
        goto out;
    }
    for (int i = 0; i < out->count; i++) {
        int start = out->start[i], run = padded(out->taps[i], block);
        /* Slide the padding to the front where it would reach past the end of the row. */
        int slide = start + run > out->span ? start + run - out->span : 0;
        weigh(out->weights + out->offset[i] + slide, work, &s, w->first + i, start, out->taps[i]);
        out->start[i] -= slide;
        out->taps[i] += slide;
    }
out:
    free(work);
    if (status != OK)
        resample_axis_close(out);
    return status;
}

void resample_axis_close(struct resample_axis *axis)
{
    if (!axis)
        return;
    free(axis->start);
    free(axis->taps);
    free(axis->offset);
    free(axis->weights);
    *axis = (struct resample_axis){0};
}

void resample_rows_init(struct resample_rows *rows, unsigned cpu_flags)
{
    *rows = resample_rows_reference;
#if defined(__x86_64__)
    if (cpu_flags & CPU_AVX2)
        *rows = resample_rows_avx2;
#endif
}

static unsigned multiply_255(unsigned a, unsigned b) /* Pillow's MULDIV255 */
{
    unsigned t = a * b + 128;
    return ((t >> 8) + t) >> 8;
}

/* row: [n, 4] ← rgb: [n, 3], alpha: [n] */
static void premultiply(uint8_t *row, const uint8_t *rgb, const uint8_t *alpha, int n)
{
    for (int i = 0; i < n; i++, row += 4, rgb += 3) {
        row[0] = (uint8_t)multiply_255(rgb[0], alpha[i]);
        row[1] = (uint8_t)multiply_255(rgb[1], alpha[i]);
        row[2] = (uint8_t)multiply_255(rgb[2], alpha[i]);
        row[3] = alpha[i];
    }
}

/* rgb: [n, 3] ← row: [n, 4], whose alpha is then dropped */
static void unpremultiply(uint8_t *rgb, const uint8_t *row, int n)
{
    for (int i = 0; i < n; i++, row += 4, rgb += 3) {
        unsigned alpha = row[3];
        for (int c = 0; c < 3; c++) {
            unsigned v = alpha == 0 || alpha == 255 ? row[c] : 255u * row[c] / alpha;
            rgb[c] = (uint8_t)(v > 255 ? 255 : v);
        }
    }
}

/* Everything one run needs; the buffers are one allocation. */
struct run {
    const struct resample_source *source;
    const struct resample_axis *x, *y;
    struct resample_rows rows;
    uint8_t *out;
    size_t out_stride;
    int channels;
    size_t n;        /* x->count * channels */
    uint8_t *input;  /* [x->span, channels] premultiplied or padded input row */
    uint8_t *across; /* [n] after the horizontal pass; then, rounded output rows with alpha */
    int32_t *sums;   /* [y->most_together, n] */
};

static const uint8_t *row_across(struct run *r, int y)
{
    const struct resample_source *s = r->source;
    const uint8_t *row = s->rgb + (size_t)y * s->stride;
    if (s->alpha) {
        premultiply(r->input, row, s->alpha + (size_t)y * (size_t)s->width, s->width);
        row = r->input;
    } else if (r->x->span > s->width) {
        memcpy(r->input, row, (size_t)s->width * 3);
        row = r->input;
    }
    if (r->x->identity)
        return row + (size_t)r->x->first * (size_t)r->channels;
    (s->alpha ? r->rows.across_rgba : r->rows.across_rgb)(r->across, row, r->x);
    return r->across;
}

static void write_row(struct run *r, int y, const uint8_t *row)
{
    uint8_t *to = r->out + (size_t)y * r->out_stride;
    if (r->channels == 4)
        unpremultiply(to, row, r->x->count);
    else
        memcpy(to, row, r->n);
}

static void run_down(struct run *r)
{
    const struct resample_axis *y = r->y;
    const int slots = y->most_together;
    int oldest = 0, next = 0; /* output rows [oldest, next) are being summed */
    for (int in = y->low; in < y->high; in++) {
        const uint8_t *row = row_across(r, in);
        for (; next < y->count && y->start[next] <= in; next++)
            memset(r->sums + (size_t)(next % slots) * r->n, 0, r->n * sizeof *r->sums);
        for (int i = oldest; i < next; i++) {
            int32_t weight = y->weights[y->offset[i] + (size_t)(in - y->start[i])];
            r->rows.accumulate(r->sums + (size_t)(i % slots) * r->n, row, weight, r->n);
        }
        for (; oldest < next && y->start[oldest] + y->taps[oldest] == in + 1; oldest++) {
            r->rows.finish(r->across, r->sums + (size_t)(oldest % slots) * r->n, r->n);
            write_row(r, oldest, r->across);
        }
    }
}

enum status resample_run(uint8_t *out, size_t out_stride, const struct resample_source *source,
                         const struct resample_axis *x, const struct resample_axis *y,
                         unsigned cpu_flags, struct err *err)
{
    struct run r = {.source = source, .x = x, .y = y, .out = out, .out_stride = out_stride};
    struct resample_source opaque = *source;
    if (x->identity && y->identity) {
        opaque.alpha = NULL;
        r.source = &opaque;
    }
    r.channels = r.source->alpha ? 4 : 3;
    r.n = (size_t)x->count * (size_t)r.channels;
    resample_rows_init(&r.rows, cpu_flags);
    size_t input_size = ((size_t)x->span * (size_t)r.channels + 63) & ~(size_t)63;
    size_t across_size = (r.n + 63) & ~(size_t)63;
    size_t sums_size = (size_t)y->most_together * r.n * sizeof *r.sums;
    /* Zeroed: the padding of a short input row is multiplied by zero weights, but is read. */
    uint8_t *scratch = calloc(1, input_size + across_size + sums_size);
    if (!scratch)
        return err_no_memory(err, "resizing a picture", input_size + across_size + sums_size);
    r.input = scratch;
    r.across = scratch + input_size;
    r.sums = (int32_t *)(void *)(scratch + input_size + across_size);
    if (y->identity)
        for (int i = 0; i < y->count; i++)
            write_row(&r, i, row_across(&r, y->first + i));
    else
        run_down(&r);
    free(scratch);
    return OK;
}

void resample_nearest(int *index, const struct resample_window *w)
{
    /* Pillow adds the scale up step by step (ImagingScaleAffine), and rounding errors with it;
     * past a size that it can hold in memory there is nothing to be equal to. */
    const int64_t steps_limit = 1 << 24;
    double scale = (double)w->in_size / (double)w->out_size;
    double at = scale * 0.5;
    if (w->first <= steps_limit)
        for (int64_t i = 0; i < w->first; i++)
            at += scale;
    else
        at += scale * (double)w->first;
    for (int i = 0; i < w->count; i++, at += scale)
        index[i] = at < w->in_size ? (int)at : w->in_size - 1;
}
