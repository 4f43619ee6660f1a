/* SPDX-License-Identifier: MIT
 *
 * See vision.h. conv1 has its stride equal to its kernel, so it is a linear layer over unrolled
 * patches. Pooling the class token needs only that token of the last block (transformer.h); the
 * mean needs all.
 */
#include "clip/vision.h"

#include <stdlib.h>
#include <string.h>

/* ---- loading ----------------------------------------------------------------------------- */

static void set_grid(struct vision *v, const struct model_config *c)
{
    v->grid = (struct patch_grid){.image_size = c->vision.image_size,
                                  .patch_size = c->vision.patch_size,
                                  .grid = c->vision.grid};
    memcpy(v->grid.mean, c->preprocess.mean, sizeof v->grid.mean);
    memcpy(v->grid.std, c->preprocess.std, sizeof v->grid.std);
}

enum status vision_load(struct vision *out, struct weights *w, const struct model_config *c,
                        struct err *err)
{
    const struct transformer_config *t = &c->vision.transformer;
    const struct transformer_options options = {
        .tower = "visual.", .causal = false, .pools = c->vision.pool == VISION_POOL_TOKEN};
    const struct weights_linear conv1 = {.weight = "visual.conv1.weight"};
    const struct weights_linear proj = {
        .weight = "visual.proj", .transposed = true, .sensitive = true};
    const struct weights_norm ln_pre = {"visual.ln_pre", t->width, t->norm_eps, .folded = false};
    const struct weights_norm ln_post = {"visual.ln_post", t->width, t->norm_eps, .folded = false};
    *out = (struct vision){.config = c->vision,
                           .embed_dim = c->embed_dim,
                           .element = rows_element(weights_precision(w, true))};
    set_grid(out, c);
    enum status status = transformer_load(&out->transformer, w, t, &options, err);
    if (status == OK)
        status = weights_linear(w, &out->conv1, &conv1, err);
    if (status == OK)
        status = weights_floats(w, &out->class_token, "visual.class_embedding", err);
    if (status == OK)
        status = weights_positions(w, &out->positions, "visual.positional_embedding",
                                   c->vision.grid, err);
    if (status == OK && c->vision.ln_pre)
        status = weights_norm(w, &out->ln_pre, &ln_pre, err);
    if (status == OK)
        status = weights_norm(w, &out->ln_post, &ln_post, err);
    if (status == OK)
        status = weights_linear(w, &out->proj, &proj, err);
    return status;
}

void vision_close(struct vision *v)
{
    const struct tensor_ops *ops = v->transformer.ops;
    if (!ops)
        return;
    ops->linear_close(v->conv1);
    ops->linear_close(v->proj);
    ops->floats_close(v->class_token);
    ops->floats_close(v->positions);
    norm_close(ops, &v->ln_pre);
    norm_close(ops, &v->ln_post);
    transformer_close(&v->transformer);
    *v = (struct vision){0};
}

/* ---- scratch ----------------------------------------------------------------------------- */

/* Patches and what conv1 makes of them pass through `wide` and `h`. */
static size_t wide_floats(const struct vision *v, size_t batch)
{
    size_t side = (size_t)v->config.patch_size, cells = (size_t)v->config.tokens - 1;
    size_t blocks = batch * (size_t)v->config.tokens * transformer_wide(&v->config.transformer);
    size_t patches = batch * cells * transformer_row((int)(3 * side * side));
    return blocks > patches ? blocks : patches;
}

enum status vision_scratch_open(struct vision_scratch *out, const struct vision *v, int batch,
                                struct err *err)
{
    *out = (struct vision_scratch){0};
    enum status status =
        transformer_scratch_open(&out->transformer, &v->transformer, batch * v->config.tokens,
                                 batch, wide_floats(v, (size_t)batch), err);
    if (status != OK)
        return status;
    out->sequences = calloc((size_t)batch, sizeof *out->sequences);
    out->pool = calloc((size_t)batch, sizeof *out->pool); /* the class token is token 0 */
    if (!out->sequences || !out->pool)
        return err_no_memory(err, "a session", (size_t)batch * sizeof *out->sequences);
    return v->transformer.ops->floats_open(&out->embeddings, (size_t)batch * (size_t)v->embed_dim,
                                           err);
}

void vision_scratch_close(struct vision_scratch *s, const struct tensor_ops *ops)
{
    transformer_scratch_close(&s->transformer, ops);
    ops->floats_close(s->embeddings);
    free(s->sequences);
    free(s->pool);
    *s = (struct vision_scratch){0};
}

/* ---- running ----------------------------------------------------------------------------- */

static enum status embed(const struct vision *v, struct runner *runner,
                         const struct transformer_scratch *s, const uint8_t *pixels, int n,
                         struct err *err)
{
    const struct tensor_ops *ops = v->transformer.ops;
    int cells = v->config.tokens - 1, width = v->config.transformer.width;
    int patch = 3 * v->config.patch_size * v->config.patch_size;
    const struct linear_call convolve = {
        .y = rows_of_floats(s->h, width),
        .x = rows_view(s->wide, v->transformer.element, (size_t)n * (size_t)cells, patch),
        .rows = n * cells,
    };
    ops->patches(runner, &convolve.x, pixels, n, &v->grid);
    enum status status = ops->linear(runner, v->conv1, &convolve, err);
    if (status != OK)
        return status;
    ops->image_tokens(runner, s->x, s->h, n, cells, width, v->class_token, v->positions);
    const struct rows x = rows_of_floats(s->x, width);
    if (v->config.ln_pre)
        ops->layernorm(runner, &x, s->x, n * v->config.tokens, &v->ln_pre);
    return OK;
}

/* → [n, W] for the projection, in the scratch's wide, which is free by now. */
static struct rows pool(const struct vision *v, struct runner *runner,
                        const struct transformer_scratch *s, int n)
{
    const struct tensor_ops *ops = v->transformer.ops;
    int tokens = v->config.tokens, width = v->config.transformer.width;
    const struct rows out = rows_view(s->wide, v->element, (size_t)n, width);
    const struct rows x = rows_of_floats(s->x, width);
    if (v->config.pool == VISION_POOL_TOKEN) { /* one row each: before and after are the same */
        ops->layernorm(runner, &out, s->pooled_x, n, &v->ln_post);
        return out;
    }
    if (!v->config.final_ln_after_pool)
        ops->layernorm(runner, &x, s->x, n * tokens, &v->ln_post);
    ops->mean_rows(runner, s->h, s->x, n, tokens, 1, tokens - 1, width);
    if (v->config.final_ln_after_pool)
        ops->layernorm(runner, &out, s->h, n, &v->ln_post);
    else
        ops->rows_write(runner, &out, s->h, n);
    return out;
}

enum status vision_run(const struct vision *v, struct runner *runner,
                       const struct vision_scratch *scratch, const uint8_t *pixels, int n,
                       float *out, struct tap tap, struct err *err)
{
    const struct tensor_ops *ops = v->transformer.ops;
    const struct transformer_scratch *s = &scratch->transformer;
    int tokens = v->config.tokens;
    for (int i = 0; i < n; i++)
        scratch->sequences[i] = (struct sequence){i * tokens, tokens, i * tokens, tokens};
    const struct transformer_batch batch = {.rows = n * tokens,
                                            .sequences = scratch->sequences,
                                            .count = n,
                                            .pool = scratch->pool,
                                            .tower = "visual",
                                            .tap = tap};
    enum status status = embed(v, runner, s, pixels, n, err);
    if (status == OK)
        status = transformer_run(&v->transformer, runner, s, &batch, err);
    if (status != OK)
        return status;
    const struct linear_call project = {.y = rows_of_floats(scratch->embeddings, v->embed_dim),
                                        .x = pool(v, runner, s, n),
                                        .rows = n};
    status = ops->linear(runner, v->proj, &project, err);
    if (status == OK)
        ops->floats_read(out, scratch->embeddings, (size_t)n * (size_t)v->embed_dim);
    return status;
}

double vision_flops(const struct vision_config *v, int embed_dim)
{
    double side = v->patch_size, width = v->transformer.width;
    double cells = v->tokens - 1;
    return transformer_flops(&v->transformer, v->pool == VISION_POOL_TOKEN, v->tokens) +
           2 * cells * 3 * side * side * width + 2 * width * embed_dim;
}
