/* SPDX-License-Identifier: MIT
 *
 * fovea's engine as a C library: open a CLIP model, turn pictures and texts into vectors whose
 * cosine says how well they go together.
 *
 *     struct fovea_error error;
 *     struct fovea_model *model = NULL;
 *     struct fovea_session *session = NULL;
 *     float *picture = NULL, *text = NULL;
 *
 *     if (fovea_model_open(&model, "ViT-B-32", FOVEA_AUTO, &error) != FOVEA_OK ||
 *         fovea_session_open(&session, model, 0, &error) != FOVEA_OK)
 *         goto failed;
 *     int dim = fovea_model_info(model).embed_dim;
 *     picture = malloc(dim * sizeof *picture);
 *     text = malloc(dim * sizeof *text);
 *     struct fovea_picture rgb = {pixels, width, height, 3 * width};
 *     if (fovea_embed_picture(session, &rgb, FOVEA_NORMALIZED, picture, &error) != FOVEA_OK ||
 *         fovea_embed_text(session, "a red kite", FOVEA_NORMALIZED, text, &error) != FOVEA_OK)
 *         goto failed;
 *     (the similarity is the sum of picture[i] * text[i])
 *
 * Ownership: what an _open call returns belongs to the caller, who closes it; sessions are closed
 * before their model. Everything passed in is only borrowed for the call. Closing NULL is allowed.
 *
 * Errors: every call that can fail returns a status; with anything but FOVEA_OK, the error (which
 * may be NULL if nobody will read it) holds one line for people, and outputs are untouched or NULL.
 *
 * Threads: a model may be used by any number of threads. A session belongs to one thread at a time
 * and computes with as many as it was opened with; results do not depend on how many.
 */
#ifndef FOVEA_H
#define FOVEA_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum fovea_status {
    FOVEA_OK = 0,
    FOVEA_ERROR_ARGUMENT,    /* a value is not acceptable */
    FOVEA_ERROR_NOT_FOUND,   /* no such folder, or a file is missing in it */
    FOVEA_ERROR_IO,          /* the system refused */
    FOVEA_ERROR_FORMAT,      /* a file is damaged */
    FOVEA_ERROR_UNSUPPORTED, /* a model of another architecture */
    FOVEA_ERROR_LIMIT,       /* larger than what is taken */
    FOVEA_ERROR_MEMORY,
    FOVEA_ERROR_INTERNAL, /* a fault of fovea or of a library below */
};

struct fovea_error {
    enum fovea_status status;
    char text[1024]; /* one line, "" while the status is FOVEA_OK */
};

struct fovea_model;
struct fovea_session;

/* In which numbers matrix products are computed. Vectors of all of them compare with each other:
 * on the reference models the cosine to float32 is above 0.9999 in bfloat16, 0.999 in 8 bits. */
enum fovea_precision {
    FOVEA_AUTO, /* FOVEA_BF16 where the CPU has instructions for it, else FOVEA_F32 */
    FOVEA_F32,
    FOVEA_BF16, /* half the memory */
    FOVEA_INT8, /* a quarter */
};

/* folder: holds a model as open_clip writes it (open_clip_config.json with
 * open_clip_model.safetensors or open_clip_pytorch_model.bin), or a CLIPModel of Transformers
 * (config.json with model.safetensors or pytorch_model.bin). Checks the files; the first session
 * loads the weights. */
enum fovea_status fovea_model_open(struct fovea_model **model, const char *folder,
                                   enum fovea_precision precision, struct fovea_error *error);
void fovea_model_close(struct fovea_model *model);

struct fovea_model_info {
    const char *name;        /* lives as long as the model */
    const char *fingerprint; /* the same: vectors of models that differ here do not compare */
    int embed_dim;           /* floats of a vector */
    int image_size;          /* side, in pixels, of what the network sees of a picture */
    int context_length;      /* tokens that a text is cut to */
    float logit_scale;       /* cosine * logit_scale is what softmax over prompts is taken of */
};
struct fovea_model_info fovea_model_info(const struct fovea_model *model);

/* threads: 0 for all cores. Sizes all scratch memory. The model's first session loads the
 * weights; the very first one of a large model also packs them, which takes seconds, and keeps the
 * result beside the model where it can. */
enum fovea_status fovea_session_open(struct fovea_session **session,
                                     const struct fovea_model *model, int threads,
                                     struct fovea_error *error);
void fovea_session_close(struct fovea_session *session);

/* An upright sRGB picture of any size: rows of 3 bytes a pixel, stride_bytes apart. */
struct fovea_picture {
    const uint8_t *pixels;
    int width, height;
    size_t stride_bytes;
};

enum fovea_scaling {
    FOVEA_RAW,        /* as the network gives it */
    FOVEA_NORMALIZED, /* of length 1 */
};

/* Resizes and crops as the model's preprocessing says, then embeds. vector: [embed_dim] */
enum fovea_status fovea_embed_picture(struct fovea_session *session,
                                      const struct fovea_picture *picture,
                                      enum fovea_scaling scaling, float *vector,
                                      struct fovea_error *error);

/* text: UTF-8, at most 1 MiB. vector: [embed_dim] */
enum fovea_status fovea_embed_text(struct fovea_session *session, const char *text,
                                   enum fovea_scaling scaling, float *vector,
                                   struct fovea_error *error);

/* "0.1.0" */
const char *fovea_version(void);

#ifdef __cplusplus
}
#endif
#endif
