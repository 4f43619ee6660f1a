/* SPDX-License-Identifier: MIT
 *
 * open_clip_config.json: `model_cfg` (embed_dim, quick_gelu, vision_cfg, text_cfg) and
 * `preprocess_cfg`. Source: open_clip's CLIPVisionCfg, CLIPTextCfg, PreprocessCfg and their
 * defaults. Covers the family of ViT image towers with open_clip's own text transformer; anything
 * else is refused by the name of what it is. A key that changes the graph and is not known is
 * refused too: a model that runs is a model that is right.
 */
#ifndef FOVEA_CLIP_CONFIG_H
#define FOVEA_CLIP_CONFIG_H

#include "base/status.h"
#include "clip/preprocess.h"
#include "tensor/tensor.h"

#include <stdbool.h>
#include <stddef.h>

enum vision_pool { VISION_POOL_TOKEN, VISION_POOL_AVERAGE };
enum text_pool { TEXT_POOL_ARGMAX, TEXT_POOL_LAST, TEXT_POOL_FIRST, TEXT_POOL_EOS };

/* A transformer: its blocks are the same in both towers. */
struct transformer_config {
    int width; /* W */
    int layers;
    int heads;      /* W / head_width */
    int head_width; /* Hw */
    int mlp_width;  /* int(W * mlp_ratio) */
    enum activation activation;
    bool layer_scale; /* ls_1.gamma, ls_2.gamma are there */
    float norm_eps;
};

struct vision_config {
    struct transformer_config transformer;
    int image_size; /* S */
    int patch_size; /* P */
    int grid;       /* S / P */
    int tokens;     /* 1 + grid * grid */
    enum vision_pool pool;
    bool ln_pre;              /* false with no_ln_pre */
    bool final_ln_after_pool; /* ln_post after the pool instead of before */
};

struct text_config {
    struct transformer_config transformer;
    int context_length; /* T */
    int vocab_size;     /* V */
    enum text_pool pool;
    int eos_id; /* of TEXT_POOL_EOS */
    bool causal;
    bool proj_bias;      /* text_projection is a Linear with weight [D, W] and bias [D] */
    bool has_projection; /* false: proj_type "none" (then W equals D) */
    char tokenizer[128]; /* the other tokenizer that it asks for; "" for CLIP's */
};

struct model_config {
    int embed_dim;    /* D */
    bool custom_text; /* text tensors have the prefix "text." (the reader accepts either) */
    struct vision_config vision;
    struct text_config text;
    struct preprocess preprocess;
};

/* json: the file's text. Errors: ERR_FORMAT (not JSON, missing or mistyped values, numbers out of
 * range), ERR_UNSUPPORTED (another family). The texts do not name the file. */
MUST_USE enum status config_parse(struct model_config *out, const char *json, size_t size,
                                  struct err *err);

/* Sets grid and tokens from image_size and patch_size; `bad` is the status past the limits. */
MUST_USE enum status config_cut(struct vision_config *, enum status bad, struct err *err);
/* Another size of the pictures than the config's. ERR_ARGUMENT past the limits. */
MUST_USE enum status config_set_image_size(struct model_config *, int size, struct err *err);

/* One tensor of the checkpoint that a config describes. */
struct tensor_spec {
    char name[128];  /* without "text." or "module." */
    bool text_tower; /* gets the prefix "text." in custom-text checkpoints */
    int dims;
    int shape[4];
};

/* Calls visit for every tensor of the model, image tower first, in the order of the graph; stops
 * when it returns something else than OK and returns that. */
MUST_USE enum status
config_each_tensor(const struct model_config *,
                   enum status (*visit)(void *context, const struct tensor_spec *), void *context);

#endif
