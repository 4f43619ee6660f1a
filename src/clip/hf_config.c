/* SPDX-License-Identifier: MIT
 *
 * See hf_config.h. Two rules of transformers that are easy to miss: where `text_config_dict` or
 * `vision_config_dict` is given, it alone counts; and an `eos_token_id` of 2, which older configs
 * have by mistake, means that a text is pooled at its highest id.
 */
#include "clip/hf_config.h"

#include "clip/config_reader.h"

#include <math.h>
#include <string.h>

/* ---- towers ------------------------------------------------------------------------------ */

static const char *const activation_names[] = {"quick_gelu", "gelu", "gelu_pytorch_tanh",
                                               "gelu_new", NULL};
static const enum activation activations[] = {ACTIVATION_GELU_QUICK, ACTIVATION_GELU_ERF,
                                              ACTIVATION_GELU_TANH, ACTIVATION_GELU_TANH};

struct tower_defaults {
    int width, mlp_width, heads;
};

static struct reader open_tower(const json_t *root, const char *name, const char *override,
                                struct err *err)
{
    bool given = json_is_object(json_object_get(root, override));
    return reader_open(root, given ? override : name, err);
}

static void read_tower(struct reader *r, struct transformer_config *t,
                       const struct tower_defaults *d)
{
    t->width = reader_int(r, "hidden_size", d->width, 1, WIDTH_MAX);
    t->mlp_width = reader_int(r, "intermediate_size", d->mlp_width, 1, 64 * WIDTH_MAX);
    t->layers = reader_int(r, "num_hidden_layers", 12, 1, LAYERS_MAX);
    t->heads = reader_int(r, "num_attention_heads", d->heads, 1, WIDTH_MAX);
    t->head_width = t->width / t->heads;
    t->activation = activations[reader_choice(r, "hidden_act", activation_names)];
    t->norm_eps = (float)reader_number(r, "layer_norm_eps", 1e-5, 1e-12, 1);
    if (t->head_width * t->heads != t->width)
        reader_refuse(r, ERR_FORMAT, "num_attention_heads", "does not divide hidden_size");
}

static enum status read_vision(struct vision_config *v, const json_t *root, struct err *err)
{
    static const struct tower_defaults defaults = {768, 3072, 12};
    struct reader r = open_tower(root, "vision_config", "vision_config_dict", err);
    read_tower(&r, &v->transformer, &defaults);
    v->image_size = reader_side(&r, "image_size", 224);
    v->patch_size = reader_side(&r, "patch_size", 32);
    v->pool = VISION_POOL_TOKEN;
    v->ln_pre = true;
    if (reader_int(&r, "num_channels", 3, 1, 1024) != 3)
        reader_refuse(&r, ERR_UNSUPPORTED, "num_channels", "is not 3");
    return r.status == OK ? config_cut(v, ERR_FORMAT, err) : r.status;
}

static enum status read_text(struct text_config *t, const json_t *root, struct err *err)
{
    static const struct tower_defaults defaults = {512, 2048, 8};
    struct reader r = open_tower(root, "text_config", "text_config_dict", err);
    read_tower(&r, &t->transformer, &defaults);
    t->context_length = reader_int(&r, "max_position_embeddings", 77, 2, CONTEXT_MAX);
    t->vocab_size = reader_int(&r, "vocab_size", 49408, 3, VOCAB_MAX);
    t->eos_id = reader_int(&r, "eos_token_id", 49407, 0, VOCAB_MAX);
    t->pool = t->eos_id == 2 ? TEXT_POOL_ARGMAX : TEXT_POOL_EOS;
    t->causal = true;
    t->has_projection = true;
    return r.status;
}

/* ---- preparing pictures ------------------------------------------------------------------ */

/* A size written as a number, {"height", "width"} or {"shortest_edge"}. *shortest: the last. */
static int read_size(struct reader *r, const char *key, int fallback, bool *shortest)
{
    const json_t *value = reader_get(r, key);
    if (!json_is_object(value))
        return reader_side(r, key, fallback);
    const json_t *edge = json_object_get(value, "shortest_edge");
    const json_t *height = json_object_get(value, "height"),
                 *width = json_object_get(value, "width");
    *shortest = json_is_integer(edge);
    json_int_t size = json_integer_value(*shortest ? edge : height);
    if (size < 1 || size > IMAGE_MAX || (!*shortest && size != json_integer_value(width))) {
        reader_refuse(r, ERR_UNSUPPORTED, key, "is neither a square nor a shortest edge");
        return fallback;
    }
    return (int)size;
}

static bool read_switch(struct reader *r, const char *key)
{
    return reader_get(r, key) ? reader_bool(r, key) : true;
}

/* Pillow's numbers. */
static void read_resample(struct reader *r, struct preprocess *p)
{
    switch (reader_int(r, "resample", 3, 0, 5)) {
    case 2:
        p->interpolation = INTERPOLATION_BILINEAR;
        break;
    case 3:
        p->interpolation = INTERPOLATION_BICUBIC;
        break;
    default:
        reader_refuse(r, ERR_UNSUPPORTED, "resample", "is neither bilinear (2) nor bicubic (3)");
    }
}

static void read_geometry(struct reader *r, struct preprocess *p)
{
    bool shortest = true, square = false;
    int size = read_size(r, "size", p->size, &shortest);
    int crop = read_size(r, "crop_size", p->size, &square);
    bool crops = read_switch(r, "do_center_crop");
    if (!read_switch(r, "do_resize"))
        reader_refuse(r, ERR_UNSUPPORTED, "do_resize", "is off: pictures of any size");
    p->resize_mode = shortest ? RESIZE_SHORTEST : RESIZE_SQUASH;
    if (shortest && !crops)
        reader_refuse(r, ERR_UNSUPPORTED, "do_center_crop", "is off: pictures that are no squares");
    if (size != p->size || (crops && crop != p->size))
        reader_refuse(r, ERR_UNSUPPORTED, "size",
                      "and crop_size are not both the image_size of the model's config");
}

static enum status read_preprocess(struct preprocess *p, const json_t *json, int image_size,
                                   struct err *err)
{
    struct reader r = {.object = json, .where = "preprocessor_config.json", .err = err};
    *p = preprocess_default(image_size);
    if (!json)
        return OK;
    if (!json_is_object(json))
        return err_set(err, ERR_FORMAT, "preprocessor_config.json is not a JSON object");
    read_resample(&r, p);
    read_geometry(&r, p);
    double factor = reader_number(&r, "rescale_factor", 1.0 / 255, 0, 1);
    if (!read_switch(&r, "do_rescale") || fabs(factor * 255 - 1) > 1e-6)
        reader_refuse(&r, ERR_UNSUPPORTED, "rescale_factor", "is not 1/255");
    if (!read_switch(&r, "do_normalize"))
        reader_refuse(&r, ERR_UNSUPPORTED, "do_normalize", "is off");
    reader_triple(&r, "image_mean", p->mean);
    reader_triple(&r, "image_std", p->std);
    for (int i = 0; i < 3; i++)
        if (!(p->std[i] > 0))
            reader_refuse(&r, ERR_FORMAT, "image_std", "is not above zero");
    return r.status;
}

/* ---- the whole --------------------------------------------------------------------------- */

static enum status check_kind(const json_t *root, struct err *err)
{
    const char *type = json_string_value(json_object_get(root, "model_type"));
    const char *class =
        json_string_value(json_array_get(json_object_get(root, "architectures"), 0));
    if (!type && !class)
        return err_set(err, ERR_FORMAT,
                       "it names no model_type (is it a config of Transformers or open_clip?)");
    if ((type && strcmp(type, "clip") != 0) || (class && strcmp(class, "CLIPModel") != 0))
        return err_set(
            err, ERR_UNSUPPORTED,
            "it is a model of the kind %.60s (%.60s); of Transformers' models fovea runs "
            "clip (CLIPModel)",
            type ? type : "without a name", class ? class : "no class");
    return OK;
}

static enum status read_root(struct model_config *out, const json_t *root, const json_t *preprocess,
                             struct err *err)
{
    struct reader r = {.object = root, .where = "config", .err = err};
    if (!json_is_object(root))
        return err_set(err, ERR_FORMAT, "it is not a JSON object");
    enum status status = check_kind(root, err);
    if (status != OK)
        return status;
    out->embed_dim = reader_int(&r, "projection_dim", 512, 1, WIDTH_MAX);
    status = r.status;
    if (status == OK)
        status = read_vision(&out->vision, root, err);
    if (status == OK)
        status = read_text(&out->text, root, err);
    if (status == OK)
        status = read_preprocess(&out->preprocess, preprocess, out->vision.image_size, err);
    return status;
}

enum status hf_config_parse(struct model_config *out, const struct hf_config_files *files,
                            struct err *err)
{
    json_error_t where;
    json_t *preprocess = NULL;
    enum status status = OK;
    *out = (struct model_config){0};
    json_t *root = json_loadb(files->config, files->config_size, JSON_REJECT_DUPLICATES, &where);
    if (!root)
        return err_set(err, ERR_FORMAT, "line %d, column %d: %s", where.line, where.column,
                       where.text);
    if (files->preprocess)
        preprocess =
            json_loadb(files->preprocess, files->preprocess_size, JSON_REJECT_DUPLICATES, &where);
    if (files->preprocess && !preprocess)
        status = err_set(err, ERR_FORMAT, "preprocessor_config.json, line %d, column %d: %s",
                         where.line, where.column, where.text);
    if (status == OK)
        status = read_root(out, root, preprocess, err);
    json_decref(root);
    json_decref(preprocess);
    return status;
}
