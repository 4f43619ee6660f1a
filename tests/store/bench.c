/* SPDX-License-Identifier: MIT
 *
 * What a library costs: storing results in batches, asking about unchanged files, loading the
 * matrix and the facts, scanning it. Beside each stands what the machine does at best in the same
 * run: read() of the file, and a sum over the bytes in memory.
 *
 *     bench-store [PHOTOS [DIM [FOLDER]]]
 */
#include "fixture.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "kern/kernels.h"
#include "search/scan.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 32 };

static void require(enum status status, const struct err *err)
{
    if (status == OK)
        return;
    fprintf(stderr, "%s\n", err->text);
    exit(1);
}

struct bench {
    char *dir;
    char library[4096];
    int photos, dim;
    struct store *store;
    int64_t model;
};

static void path_of(char *path, size_t size, int i)
{
    /* Folders of a thousand, as a camera makes them. */
    snprintf(path, size, "/home/someone/Pictures/2024/%05d-a-folder/IMG_%07d.jpeg", i / 1000, i);
}

static void open_store(struct bench *b, enum store_mode mode)
{
    struct err err;
    require(store_open(&b->store, b->library, mode, &err), &err);
    require(store_model_use(b->store, "bench", "be", b->dim, &b->model, &err), &err);
}

static void bench_put(struct bench *b)
{
    struct err err;
    size_t width = (size_t)b->dim;
    uint16_t *vectors = malloc(BATCH * width * sizeof *vectors);
    char paths[BATCH][128];
    struct store_result results[BATCH];
    double spent = 0;
    for (int i = 0; i < b->photos; i += BATCH) {
        int size = b->photos - i < BATCH ? b->photos - i : BATCH;
        for (int j = 0; j < size; j++) {
            path_of(paths[j], sizeof paths[j], i + j);
            results[j] = result_of(paths[j], i + j, NULL);
            results[j].vector = vectors + (size_t)j * width;
            for (size_t d = 0; d < width; d++) /* any finite float16 */
                vectors[(size_t)j * width + d] = (uint16_t)random_below(0x2800);
        }
        double start = clock_seconds();
        require(store_put_results(b->store, b->model, results, (size_t)size, &err), &err);
        spent += clock_seconds() - start;
    }
    free(vectors);
    printf("put %d x %d in batches of %d: %.2f s, %.0f photos/s\n", b->photos, b->dim, BATCH, spent,
           b->photos / spent);
}

static void bench_states(struct bench *b)
{
    struct err err;
    double start = clock_seconds();
    for (int i = 0; i < b->photos; i++) {
        char path[128];
        path_of(path, sizeof path, i);
        struct store_result r = result_of(path, i, NULL);
        enum file_state state;
        require(store_file_state(b->store, b->model, &r.file, &state, &err), &err);
        if (state != FILE_UNCHANGED)
            exit(2);
    }
    double spent = clock_seconds() - start;
    printf("ask about %d unchanged files: %.3f s, %.1f us each\n", b->photos, spent,
           spent * 1e6 / b->photos);
}

static void bench_status(struct bench *b)
{
    struct err err;
    struct store_summary summary;
    struct store_model *models;
    size_t count;
    double start = clock_seconds();
    require(store_summarize(b->store, &summary, &err), &err);
    double summarized = clock_seconds();
    require(store_models(b->store, &models, &count, &err), &err);
    free(models);
    double listed = clock_seconds();
    require(store_sweep(b->store, &err), &err);
    printf("summary: %.3f s; models: %.3f s; sweep: %.3f s\n", summarized - start,
           listed - summarized, clock_seconds() - listed);
}

static void drop_from_cache(const char *path)
{
    int fd = open(path, O_RDONLY);
    if (fd < 0 || fsync(fd) != 0 || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0)
        printf("(cannot drop %s from the cache)\n", path);
    close(fd);
}

static double time_read(const char *path)
{
    static char buffer[1 << 20];
    double start = clock_seconds();
    int fd = open(path, O_RDONLY);
    while (read(fd, buffer, sizeof buffer) > 0)
        ;
    close(fd);
    return clock_seconds() - start;
}

static double time_load(struct bench *b, struct store_matrix *m)
{
    struct err err;
    double start = clock_seconds();
    open_store(b, STORE_READ);
    require(store_matrix_load(b->store, b->model, m, &err), &err);
    double spent = clock_seconds() - start;
    store_close(b->store);
    return spent;
}

static void bench_load(struct bench *b, struct store_matrix *m)
{
    for (int cold = 1; cold >= 0; cold--) {
        if (cold)
            drop_from_cache(b->library);
        double read_seconds = time_read(b->library);
        if (cold)
            drop_from_cache(b->library);
        double best = 1e9;
        for (int round = 0; round < (cold ? 1 : 5); round++) {
            store_matrix_free(m);
            double spent = time_load(b, m);
            best = spent < best ? spent : best;
        }
        printf("open and load, %s: %.3f s; read() of the file: %.3f s\n", cold ? "cold" : "warm",
               best, read_seconds);
    }
}

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* One thread: the processor's time says the same on a busy machine. */
static void bench_facts(struct bench *b, const struct store_matrix *m)
{
    struct err err;
    struct store_facts facts;
    struct store_matrix updated;
    open_store(b, STORE_READ);
    for (int round = 0; round < 2; round++) {
        double start = cpu_seconds();
        require(store_facts_load(b->store, m, &facts, &err), &err);
        double loaded = cpu_seconds();
        require(store_matrix_update(b->store, b->model, m, &updated, &err), &err);
        printf("facts of %zu photos: %.3f s of the processor; the matrix from an old one: %.3f s\n",
               facts.count, loaded - start, cpu_seconds() - loaded);
        store_facts_free(&facts);
        store_matrix_free(&updated);
    }
    store_close(b->store);
}

static void bench_scan(const struct store_matrix *m)
{
    struct err err;
    struct kernels kernels;
    unsigned flags;
    struct scan_hit hits[12];
    size_t found, bytes = m->count * (size_t)m->dim * sizeof *m->vectors;
    float *query = calloc((size_t)m->dim, sizeof *query);
    query[0] = 1;
    require(cpu_flags(&flags, &err), &err);
    kernels_init(&kernels, flags);
    for (int threads = 1; threads <= cpu_cores(); threads *= 2) {
        double best_scan = 1e9, best_sum = 1e9;
        uint64_t sum = 0;
        for (int round = 0; round < 10; round++) {
            double start = clock_seconds();
            const struct scan_request scan = {.kernels = &kernels,
                                              .vectors = m->vectors,
                                              .count = m->count,
                                              .dim = m->dim,
                                              .query = query,
                                              .limit = 12,
                                              .threads = threads};
            require(scan_top(&scan, hits, &found, &err), &err);
            double spent = clock_seconds() - start;
            best_scan = spent < best_scan ? spent : best_scan;
            const uint64_t *words = (const uint64_t *)(const void *)m->vectors;
            start = clock_seconds();
#pragma omp parallel for num_threads(threads) reduction(+ : sum)
            for (size_t i = 0; i < bytes / sizeof *words; i++)
                sum += words[i];
            spent = clock_seconds() - start;
            best_sum = spent < best_sum ? spent : best_sum;
        }
        printf("scan, %d threads: %.4f s, %.1f GB/s; sum of the bytes: %.4f s, %.1f GB/s (%llx)\n",
               threads, best_scan, (double)bytes / best_scan / 1e9, best_sum,
               (double)bytes / best_sum / 1e9, (unsigned long long)sum & 0xf);
    }
    free(query);
}

int main(int argc, char **argv)
{
    struct bench b = {
        .photos = argc > 1 ? atoi(argv[1]) : 10000,
        .dim = argc > 2 ? atoi(argv[2]) : 1024,
    };
    if (b.photos < 1 || b.dim < 1)
        return 2;
    setenv("TMPDIR", argc > 3 ? argv[3] : "/tmp", 1);
    b.dir = scratch_make();
    snprintf(b.library, sizeof b.library, "%s", at(b.dir, "library.fovea"));
    struct store_matrix m = {0};
    double start = clock_seconds();
    open_store(&b, STORE_WRITE);
    printf("make a library: %.3f s\n", clock_seconds() - start);
    bench_put(&b);
    bench_states(&b);
    bench_status(&b);
    start = clock_seconds();
    store_close(b.store);
    printf("close: %.3f s\n", clock_seconds() - start);
    start = clock_seconds();
    open_store(&b, STORE_WRITE);
    store_close(b.store);
    printf("open for writing and close: %.3f s\n", clock_seconds() - start);
    bench_load(&b, &m);
    bench_facts(&b, &m);
    bench_scan(&m);
    store_matrix_free(&m);
    scratch_remove(b.dir);
    return 0;
}
