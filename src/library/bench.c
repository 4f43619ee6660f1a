/* SPDX-License-Identifier: MIT
 *
 * See bench.h. The parts are measured with the same functions that the pipeline calls, by as many
 * threads as it has workers.
 */
#include "library/bench.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "base/file.h"
#include "library/index.h"
#include "library/picture.h"
#include "library/pipeline.h"
#include "library/walk.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PHOTOS_MAX = 512, THREADS_MAX = 256, ROUNDS_MAX = 100 };

struct bench {
    const struct model *model;
    const struct model_info *info;
    struct bench_index *out;
    struct walk walk;
    size_t picture_bytes;
    uint8_t *pictures; /* [PHOTOS_MAX, S, S, 3], kept from decoding for the network */
    atomic_size_t next, decoded;
    atomic_bool failed;
    struct session *sessions[THREADS_MAX];
    float *vectors; /* [threads, batch, D] */
    char dir[64];   /* temporary; "" before it is made */
};

struct hand {
    struct bench *bench;
    int index;
    pthread_t thread;
};

static void keep_least(double *best, double seconds)
{
    if (*best == 0 || seconds < *best)
        *best = seconds;
}

static void *decode_some(void *arg)
{
    struct bench *b = ((struct hand *)arg)->bench;
    for (size_t i; (i = atomic_fetch_add(&b->next, 1)) < b->walk.file_count;) {
        struct err ignored; /* a photograph that cannot be read costs the index run time too */
        if (picture_square_file(b->pictures + i * b->picture_bytes, b->walk.files[i].path,
                                &b->info->preprocess, NULL, &ignored) == OK)
            atomic_fetch_add(&b->decoded, 1);
    }
    return NULL;
}

static void *run_some(void *arg)
{
    struct hand *hand = arg;
    struct bench *b = hand->bench;
    size_t batch = (size_t)b->out->batch;
    float *vectors = b->vectors + (size_t)hand->index * batch * (size_t)b->info->embed_dim;
    for (size_t i; (i = atomic_fetch_add(&b->next, batch)) < b->out->photos;) {
        size_t n = b->out->photos - i < batch ? b->out->photos - i : batch;
        struct err ignored;
        if (session_encode_images(b->sessions[hand->index], b->pictures + i * b->picture_bytes,
                                  (int)n, vectors, &ignored) != OK)
            atomic_store(&b->failed, true);
    }
    return NULL;
}

/* Seconds that `work` takes on all threads; in *best the least of all rounds. */
static enum status measure(struct bench *b, void *(*work)(void *), double *seconds, double *best,
                           struct err *err)
{
    struct hand hands[THREADS_MAX];
    double start = clock_seconds();
    int started = 0;
    atomic_store(&b->next, 0);
    for (; started < b->out->threads; started++) {
        hands[started] = (struct hand){.bench = b, .index = started};
        if (pthread_create(&hands[started].thread, NULL, work, &hands[started]) != 0)
            break;
    }
    for (int i = 0; i < started; i++)
        pthread_join(hands[i].thread, NULL);
    *seconds = clock_seconds() - start;
    keep_least(best, *seconds);
    if (started < b->out->threads || atomic_load(&b->failed))
        return err_set(err, ERR_INTERNAL, "the benchmark could not run its threads");
    return OK;
}

static enum status measure_index(struct bench *b, const char *const *roots, size_t root_count,
                                 int round, double *seconds, struct err *err)
{
    char path[128];
    snprintf(path, sizeof path, "%s/library%d.db", b->dir, round);
    struct store *store = NULL;
    struct index_report report = {0};
    const struct index_options how = {.roots = roots,
                                      .root_count = root_count,
                                      .threads = b->out->threads,
                                      .batch = b->out->batch};
    enum status status = store_open(&store, path, STORE_WRITE, err);
    if (status == OK)
        status = index_run(store, b->model, &how, &report, err);
    store_close(store);
    if (status != OK)
        return status;
    *seconds = report.seconds;
    keep_least(&b->out->index_seconds, *seconds);
    return OK;
}

static void remove_dir(const struct bench *b)
{
    static const char *const endings[] = {"", "-wal", "-shm", ".lock"};
    for (int round = 0; round < b->out->rounds; round++)
        for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
            char path[160];
            snprintf(path, sizeof path, "%s/library%d.db%s", b->dir, round, endings[i]);
            unlink(path);
        }
    rmdir(b->dir);
}

static enum status open_bench(struct bench *b, const char *const *roots, size_t root_count,
                              struct err *err)
{
    enum status status = walk_run(&b->walk, roots, root_count, image_name_is_photo, err);
    if (status != OK)
        return status;
    if (b->walk.file_count == 0 || b->walk.file_count > PHOTOS_MAX)
        return err_set(err, ERR_ARGUMENT,
                       "the benchmark wants 1 to %d photographs; these folders hold %zu",
                       PHOTOS_MAX, b->walk.file_count);
    strcpy(b->dir, "/tmp/fovea-bench-XXXXXX");
    if (!mkdtemp(b->dir)) {
        b->dir[0] = '\0';
        return err_set(err, ERR_IO, "cannot make a temporary folder in /tmp");
    }
    size_t threads = (size_t)b->out->threads, batch = (size_t)b->out->batch;
    b->picture_bytes = (size_t)b->info->image_size * (size_t)b->info->image_size * 3;
    b->pictures = malloc(b->walk.file_count * b->picture_bytes);
    b->vectors = calloc(threads * batch, (size_t)b->info->embed_dim * sizeof *b->vectors);
    if (!b->pictures || !b->vectors)
        return err_no_memory(err, "pictures", b->walk.file_count * b->picture_bytes);
    const struct session_options one = {.threads = 1, .image_batch = b->out->batch};
    for (size_t i = 0; status == OK && i < threads; i++)
        status = session_open(&b->sessions[i], b->model, &one, err);
    return status;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static enum status run_round(struct bench *b, const char *const *roots, size_t root_count,
                             int round, double *ratio, struct err *err)
{
    double decode, network, index;
    atomic_store(&b->decoded, 0);
    enum status status = measure(b, decode_some, &decode, &b->out->decode_seconds, err);
    b->out->photos = atomic_load(&b->decoded);
    if (status == OK)
        status = measure(b, run_some, &network, &b->out->network_seconds, err);
    if (status == OK)
        status = measure_index(b, roots, root_count, round, &index, err);
    if (status == OK)
        *ratio = index / (decode + network);
    return status;
}

static enum status run_rounds(struct bench *b, const char *const *roots, size_t root_count,
                              struct err *err)
{
    double ratios[ROUNDS_MAX] = {0};
    enum status status = OK;
    for (int round = 0; status == OK && round < b->out->rounds; round++)
        status = run_round(b, roots, root_count, round, &ratios[round], err);
    if (status != OK)
        return status;
    qsort(ratios, (size_t)b->out->rounds, sizeof *ratios, ascending);
    b->out->ratio = ratios[b->out->rounds / 2];
    return OK;
}

enum status bench_index(const struct model *model, const char *const *roots, size_t root_count,
                        int threads, int rounds, struct bench_index *out, struct err *err)
{
    *out = (struct bench_index){.threads = threads > 0 ? threads : cpu_cores(),
                                .batch = pipeline_default_batch(
                                    model_info(model), threads > 0 ? threads : cpu_cores(),
                                    PHOTOS_MAX),
                                .rounds = rounds < ROUNDS_MAX ? rounds : ROUNDS_MAX};
    if (out->threads > THREADS_MAX)
        out->threads = THREADS_MAX;
    struct bench b = {.model = model, .info = model_info(model), .out = out};
    enum status status = open_bench(&b, roots, root_count, err);
    if (status == OK)
        status = run_rounds(&b, roots, root_count, err);
    if (b.dir[0])
        remove_dir(&b);
    for (int i = 0; i < out->threads; i++)
        session_close(b.sessions[i]);
    free(b.vectors);
    free(b.pictures);
    walk_free(&b.walk);
    return status;
}
