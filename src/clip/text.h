/* SPDX-License-Identifier: MIT
 *
 * The text tower: token ids → tokens → blocks → one vector.
 */
#ifndef FOVEA_CLIP_TEXT_H
#define FOVEA_CLIP_TEXT_H

#include "clip/transformer.h"

struct text {
    struct text_config config;
    int embed_dim;        /* D */
    enum element element; /* what goes into proj */
    struct transformer transformer;
    struct token_table table; /* stays in the file's mapping, or is: */
    void *own_table;          /* where the file does not have it row-major; else NULL */
    float *positions;         /* [T, W] */
    struct norm ln_final;
    struct linear *proj; /* W → D; NULL without projection */
};

/* Close it whatever comes back. The file must stay open as long as the tower. */
MUST_USE enum status text_load(struct text *out, struct weights *, const struct model_config *,
                               struct err *err);
void text_close(struct text *); /* harmless on a zeroed one */

struct text_scratch {
    struct transformer_scratch transformer;
    int rows, texts;            /* that fit in one pass */
    struct sequence *sequences; /* [texts] */
    int32_t *pool;              /* [texts] */
    float *embeddings;          /* [texts, D] */
};

MUST_USE enum status text_scratch_open(struct text_scratch *out, const struct text *, int batch,
                                       struct err *err);
void text_scratch_close(struct text_scratch *, const struct tensor_ops *);

/* ids: [n, T] → out: [n, D], not normalised; any n. ERR_ARGUMENT for an id outside the
 * vocabulary. */
MUST_USE enum status text_run(const struct text *, struct runner *, const struct text_scratch *,
                              const int32_t *ids, int n, float *out, struct tap tap,
                              struct err *err);

#endif
