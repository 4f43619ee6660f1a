/* SPDX-License-Identifier: MIT
 *
 * See bench_index.h. The parts are measured with the same functions that the pipeline calls, by as
 * many threads as it has workers.
 */
#include "library/bench_index.h"

#include "base/cpu.h"
#include "library/crew.h"
#include "library/index.h"
#include "library/picture.h"
#include "library/pipeline.h"
#include "library/tree.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS_MAX = 100, PATH_BYTES = 4096 };

struct bench {
    const struct model *model;
    const struct sample *sample;
    struct bench_index *out;
    const atomic_bool *cancel;
    uint8_t *squares; /* [photos, S, S, 3], of the decoding that is being measured */
    atomic_size_t next;
    atomic_bool failed;
    struct session *sessions[CREW_MAX];
    float *vectors; /* [threads, batch, D] */
    struct str dir; /* temporary; empty before it is made */
    int libraries;  /* made in it so far */
    double exact[ROUNDS_MAX], fast[ROUNDS_MAX], decode[ROUNDS_MAX]; /* ratios, by round */
};

static void keep_least(double *best, double seconds)
{
    if (*best == 0 || seconds < *best)
        *best = seconds;
}

static void run_some(void *context, int worker)
{
    struct bench *b = context;
    const struct sample *s = b->sample;
    size_t batch = (size_t)b->out->batch, dim = (size_t)model_info(b->model)->embed_dim;
    float *vectors = b->vectors + (size_t)worker * batch * dim;
    for (size_t i; (i = atomic_fetch_add(&b->next, batch)) < s->count;) {
        size_t n = s->count - i < batch ? s->count - i : batch;
        struct err ignored;
        if (session_encode_images(b->sessions[worker], s->squares + i * s->square_bytes, (int)n,
                                  vectors, &ignored) != OK)
            atomic_store(&b->failed, true);
    }
}

static enum status measure_network(struct bench *b, double *seconds, struct err *err)
{
    atomic_store(&b->next, 0);
    enum status status = crew_run(b->out->threads, run_some, b, seconds, err);
    if (status == OK && atomic_load(&b->failed))
        status = err_set(err, ERR_INTERNAL, "the network could not be run");
    if (status == OK)
        keep_least(&b->out->network_seconds, *seconds);
    return status;
}

static enum status check_cancelled(const struct bench *b, struct err *err)
{
    if (!b->cancel || !atomic_load(b->cancel))
        return OK;
    return err_set(err, ERR_CANCELLED, "stopped; the temporary library has been removed");
}

static enum status measure_index(struct bench *b, bool fast, double *seconds, struct err *err)
{
    char path[PATH_BYTES + 32];
    snprintf(path, sizeof path, "%s/library%d.db", str_text(&b->dir), b->libraries++);
    struct store *store = NULL;
    struct index_report report = {0};
    const struct index_options how = {.roots = b->sample->paths,
                                      .root_count = b->sample->count,
                                      .threads = b->out->threads,
                                      .batch = b->out->batch,
                                      .fast_decode = fast,
                                      .cancel = b->cancel};
    enum status status = store_open(&store, path, STORE_WRITE, err);
    if (status == OK)
        status = index_run(store, b->model, &how, &report, err);
    store_close(store);
    *seconds = report.seconds;
    return status == OK ? check_cancelled(b, err) : status;
}

/* Decoding and indexing one way; *ratio against the network's seconds. */
static enum status measure_way(struct bench *b, struct bench_way *way, bool fast, double network,
                               double *decode, double *ratio, struct err *err)
{
    double index = 0;
    enum status status = sample_decode(b->sample, fast ? PICTURE_FAST_MARGIN : 0, b->out->threads,
                                       b->squares, decode, err);
    if (status == OK)
        status = check_cancelled(b, err);
    if (status == OK)
        status = measure_index(b, fast, &index, err);
    if (status != OK)
        return status;
    keep_least(&way->decode_seconds, *decode);
    keep_least(&way->index_seconds, index);
    *ratio = (*decode + network) / index;
    return OK;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, ascending);
    return values[count / 2];
}

static enum status run_rounds(struct bench *b, struct err *err)
{
    struct bench_index *out = b->out;
    enum status status = OK;
    for (int i = 0; status == OK && i < out->rounds; i++) {
        double network = 0, exact = 0, fast = 0;
        status = check_cancelled(b, err);
        if (status == OK)
            status = measure_network(b, &network, err);
        if (status == OK)
            status = measure_way(b, &out->exact, false, network, &exact, &b->exact[i], err);
        if (status == OK)
            status = measure_way(b, &out->fast, true, network, &fast, &b->fast[i], err);
        b->decode[i] = exact / (fast > 0 ? fast : 1);
    }
    if (status != OK)
        return status;
    out->exact.ratio = median(b->exact, out->rounds);
    out->fast.ratio = median(b->fast, out->rounds);
    out->decode_ratio = median(b->decode, out->rounds);
    return OK;
}

static enum status open_bench(struct bench *b, struct err *err)
{
    size_t threads = (size_t)b->out->threads, batch = (size_t)b->out->batch;
    size_t dim = (size_t)model_info(b->model)->embed_dim;
    enum status status = tree_make(&b->dir, "fovea-bench", err);
    if (status != OK)
        return status;
    b->squares = malloc(b->sample->count * b->sample->square_bytes);
    b->vectors = calloc(threads * batch, dim * sizeof *b->vectors);
    if (!b->squares || !b->vectors)
        return err_no_memory(err, "pictures", b->sample->count * b->sample->square_bytes);
    const struct session_options one = {.threads = 1, .image_batch = b->out->batch};
    for (size_t i = 0; status == OK && i < threads; i++)
        status = session_open(&b->sessions[i], b->model, &one, err);
    return status;
}

static int limited(int value, int most)
{
    return value < most ? value : most;
}

enum status bench_index(const struct model *model, const struct sample *sample,
                        const struct bench_index_options *options, struct bench_index *out,
                        struct err *err)
{
    int threads = limited(options->threads > 0 ? options->threads : cpu_cores(), CREW_MAX);
    *out = (struct bench_index){.photos = sample->count,
                                .threads = threads,
                                .batch = options->batch,
                                .rounds = limited(options->rounds, ROUNDS_MAX)};
    if (out->batch == 0)
        out->batch = pipeline_default_batch(model_info(model), threads, sample->count);
    struct bench b = {.model = model,
                      .sample = sample,
                      .out = out,
                      .cancel = options->cancel,
                      .dir = str_new(PATH_BYTES)};
    enum status status = open_bench(&b, err);
    if (status == OK)
        status = run_rounds(&b, err);
    struct err ignored;
    if (b.dir.size > 0 && tree_remove(str_text(&b.dir), &ignored) != OK && status == OK)
        status = err_set(err, ignored.status, "%s", ignored.text);
    str_free(&b.dir);
    for (int i = 0; i < threads; i++)
        session_close(b.sessions[i]);
    free(b.vectors);
    free(b.squares);
    return status;
}
