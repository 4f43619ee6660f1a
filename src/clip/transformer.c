/* SPDX-License-Identifier: MIT
 *
 * See transformer.h. Buffers of a block, by use:
 *
 *     h    = ln_1(x)                wide = qkv(h)          [rows, 3W]
 *     h    = attention(wide)        x   += out(h)
 *     h    = ln_2(x)                wide = act(fc(h))      [rows, mlp]
 *                                   x   += proj(wide)
 *
 * and of a last block that pools: wide = kv(ln_1(x)) [rows, 2W]; from there on the rows of the
 * pooled tokens alone, in pooled_x, pooled_h and pooled_q, with wide as the MLP's middle.
 */
#include "clip/transformer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- loading ----------------------------------------------------------------------------- */

static enum status load_norm(struct weights *w, struct norm *out, const char *block,
                             const char *name, const struct transformer_config *c, struct err *err)
{
    char full[TENSOR_NAME_MAX];
    snprintf(full, sizeof full, "%s%s", block, name);
    return weights_norm(w, out, full, c->width, c->norm_eps, err);
}

/* gamma: LayerScale's tensor, or NULL. */
static enum status load_linear(struct weights *w, struct linear **out, const char *block,
                               const char *name, const char *gamma, struct err *err)
{
    char weight[TENSOR_NAME_MAX], bias[TENSOR_NAME_MAX], gain[TENSOR_NAME_MAX];
    snprintf(weight, sizeof weight, "%s%s.weight", block, name);
    snprintf(bias, sizeof bias, "%s%s.bias", block, name);
    snprintf(gain, sizeof gain, "%s%s", block, gamma ? gamma : "");
    return weights_linear(
        w, out,
        &(struct weights_linear){.weight = weight, .bias = bias, .gain = gamma ? gain : NULL}, err);
}

/* Outputs first .. first + count - 1 of in_proj. */
static enum status load_in_proj(struct weights *w, struct linear **out, const char *block,
                                int first, int count, struct err *err)
{
    char weight[TENSOR_NAME_MAX], bias[TENSOR_NAME_MAX];
    snprintf(weight, sizeof weight, "%sattn.in_proj_weight", block);
    snprintf(bias, sizeof bias, "%sattn.in_proj_bias", block);
    return weights_linear(
        w, out,
        &(struct weights_linear){.weight = weight, .bias = bias, .first = first, .count = count},
        err);
}

static enum status load_block(struct block *b, struct weights *w,
                              const struct transformer_config *c, const char *block, bool pools,
                              struct err *err)
{
    int width = c->width;
    enum status status = load_norm(w, &b->ln_1, block, "ln_1", c, err);
    if (status == OK && !pools)
        status = load_in_proj(w, &b->qkv, block, 0, 3 * width, err);
    if (status == OK && pools)
        status = load_in_proj(w, &b->q, block, 0, width, err);
    if (status == OK && pools)
        status = load_in_proj(w, &b->kv, block, width, 2 * width, err);
    if (status == OK)
        status = load_linear(w, &b->out, block, "attn.out_proj",
                             c->layer_scale ? "ls_1.gamma" : NULL, err);
    if (status == OK)
        status = load_norm(w, &b->ln_2, block, "ln_2", c, err);
    if (status == OK)
        status = load_linear(w, &b->fc, block, "mlp.c_fc", NULL, err);
    if (status == OK)
        status = load_linear(w, &b->proj, block, "mlp.c_proj", c->layer_scale ? "ls_2.gamma" : NULL,
                             err);
    return status;
}

enum status transformer_load(struct transformer *out, struct weights *w,
                             const struct transformer_config *c,
                             const struct transformer_options *options, struct err *err)
{
    *out = (struct transformer){
        .config = *c, .ops = w->ops, .causal = options->causal, .pools = options->pools};
    out->blocks = calloc((size_t)c->layers, sizeof *out->blocks);
    if (!out->blocks)
        return err_no_memory(err, "a transformer", (size_t)c->layers * sizeof *out->blocks);
    for (int i = 0; i < c->layers; i++) {
        char block[64];
        snprintf(block, sizeof block, "%stransformer.resblocks.%d.", options->tower, i);
        enum status status =
            load_block(&out->blocks[i], w, c, block, options->pools && i == c->layers - 1, err);
        if (status != OK)
            return status;
    }
    return OK;
}

void transformer_close(struct transformer *t)
{
    for (int i = 0; t->blocks && i < t->config.layers; i++) {
        struct block *b = &t->blocks[i];
        norm_close(t->ops, &b->ln_1);
        norm_close(t->ops, &b->ln_2);
        t->ops->linear_close(b->qkv);
        t->ops->linear_close(b->q);
        t->ops->linear_close(b->kv);
        t->ops->linear_close(b->out);
        t->ops->linear_close(b->fc);
        t->ops->linear_close(b->proj);
    }
    free(t->blocks);
    *t = (struct transformer){0};
}

/* ---- running ----------------------------------------------------------------------------- */

size_t transformer_wide(const struct transformer_config *c)
{
    size_t qkv = 3 * (size_t)c->width, mlp = (size_t)c->mlp_width;
    return qkv > mlp ? qkv : mlp;
}

enum status transformer_scratch_open(struct transformer_scratch *out, const struct transformer *t,
                                     int rows, int sequences, size_t wide_floats, struct err *err)
{
    size_t width = (size_t)t->config.width, pooled = (size_t)sequences * width;
    *out = (struct transformer_scratch){0};
    enum status status = t->ops->floats_open(&out->x, (size_t)rows * width, err);
    if (status == OK)
        status = t->ops->floats_open(&out->h, (size_t)rows * width, err);
    if (status == OK)
        status = t->ops->floats_open(&out->wide, wide_floats, err);
    if (status != OK || !t->pools)
        return status;
    out->pooled_rows = calloc((size_t)sequences, sizeof *out->pooled_rows);
    if (!out->pooled_rows)
        return err_no_memory(err, "a session", (size_t)sequences * sizeof *out->pooled_rows);
    status = t->ops->floats_open(&out->pooled_x, pooled, err);
    if (status == OK)
        status = t->ops->floats_open(&out->pooled_h, pooled, err);
    if (status == OK)
        status = t->ops->floats_open(&out->pooled_q, pooled, err);
    return status;
}

void transformer_scratch_close(struct transformer_scratch *s, const struct tensor_ops *ops)
{
    ops->floats_close(s->x);
    ops->floats_close(s->h);
    ops->floats_close(s->wide);
    ops->floats_close(s->pooled_x);
    ops->floats_close(s->pooled_h);
    ops->floats_close(s->pooled_q);
    free(s->pooled_rows);
    *s = (struct transformer_scratch){0};
}

struct pass {
    const struct transformer *t;
    struct runner *runner;
    const struct transformer_scratch *s;
    const struct transformer_batch *batch;
};

static enum status apply(const struct pass *p, const struct linear *l, float *y, const float *x,
                         int rows, struct err *err)
{
    return p->t->ops->linear(p->runner, l, &(struct linear_call){.y = y, .x = x, .rows = rows},
                             err);
}

static enum status apply_add(const struct pass *p, const struct linear *l, float *y, const float *x,
                             int rows, struct err *err)
{
    return p->t->ops->linear(
        p->runner, l, &(struct linear_call){.y = y, .x = x, .rows = rows, .accumulate = true}, err);
}

/* x += mlp(ln_2(x)), through h and wide. */
static enum status run_mlp(const struct pass *p, const struct block *b, float *x, float *h,
                           int rows, struct err *err)
{
    const struct linear_call widen = {
        .y = p->s->wide, .x = h, .rows = rows, .activation = p->t->config.activation};
    p->t->ops->layernorm(p->runner, h, x, rows, &b->ln_2);
    enum status status = p->t->ops->linear(p->runner, b->fc, &widen, err);
    return status == OK ? apply_add(p, b->proj, x, p->s->wide, rows, err) : status;
}

static struct attention_call attention_of(const struct pass *p)
{
    const struct transformer_config *c = &p->t->config;
    return (struct attention_call){
        .sequences = p->batch->sequences,
        .count = p->batch->count,
        .heads = c->heads,
        .head_width = c->head_width,
        .scale = 1.0f / sqrtf((float)c->head_width),
        .causal = p->t->causal,
        .out_stride = (size_t)c->width,
    };
}

static enum status run_block(const struct pass *p, const struct block *b, struct err *err)
{
    const struct tensor_ops *ops = p->t->ops;
    const struct transformer_scratch *s = p->s;
    size_t width = (size_t)p->t->config.width;
    int rows = p->batch->rows;
    ops->layernorm(p->runner, s->h, s->x, rows, &b->ln_1);
    enum status status = apply(p, b->qkv, s->wide, s->h, rows, err);
    if (status != OK)
        return status;
    struct attention_call attention = attention_of(p);
    attention.q = s->wide;
    attention.k = s->wide + width;
    attention.v = s->wide + 2 * width;
    attention.out = s->h;
    attention.q_stride = attention.kv_stride = 3 * width;
    ops->attention(p->runner, &attention);
    status = apply_add(p, b->out, s->x, s->h, rows, err);
    return status == OK ? run_mlp(p, b, s->x, s->h, rows, err) : status;
}

/* Computes the pooled tokens alone, into pooled_x. A causal sequence ends with its pooled token, so
 * that its one query sees every key, mask or not. */
static enum status run_pooling_block(const struct pass *p, const struct block *b, struct err *err)
{
    const struct tensor_ops *ops = p->t->ops;
    const struct transformer_scratch *s = p->s;
    int width = p->t->config.width, count = p->batch->count;
    for (int i = 0; i < count; i++) {
        struct sequence *sequence = &p->batch->sequences[i];
        s->pooled_rows[i] = sequence->first_query + p->batch->pool[i];
        sequence->first_query = i;
        sequence->queries = 1;
    }
    ops->layernorm(p->runner, s->h, s->x, p->batch->rows, &b->ln_1);
    enum status status = apply(p, b->kv, s->wide, s->h, p->batch->rows, err);
    if (status != OK)
        return status;
    ops->gather_rows(p->runner, s->pooled_x, s->x, s->pooled_rows, count, width);
    ops->gather_rows(p->runner, s->pooled_h, s->h, s->pooled_rows, count, width);
    status = apply(p, b->q, s->pooled_q, s->pooled_h, count, err);
    if (status != OK)
        return status;
    struct attention_call attention = attention_of(p);
    attention.q = s->pooled_q;
    attention.k = s->wide;
    attention.v = s->wide + (size_t)width;
    attention.out = s->pooled_h;
    attention.q_stride = (size_t)width;
    attention.kv_stride = 2 * (size_t)width;
    ops->attention(p->runner, &attention);
    status = apply_add(p, b->out, s->pooled_x, s->pooled_h, count, err);
    return status == OK ? run_mlp(p, b, s->pooled_x, s->pooled_h, count, err) : status;
}

static void show(const struct pass *p, int block, const float *x)
{
    const struct transformer_batch *batch = p->batch;
    if (!batch->tap.see)
        return;
    batch->tap.see(batch->tap.context, &(struct tap_stage){.tower = batch->tower,
                                                           .block = block,
                                                           .x = x,
                                                           .width = p->t->config.width,
                                                           .sequences = batch->sequences,
                                                           .count = batch->count});
}

enum status transformer_run(const struct transformer *t, struct runner *runner,
                            const struct transformer_scratch *scratch,
                            const struct transformer_batch *batch, struct err *err)
{
    const struct pass p = {t, runner, scratch, batch};
    show(&p, -1, scratch->x);
    for (int i = 0; i < t->config.layers; i++) {
        bool pooling = t->pools && i == t->config.layers - 1;
        enum status status =
            pooling ? run_pooling_block(&p, &t->blocks[i], err) : run_block(&p, &t->blocks[i], err);
        if (status != OK)
            return status;
        show(&p, i, pooling ? scratch->pooled_x : scratch->x);
    }
    return OK;
}

double transformer_flops(const struct transformer_config *t, bool pools, int tokens)
{
    double w = t->width, mlp = t->mlp_width, n = tokens;
    double token = 4 * w * w + 2 * w * mlp; /* q k v out, fc proj */
    double full = n * token + 2 * n * n * w;
    double last = pools ? 2 * n * w * w + (token - 2 * w * w) + 2 * n * w : full;
    return 2 * (full * (t->layers - 1) + last);
}
