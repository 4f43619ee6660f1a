/* SPDX-License-Identifier: MIT
 *
 * A CLIP model and the sessions that run it.
 *
 * A model is opened once, is read-only from then on and may be shared by any number of threads.
 * Opening checks everything that can be wrong with the files; the weights of a tower are packed, or
 * read as an earlier process packed them, when the first session needs them. A
 * session is one thread's way to run it: it owns every byte of scratch, sized at open from the
 * model's config and the largest batch, so that a forward pass cannot fail for memory.
 */
#ifndef FOVEA_CLIP_MODEL_H
#define FOVEA_CLIP_MODEL_H

#include "base/status.h"
#include "clip/preprocess.h"
#include "clip/tokenizer.h"
#include "tensor/precision.h"

#include <stdbool.h>
#include <stdint.h>

struct model;

enum model_towers { MODEL_IMAGE = 1, MODEL_TEXT = 2, MODEL_BOTH = 3 };

struct model_options {
    const char *dir;    /* the model's folder; may be NULL where `config` and `weights` are given */
    const char *config; /* JSON text in the place of the folder's open_clip_config.json, or NULL */
    const char *weights; /* path of the weights file; NULL: looked for in `dir` */
    const char *name;    /* how the user calls it; NULL: the last part of `dir` or `weights` */
    int image_size;      /* pixels; 0: the config's. Another one resizes the position embeddings. */
    enum model_towers towers; /* only these may be used; 0 means both */
    enum precision precision; /* of the matrix products; 0 means what suits the CPU */
    const char *prepared;     /* folder for prepared weights, "off" for none; NULL: $FOVEA_PREPARED,
                                 else beside the model (prepare.h) */
    int threads;              /* for packing the weights; 0 means all cores */
    void (*note)(const char *text); /* told in a line before weights are packed for seconds; NULL */
};

struct model_info {
    const char *name;
    char fingerprint[33]; /* hex of XXH3-128 over the config, the weights file's header and size,
                             and a sample of every tensor; an image size of its own is in it */
    int embed_dim;        /* D */
    int image_size;       /* S */
    int image_tokens;     /* rows of the image tower per picture: class token and patches */
    int context_length;   /* T */
    float logit_scale;    /* exp() applied; 100 where the checkpoint has none */
    double image_flops;   /* multiply-adds count 2, of one picture, matrix products only */
    enum precision precision; /* in use, never AUTO */
    struct preprocess preprocess;
};

/* Errors: ERR_NOT_FOUND (no such folder or file in it), ERR_FORMAT (damaged), ERR_UNSUPPORTED (an
 * architecture outside the ViT + text transformer family, named), ERR_MEMORY. */
MUST_USE enum status model_open(struct model **out, const struct model_options *, struct err *err);
void model_close(struct model *); /* NULL-safe; sessions must be closed before */

const struct model_info *model_info(const struct model *);
/* own: of a model at its config's image size. At which size it would have this fingerprint: 0 if at
 * none, and the fingerprint is another model's. */
int model_size_of(const struct model_info *own, const char *fingerprint);
const struct tokenizer *model_tokenizer(const struct model *);
/* Removes its prepared weights from where they are not beside it; how many bytes. They are made
 * again when they are needed. */
int64_t model_remove_prepared(const struct model *);

struct session;

struct session_options {
    int threads;     /* threads inside one call; 0 means all cores. Results do not depend on it. */
    int image_batch; /* largest n of session_encode_images(); 0 if never called */
    int text_batch;  /* largest n of session_encode_ids(); 0 if never called */
};

MUST_USE enum status session_open(struct session **out, const struct model *,
                                  const struct session_options *, struct err *err);
void session_close(struct session *); /* NULL-safe */

/* pixels: [n, S, S, 3] as preprocess_run() leaves them; out: [n, D], not normalised. */
MUST_USE enum status session_encode_images(struct session *, const uint8_t *pixels, int n,
                                           float *out, struct err *err);
/* ids: [n, T] as tokenizer_encode() leaves them; out: [n, D], not normalised. */
MUST_USE enum status session_encode_ids(struct session *, const int32_t *ids, int n, float *out,
                                        struct err *err);
/* Tokenises and encodes one text; needs text_batch >= 1. out: [D], not normalised. */
MUST_USE enum status session_encode_text(struct session *, const char *text, float *out,
                                         struct err *err);

/* x /= |x|, in place; a zero vector stays zero. x: [dim] */
void embedding_normalize(float *x, int dim);

#endif
