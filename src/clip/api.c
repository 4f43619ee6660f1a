/* SPDX-License-Identifier: MIT
 *
 * The public API (include/fovea/fovea.h) over models and sessions. Thin: it changes types and
 * checks arguments, nothing else.
 */
#include "fovea/fovea.h"

#include "clip/model.h"

#include <stdio.h>
#include <stdlib.h>

struct fovea_model {
    struct model *model;
};

struct fovea_session {
    struct session *session;
    const struct model_info *info;
    uint8_t *pixels; /* [S, S, 3] */
};

static enum fovea_status status_of(enum status status)
{
    static const enum fovea_status map[] = {
        [OK] = FOVEA_OK,
        [ERR_ARGUMENT] = FOVEA_ERROR_ARGUMENT,
        [ERR_NOT_FOUND] = FOVEA_ERROR_NOT_FOUND,
        [ERR_IO] = FOVEA_ERROR_IO,
        [ERR_FORMAT] = FOVEA_ERROR_FORMAT,
        [ERR_UNSUPPORTED] = FOVEA_ERROR_UNSUPPORTED,
        [ERR_LIMIT] = FOVEA_ERROR_LIMIT,
        [ERR_MEMORY] = FOVEA_ERROR_MEMORY,
        [ERR_BUSY] = FOVEA_ERROR_IO,
        [ERR_CANCELLED] = FOVEA_ERROR_INTERNAL,
        [ERR_INTERNAL] = FOVEA_ERROR_INTERNAL,
    };
    return map[status];
}

static enum fovea_status report(struct fovea_error *to, enum status status, const struct err *err)
{
    if (to) {
        to->status = status_of(status);
        snprintf(to->text, sizeof to->text, "%s", status == OK ? "" : err->text);
    }
    return status_of(status);
}

enum fovea_status fovea_model_open(struct fovea_model **model, const char *folder,
                                   enum fovea_precision precision, struct fovea_error *error)
{
    static const enum precision precisions[] = {[FOVEA_AUTO] = PRECISION_AUTO,
                                                [FOVEA_F32] = PRECISION_F32,
                                                [FOVEA_BF16] = PRECISION_BF16,
                                                [FOVEA_INT8] = PRECISION_INT8};
    struct err err = {0};
    enum status status;
    struct fovea_model *m = calloc(1, sizeof *m);
    *model = NULL;
    if (!m)
        return report(error, err_no_memory(&err, "a model", sizeof *m), &err);
    if (!folder || !*folder)
        status = err_set(&err, ERR_ARGUMENT, "no model folder is given");
    else if ((unsigned)precision >= sizeof precisions / sizeof *precisions)
        status = err_set(&err, ERR_ARGUMENT, "%d is no precision", (int)precision);
    else
        status = model_open(
            &m->model, &(struct model_options){.dir = folder, .precision = precisions[precision]},
            &err);
    if (status == OK)
        *model = m;
    else
        free(m);
    return report(error, status, &err);
}

void fovea_model_close(struct fovea_model *model)
{
    if (!model)
        return;
    model_close(model->model);
    free(model);
}

struct fovea_model_info fovea_model_info(const struct fovea_model *model)
{
    const struct model_info *info = model_info(model->model);
    return (struct fovea_model_info){
        .name = info->name,
        .fingerprint = info->fingerprint,
        .embed_dim = info->embed_dim,
        .image_size = info->image_size,
        .context_length = info->context_length,
        .logit_scale = info->logit_scale,
    };
}

enum fovea_status fovea_session_open(struct fovea_session **session,
                                     const struct fovea_model *model, int threads,
                                     struct fovea_error *error)
{
    struct err err = {0};
    struct fovea_session *s = calloc(1, sizeof *s);
    *session = NULL;
    if (!s)
        return report(error, err_no_memory(&err, "a session", sizeof *s), &err);
    s->info = model_info(model->model);
    size_t bytes = (size_t)s->info->image_size * (size_t)s->info->image_size * 3;
    s->pixels = malloc(bytes);
    const struct session_options options = {.threads = threads, .image_batch = 1, .text_batch = 1};
    enum status status = s->pixels ? session_open(&s->session, model->model, &options, &err)
                                   : err_no_memory(&err, "a session", bytes);
    if (status == OK)
        *session = s;
    else
        fovea_session_close(s);
    return report(error, status, &err);
}

void fovea_session_close(struct fovea_session *session)
{
    if (!session)
        return;
    session_close(session->session);
    free(session->pixels);
    free(session);
}

enum fovea_status fovea_embed_picture(struct fovea_session *session,
                                      const struct fovea_picture *picture,
                                      enum fovea_scaling scaling, float *vector,
                                      struct fovea_error *error)
{
    struct err err = {0};
    enum status status;
    if (!picture->pixels || picture->width < 1 || picture->height < 1 ||
        picture->stride_bytes / 3 < (size_t)picture->width)
        status = err_set(&err, ERR_ARGUMENT, "a picture of %d x %d with rows of %zu bytes",
                         picture->width, picture->height, picture->stride_bytes);
    else
        status = preprocess_run(&session->info->preprocess, picture->pixels, picture->width,
                                picture->height, picture->stride_bytes, session->pixels, &err);
    if (status == OK)
        status = session_encode_images(session->session, session->pixels, 1, vector, &err);
    if (status == OK && scaling == FOVEA_NORMALIZED)
        embedding_normalize(vector, session->info->embed_dim);
    return report(error, status, &err);
}

enum fovea_status fovea_embed_text(struct fovea_session *session, const char *text,
                                   enum fovea_scaling scaling, float *vector,
                                   struct fovea_error *error)
{
    struct err err = {0};
    enum status status = text ? session_encode_text(session->session, text, vector, &err)
                              : err_set(&err, ERR_ARGUMENT, "no text is given");
    if (status == OK && scaling == FOVEA_NORMALIZED)
        embedding_normalize(vector, session->info->embed_dim);
    return report(error, status, &err);
}

const char *fovea_version(void)
{
    return FOVEA_VERSION;
}
