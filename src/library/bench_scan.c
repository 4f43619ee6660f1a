/* SPDX-License-Identifier: MIT
 *
 * See bench_scan.h.
 *
 * The plain scan goes over the matrix once for all queries: a block of rows in the cache, every
 * query against it, each query keeping its ten best in a sorted list. It shares the kernel of a
 * row's score with the scan that it checks, because a score is what that kernel says; it shares
 * nothing else.
 */
#include "library/bench_scan.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "library/bench_vectors.h"
#include "search/scan.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ROUNDS_MAX = 1000, ROUNDS_LEAST = 5, CHECK_BLOCK = 128, TIMED_QUERIES = 16 };
#define HUGE_PAGE ((size_t)2 << 20)

struct bench {
    const struct bench_scan_options *options;
    struct bench_scan *out;
    struct kernels kernels;
    struct bench_vectors source;
    uint16_t *vectors; /* [rows, dim] */
    struct bytes_matrix *bytes;
    float *queries;                 /* [queries, dim] */
    struct scan_hit *hits;          /* [BENCH_SCAN_MANY] */
    struct scan_hit *best, *best32; /* [queries, BENCH_SCAN_TOP] of the plain scans */
    size_t dim;
};

static enum status check_cancelled(const struct bench *b, struct err *err)
{
    return b->options->cancel && atomic_load(b->options->cancel)
               ? err_set(err, ERR_CANCELLED, "stopped")
               : OK;
}

/* --- what is measured --------------------------------------------------------------------- */

static enum status open_bench(struct bench *b, struct err *err)
{
    const struct bench_scan_options *o = b->options;
    const size_t size = o->rows * b->dim * sizeof *b->vectors;
    b->vectors = aligned_alloc(HUGE_PAGE, (size / HUGE_PAGE + 1) * HUGE_PAGE);
    b->queries = malloc(o->queries * b->dim * sizeof *b->queries);
    b->hits = calloc(BENCH_SCAN_MANY, sizeof *b->hits);
    b->best = calloc(o->queries * BENCH_SCAN_TOP, sizeof *b->best);
    b->best32 = calloc(o->queries * BENCH_SCAN_TOP, sizeof *b->best32);
    if (!b->vectors || !b->queries || !b->hits || !b->best || !b->best32)
        return err_no_memory(err, "vectors to measure with", size);
#ifdef MADV_HUGEPAGE
    madvise(b->vectors, size, MADV_HUGEPAGE);
#endif
    enum status status = bench_vectors_open(&b->source, o->rows, o->dim, o->seed, err);
    if (status != OK)
        return status;
    const int threads = b->out->threads;
    float *rows = malloc((size_t)threads * b->dim * sizeof *rows);
    if (!rows)
        return err_no_memory(err, "a vector", b->dim);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int t = 0; t < threads; t++)
        for (size_t i = (size_t)t; i < o->rows; i += (size_t)threads) {
            bench_vectors_row(&b->source, i, rows + (size_t)t * b->dim);
            b->kernels.f32_to_f16(b->vectors + i * b->dim, rows + (size_t)t * b->dim, b->dim);
        }
    free(rows);
    for (size_t q = 0; q < o->queries; q++)
        bench_vectors_query(&b->source, q, b->queries + q * b->dim);
    double start = clock_seconds();
    status = bytes_matrix_make(&b->bytes, &b->kernels, b->vectors, o->rows, o->dim, threads, err);
    b->out->make_seconds = clock_seconds() - start;
    return status;
}

static void close_bench(struct bench *b)
{
    bench_vectors_close(&b->source);
    bytes_matrix_free(b->bytes);
    free(b->vectors);
    free(b->queries);
    free(b->hits);
    free(b->best);
    free(b->best32);
}

/* --- speed -------------------------------------------------------------------------------- */

/* Four independent sums of whole words; the compiler puts them into vectors. */
static uint64_t read_words(const uint64_t *words, size_t count)
{
    uint64_t a[8] = {0};
    for (size_t i = 0; i + 8 <= count; i += 8)
        for (size_t k = 0; k < 8; k++)
            a[k] ^= words[i + k];
    return a[0] ^ a[1] ^ a[2] ^ a[3] ^ a[4] ^ a[5] ^ a[6] ^ a[7];
}

static double read_once(const struct bench *b)
{
    const uint64_t *words = (const uint64_t *)(const void *)b->bytes->values;
    const int threads = b->out->threads;
    const size_t part = b->options->rows * b->dim / sizeof *words / (size_t)threads;
    uint64_t sum = 0;
    double start = clock_seconds();
#pragma omp parallel for num_threads(threads) schedule(static, 1) reduction(^ : sum)
    for (int t = 0; t < threads; t++)
        sum ^= read_words(words + (size_t)t * part, part);
    double spent = clock_seconds() - start;
    return sum == 1 ? spent * (1 + 1e-9) : spent; /* so that the reading has a use */
}

static enum status scan_once(const struct bench *b, size_t query, bool bytes, size_t limit,
                             double *seconds, size_t *rescored, struct err *err)
{
    const struct scan_request request = {.kernels = &b->kernels,
                                         .vectors = b->vectors,
                                         .count = b->options->rows,
                                         .dim = b->options->dim,
                                         .query = b->queries + query * b->dim,
                                         .bytes = bytes ? b->bytes : NULL,
                                         .limit = limit,
                                         .threads = b->out->threads,
                                         .rescored = rescored};
    size_t found;
    double start = clock_seconds();
    enum status status = scan_top(&request, b->hits, &found, err);
    *seconds = clock_seconds() - start;
    return status;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, compare_doubles);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static void keep_least(double *least, double value, int round)
{
    if (round == 0 || value < *least)
        *least = value;
}

/* One round: reading, the scan by bytes, the scan by vectors; their ratios. */
static enum status measure_round(struct bench *b, int round, double *bytes_ratio,
                                 double *vectors_ratio, struct err *err)
{
    struct bench_scan *out = b->out;
    const double rows = (double)b->options->rows, dim = (double)b->dim;
    const size_t query = (size_t)round % TIMED_QUERIES % b->options->queries;
    double read = read_once(b), by_bytes, by_vectors;
    size_t rescored, all;
    enum status status = scan_once(b, query, true, BENCH_SCAN_TOP, &by_bytes, &rescored, err);
    if (status == OK)
        status = scan_once(b, query, false, BENCH_SCAN_TOP, &by_vectors, &all, err);
    if (status != OK)
        return status;
    const double speed = out->read_bytes / read;
    const double touched =
        rows * (dim + sizeof(struct bytes_row)) + (double)rescored * dim * sizeof *b->vectors;
    *bytes_ratio = touched / by_bytes / speed;
    *vectors_ratio = rows * dim * sizeof *b->vectors / by_vectors / speed;
    keep_least(&out->read_seconds, read, round);
    if (round == 0 || by_bytes < out->bytes_seconds)
        out->bytes_bytes = touched;
    keep_least(&out->bytes_seconds, by_bytes, round);
    keep_least(&out->vectors_seconds, by_vectors, round);
    out->rescored += (double)rescored;
    return OK;
}

static enum status measure_many(struct bench *b, struct err *err)
{
    enum { TIMES = 4 };
    for (int i = 0; i < TIMES; i++) {
        double seconds;
        size_t rescored;
        enum status status = scan_once(b, (size_t)i % b->options->queries, true, BENCH_SCAN_MANY,
                                       &seconds, &rescored, err);
        if (status != OK)
            return status;
        keep_least(&b->out->many_seconds, seconds, i);
        b->out->many_rescored += (double)rescored / TIMES;
    }
    return OK;
}

static enum status measure(struct bench *b, struct err *err)
{
    double bytes[ROUNDS_MAX], vectors[ROUNDS_MAX], start = clock_seconds();
    struct bench_scan *out = b->out;
    out->read_bytes = (double)(b->options->rows * b->dim);
    for (size_t i = 0; i < b->options->rows; i++)
        out->error += (double)b->bytes->rows[i].error / (double)b->options->rows;
    int n = 0;
    for (; n < ROUNDS_MAX && (n < ROUNDS_LEAST || clock_seconds() - start < b->options->seconds);
         n++) {
        enum status status = check_cancelled(b, err);
        if (status == OK)
            status = measure_round(b, n, &bytes[n], &vectors[n], err);
        if (status != OK)
            return status;
    }
    out->rounds = n;
    out->rescored /= n;
    out->bytes_ratio = median(bytes, n);
    out->vectors_ratio = median(vectors, n);
    return measure_many(b, err);
}

/* --- exactness ---------------------------------------------------------------------------- */

/* Keeps `best` sorted, best first, ties by row; rows come in ascending order. */
static void insert(struct scan_hit best[BENCH_SCAN_TOP], size_t seen, size_t row, float score)
{
    size_t at = seen < BENCH_SCAN_TOP ? seen : BENCH_SCAN_TOP;
    while (at > 0 && score > best[at - 1].score)
        at--;
    if (at == BENCH_SCAN_TOP)
        return;
    memmove(best + at + 1, best + at, (BENCH_SCAN_TOP - 1 - at) * sizeof *best);
    best[at] = (struct scan_hit){row, score};
}

/* rows: [count, dim] of the block in float32, as they were made */
static void check_block(struct bench *b, size_t first, size_t count, const float *rows)
{
#pragma omp parallel for num_threads(b->out->threads) schedule(static)
    for (size_t q = 0; q < b->options->queries; q++) {
        const float *query = b->queries + q * b->dim;
        float scores[CHECK_BLOCK];
        b->kernels.dot_f16_rows(scores, query, b->vectors + first * b->dim, count, b->dim);
        for (size_t i = 0; i < count; i++) {
            insert(b->best + q * BENCH_SCAN_TOP, first + i, first + i, scores[i]);
            insert(b->best32 + q * BENCH_SCAN_TOP, first + i, first + i,
                   b->kernels.dot(query, rows + i * b->dim, b->dim));
        }
    }
}

static enum status scan_plainly(struct bench *b, struct err *err)
{
    float *rows = malloc(CHECK_BLOCK * b->dim * sizeof *rows);
    if (!rows)
        return err_no_memory(err, "a block of vectors", CHECK_BLOCK * b->dim);
    enum status status = OK;
    for (size_t first = 0; status == OK && first < b->options->rows; first += CHECK_BLOCK) {
        size_t left = b->options->rows - first, count = left < CHECK_BLOCK ? left : CHECK_BLOCK;
#pragma omp parallel for num_threads(b->out->threads) schedule(static)
        for (size_t i = 0; i < count; i++)
            bench_vectors_row(&b->source, first + i, rows + i * b->dim);
        check_block(b, first, count, rows);
        status = check_cancelled(b, err);
    }
    free(rows);
    return status;
}

static enum status compare(struct bench *b, struct err *err)
{
    const size_t top = b->options->rows < BENCH_SCAN_TOP ? b->options->rows : BENCH_SCAN_TOP;
    enum status status = scan_plainly(b, err);
    for (size_t q = 0; status == OK && q < b->options->queries; q++) {
        const struct scan_hit *best = b->best + q * BENCH_SCAN_TOP;
        const struct scan_hit *best32 = b->best32 + q * BENCH_SCAN_TOP;
        double seconds;
        status = scan_once(b, q, true, BENCH_SCAN_TOP, &seconds, NULL, err);
        bool same = status == OK, same32 = same;
        for (size_t i = 0; i < top; i++) {
            same &= best[i].row == b->hits[i].row && best[i].score == b->hits[i].score;
            same32 &= best32[i].row == b->hits[i].row;
        }
        b->out->same += same;
        b->out->same_f32 += same32;
        if (status == OK)
            status = check_cancelled(b, err);
    }
    return status;
}

enum status bench_scan(const struct bench_scan_options *options, struct bench_scan *out,
                       struct err *err)
{
    struct bench b = {.options = options, .out = out, .dim = (size_t)options->dim};
    unsigned flags;
    *out = (struct bench_scan){.rows = options->rows,
                               .queries = options->queries,
                               .dim = options->dim,
                               .threads = options->threads > 0 ? options->threads : cpu_cores()};
    out->vectors_bytes = (double)(options->rows * b.dim * sizeof *b.vectors);
    out->matrix_bytes = (double)bytes_matrix_size(options->rows, options->dim);
    out->scratch_bytes = (double)(options->rows * sizeof(float));
    enum status status = cpu_flags(&flags, err);
    if (status == OK) {
        kernels_init(&b.kernels, flags);
        out->cpu = cpu_level_name(flags);
        status = open_bench(&b, err);
    }
    if (status == OK)
        status = measure(&b, err);
    if (status == OK)
        status = compare(&b, err);
    close_bench(&b);
    return status;
}
