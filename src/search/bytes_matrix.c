/* SPDX-License-Identifier: MIT
 *
 * See bytes_matrix.h. First the mean, then each row's bytes and error.
 *
 * The mean need not be exact, because whatever it is, the errors are measured against it: it is
 * that of MEAN_ROWS rows, evenly spaced. It is summed in a fixed number of runs of rows, each in
 * double and in order, and the runs in order, so that it does not depend on the threads.
 *
 * An error is computed in float32 and then made larger by more than that can have lost: the
 * components of the rest carry two roundings of at most |v| + |mean| each, and the sum of their
 * squares a relative error below (dim + 32) * 2^-23.
 */
#include "search/bytes_matrix.h"

#include "base/cpu.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { RUNS = 64, MEAN_ROWS = 16384 };
#define HUGE_PAGE ((size_t)2 << 20)

struct make {
    const struct kernels *kernels;
    const uint16_t *vectors; /* [count, dim] */
    struct bytes_matrix *out;
    size_t count, dim;
    double *sums;    /* [RUNS, dim] */
    float *scratch;  /* [RUNS, 3, dim] */
    float *longest;  /* [RUNS] */
    size_t *counted; /* [RUNS] finite rows */
};

static size_t run_start(const struct make *m, int run)
{
    return m->count / RUNS * (size_t)run + m->count % RUNS * (size_t)run / RUNS;
}

static bool is_finite(const struct kernels *k, const float *x, size_t n)
{
    return isfinite(k->dot(x, x, n));
}

static void sum_run(const struct make *m, int run)
{
    double *sum = m->sums + (size_t)run * m->dim;
    float *row = m->scratch + (size_t)run * 3 * m->dim;
    const size_t step = m->count / MEAN_ROWS + 1;
    for (size_t i = run_start(m, run); i < run_start(m, run + 1); i += step) {
        m->kernels->f16_to_f32(row, m->vectors + i * m->dim, m->dim);
        if (!is_finite(m->kernels, row, m->dim))
            continue;
        m->counted[run]++;
        for (size_t d = 0; d < m->dim; d++)
            sum[d] += (double)row[d];
    }
}

static void finish_mean(const struct make *m)
{
    size_t counted = 0;
    double square = 0;
    for (int run = 0; run < RUNS; run++)
        counted += m->counted[run];
    for (size_t d = 0; d < m->dim; d++) {
        double sum = 0;
        for (int run = 0; run < RUNS; run++)
            sum += m->sums[(size_t)run * m->dim + d];
        m->out->mean[d] = (float)(counted ? sum / (double)counted : 0);
        square += (double)m->out->mean[d] * (double)m->out->mean[d];
    }
    m->out->mean_length = (float)(sqrt(square) * (1 + 1e-6));
}

/* x: [dim], the row; rest: [dim] scratch; bytes: [dim] scratch */
static void make_row(const struct make *m, size_t i, float *x, float *rest, uint8_t *bytes,
                     float *longest)
{
    int8_t *values = m->out->values + i * m->dim;
    struct bytes_row *row = &m->out->rows[i];
    m->kernels->f16_to_f32(x, m->vectors + i * m->dim, m->dim);
    const float square = m->kernels->dot(x, x, m->dim);
    memset(values, 0, m->dim);
    *row = (struct bytes_row){0, INFINITY};
    if (!isfinite(square))
        return;
    const float slack = 1 + (float)(m->dim + 32) * 0x1p-23f;
    const float length = sqrtf(square * slack);
    *longest = fmaxf(*longest, length);
    for (size_t d = 0; d < m->dim; d++)
        x[d] -= m->out->mean[d];
    const float scale = m->kernels->quantize(bytes, x, m->dim);
    for (size_t d = 0; d < m->dim; d++) {
        values[d] = (int8_t)(bytes[d] - 128);
        rest[d] = x[d] - scale * (float)values[d];
    }
    const float error = sqrtf(m->kernels->dot(rest, rest, m->dim) * slack);
    *row = (struct bytes_row){scale, error + (length + m->out->mean_length) * 0x1p-21f};
}

static void make_run(const struct make *m, int run)
{
    float *x = m->scratch + (size_t)run * 3 * m->dim;
    for (size_t i = run_start(m, run); i < run_start(m, run + 1); i++)
        make_row(m, i, x, x + m->dim, (uint8_t *)(x + 2 * m->dim), &m->longest[run]);
}

static void make_all(struct make *m, int threads)
{
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
    for (int run = 0; run < RUNS; run++)
        sum_run(m, run);
    finish_mean(m);
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
    for (int run = 0; run < RUNS; run++)
        make_run(m, run);
    for (int run = 0; run < RUNS; run++)
        m->out->most_length = fmaxf(m->out->most_length, m->longest[run]);
}

/* In huge pages, which spare the scan most of its TLB misses. */
static int8_t *alloc_values(size_t size_bytes)
{
    size_t alignment = size_bytes >= HUGE_PAGE ? HUGE_PAGE : 64;
    size_t rounded = (size_bytes + alignment) / alignment * alignment;
    int8_t *values = aligned_alloc(alignment, rounded);
#ifdef MADV_HUGEPAGE
    if (values && alignment == HUGE_PAGE)
        madvise(values, rounded, MADV_HUGEPAGE); /* a wish */
#endif
    return values;
}

static struct bytes_matrix *alloc_matrix(size_t count, int dim)
{
    struct bytes_matrix *out = calloc(1, sizeof *out);
    if (!out)
        return NULL;
    out->count = count;
    out->dim = dim;
    out->values = alloc_values(count * (size_t)dim);
    out->rows = malloc((count + 1) * sizeof *out->rows);
    out->mean = calloc((size_t)dim, sizeof *out->mean);
    if (out->values && out->rows && out->mean)
        return out;
    bytes_matrix_free(out);
    return NULL;
}

size_t bytes_matrix_size(size_t count, int dim)
{
    return count * ((size_t)dim + sizeof(struct bytes_row));
}

enum status bytes_matrix_make(struct bytes_matrix **out, const struct kernels *kernels,
                              const uint16_t *vectors, size_t count, int dim, int threads,
                              struct err *err)
{
    const size_t width = (size_t)dim;
    struct make m = {.kernels = kernels, .vectors = vectors, .count = count, .dim = width};
    *out = NULL;
    m.out = alloc_matrix(count, dim);
    m.sums = calloc(RUNS * width, sizeof *m.sums);
    m.scratch = calloc(RUNS * width * 3, sizeof *m.scratch);
    m.longest = calloc(RUNS, sizeof *m.longest);
    m.counted = calloc(RUNS, sizeof *m.counted);
    bool ready = m.out && m.sums && m.scratch && m.longest && m.counted;
    if (ready)
        make_all(&m, threads > 0 ? threads : cpu_cores());
    else
        bytes_matrix_free(m.out);
    free(m.sums);
    free(m.scratch);
    free(m.longest);
    free(m.counted);
    if (!ready)
        return err_no_memory(err, "the vectors in bytes", bytes_matrix_size(count, dim));
    *out = m.out;
    return OK;
}

void bytes_matrix_free(struct bytes_matrix *matrix)
{
    if (!matrix)
        return;
    free(matrix->values);
    free(matrix->rows);
    free(matrix->mean);
    free(matrix);
}
