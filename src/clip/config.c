/* SPDX-License-Identifier: MIT
 *
 * Reading the config. Each object is read key by key through a table-less reader that remembers
 * which keys it was asked for: what is left over at the end is either harmless (null, false, or on
 * the list of keys that only training uses) or a reason to refuse the model.
 */
#include "clip/config.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum { WIDTH_MAX = 16384, LAYERS_MAX = 256, IMAGE_MAX = 4096, CONTEXT_MAX = 4096 };
enum { VOCAB_MAX = 1 << 22, TOKENS_MAX = 1 << 14 };

/* One JSON object being read. */
struct reader {
    const json_t *object; /* NULL: absent, every key has its default */
    const char *where;    /* "vision_cfg" */
    const char *seen[48];
    size_t seen_count;
    struct err *err;
    enum status status; /* of the first failure; reading goes on with defaults */
};

static struct reader reader_open(const json_t *parent, const char *name, struct err *err)
{
    struct reader r = {
        .object = parent ? json_object_get(parent, name) : NULL, .where = name, .err = err};
    if (r.object && !json_is_object(r.object)) {
        r.status = err_set(err, ERR_FORMAT, "%s is not an object", name);
        r.object = NULL;
    }
    return r;
}

static void refuse(struct reader *r, enum status status, const char *key, const char *why)
{
    if (r->status == OK)
        r->status = err_set(r->err, status, "%s.%s %s", r->where, key, why);
}

/* The value of a key; NULL when absent or null. */
static const json_t *get(struct reader *r, const char *key)
{
    if (r->seen_count < sizeof r->seen / sizeof *r->seen)
        r->seen[r->seen_count++] = key;
    const json_t *value = r->object ? json_object_get(r->object, key) : NULL;
    return json_is_null(value) ? NULL : value;
}

static int get_int(struct reader *r, const char *key, int fallback, int min, int max)
{
    const json_t *value = get(r, key);
    if (!value)
        return fallback;
    if (json_is_array(value))
        refuse(r, ERR_UNSUPPORTED, key, "is a list: such a model is not supported");
    else if (!json_is_integer(value))
        refuse(r, ERR_FORMAT, key, "is not a whole number");
    else if (json_integer_value(value) < min || json_integer_value(value) > max)
        refuse(r, ERR_FORMAT, key, "is out of range");
    else
        return (int)json_integer_value(value);
    return fallback;
}

static double get_number(struct reader *r, const char *key, double fallback, double min, double max)
{
    const json_t *value = get(r, key);
    if (!value)
        return fallback;
    double x = json_number_value(value);
    if (!json_is_number(value))
        refuse(r, ERR_FORMAT, key, "is not a number");
    else if (!(x >= min && x <= max))
        refuse(r, ERR_FORMAT, key, "is out of range");
    else
        return x;
    return fallback;
}

static bool get_bool(struct reader *r, const char *key)
{
    const json_t *value = get(r, key);
    if (value && !json_is_boolean(value))
        refuse(r, ERR_FORMAT, key, "is not true or false");
    return json_is_true(value);
}

static const char *get_string(struct reader *r, const char *key, const char *fallback)
{
    const json_t *value = get(r, key);
    if (value && !json_is_string(value))
        refuse(r, ERR_FORMAT, key, "is not a text");
    return json_is_string(value) ? json_string_value(value) : fallback;
}

/* Index of the value in `names` (NULL-terminated). */
static int get_choice(struct reader *r, const char *key, const char *const *names)
{
    const char *value = get_string(r, key, names[0]);
    for (int i = 0; names[i]; i++)
        if (strcmp(value, names[i]) == 0)
            return i;
    refuse(r, ERR_UNSUPPORTED, key, "has a value that is not supported");
    return 0;
}

/* A side length that may be written as [n, n]. */
static int get_side(struct reader *r, const char *key, int fallback)
{
    const json_t *value = r->object ? json_object_get(r->object, key) : NULL;
    if (!json_is_array(value))
        return get_int(r, key, fallback, 1, IMAGE_MAX);
    get(r, key);
    json_int_t a = json_integer_value(json_array_get(value, 0));
    json_int_t b = json_integer_value(json_array_get(value, json_array_size(value) - 1));
    if (json_array_size(value) > 2 || a != b || a < 1 || a > IMAGE_MAX) {
        refuse(r, ERR_UNSUPPORTED, key, "is not a square");
        return fallback;
    }
    return (int)a;
}

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
    get(r, "act_kwargs");
    get(r, "norm_kwargs");
    struct reader act = reader_open(r->object, "act_kwargs", r->err);
    struct reader norm = reader_open(r->object, "norm_kwargs", r->err);
    bool tanh = get_choice(&act, "approximate", approximations) == 1;
    t->activation = quick_gelu ? ACTIVATION_GELU_QUICK
                    : tanh     ? ACTIVATION_GELU_TANH
                               : ACTIVATION_GELU_ERF;
    t->norm_eps = (float)get_number(&norm, "eps", 1e-5, 1e-12, 1);
    enum status status = reader_close(&act);
    if (status == OK)
        status = reader_close(&norm);
    if (r->status == OK)
        r->status = status;
}

static void read_transformer(struct reader *r, struct transformer_config *t, int width,
                             bool quick_gelu)
{
    t->width = get_int(r, "width", width, 1, WIDTH_MAX);
    t->layers = get_int(r, "layers", 12, 1, LAYERS_MAX);
    t->mlp_width = (int)(t->width * get_number(r, "mlp_ratio", 4.0, 0.01, 64));
    t->layer_scale = get(r, "ls_init_value") != NULL;
    read_kwargs(r, t, quick_gelu);
    if (t->mlp_width < 1)
        refuse(r, ERR_FORMAT, "mlp_ratio", "is out of range");
}

static void set_heads(struct reader *r, struct transformer_config *t, const char *key, int heads)
{
    t->heads = heads;
    t->head_width = heads > 0 ? t->width / heads : 0;
    if (heads < 1 || t->head_width * heads != t->width)
        refuse(r, ERR_FORMAT, key, "does not divide the width");
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
    int head_width = get_int(&r, "head_width", 64, 1, WIDTH_MAX);
    set_heads(&r, &v->transformer, "head_width", v->transformer.width / head_width);
    if (v->transformer.heads * head_width != v->transformer.width)
        refuse(&r, ERR_FORMAT, "head_width", "does not divide the width");
    v->image_size = get_side(&r, "image_size", 224);
    v->patch_size = get_side(&r, "patch_size", 16);
    v->pool = get_choice(&r, "pool_type", pools) ? VISION_POOL_AVERAGE : VISION_POOL_TOKEN;
    v->ln_pre = !get_bool(&r, "no_ln_pre");
    v->final_ln_after_pool = get_bool(&r, "final_ln_after_pool");
    if (v->patch_size > v->image_size)
        refuse(&r, ERR_FORMAT, "patch_size", "is larger than image_size");
    v->grid = v->image_size / v->patch_size;
    v->tokens = 1 + v->grid * v->grid;
    if (v->tokens > TOKENS_MAX)
        refuse(&r, ERR_FORMAT, "patch_size", "cuts the image into more than 16384 tokens");
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
    set_heads(&r, &t->transformer, "heads", get_int(&r, "heads", 8, 1, WIDTH_MAX));
    t->context_length = get_int(&r, "context_length", 77, 2, CONTEXT_MAX);
    t->vocab_size = get_int(&r, "vocab_size", 49408, 3, VOCAB_MAX);
    t->pool = (enum text_pool)get_choice(&r, "pool_type", pools);
    t->eos_id = get_int(&r, "eos_id", 2, 0, VOCAB_MAX);
    t->causal = !get_bool(&r, "no_causal_mask");
    t->proj_bias = get_bool(&r, "proj_bias");
    t->has_projection = get_choice(&r, "proj_type", projections) == 0;
    const json_t *kwargs = get(&r, "tokenizer_kwargs");
    snprintf(
        t->tokenizer, sizeof t->tokenizer, "%s",
        get_string(&r, "hf_tokenizer_name", json_object_size(kwargs) ? "tokenizer_kwargs" : ""));
    return reader_close(&r);
}

static void get_triple(struct reader *r, const char *key, float *out)
{
    const json_t *value = get(r, key);
    if (!value)
        return;
    if (json_array_size(value) != 3) {
        refuse(r, ERR_FORMAT, key, "is not a list of three numbers");
        return;
    }
    for (size_t i = 0; i < 3; i++) {
        const json_t *x = json_array_get(value, i);
        if (!json_is_number(x))
            refuse(r, ERR_FORMAT, key, "is not a list of three numbers");
        out[i] = (float)json_number_value(x);
    }
}

static enum status read_preprocess(struct preprocess *p, const json_t *root, int image_size,
                                   struct err *err)
{
    struct reader r = reader_open(root, "preprocess_cfg", err);
    *p = preprocess_default(get_side(&r, "size", image_size));
    if (p->size != image_size)
        refuse(&r, ERR_FORMAT, "size", "differs from vision_cfg.image_size");
    get_triple(&r, "mean", p->mean);
    get_triple(&r, "std", p->std);
    for (int i = 0; i < 3; i++)
        if (!(p->std[i] > 0))
            refuse(&r, ERR_FORMAT, "std", "is not above zero");
    const char *interpolation = get_string(&r, "interpolation", "bicubic");
    const char *resize_mode = get_string(&r, "resize_mode", "shortest");
    p->fill = (uint8_t)get_int(&r, "fill_color", 0, 0, 255);
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
    out->embed_dim = get_int(&r, "embed_dim", 0, 1, WIDTH_MAX);
    if (out->embed_dim == 0)
        refuse(&r, ERR_FORMAT, "embed_dim", "is missing");
    bool quick_gelu = get_bool(&r, "quick_gelu");
    out->custom_text = get_bool(&r, "custom_text");
    get(&r, "vision_cfg");
    get(&r, "text_cfg");
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
