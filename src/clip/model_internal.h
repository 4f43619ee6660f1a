/* SPDX-License-Identifier: MIT
 *
 * The inside of a model, for this room's files alone.
 */
#ifndef FOVEA_CLIP_MODEL_INTERNAL_H
#define FOVEA_CLIP_MODEL_INTERNAL_H

#include "clip/model.h"
#include "clip/safetensors.h"
#include "clip/text.h"
#include "clip/vision.h"

struct model {
    struct model_info info;
    char *name;
    enum model_towers towers;
    const struct tensor_ops *ops;
    struct model_config config;
    struct safetensors *file; /* stays open for the token table */
    struct vision vision;     /* zeroed when not loaded */
    struct text text;
    struct tokenizer *tokenizer; /* of MODEL_TEXT */
};

#endif
