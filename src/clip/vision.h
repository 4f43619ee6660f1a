/* SPDX-License-Identifier: MIT
 *
 * The image tower: pixels → patches → tokens → blocks → one vector.
 */
#ifndef FOVEA_CLIP_VISION_H
#define FOVEA_CLIP_VISION_H

#include "clip/transformer.h"

struct vision {
    struct vision_config config;
    int embed_dim;        /* D */
    enum element element; /* what goes into proj; into conv1 what goes into the blocks */
    struct patch_grid grid;
    struct transformer transformer;
    struct linear *conv1; /* 3*P*P → W, no bias */
    float *class_token;   /* [W] */
    float *positions;     /* [1 + G*G, W] */
    struct norm ln_pre;   /* of width 0 if there is none */
    struct norm ln_post;
    struct linear *proj; /* W → D */
};

/* Close it whatever comes back. */
MUST_USE enum status vision_load(struct vision *out, struct weights *, const struct model_config *,
                                 struct err *err);
void vision_close(struct vision *); /* harmless on a zeroed one */

struct vision_scratch {
    struct transformer_scratch transformer;
    struct sequence *sequences; /* [batch] */
    int32_t *pool;              /* [batch] */
    float *embeddings;          /* [batch, D] */
};

MUST_USE enum status vision_scratch_open(struct vision_scratch *out, const struct vision *,
                                         int batch, struct err *err);
void vision_scratch_close(struct vision_scratch *, const struct tensor_ops *);

/* pixels: [n, S, S, 3] → out: [n, D], not normalised; n is at most the scratch's batch. */
MUST_USE enum status vision_run(const struct vision *, struct runner *,
                                const struct vision_scratch *, const uint8_t *pixels, int n,
                                float *out, struct tap tap, struct err *err);

double vision_flops(const struct vision_config *, int embed_dim);

#endif
