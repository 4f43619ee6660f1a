/* SPDX-License-Identifier: MIT
 *
 * See bench_accuracy.h. One model is open at a time; what is kept of each is its vectors. float32
 * comes first and is what the others are compared with.
 */
#include "library/bench_accuracy.h"

#include "base/cpu.h"
#include "library/picture.h"
#include "library/sample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 8 };

/* Of one model. All vectors normalised. */
struct vectors {
    float *exact, *fast; /* [photos, D] */
    float *categories;   /* [categories, D] */
    float *prompts;      /* [prompts, D] */
};

struct bench {
    const struct accuracy_options *options;
    struct accuracy_report *out;
    int threads;
    size_t dim;
    struct sample sample;
    uint8_t *fast_squares; /* [photos, S, S, 3] */
    struct vectors reference, now;
};

static void vectors_free(struct vectors *v)
{
    free(v->exact);
    free(v->fast);
    free(v->categories);
    free(v->prompts);
    *v = (struct vectors){0};
}

static enum status vectors_open(struct vectors *v, const struct bench *b, struct err *err)
{
    size_t row = b->dim * sizeof(float), photos = b->sample.count;
    v->exact = calloc(photos, row);
    v->fast = calloc(photos, row);
    v->categories = calloc(b->options->categories->count, row);
    v->prompts = calloc(b->out->prompts, row);
    if (!v->exact || !v->fast || !v->categories || !v->prompts)
        return err_no_memory(err, "the vectors", (2 * photos + b->out->prompts) * row);
    return OK;
}

static enum status encode_squares(const struct bench *b, struct session *session,
                                  const uint8_t *squares, float *out, struct err *err)
{
    enum status status = OK;
    for (size_t i = 0; status == OK && i < b->sample.count; i += BATCH) {
        size_t n = b->sample.count - i < BATCH ? b->sample.count - i : BATCH;
        status = session_encode_images(session, squares + i * b->sample.square_bytes, (int)n,
                                       out + i * b->dim, err);
    }
    for (size_t i = 0; status == OK && i < b->sample.count; i++)
        embedding_normalize(out + i * b->dim, (int)b->dim);
    return status;
}

static enum status encode_prompts(const struct bench *b, struct session *session, float *out,
                                  struct err *err)
{
    const struct categories *categories = b->options->categories;
    enum status status = OK;
    for (size_t i = 0; i < categories->count; i++)
        for (size_t k = 0; status == OK && k < categories->items[i].prompt_count; k++) {
            status = session_encode_text(session, categories->items[i].prompts[k], out, err);
            embedding_normalize(out, (int)b->dim);
            out += b->dim;
        }
    return status;
}

static enum status encode_all(const struct bench *b, const struct model *model, struct vectors *v,
                              struct err *err)
{
    struct session *session = NULL;
    const struct session_options how = {
        .threads = b->threads, .image_batch = BATCH, .text_batch = 1};
    enum status status = vectors_open(v, b, err);
    if (status == OK)
        status = session_open(&session, model, &how, err);
    if (status == OK)
        status = encode_squares(b, session, b->sample.squares, v->exact, err);
    if (status == OK)
        status = encode_squares(b, session, b->fast_squares, v->fast, err);
    if (status == OK)
        status = encode_prompts(b, session, v->prompts, err);
    if (status == OK)
        status = categories_encode(b->options->categories, session, model_info(model),
                                   v->categories, err);
    session_close(session);
    return status;
}

static double cosine(const float *a, const float *b, size_t dim)
{
    double sum = 0;
    for (size_t i = 0; i < dim; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

static void compare(double *least, double *mean, const float *a, const float *b, size_t count,
                    size_t dim)
{
    *least = 1;
    *mean = 0;
    for (size_t i = 0; i < count; i++) {
        double c = cosine(a + i * dim, b + i * dim, dim);
        *least = isnan(*least) || *least <= c ? *least : c; /* a NaN is not passed over */
        *mean += c / (double)count;
    }
}

/* categories: [count, D] */
static size_t best_category(const float *vector, const float *categories, size_t count, size_t dim)
{
    size_t best = 0;
    double most = -2;
    for (size_t i = 0; i < count; i++) {
        double c = cosine(vector, categories + i * dim, dim);
        if (c > most) {
            most = c;
            best = i;
        }
    }
    return best;
}

static void add_row(struct bench *b, size_t precision, bool fast)
{
    size_t photos = b->sample.count, categories = b->options->categories->count, dim = b->dim;
    const struct vectors *reference = &b->reference;
    const struct vectors *now = precision == 0 ? reference : &b->now;
    const float *photo_vectors = fast ? now->fast : now->exact;
    struct accuracy_row *row = &b->out->rows[b->out->row_count++];
    *row = (struct accuracy_row){.precision = precision, .fast = fast};
    compare(&row->least, &row->mean, photo_vectors, reference->exact, photos, dim);
    compare(&row->text_least, &row->text_mean, now->prompts, reference->prompts, b->out->prompts,
            dim);
    size_t same = 0;
    for (size_t i = 0; i < photos; i++)
        same += best_category(photo_vectors + i * dim, now->categories, categories, dim) ==
                best_category(reference->exact + i * dim, reference->categories, categories, dim);
    row->agreement = (double)same / (double)photos;
}

static enum status run_reference(struct bench *b, struct err *err)
{
    const struct accuracy_options *options = b->options;
    struct model *model = NULL;
    double ignored;
    enum status status = options->open(options->context, 0, &model, err);
    if (status != OK)
        return status;
    b->dim = (size_t)model_info(model)->embed_dim;
    status = sample_load(&b->sample, &model_info(model)->preprocess, b->threads, err);
    if (status == OK) {
        b->fast_squares = malloc(b->sample.count * b->sample.square_bytes);
        if (!b->fast_squares)
            status = err_no_memory(err, "pictures", b->sample.count * b->sample.square_bytes);
    }
    if (status == OK)
        status = sample_decode(&b->sample, PICTURE_FAST_MARGIN, b->threads, b->fast_squares,
                               &ignored, err);
    if (status == OK)
        status = encode_all(b, model, &b->reference, err);
    if (status == OK)
        add_row(b, 0, true);
    model_close(model);
    return status;
}

static enum status run_other(struct bench *b, size_t precision, struct err *err)
{
    struct model *model = NULL;
    enum status status = b->options->open(b->options->context, precision, &model, err);
    if (status == ERR_UNSUPPORTED) {
        b->out->unsupported[precision] = true;
        return OK;
    }
    if (status == OK)
        status = encode_all(b, model, &b->now, err);
    if (status == OK) {
        add_row(b, precision, false);
        add_row(b, precision, true);
    }
    vectors_free(&b->now);
    model_close(model);
    return status;
}

enum status bench_accuracy(const struct accuracy_options *options, struct accuracy_report *out,
                           struct err *err)
{
    *out = (struct accuracy_report){0};
    struct bench b = {.options = options,
                      .out = out,
                      .threads = options->threads > 0 ? options->threads : cpu_cores()};
    for (size_t i = 0; i < options->categories->count; i++)
        out->prompts += options->categories->items[i].prompt_count;
    enum status status =
        sample_choose(&b.sample, options->roots, options->root_count, options->limit, err);
    if (status == OK)
        status = run_reference(&b, err);
    for (size_t i = 1; status == OK && i < options->precision_count; i++)
        status = run_other(&b, i, err);
    out->photos = b.sample.count;
    out->failed = b.sample.failed;
    vectors_free(&b.reference);
    free(b.fast_squares);
    sample_close(&b.sample);
    return status;
}
