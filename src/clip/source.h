/* SPDX-License-Identifier: MIT
 *
 * What a model is made of on disk: which config, which weights file, which tokenizer files. Two
 * layouts of a folder are known:
 *
 *     open_clip      open_clip_config.json, and open_clip_model.safetensors, else
 *                    open_clip_pytorch_model.bin
 *     Transformers   config.json, perhaps preprocessor_config.json, and model.safetensors, else
 *                    pytorch_model.bin
 *
 * open_clip's wins where both are there. Config and weights may also be given from outside. Only
 * the configs are read here.
 */
#ifndef FOVEA_CLIP_SOURCE_H
#define FOVEA_CLIP_SOURCE_H

#include "base/file.h"
#include "base/status.h"
#include "base/str.h"
#include "clip/config.h"
#include "clip/model.h"

enum source_layout { SOURCE_OPEN_CLIP, SOURCE_TRANSFORMERS };

struct model_source {
    enum source_layout layout;
    const char *dir;              /* as given, may be NULL */
    struct str config_path;       /* empty when the text was given */
    struct file_bytes config;     /* JSON */
    struct file_bytes preprocess; /* preprocessor_config.json, or empty */
    struct str weights_path;
};

/* ERR_NOT_FOUND says what is missing from the folder, ERR_UNSUPPORTED what it is instead. Close it
 * whatever comes back. The options have to outlive it. */
MUST_USE enum status source_open(struct model_source *out, const struct model_options *,
                                 struct err *err);
void source_close(struct model_source *); /* harmless on a zeroed one */

/* The config, whatever its layout. Texts name the file. */
MUST_USE enum status source_config(const struct model_source *, struct model_config *out,
                                   struct err *err);

#endif
