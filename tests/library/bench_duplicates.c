/* SPDX-License-Identifier: MIT
 *
 * How long duplicates_find() takes on a library of made-up photographs; run by hand:
 *
 *   build/tests/library/bench-duplicates [PHOTOS [DIMENSIONS [THREADS]]]
 *
 * Vectors lie around one centre for every 50 photographs, in a cone, as a model's do; one
 * photograph in ten is a near copy of an earlier one, of hash and vector; ten a minute are taken.
 * Seconds are the wall's and the processor's (all threads).
 */
#include "base/cpu.h"
#include "library/duplicates.h"
#include "library/snapshot.h"
#include "store/store.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static uint64_t seed = 1;

static uint64_t random_bits(void)
{
    uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static float random_float(void) /* about normal, variance 1 */
{
    uint64_t bits = random_bits();
    float sum = 0;
    for (int i = 0; i < 8; i++)
        sum += (float)(bits >> (8 * i) & 255) / 255.0f - 0.5f;
    return sum * 1.22f;
}

static void put_vector(const struct kernels *kernels, uint16_t *out, const float *cone,
                       const float *centre, int dim)
{
    float *v = malloc((size_t)dim * sizeof *v);
    double sum = 0;
    for (int k = 0; v && k < dim; k++) {
        v[k] = cone[k] + 0.6f * centre[k] + 0.5f * random_float();
        sum += (double)v[k] * (double)v[k];
    }
    for (int k = 0; v && k < dim; k++)
        v[k] /= (float)sqrt(sum);
    if (v)
        kernels->f32_to_f16(out, v, (size_t)dim);
    free(v);
}

static void fill(struct store_matrix *matrix, struct store_facts *facts,
                 const struct kernels *kernels)
{
    int dim = matrix->dim;
    float *cone = calloc(2 * (size_t)dim, sizeof *cone), *centre = cone + dim;
    for (int k = 0; cone && k < dim; k++)
        cone[k] = random_float();
    for (size_t i = 0; cone && i < matrix->count; i++) {
        for (int k = 0; k < dim && i % 50 == 0; k++)
            centre[k] = random_float();
        bool repeats = i > 10 && random_bits() % 10 == 0;
        size_t of = repeats ? random_bits() % i : i;
        uint16_t *vector = matrix->vectors + i * (size_t)dim;
        if (repeats)
            memcpy(vector, matrix->vectors + of * (size_t)dim, (size_t)dim * sizeof *vector);
        else
            put_vector(kernels, vector, cone, centre, dim);
        facts->rows[i] = (struct store_fact){.camera = (int)(i % 3),
                                             .lens = -1,
                                             .rating = PHOTO_NO_RATING,
                                             .taken_ms = (int64_t)i * 6000,
                                             .width = repeats ? 300 : 600,
                                             .height = repeats ? 200 : 400,
                                             .size_bytes = (int64_t)(random_bits() % 9000000),
                                             .path_count = 1,
                                             .keywords = "",
                                             .has_phash = true,
                                             .phash = random_bits() | 1};
        if (repeats) {
            facts->rows[i].phash = facts->rows[of].phash ^ UINT64_C(1) << random_bits() % 64;
            facts->rows[i].taken_ms = PHOTO_NO_TIME;
            facts->rows[i].camera = -1;
        }
        matrix->photo_ids[i] = (int64_t)i + 1;
        matrix->paths[i] = (char *)(uintptr_t) "/p";
    }
    free(cone);
}

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int measure(const struct snapshot *snapshot, struct store *store, unsigned tiers,
                   const char *name, int threads)
{
    struct duplicate_groups groups;
    struct err err;
    const struct duplicate_options options = {.tiers = tiers, .threads = threads};
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    if (duplicates_find(&groups, snapshot, store, &options, &err) != OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    printf("%-8s %7.2f s, %7.2f s of CPU, %zu groups\n", name, seconds(CLOCK_MONOTONIC) - wall,
           seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu, groups.count);
    duplicates_free(&groups);
    return 0;
}

int main(int argc, char **argv)
{
    static const char *const formats[] = {"jpeg"};
    size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
    int dim = argc > 2 ? atoi(argv[2]) : 512, threads = argc > 3 ? atoi(argv[3]) : 0;
    struct kernels kernels;
    unsigned flags = 0;
    struct err err;
    struct store *store = NULL;
    char file[] = "/tmp/fovea-bench-XXXXXX";
    int fd = mkstemp(file);
    if (fd < 0 || count < 1 || dim < 1 || cpu_flags(&flags, &err) != OK)
        return 2;
    close(fd);
    unlink(file);
    if (store_open(&store, file, STORE_WRITE, &err) != OK)
        return 1;
    kernels_init(&kernels, flags);
    struct store_matrix matrix = {.count = count, .dim = dim};
    matrix.vectors = aligned_alloc(64, (count * (size_t)dim * 2 + 63) / 64 * 64);
    matrix.photo_ids = calloc(count, sizeof *matrix.photo_ids);
    matrix.paths = calloc(count, sizeof *matrix.paths);
    struct store_facts facts = {.count = count, .rows = calloc(count, sizeof *facts.rows)};
    facts.formats.names = (const char **)(uintptr_t)formats;
    if (!matrix.vectors || !matrix.photo_ids || !matrix.paths || !facts.rows)
        return 1;
    fill(&matrix, &facts, &kernels);
    const struct snapshot snapshot = {.matrix = &matrix, .facts = &facts, .kernels = &kernels};
    printf("%zu photographs, %d dimensions\n", count, dim);
    int failed = measure(&snapshot, store, DUPLICATE_TIERS_USUAL, "usual", threads) ||
                 measure(&snapshot, store, DUPLICATE_TIERS_ALL, "all", threads);
    store_close(store);
    unlink(file);
    free(matrix.vectors);
    free(matrix.photo_ids);
    free((void *)matrix.paths);
    free(facts.rows);
    return failed;
}
