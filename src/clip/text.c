/* SPDX-License-Identifier: MIT
 *
 * See text.h. With a causal mask nothing after the pooled token can change the result, so that a
 * text ends there: "a dog" is 4 tokens and not 77. Texts of different lengths lie one after the
 * other without padding, as many as fit in a pass; only attention needs to know where one ends.
 */
#include "clip/text.h"

#include <stdlib.h>

enum { PASS_ROWS = 1024 }; /* enough for full-speed products, little enough to stay in cache */

/* ---- loading ----------------------------------------------------------------------------- */

static enum status load_projection(struct text *t, struct weights *w, struct err *err)
{
    const struct weights_linear plain = {
        .weight = "text_projection", .transposed = true, .sensitive = true};
    const struct weights_linear linear = {
        .weight = "text_projection.weight", .bias = "text_projection.bias", .sensitive = true};
    if (!t->config.has_projection)
        return OK;
    return weights_linear(w, &t->proj, t->config.proj_bias ? &linear : &plain, err);
}

enum status text_load(struct text *out, struct weights *w, const struct model_config *c,
                      struct err *err)
{
    const struct transformer_config *t = &c->text.transformer;
    const struct transformer_options options = {
        .tower = "", .causal = c->text.causal, .pools = true};
    const struct weights_norm ln_final = {"ln_final", t->width, t->norm_eps, .folded = false};
    *out = (struct text){.config = c->text,
                         .embed_dim = c->embed_dim,
                         .element = rows_element(weights_precision(w, true))};
    enum status status = transformer_load(&out->transformer, w, t, &options, err);
    if (status == OK)
        status = weights_floats(w, &out->positions, "positional_embedding", err);
    if (status == OK)
        status = weights_norm(w, &out->ln_final, &ln_final, err);
    if (status == OK)
        status = load_projection(out, w, err);
    if (status == OK)
        status = weights_table(w, &out->table, &out->own_table, "token_embedding.weight", err);
    return status;
}

void text_close(struct text *t)
{
    const struct tensor_ops *ops = t->transformer.ops;
    if (!ops)
        return;
    ops->linear_close(t->proj);
    ops->floats_close(t->positions);
    norm_close(ops, &t->ln_final);
    free(t->own_table);
    transformer_close(&t->transformer);
    *t = (struct text){0};
}

/* ---- scratch ----------------------------------------------------------------------------- */

enum status text_scratch_open(struct text_scratch *out, const struct text *t, int batch,
                              struct err *err)
{
    int context = t->config.context_length;
    int most = PASS_ROWS > context ? PASS_ROWS : context;
    int rows = batch < most / context + 1 ? batch * context : most;
    *out = (struct text_scratch){.rows = rows < most ? rows : most, .texts = batch};
    enum status status =
        transformer_scratch_open(&out->transformer, &t->transformer, out->rows, batch,
                                 (size_t)out->rows * transformer_wide(&t->config.transformer), err);
    if (status != OK)
        return status;
    out->sequences = calloc((size_t)batch, sizeof *out->sequences);
    out->pool = calloc((size_t)batch, sizeof *out->pool);
    if (!out->sequences || !out->pool)
        return err_no_memory(err, "a session", (size_t)batch * sizeof *out->sequences);
    return t->transformer.ops->floats_open(&out->embeddings, (size_t)batch * (size_t)t->embed_dim,
                                           err);
}

void text_scratch_close(struct text_scratch *s, const struct tensor_ops *ops)
{
    transformer_scratch_close(&s->transformer, ops);
    ops->floats_close(s->embeddings);
    free(s->sequences);
    free(s->pool);
    *s = (struct text_scratch){0};
}

/* ---- running ----------------------------------------------------------------------------- */

/* The token to pool. Where the end token is looked for and not there, it is the first, as
 * open_clip's argmax over "is it the end token" has it. */
static int pooled_token(const struct text_config *c, const int32_t *ids)
{
    int best = 0;
    switch (c->pool) {
    case TEXT_POOL_LAST:
        return c->context_length - 1;
    case TEXT_POOL_FIRST:
        return 0;
    case TEXT_POOL_EOS:
        for (int i = 0; i < c->context_length; i++)
            if (ids[i] == c->eos_id)
                return i;
        return 0;
    case TEXT_POOL_ARGMAX:
        for (int i = 1; i < c->context_length; i++)
            if (ids[i] > ids[best])
                best = i;
        return best;
    }
    return best;
}

static enum status check_ids(const struct text_config *c, const int32_t *ids, int n,
                             struct err *err)
{
    for (size_t i = 0; i < (size_t)n * (size_t)c->context_length; i++)
        if (ids[i] < 0 || ids[i] >= c->vocab_size)
            return err_set(err, ERR_ARGUMENT, "token id %d is outside the vocabulary of %d",
                           (int)ids[i], c->vocab_size);
    return OK;
}

/* Takes texts from the front of ids until the pass is full: → how many. */
static int plan_pass(const struct text *t, const struct text_scratch *s, const int32_t *ids, int n,
                     int *rows)
{
    int count = 0, context = t->config.context_length;
    *rows = 0;
    for (; count < n && count < s->texts; count++) {
        int pool = pooled_token(&t->config, ids + (size_t)count * (size_t)context);
        int length = t->config.causal ? pool + 1 : context;
        if (*rows + length > s->rows)
            break;
        s->sequences[count] = (struct sequence){*rows, length, *rows, length};
        s->pool[count] = pool;
        *rows += length;
    }
    return count;
}

static enum status run_pass(const struct text *t, struct runner *runner,
                            const struct text_scratch *scratch, int count, float *out,
                            const struct transformer_batch *batch, struct err *err)
{
    const struct tensor_ops *ops = t->transformer.ops;
    const struct transformer_scratch *s = &scratch->transformer;
    enum status status = transformer_run(&t->transformer, runner, s, batch, err);
    if (status != OK)
        return status;
    int width = t->config.transformer.width;
    const struct rows plain = rows_of_floats(s->pooled_h, width);
    const struct linear_call project = {
        .y = rows_of_floats(scratch->embeddings, t->embed_dim),
        .x = rows_view(s->pooled_h, t->element, (size_t)count, width),
        .rows = count,
    };
    ops->layernorm(runner, t->proj ? &project.x : &plain, s->pooled_x, count, &t->ln_final);
    if (t->proj)
        status = ops->linear(runner, t->proj, &project, err);
    if (status == OK)
        ops->floats_read(out, t->proj ? scratch->embeddings : s->pooled_h,
                         (size_t)count * (size_t)t->embed_dim);
    return status;
}

enum status text_run(const struct text *t, struct runner *runner,
                     const struct text_scratch *scratch, const int32_t *ids, int n, float *out,
                     struct tap tap, struct err *err)
{
    size_t context = (size_t)t->config.context_length;
    enum status status = check_ids(&t->config, ids, n, err);
    for (int done = 0, count; status == OK && done < n; done += count) {
        const int32_t *from = ids + (size_t)done * context;
        int rows;
        count = plan_pass(t, scratch, from, n - done, &rows);
        const struct transformer_batch batch = {.rows = rows,
                                                .sequences = scratch->sequences,
                                                .count = count,
                                                .pool = scratch->pool,
                                                .tower = "text",
                                                .tap = tap};
        t->transformer.ops->text_tokens(runner, scratch->transformer.x, from, context,
                                        scratch->sequences, count, &t->table, t->positions);
        status = run_pass(t, runner, scratch, count, out + (size_t)done * (size_t)t->embed_dim,
                          &batch, err);
    }
    return status;
}
