/* SPDX-License-Identifier: MIT
 *
 * bench-map [THREADS [ROWS DIM]…]: how long a map takes, on vectors as CLIP gives them (cone.h):
 * neighbour graph, UMAP, and the neighbours that it keeps; of 2,000 x 256 and 20,000 x 512 beside
 * umap-learn's seconds for the same recipe on two cores (../shared/golden/README.md). Run on a
 * machine that has nothing else to do; CPU seconds are what threads took together.
 */
#include "cone.h"

#include "base/clock.h"
#include "map/quality.h"
#include "map/umap.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

enum { K = 15, DIM = 3, QUALITY_ROWS_SHOWN = 30000 };

struct figure {
    size_t rows;
    int dim, classes;
    double reference_s; /* umap-learn's, 0: none */
};

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static long peak_mib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss / 1024;
}

static enum status measure(const struct figure *f, struct team *team, struct err *err)
{
    struct map_vectors v = {0};
    struct knn_graph g = {0};
    struct map_quality q = {0};
    const struct umap_options options = {DIM, 0.1, 1, 0, 42};
    float *positions = malloc(f->rows * DIM * sizeof *positions);
    float *x = cone_make(f->rows, f->dim, f->classes, 3, NULL);
    if (!x || !positions)
        return err_no_memory(err, "the vectors", f->rows * (size_t)f->dim * sizeof *x);
    double start = clock_seconds(), cpu = cpu_seconds(), graph = 0, graph_cpu = 0, recall = 1;
    enum status status = map_vectors_open(&v, x, NULL, f->rows, f->dim, team, err);
    if (status == OK)
        status = knn_build(&g, &v, K - 1, 42, team, NULL, err);
    graph = clock_seconds() - start;
    graph_cpu = cpu_seconds() - cpu;
    if (status == OK)
        status = umap_fit(positions, &v, &g, &options, team, NULL, err);
    double whole = clock_seconds() - start, whole_cpu = cpu_seconds() - cpu;
    long peak = peak_mib();
    if (status == OK && f->rows > KNN_EXACT_MAX)
        status = knn_recall(&recall, &g, &v, 500, 1, team, err);
    if (status == OK && f->rows <= QUALITY_ROWS_SHOWN)
        status = quality_measure(&q, &v, positions, DIM, K, 1, team, err);
    if (status == OK) {
        printf("%7zu x %4d: graph %6.2f s (CPU %6.2f), all %6.2f s (CPU %6.2f), peak %5ld MiB",
               f->rows, f->dim, graph, graph_cpu, whole, whole_cpu, peak);
        if (f->reference_s > 0)
            printf(", %.1f x as fast as umap-learn's %.1f s", f->reference_s / whole,
                   f->reference_s);
        if (f->rows > KNN_EXACT_MAX)
            printf(", recall %.4f", recall);
        if (q.k)
            printf(", trustworthiness %.4f, kept %.4f", q.trustworthiness, q.preserved);
        printf("\n");
    }
    knn_free(&g);
    map_vectors_close(&v);
    free(positions);
    free(x);
    return status;
}

int main(int argc, char **argv)
{
    static const struct figure usual[] = {
        {2000, 256, 12, 5.0}, {20000, 512, 40, 19.2}, {100000, 512, 40, 0}};
    struct team *team;
    struct err err = {0};
    int threads = argc > 1 ? atoi(argv[1]) : 2;
    if (threads < 1 || threads > 256 || team_open(&team, threads, &err) != OK)
        return 2;
    enum status status = OK;
    for (size_t i = 0; i < 3 && argc < 4 && status == OK; i++)
        status = measure(&usual[i], team, &err);
    for (int a = 2; a + 1 < argc && status == OK; a += 2) {
        const struct figure f = {strtoul(argv[a], NULL, 10), atoi(argv[a + 1]), 40, 0};
        if (f.rows < 16 || f.dim < 1)
            return 2;
        status = measure(&f, team, &err);
    }
    if (status != OK)
        fprintf(stderr, "bench-map: %s\n", err.text);
    team_close(team);
    return status != OK;
}
