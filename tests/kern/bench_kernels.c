/* SPDX-License-Identifier: MIT
 *
 * `check-kernels --bench`: nanoseconds for an element of every kernel at every level, attention in
 * GFLOP/s beside the multiply-add peak and the scan in GB/s beside plain reading, measured by
 * turns. Each figure is the best of several runs of some milliseconds.
 */
#include "check.h"

#include "base/clock.h"
#include "base/cpu.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DECLARE_PEAK(level)                                                                        \
    float peak_fma_##level(size_t rounds);                                                         \
    uint64_t peak_read_##level(const void *memory, size_t bytes);
DECLARE_PEAK(reference)
DECLARE_PEAK(avx2)
DECLARE_PEAK(avx512)
DECLARE_PEAK(neon)

static const struct level {
    unsigned flags;
    int vector_floats;
    float (*fma)(size_t rounds);
    uint64_t (*read)(const void *memory, size_t bytes);
} levels[] = {
    {0, 4, peak_fma_reference, peak_read_reference},
#ifdef KERN_AVX2
    {CPU_AVX2, 8, peak_fma_avx2, peak_read_avx2},
#endif
#ifdef KERN_AVX512
    {CPU_AVX2 | CPU_AVX512, 16, peak_fma_avx512, peak_read_avx512},
#endif
#ifdef KERN_NEON
    {CPU_NEON, 4, peak_fma_neon, peak_read_neon},
#endif
};

enum { REPEATS = 7, ROW = 1280, SCAN_ROWS = 100000, SCAN_WIDTH = 1024 };
static const double REPEAT_SECONDS = 0.01;

/* What a run works on. */
struct work {
    const struct kernels *kernels;
    const struct level *level;
    float *x, *y, *gain; /* [ROW] */
    uint16_t *half;      /* [ROW] */
    uint16_t *matrix;    /* [SCAN_ROWS, SCAN_WIDTH] */
    float *scores;       /* [SCAN_ROWS] */
    struct attention_head head;
    float *scratch;
    volatile double sink;
};

/* Seconds of one call, over some milliseconds. */
static double measure_once(struct work *work, void (*run)(struct work *))
{
    double start = clock_seconds(), spent;
    long calls = 0;
    do {
        run(work);
        calls++;
        spent = clock_seconds() - start;
    } while (spent < REPEAT_SECONDS);
    return spent / (double)calls;
}

/* The best of several. */
static double measure(struct work *work, void (*run)(struct work *))
{
    double best = INFINITY;
    for (int repeat = 0; repeat < REPEATS; repeat++)
        best = fmin(best, measure_once(work, run));
    return best;
}

/* Both by turns, so that what else the machine does meets both. */
static void measure_pair(struct work *work, void (*run)(struct work *), double *seconds,
                         void (*limit)(struct work *), double *limit_seconds)
{
    *seconds = *limit_seconds = INFINITY;
    for (int repeat = 0; repeat < REPEATS; repeat++) {
        *seconds = fmin(*seconds, measure_once(work, run));
        *limit_seconds = fmin(*limit_seconds, measure_once(work, limit));
    }
}

enum { FMA_ROUNDS = 20000 };

static void run_peak(struct work *w)
{
    w->sink = (double)w->level->fma(FMA_ROUNDS);
}

static double peak_flop(const struct work *w)
{
    return 24.0 * w->level->vector_floats * FMA_ROUNDS;
}

static void run_read(struct work *w)
{
    w->sink = (double)w->level->read(w->matrix, (size_t)SCAN_ROWS * SCAN_WIDTH * 2);
}

static void run_scan(struct work *w)
{
    w->kernels->dot_f16_rows(w->scores, w->x, w->matrix, SCAN_ROWS, SCAN_WIDTH);
}

static void run_attention(struct work *w)
{
    w->kernels->attention(&w->head, w->scratch);
}

static void run_dot(struct work *w)
{
    w->sink = (double)w->kernels->dot(w->x, w->y, ROW);
}

static void run_f16_to_f32(struct work *w)
{
    w->kernels->f16_to_f32(w->y, w->half, ROW);
}

static void run_f32_to_f16(struct work *w)
{
    w->kernels->f32_to_f16(w->half, w->x, ROW);
}

static void run_bf16_to_f32(struct work *w)
{
    w->kernels->bf16_to_f32(w->y, w->half, ROW);
}

static void run_layernorm(struct work *w)
{
    w->kernels->layernorm(w->y, w->x, w->gain, w->gain, ROW, 1e-5f);
}

static void run_add(struct work *w)
{
    w->kernels->add(w->y, w->x, ROW);
}

static void run_scale(struct work *w)
{
    w->kernels->scale(w->y, w->x, 0.5f, ROW);
}

/* The in-place ones get fresh values, as their own results would soon be all the same. */
static void run_softmax(struct work *w)
{
    memcpy(w->y, w->x, ROW * sizeof *w->y);
    w->kernels->softmax(w->y, ROW);
}

static void run_gelu_erf(struct work *w)
{
    memcpy(w->y, w->x, ROW * sizeof *w->y);
    w->kernels->gelu_erf(w->y, ROW);
}

static void run_gelu_tanh(struct work *w)
{
    memcpy(w->y, w->x, ROW * sizeof *w->y);
    w->kernels->gelu_tanh(w->y, ROW);
}

static void run_gelu_quick(struct work *w)
{
    memcpy(w->y, w->x, ROW * sizeof *w->y);
    w->kernels->gelu_quick(w->y, ROW);
}

static const struct {
    const char *name;
    void (*run)(struct work *);
} row_kernels[] = {
    {"dot", run_dot},
    {"f16_to_f32", run_f16_to_f32},
    {"f32_to_f16", run_f32_to_f16},
    {"bf16_to_f32", run_bf16_to_f32},
    {"layernorm", run_layernorm},
    {"add", run_add},
    {"scale", run_scale},
    {"softmax", run_softmax},
    {"gelu_erf", run_gelu_erf},
    {"gelu_tanh", run_gelu_tanh},
    {"gelu_quick", run_gelu_quick},
};

/* Queries, keys and values interleaved in one row of 3 * 16 heads, as a CLIP tower has them. */
static void bench_attention(struct work *w, struct check *random)
{
    static const struct {
        int tokens, width;
        bool causal;
    } shapes[] = {{50, 64, false},  {257, 80, false}, {257, 64, false}, {577, 64, false},
                  {730, 88, false}, {77, 64, true},   {6, 64, true}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const int tokens = shapes[i].tokens, width = shapes[i].width;
        const size_t model = 16 * (size_t)width, n = 3 * model * (size_t)tokens;
        float *qkv = fence_normal(random, n, 0);
        float *out = calloc(model * (size_t)tokens, sizeof *out);
        size_t scratch = attention_scratch(tokens, tokens, width) * sizeof(float);
        w->scratch = aligned_alloc(64, (scratch + 63) / 64 * 64);
        w->head = (struct attention_head){.q = qkv,
                                          .k = qkv + model,
                                          .v = qkv + 2 * model,
                                          .out = out,
                                          .q_stride = 3 * model,
                                          .kv_stride = 3 * model,
                                          .out_stride = model,
                                          .queries = tokens,
                                          .keys = tokens,
                                          .head_width = width,
                                          .scale = 0.125f,
                                          .causal = shapes[i].causal};
        double pairs = shapes[i].causal ? tokens * (tokens + 1) / 2.0 : (double)tokens * tokens;
        double seconds, limit;
        measure_pair(w, run_attention, &seconds, run_peak, &limit);
        double rate = 4 * pairs * width / seconds, peak = peak_flop(w) / limit;
        printf("  attention %3d x %3d%s %7.1f GFLOP/s, %.2f of %.1f\n", tokens, width,
               shapes[i].causal ? " causal" : "       ", rate * 1e-9, rate / peak, peak * 1e-9);
        fence_free(random, qkv);
        free(out);
        free(w->scratch);
    }
}

static void bench_level(struct work *w, struct check *random)
{
    printf("%s\n", cpu_level_name(w->level->flags));
    for (size_t i = 0; i < sizeof row_kernels / sizeof *row_kernels; i++)
        printf("  %-12s %8.3f ns per element\n", row_kernels[i].name,
               measure(w, row_kernels[i].run) * 1e9 / ROW);
    bench_attention(w, random);

    const double bytes = 2.0 * SCAN_ROWS * SCAN_WIDTH;
    double scan_seconds, read_seconds;
    measure_pair(w, run_scan, &scan_seconds, run_read, &read_seconds);
    double read = bytes / read_seconds, scan = bytes / scan_seconds;
    printf("  dot_f16_rows %d x %d: %.1f GB/s, plain reading %.1f GB/s, ratio %.2f\n", SCAN_ROWS,
           SCAN_WIDTH, scan * 1e-9, read * 1e-9, scan / read);
}

void bench_kernels(unsigned have)
{
    struct check random = {.random = 1, .level = "bench", .kernel = "bench"};
    kernels_init(&random.kernels, have);
    const size_t scan = (size_t)SCAN_ROWS * SCAN_WIDTH;
    struct work work = {.x = fence_normal(&random, ROW, 0),
                        .y = fence_normal(&random, ROW, 0),
                        .gain = fence_normal(&random, ROW, 0),
                        .half = fence_new(ROW * sizeof *work.half, 0),
                        .matrix = malloc(scan * sizeof *work.matrix),
                        .scores = malloc(SCAN_ROWS * sizeof *work.scores)};
    if (!work.matrix || !work.scores) {
        fprintf(stderr, "check-kernels: no memory for the scan of %zu MB\n", scan * 2 / 1000000);
        exit(1);
    }
    random.kernels.f32_to_f16(work.half, work.x, ROW);
    for (size_t i = 0; i < scan; i++)
        work.matrix[i] = work.half[i % ROW];
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        struct kernels kernels;
        if ((levels[i].flags & have) != levels[i].flags)
            continue;
        kernels_init(&kernels, levels[i].flags);
        work.kernels = &kernels;
        work.level = levels + i;
        bench_level(&work, &random);
    }
    fence_free(&random, work.x);
    fence_free(&random, work.y);
    fence_free(&random, work.gain);
    fence_free(&random, work.half);
    free(work.matrix);
    free(work.scores);
}
