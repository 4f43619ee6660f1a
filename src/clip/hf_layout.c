/* SPDX-License-Identifier: MIT
 *
 * See hf_layout.h. The config says which tensors the graph needs (config_each_tensor()); for each,
 * the name under which Transformers keeps it is looked up, so that tensors which are no weights
 * (position_ids) or of which nobody asks fall away.
 */
#include "clip/hf_layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_BYTES = 160 };

struct translated_name {
    char text[sizeof((struct tensor_spec *)0)->name];
};

struct hf_layout {
    struct tensor_view *views; /* [count] */
    struct translated_name *names;
    size_t count, capacity;
};

/* {open_clip's, Transformers'} */
static const char *const towers[][2] = {
    {"visual.class_embedding", "vision_model.embeddings.class_embedding"},
    {"visual.conv1.weight", "vision_model.embeddings.patch_embedding.weight"},
    {"visual.positional_embedding", "vision_model.embeddings.position_embedding.weight"},
    {"visual.ln_pre.weight", "vision_model.pre_layrnorm.weight"},
    {"visual.ln_pre.bias", "vision_model.pre_layrnorm.bias"},
    {"visual.ln_post.weight", "vision_model.post_layernorm.weight"},
    {"visual.ln_post.bias", "vision_model.post_layernorm.bias"},
    {"visual.proj", "visual_projection.weight"},
    {"token_embedding.weight", "text_model.embeddings.token_embedding.weight"},
    {"positional_embedding", "text_model.embeddings.position_embedding.weight"},
    {"ln_final.weight", "text_model.final_layer_norm.weight"},
    {"ln_final.bias", "text_model.final_layer_norm.bias"},
    {"text_projection", "text_projection.weight"},
    {"logit_scale", "logit_scale"},
};

/* Of a block; '?' stands for q, k and v in turn. */
static const char *const blocks[][2] = {
    {"ln_1.weight", "layer_norm1.weight"},
    {"ln_1.bias", "layer_norm1.bias"},
    {"attn.in_proj_weight", "self_attn.?_proj.weight"},
    {"attn.in_proj_bias", "self_attn.?_proj.bias"},
    {"attn.out_proj.weight", "self_attn.out_proj.weight"},
    {"attn.out_proj.bias", "self_attn.out_proj.bias"},
    {"ln_2.weight", "layer_norm2.weight"},
    {"ln_2.bias", "layer_norm2.bias"},
    {"mlp.c_fc.weight", "mlp.fc1.weight"},
    {"mlp.c_fc.bias", "mlp.fc1.bias"},
    {"mlp.c_proj.weight", "mlp.fc2.weight"},
    {"mlp.c_proj.bias", "mlp.fc2.bias"},
};

static const char *find_pair(const char *const (*pairs)[2], size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(pairs[i][0], name) == 0)
            return pairs[i][1];
    return NULL;
}

/* "visual.transformer.resblocks.3.ln_1.bias" → "vision_model.encoder.layers.3.layer_norm1.bias" */
static bool hf_name(char *out, size_t size, const char *name)
{
    static const char prefix[] = "transformer.resblocks.";
    bool vision = strncmp(name, "visual.", 7) == 0;
    const char *rest = vision ? name + 7 : name, *found;
    if (strncmp(rest, prefix, sizeof prefix - 1) != 0) {
        found = find_pair(towers, sizeof towers / sizeof *towers, name);
        snprintf(out, size, "%s", found ? found : "");
        return found != NULL;
    }
    char *tail;
    long block = strtol(rest + sizeof prefix - 1, &tail, 10);
    found = *tail == '.' ? find_pair(blocks, sizeof blocks / sizeof *blocks, tail + 1) : NULL;
    snprintf(out, size, "%s.encoder.layers.%ld.%s", vision ? "vision_model" : "text_model", block,
             found ? found : "");
    return found != NULL;
}

bool hf_layout_is(const struct tensor_view *views, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strncmp(views[i].name, "vision_model.", 13) == 0 ||
            strncmp(views[i].name, "text_model.", 11) == 0)
            return true;
    return false;
}

/* ---- views ------------------------------------------------------------------------------- */

/* [a, b] → [b, a], by strides. */
static enum status transpose(struct tensor_view *view, struct err *err)
{
    if (view->dims != 2 || view->part[0])
        return err_set(err, ERR_FORMAT, "tensor %s is not a matrix", view->name);
    int64_t rows = view->shape[0], columns = view->shape[1];
    int64_t along_row = view->strided ? view->stride[1] : 1;
    int64_t along_column = view->strided ? view->stride[0] : columns;
    view->shape[0] = columns;
    view->shape[1] = rows;
    view->stride[0] = along_row;
    view->stride[1] = along_column;
    view->strided = true;
    return OK;
}

static bool same_kind(const struct tensor_view *a, const struct tensor_view *b)
{
    return a->dims == b->dims && strcmp(a->dtype_name, b->dtype_name) == 0 &&
           memcmp(a->shape, b->shape, (size_t)a->dims * sizeof *a->shape) == 0;
}

/* Queries, keys and values as one. */
static enum status join(struct tensor_view *out, const struct tensor_view *const *parts,
                        struct err *err)
{
    *out = *parts[0];
    for (int i = 0; i < TENSOR_PARTS; i++) {
        if (parts[i]->dims < 1 || !same_kind(parts[0], parts[i]))
            return err_set(err, ERR_FORMAT,
                           "tensor %s has not the type and shape of its siblings for queries, keys "
                           "and values",
                           parts[i]->name);
        out->part[i] = parts[i];
    }
    out->data = NULL;
    out->strided = out->swapped = false;
    out->shape[0] *= TENSOR_PARTS;
    out->count *= TENSOR_PARTS;
    out->size_bytes *= TENSOR_PARTS;
    return OK;
}

struct translation {
    struct hf_layout *out;
    const struct hf_source *source;
    struct err *err;
};

static enum status missing(const struct translation *t, const struct tensor_spec *spec,
                           const char *name)
{
    bool needed = spec->text_tower ? t->source->text : t->source->image;
    if (strcmp(spec->name, "logit_scale") == 0 || !needed)
        return OK;
    return err_set(t->err, ERR_FORMAT,
                   "tensor %s is missing: these are not the weights of this config", name);
}

static enum status translate(void *context, const struct tensor_spec *spec)
{
    const struct translation *t = context;
    const struct hf_source *from = t->source;
    const struct tensor_view *found[TENSOR_PARTS] = {0};
    char name[NAME_MAX_BYTES];
    if (!hf_name(name, sizeof name, spec->name))
        return missing(t, spec, spec->name);
    char *mark = strchr(name, '?');
    for (int i = 0; i < (mark ? TENSOR_PARTS : 1); i++) {
        if (mark)
            *mark = "qkv"[i];
        found[i] = tensor_views_find(from->views, from->count, name);
        if (!found[i])
            return missing(t, spec, name);
    }
    struct tensor_view *view = &t->out->views[t->out->count];
    struct translated_name *own = &t->out->names[t->out->count];
    enum status status = OK;
    *view = *found[0];
    if (mark)
        status = join(view, found, t->err);
    else if (strcmp(spec->name, "visual.proj") == 0 || strcmp(spec->name, "text_projection") == 0)
        status = transpose(view, t->err);
    snprintf(own->text, sizeof own->text, "%s", spec->name);
    view->name = own->text;
    t->out->count += status == OK;
    return status;
}

static enum status count_one(void *context, const struct tensor_spec *spec)
{
    ++*(size_t *)context;
    return OK;
}

enum status hf_layout_open(struct hf_layout **out, const struct hf_source *source,
                           const struct model_config *config, struct err *err)
{
    *out = NULL;
    struct hf_layout *layout = calloc(1, sizeof *layout);
    if (!layout)
        return err_no_memory(err, "a weights file", sizeof *layout);
    enum status status = config_each_tensor(config, count_one, &layout->capacity);
    layout->views = calloc(layout->capacity, sizeof *layout->views);
    layout->names = calloc(layout->capacity, sizeof *layout->names);
    if (!layout->views || !layout->names)
        status =
            err_no_memory(err, "the list of tensors", layout->capacity * sizeof *layout->views);
    if (status == OK)
        status = config_each_tensor(config, translate, &(struct translation){layout, source, err});
    if (status != OK) {
        hf_layout_close(layout);
        return status;
    }
    tensor_views_sort(layout->views, layout->count);
    *out = layout;
    return OK;
}

void hf_layout_close(struct hf_layout *layout)
{
    if (!layout)
        return;
    free(layout->views);
    free(layout->names);
    free(layout);
}

const struct tensor_view *hf_layout_all(const struct hf_layout *layout, size_t *count)
{
    *count = layout->count;
    return layout->views;
}
