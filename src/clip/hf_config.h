/* SPDX-License-Identifier: MIT
 *
 * The config of a CLIP model as Hugging Face's Transformers writes it: config.json of a CLIPModel
 * and preprocessor_config.json. Source: transformers' configuration_clip.py and
 * image_processing_clip.py and their defaults. The class fixes the graph, so that, unlike in
 * open_clip's config, a key that is not known here does not change it.
 */
#ifndef FOVEA_CLIP_HF_CONFIG_H
#define FOVEA_CLIP_HF_CONFIG_H

#include "base/status.h"
#include "clip/config.h"

#include <stddef.h>

struct hf_config_files {
    const char *config; /* [config_size] config.json */
    size_t config_size;
    const char *preprocess; /* [preprocess_size] preprocessor_config.json; NULL: CLIP's defaults */
    size_t preprocess_size;
};

/* ERR_FORMAT (not JSON, mistyped or missing values); ERR_UNSUPPORTED names another kind of model,
 * or a preparation of pictures that is not reproduced. */
MUST_USE enum status hf_config_parse(struct model_config *out, const struct hf_config_files *,
                                     struct err *err);

#endif
