/* SPDX-License-Identifier: MIT
 *
 * Reading the config. Each object is read key by key through a table-less reader that remembers
 * which keys it was asked for: what is left over at the end is either harmless (null, false, or on
 * the list of keys that only training uses) or a reason to refuse the model.
 */
#include "clip/config.h"

#include "clip/config_reader.h"

#include <stdio.h>
#include <string.h>

static bool is_listed(const char *key, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(key, list[i]) == 0)
            return true;
    return false;
}

/* Names an architecture that is known to be another one. */
static const char *family_of(const char *key)
{
    static const char *const families[][2] = {
        {"timm_model_name", "an image tower from timm"},
        {"hf_model_name", "a text tower from Hugging Face"},
        {"multimodal_cfg", "a CoCa model"},
        {"attentional_pool", "attentional pooling"},
        {"embed_cls", "a class embedding in the text tower (CoCa)"},
    };
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (strcmp(key, families[i][0]) == 0)
            return families[i][1];
    return NULL;
}

/* Refuses what was not asked for, unless it is off or concerns training only. */
static enum status reader_close(struct reader *r)
{
    static const char *const harmless[] = {
        "patch_dropout",
        "output_tokens",
        "pos_embed_type",
        "init_logit_scale",
        "output_dict",
        "cast_dtype",
        "dropout",
        "pad_id",
        "eos_id",
        "attn_pooler_queries",
        "attn_pooler_heads",
        "timm_drop",
        "timm_drop_path",
        "hf_model_pretrained",
        "mode",
        "nonscalar_logit_scale",
    };
    const char *key;
    json_t *value;
    if (r->status != OK || !r->object)
        return r->status;
    json_object_foreach((json_t *)r->object, key, value)
    {
        if (json_is_null(value) || json_is_false(value) || is_listed(key, r->seen, r->seen_count) ||
            is_listed(key, harmless, sizeof harmless / sizeof *harmless))
            continue;
        const char *family = family_of(key);
        if (family)
            return err_set(r->err, ERR_UNSUPPORTED,
                           "this model has %s (%s.%s); fovea runs open_clip's ViT image towers "
                           "with its own text transformer",
                           family, r->where, key);
        return err_set(r->err, ERR_UNSUPPORTED,
                       "%s.%s is a setting that fovea does not know; the model cannot be run "
                       "faithfully",
                       r->where, key);
    }
    return OK;
}

static void read_kwargs(struct reader *r, struct transformer_config *t, bool quick_gelu)
{
    static const char *const approximations[] = {"none", "tanh", NULL};
    reader_get(r, "act_kwargs");
    reader_get(r, "norm_kwargs");
    struct reader act = reader_open(r->object, "act_kwargs", r->err);
    struct reader norm = reader_open(r->object, "norm_kwargs", r->err);
    bool tanh = reader_choice(&act, "approximate", approximations) == 1;
    t->activation = quick_gelu ? ACTIVATION_GELU_QUICK
                    : tanh     ? ACTIVATION_GELU_TANH
                               : ACTIVATION_GELU_ERF;
    t->norm_eps = (float)reader_number(&norm, "eps", 1e-5, 1e-12, 1);
    enum status status = reader_close(&act);
    if (status == OK)
        status = reader_close(&norm);
    if (r->status == OK)
        r->status = status;
}

static void read_transformer(struct reader *r, struct transformer_config *t, int width,
                             bool quick_gelu)
{
    t->width = reader_int(r, "width", width, 1, WIDTH_MAX);
    t->layers = reader_int(r, "layers", 12, 1, LAYERS_MAX);
    t->mlp_width = (int)(t->width * reader_number(r, "mlp_ratio", 4.0, 0.01, 64));
    t->layer_scale = reader_get(r, "ls_init_value") != NULL;
    read_kwargs(r, t, quick_gelu);
    if (t->mlp_width < 1)
        reader_refuse(r, ERR_FORMAT, "mlp_ratio", "is out of range");
}

static void set_heads(struct reader *r, struct transformer_config *t, const char *key, int heads)
{
    t->heads = heads;
    t->head_width = heads > 0 ? t->width / heads : 0;
    if (heads < 1 || t->head_width * heads != t->width)
        reader_refuse(r, ERR_FORMAT, key, "does not divide the width");
}

enum status config_cut(struct vision_config *v, enum status bad, struct err *err)
{
    if (v->patch_size > v->image_size)
        return err_set(err, bad, "a patch_size of %d is larger than pictures of %d", v->patch_size,
                       v->image_size);
    v->grid = v->image_size / v->patch_size;
    v->tokens = 1 + v->grid * v->grid;
    if (v->tokens > TOKENS_MAX)
        return err_set(err, bad,
                       "a patch_size of %d cuts pictures of %d into %d tokens; the limit is %d",
                       v->patch_size, v->image_size, v->tokens, TOKENS_MAX);
    return OK;
}

enum status config_set_image_size(struct model_config *c, int size, struct err *err)
{
    if (size < 1 || size > IMAGE_MAX)
        return err_set(err, ERR_ARGUMENT, "an image size of %d is not between 1 and %d", size,
                       IMAGE_MAX);
    c->vision.image_size = size;
    c->preprocess.size = size;
    return config_cut(&c->vision, ERR_ARGUMENT, err);
}

static enum status read_vision(struct vision_config *v, const json_t *model, bool quick_gelu,
                               struct err *err)
{
    static const char *const pools[] = {"tok", "avg", NULL};
    struct reader r = reader_open(model, "vision_cfg", err);
    if (!r.object && r.status == OK)
        return err_set(err, ERR_FORMAT, "model_cfg.vision_cfg is missing");
    /* Before anything else, so that a ResNet or timm model is called by its name. */
    if (json_is_array(json_object_get(r.object, "layers")))
        return err_set(err, ERR_UNSUPPORTED,
                       "this model has a ResNet image tower (vision_cfg.layers is a list); fovea "
                       "runs open_clip's ViT image towers");
    const json_t *timm = json_object_get(r.object, "timm_model_name");
    if (json_is_string(timm))
        return err_set(err, ERR_UNSUPPORTED,
                       "this model has the image tower %.100s from timm; fovea runs open_clip's "
                       "own ViT image towers",
                       json_string_value(timm));
    read_transformer(&r, &v->transformer, 768, quick_gelu);
    int head_width = reader_int(&r, "head_width", 64, 1, WIDTH_MAX);
    set_heads(&r, &v->transformer, "head_width", v->transformer.width / head_width);
    if (v->transformer.heads * head_width != v->transformer.width)
        reader_refuse(&r, ERR_FORMAT, "head_width", "does not divide the width");
    v->image_size = reader_side(&r, "image_size", 224);
    v->patch_size = reader_side(&r, "patch_size", 16);
    v->pool = reader_choice(&r, "pool_type", pools) ? VISION_POOL_AVERAGE : VISION_POOL_TOKEN;
    v->ln_pre = !reader_bool(&r, "no_ln_pre");
    v->final_ln_after_pool = reader_bool(&r, "final_ln_after_pool");
    if (r.status == OK)
        r.status = config_cut(v, ERR_FORMAT, err);
    return reader_close(&r);
}

static enum status read_text(struct text_config *t, const json_t *model, bool quick_gelu,
                             struct err *err)
{
    static const char *const pools[] = {"argmax", "last", "first", "eos", NULL};
    static const char *const projections[] = {"linear", "none", NULL};
    struct reader r = reader_open(model, "text_cfg", err);
    if (!r.object && r.status == OK)
        return err_set(err, ERR_FORMAT, "model_cfg.text_cfg is missing");
    const json_t *hf = json_object_get(r.object, "hf_model_name");
    if (json_is_string(hf))
        return err_set(err, ERR_UNSUPPORTED,
                       "this model has the text tower %.100s from Hugging Face; fovea runs "
                       "open_clip's own text transformer",
                       json_string_value(hf));
    read_transformer(&r, &t->transformer, 512, quick_gelu);
    set_heads(&r, &t->transformer, "heads", reader_int(&r, "heads", 8, 1, WIDTH_MAX));
    t->context_length = reader_int(&r, "context_length", 77, 2, CONTEXT_MAX);
    t->vocab_size = reader_int(&r, "vocab_size", 49408, 3, VOCAB_MAX);
    t->pool = (enum text_pool)reader_choice(&r, "pool_type", pools);
    t->eos_id = reader_int(&r, "eos_id", 2, 0, VOCAB_MAX);
    t->causal = !reader_bool(&r, "no_causal_mask");
    t->proj_bias = reader_bool(&r, "proj_bias");
    t->has_projection = reader_choice(&r, "proj_type", projections) == 0;
    const json_t *kwargs = reader_get(&r, "tokenizer_kwargs");
    snprintf(
        t->tokenizer, sizeof t->tokenizer, "%s",
        reader_string(&r, "hf_tokenizer_name", json_object_size(kwargs) ? "tokenizer_kwargs" : ""));
    return reader_close(&r);
}

static enum status read_preprocess(struct preprocess *p, const json_t *root, int image_size,
                                   struct err *err)
{
    struct reader r = reader_open(root, "preprocess_cfg", err);
    *p = preprocess_default(reader_side(&r, "size", image_size));
    if (p->size != image_size)
        reader_refuse(&r, ERR_FORMAT, "size", "differs from vision_cfg.image_size");
    reader_triple(&r, "mean", p->mean);
    reader_triple(&r, "std", p->std);
    for (int i = 0; i < 3; i++)
        if (!(p->std[i] > 0))
            reader_refuse(&r, ERR_FORMAT, "std", "is not above zero");
    const char *interpolation = reader_string(&r, "interpolation", "bicubic");
    const char *resize_mode = reader_string(&r, "resize_mode", "shortest");
    p->fill = (uint8_t)reader_int(&r, "fill_color", 0, 0, 255);
    if (r.status == OK)
        r.status = interpolation_parse(&p->interpolation, interpolation, err);
    if (r.status == OK)
        r.status = resize_mode_parse(&p->resize_mode, resize_mode, err);
    return reader_close(&r);
}

static enum status read_root(struct model_config *out, const json_t *root, struct err *err)
{
    if (!json_is_object(root))
        return err_set(err, ERR_FORMAT, "it is not a JSON object");
    struct reader r = reader_open(root, "model_cfg", err);
    if (!r.object && r.status == OK)
        return err_set(err, ERR_FORMAT, "model_cfg is missing (is this an open_clip config?)");
    out->embed_dim = reader_int(&r, "embed_dim", 0, 1, WIDTH_MAX);
    if (out->embed_dim == 0)
        reader_refuse(&r, ERR_FORMAT, "embed_dim", "is missing");
    bool quick_gelu = reader_bool(&r, "quick_gelu");
    out->custom_text = reader_bool(&r, "custom_text");
    reader_get(&r, "vision_cfg");
    reader_get(&r, "text_cfg");
    enum status status = r.status;
    if (status == OK)
        status = read_vision(&out->vision, r.object, quick_gelu, err);
    if (status == OK)
        status = read_text(&out->text, r.object, quick_gelu, err);
    if (status == OK)
        status = reader_close(&r);
    if (status == OK)
        status = read_preprocess(&out->preprocess, root, out->vision.image_size, err);
    if (status == OK && !out->text.has_projection && out->text.transformer.width != out->embed_dim)
        status = err_set(err, ERR_FORMAT,
                         "text_cfg has no projection, but its width %d is not embed_dim %d",
                         out->text.transformer.width, out->embed_dim);
    return status;
}

enum status config_parse(struct model_config *out, const char *json, size_t size, struct err *err)
{
    *out = (struct model_config){0};
    json_error_t where;
    json_t *root = json_loadb(json, size, JSON_REJECT_DUPLICATES, &where);
    if (!root)
        return err_set(err, ERR_FORMAT, "line %d, column %d: %s", where.line, where.column,
                       where.text);
    enum status status = read_root(out, root, err);
    json_decref(root);
    return status;
}
