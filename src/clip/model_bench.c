/* SPDX-License-Identifier: MIT
 *
 * See model_bench.h. The shapes are those that vision.c and transformer.c run, the last block that
 * pools with its fewer rows.
 */
#include "clip/model_bench.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "clip/model_internal.h"

#include <stdlib.h>
#include <string.h>

enum { SHAPES_MAX = 16, ROUNDS_MIN = 3, ROUNDS_MAX = 1000 };

struct product {
    int m, n, k;
    int calls; /* in one pass */
};

struct products {
    struct product list[SHAPES_MAX];
    int count;
};

static void add(struct products *p, int m, int n, int k, int calls)
{
    if (calls > 0)
        p->list[p->count++] = (struct product){m, n, k, calls};
}

static struct products products_of(const struct vision *v, int batch)
{
    const struct transformer_config *t = &v->config.transformer;
    struct products p = {0};
    int rows = batch * v->config.tokens, w = t->width;
    int whole = t->layers - (v->transformer.pools ? 1 : 0);
    int side = v->config.patch_size;
    add(&p, batch * (v->config.tokens - 1), w, 3 * side * side, 1);
    add(&p, rows, 3 * w, w, whole);
    add(&p, rows, w, w, whole);
    add(&p, rows, t->mlp_width, w, whole);
    add(&p, rows, w, t->mlp_width, whole);
    if (v->transformer.pools) {
        add(&p, rows, 2 * w, w, 1);
        add(&p, batch, w, w, 2);
        add(&p, batch, t->mlp_width, w, 1);
        add(&p, batch, w, t->mlp_width, 1);
    }
    add(&p, batch, v->embed_dim, w, 1);
    return p;
}

static enum status measure_products(double *seconds, double *flops, const struct products *p,
                                    const struct model *m, int threads, struct err *err)
{
    const struct tensor_ops *ops = m->ops;
    enum precision precision = m->info.precision;
    enum status status = OK;
    *seconds = *flops = 0;
    for (int i = 0; i < p->count && status == OK; i++) {
        const struct product *one = &p->list[i];
        double took = 0;
        status = ops->measure_product(&took, (int[]){one->m, one->n, one->k}, precision, one->calls,
                                      threads, err);
        *seconds += took;
        *flops += 2.0 * one->m * one->n * one->k * one->calls;
    }
    return status;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double least(double best, double seconds, bool first)
{
    return first || seconds < best ? seconds : best;
}

static enum status run_round(struct session *s, const struct model *m, const uint8_t *pixels,
                             float *vectors, struct bench_tower *out, double *ratio,
                             struct err *err)
{
    const struct products products = products_of(&m->vision, out->batch);
    double products_seconds = 0, start = clock_seconds();
    enum status status = session_encode_images(s, pixels, out->batch, vectors, err);
    double tower_seconds = clock_seconds() - start;
    if (status == OK)
        status = measure_products(&products_seconds, &out->products_flops, &products, m,
                                  out->threads, err);
    if (status == ERR_UNSUPPORTED) { /* the library has no such products */
        products_seconds = out->products_flops = 0;
        status = OK;
    }
    out->tower_seconds = least(out->tower_seconds, tower_seconds, out->rounds == 0);
    out->products_seconds = least(out->products_seconds, products_seconds, out->rounds == 0);
    *ratio = products_seconds / tower_seconds;
    out->rounds++;
    return status;
}

static enum status run_rounds(struct session *s, const struct model *m, const uint8_t *pixels,
                              float *vectors, double min_seconds, struct bench_tower *out,
                              struct err *err)
{
    double ratios[ROUNDS_MAX], end = clock_seconds() + min_seconds;
    /* Once for nothing: kernels are built when first met. */
    enum status status = session_encode_images(s, pixels, out->batch, vectors, err);
    while (status == OK &&
           (out->rounds < ROUNDS_MIN || (clock_seconds() < end && out->rounds < ROUNDS_MAX)))
        status = run_round(s, m, pixels, vectors, out, &ratios[out->rounds], err);
    if (status != OK)
        return status;
    qsort(ratios, (size_t)out->rounds, sizeof *ratios, ascending);
    out->time_ratio = ratios[out->rounds / 2];
    if (out->products_flops > 0)
        out->rate_ratio = out->time_ratio * out->tower_flops / out->products_flops;
    return OK;
}

enum status bench_image_tower(const struct model *m, int batch, int threads, double min_seconds,
                              struct bench_tower *out, struct err *err)
{
    struct session *s = NULL;
    size_t side = (size_t)m->info.image_size, image = side * side * 3;
    *out = (struct bench_tower){.batch = batch, .threads = threads > 0 ? threads : cpu_cores()};
    const struct session_options options = {.threads = out->threads, .image_batch = batch};
    enum status status = session_open(&s, m, &options, err);
    if (status != OK)
        return status;
    uint8_t *pixels = malloc((size_t)batch * image);
    float *vectors = malloc((size_t)batch * (size_t)m->info.embed_dim * sizeof *vectors);
    if (!pixels || !vectors) {
        status = err_no_memory(err, "a benchmark", (size_t)batch * image);
        goto out;
    }
    for (size_t i = 0; i < (size_t)batch * image; i++)
        pixels[i] = (uint8_t)(i * 2654435761u >> 24);
    out->tower_flops = m->info.image_flops * batch;
    status = run_rounds(s, m, pixels, vectors, min_seconds, out, err);
out:
    free(pixels);
    free(vectors);
    session_close(s);
    return status;
}

/* ids: [T]. *tokens: up to the end of the text */
static enum status tokenize(const struct model *m, const char *text, int32_t *ids, int *tokens,
                            struct err *err)
{
    return tokenizer_encode(m->tokenizer, text, strlen(text), ids, m->config.text.context_length,
                            tokens, err);
}

static enum status run_text_round(struct session *s, const int32_t *phrase, const int32_t *full,
                                  float *vector, struct bench_text *out, double *ratio,
                                  struct err *err)
{
    double start = clock_seconds();
    enum status status = session_encode_ids(s, phrase, 1, vector, err);
    double middle = clock_seconds();
    if (status == OK)
        status = session_encode_ids(s, full, 1, vector, err);
    double end = clock_seconds();
    out->phrase_seconds = least(out->phrase_seconds, middle - start, out->rounds == 0);
    out->full_seconds = least(out->full_seconds, end - middle, out->rounds == 0);
    *ratio = (middle - start) / (end - middle);
    out->rounds++;
    return status;
}

static enum status run_text_rounds(struct session *s, const int32_t *phrase, const int32_t *full,
                                   float *vector, double min_seconds, struct bench_text *out,
                                   struct err *err)
{
    double ratios[ROUNDS_MAX], end = clock_seconds() + min_seconds;
    /* Once for nothing: kernels are built when first met. */
    enum status status = session_encode_ids(s, phrase, 1, vector, err);
    if (status == OK)
        status = session_encode_ids(s, full, 1, vector, err);
    while (status == OK &&
           (out->rounds < ROUNDS_MIN || (clock_seconds() < end && out->rounds < ROUNDS_MAX)))
        status = run_text_round(s, phrase, full, vector, out, &ratios[out->rounds], err);
    if (status != OK)
        return status;
    qsort(ratios, (size_t)out->rounds, sizeof *ratios, ascending);
    out->ratio = ratios[out->rounds / 2];
    return OK;
}

enum status bench_text_tower(const struct model *m, int threads, double min_seconds,
                             struct bench_text *out, struct err *err)
{
    struct session *s = NULL;
    *out = (struct bench_text){.threads = threads > 0 ? threads : cpu_cores()};
    const struct session_options options = {.threads = out->threads, .text_batch = 1};
    enum status status = session_open(&s, m, &options, err);
    if (status != OK)
        return status;
    /* Every word is at least a token, in whatever vocabulary. */
    size_t context = (size_t)m->config.text.context_length;
    int32_t *ids = malloc(2 * context * sizeof *ids);
    float *vector = malloc((size_t)m->info.embed_dim * sizeof *vector);
    char *words = malloc(2 * context + 1);
    if (!ids || !vector || !words) {
        status = err_no_memory(err, "a benchmark", 2 * context * sizeof *ids);
        goto out;
    }
    for (size_t i = 0; i < context; i++)
        memcpy(words + 2 * i, "a ", 3);
    status = tokenize(m, "foggy mountain at dawn", ids, &out->phrase_tokens, err);
    if (status == OK)
        status = tokenize(m, words, ids + context, &out->full_tokens, err);
    out->full_flops =
        transformer_flops(&m->config.text.transformer, m->text.transformer.pools, out->full_tokens);
    if (status == OK)
        status = run_text_rounds(s, ids, ids + context, vector, min_seconds, out, err);
out:
    free(words);
    free(vector);
    free(ids);
    session_close(s);
    return status;
}
