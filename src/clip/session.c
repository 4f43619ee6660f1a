/* SPDX-License-Identifier: MIT
 *
 * One thread's way to run a model: a runner and the scratch of the towers that it was opened for.
 */
#include "clip/model_internal.h"
#include "clip/tap.h"

#include "base/cpu.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH_MAX = 4096, THREADS_MAX = 1024 };

struct session {
    const struct model *model;
    int image_batch, text_batch;
    struct runner *runner;
    struct vision_scratch vision;
    struct text_scratch text;
    int32_t *ids; /* [T] of session_encode_text() */
    struct tap tap;
};

static enum status check_options(const struct model *m, const struct session_options *o,
                                 struct err *err)
{
    if (o->threads < 0 || o->threads > THREADS_MAX)
        return err_set(err, ERR_ARGUMENT, "a session takes 0 to %d threads, not %d", THREADS_MAX,
                       o->threads);
    if (o->image_batch < 0 || o->image_batch > BATCH_MAX || o->text_batch < 0 ||
        o->text_batch > BATCH_MAX)
        return err_set(err, ERR_ARGUMENT, "a session takes batches of 0 to %d", BATCH_MAX);
    if ((o->image_batch && !(m->towers & MODEL_IMAGE)) ||
        (o->text_batch && !(m->towers & MODEL_TEXT)))
        return err_set(err, ERR_ARGUMENT, "the %s tower of %s was not loaded",
                       o->image_batch && !(m->towers & MODEL_IMAGE) ? "image" : "text", m->name);
    return OK;
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

static enum status open_runner(struct session *s, const struct session_options *o, struct err *err)
{
    const struct model_config *c = &s->model->config;
    int keys =
        larger(o->image_batch ? c->vision.tokens : 1, o->text_batch ? c->text.context_length : 1);
    const struct runner_options options = {
        .threads = o->threads > 0 ? o->threads : cpu_cores(),
        .max_queries = keys,
        .max_keys = keys,
        .max_head_width = larger(c->vision.transformer.head_width, c->text.transformer.head_width),
        .max_width = larger(larger(c->vision.transformer.width, c->text.transformer.width),
                            3 * c->vision.patch_size * c->vision.patch_size),
    };
    return s->model->ops->runner_open(&s->runner, &options, err);
}

enum status session_open(struct session **out, const struct model *m,
                         const struct session_options *o, struct err *err)
{
    *out = NULL;
    enum status status = check_options(m, o, err);
    if (status != OK)
        return status;
    status =
        model_load(m, (o->image_batch ? MODEL_IMAGE : 0u) | (o->text_batch ? MODEL_TEXT : 0u), err);
    if (status != OK)
        return status;
    struct session *s = calloc(1, sizeof *s);
    if (!s)
        return err_no_memory(err, "a session", sizeof *s);
    s->model = m;
    s->image_batch = o->image_batch;
    s->text_batch = o->text_batch;
    size_t context = (size_t)m->config.text.context_length;
    s->ids = calloc(context, sizeof *s->ids);
    status = s->ids ? open_runner(s, o, err) : err_no_memory(err, "a session", context * 4);
    if (status == OK && o->image_batch)
        status = vision_scratch_open(&s->vision, &m->vision, o->image_batch, err);
    if (status == OK && o->text_batch)
        status = text_scratch_open(&s->text, &m->text, o->text_batch, err);
    if (status != OK) {
        session_close(s);
        return status;
    }
    *out = s;
    return OK;
}

void session_close(struct session *s)
{
    if (!s)
        return;
    vision_scratch_close(&s->vision, s->model->ops);
    text_scratch_close(&s->text, s->model->ops);
    s->model->ops->runner_close(s->runner);
    free(s->ids);
    free(s);
}

void session_set_tap(struct session *s, struct tap tap)
{
    s->tap = tap;
}

/* Weights may hold anything. A vector that is no direction must not get into a library, where it
 * would be as near to everything as to nothing. vectors: [n, D] */
static enum status check_numbers(const struct session *s, const float *vectors, int n,
                                 struct err *err)
{
    size_t count = (size_t)n * (size_t)s->model->config.embed_dim;
    for (size_t i = 0; i < count; i++)
        if (!isfinite(vectors[i]))
            return err_set(err, ERR_FORMAT,
                           "the model %s gives vectors that are not numbers: its weights are "
                           "damaged, fetch them again",
                           s->model->name);
    return OK;
}

enum status session_encode_images(struct session *s, const uint8_t *pixels, int n, float *out,
                                  struct err *err)
{
    if (n < 0 || n > s->image_batch)
        return err_set(err, ERR_ARGUMENT, "%d images in a session opened for %d", n,
                       s->image_batch);
    if (n == 0)
        return OK;
    enum status status =
        vision_run(&s->model->vision, s->runner, &s->vision, pixels, n, out, s->tap, err);
    return status == OK ? check_numbers(s, out, n, err) : status;
}

enum status session_encode_ids(struct session *s, const int32_t *ids, int n, float *out,
                               struct err *err)
{
    if (n < 0 || n > s->text_batch)
        return err_set(err, ERR_ARGUMENT, "%d texts in a session opened for %d", n, s->text_batch);
    enum status status = text_run(&s->model->text, s->runner, &s->text, ids, n, out, s->tap, err);
    return status == OK ? check_numbers(s, out, n, err) : status;
}

enum status session_encode_text(struct session *s, const char *text, float *out, struct err *err)
{
    if (s->text_batch < 1)
        return err_set(err, ERR_ARGUMENT, "a text in a session opened for none");
    enum status status = tokenizer_encode(s->model->tokenizer, text, strlen(text), s->ids,
                                          s->model->config.text.context_length, NULL, err);
    return status == OK ? session_encode_ids(s, s->ids, 1, out, err) : status;
}
