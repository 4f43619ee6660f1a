/* SPDX-License-Identifier: MIT
 *
 * The tensors of a checkpoint, by name and shape, as open_clip's modules register them. Shapes of
 * linear layers are [out, in], of the two projections [in, out].
 */
#include "clip/config.h"

#include <stdarg.h>
#include <stdio.h>

struct visitor {
    enum status (*visit)(void *context, const struct tensor_spec *);
    void *context;
    const char *prefix; /* of the block at hand: "visual.transformer.resblocks.3." */
    bool text_tower;
    enum status status;
};

/* Visits PREFIX + name with the given shape. */
static void tensor(struct visitor *v, const char *name, int dims, ...)
{
    struct tensor_spec spec = {.dims = dims, .text_tower = v->text_tower};
    snprintf(spec.name, sizeof spec.name, "%s%s", v->prefix, name);
    va_list args;
    va_start(args, dims);
    for (int i = 0; i < dims; i++)
        spec.shape[i] = va_arg(args, int);
    va_end(args);
    if (v->status == OK)
        v->status = v->visit(v->context, &spec);
}

static void block(struct visitor *v, const struct transformer_config *t)
{
    int w = t->width, m = t->mlp_width;
    tensor(v, "ln_1.weight", 1, w);
    tensor(v, "ln_1.bias", 1, w);
    tensor(v, "attn.in_proj_weight", 2, 3 * w, w);
    tensor(v, "attn.in_proj_bias", 1, 3 * w);
    tensor(v, "attn.out_proj.weight", 2, w, w);
    tensor(v, "attn.out_proj.bias", 1, w);
    if (t->layer_scale)
        tensor(v, "ls_1.gamma", 1, w);
    tensor(v, "ln_2.weight", 1, w);
    tensor(v, "ln_2.bias", 1, w);
    tensor(v, "mlp.c_fc.weight", 2, m, w);
    tensor(v, "mlp.c_fc.bias", 1, m);
    tensor(v, "mlp.c_proj.weight", 2, w, m);
    tensor(v, "mlp.c_proj.bias", 1, w);
    if (t->layer_scale)
        tensor(v, "ls_2.gamma", 1, w);
}

static void blocks(struct visitor *v, const char *tower, const struct transformer_config *t)
{
    char prefix[64];
    for (int i = 0; i < t->layers; i++) {
        snprintf(prefix, sizeof prefix, "%stransformer.resblocks.%d.", tower, i);
        v->prefix = prefix;
        block(v, t);
    }
    v->prefix = "";
}

static void vision_tensors(struct visitor *v, const struct model_config *c)
{
    const struct vision_config *vision = &c->vision;
    int w = vision->transformer.width, p = vision->patch_size;
    v->text_tower = false;
    tensor(v, "visual.class_embedding", 1, w);
    tensor(v, "visual.positional_embedding", 2, vision->tokens, w);
    tensor(v, "visual.conv1.weight", 4, w, 3, p, p);
    if (vision->ln_pre) {
        tensor(v, "visual.ln_pre.weight", 1, w);
        tensor(v, "visual.ln_pre.bias", 1, w);
    }
    blocks(v, "visual.", &vision->transformer);
    tensor(v, "visual.ln_post.weight", 1, w);
    tensor(v, "visual.ln_post.bias", 1, w);
    tensor(v, "visual.proj", 2, w, c->embed_dim);
}

static void text_tensors(struct visitor *v, const struct model_config *c)
{
    const struct text_config *text = &c->text;
    int w = text->transformer.width, d = c->embed_dim;
    v->text_tower = true;
    tensor(v, "token_embedding.weight", 2, text->vocab_size, w);
    tensor(v, "positional_embedding", 2, text->context_length, w);
    blocks(v, "", &text->transformer);
    tensor(v, "ln_final.weight", 1, w);
    tensor(v, "ln_final.bias", 1, w);
    if (!text->has_projection)
        return;
    if (text->proj_bias) {
        tensor(v, "text_projection.weight", 2, d, w);
        tensor(v, "text_projection.bias", 1, d);
    } else {
        tensor(v, "text_projection", 2, w, d);
    }
}

enum status config_each_tensor(const struct model_config *config,
                               enum status (*visit)(void *context, const struct tensor_spec *),
                               void *context)
{
    struct visitor v = {.visit = visit, .context = context, .prefix = ""};
    vision_tensors(&v, config);
    text_tensors(&v, config);
    v.text_tower = false;
    tensor(&v, "logit_scale", 0);
    return v.status;
}
