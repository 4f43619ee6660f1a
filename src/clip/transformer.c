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
 *
 * x is float32 always. h and the MLP's middle have the element of the products that read them; q, k
 * and v are float32 in a float32 model and bfloat16 in the others.
 */
#include "clip/transformer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- loading ----------------------------------------------------------------------------- */

struct block_names {
    const char *block; /* "visual.transformer.resblocks.3." */
    char norm[TENSOR_NAME_MAX], weight[TENSOR_NAME_MAX], bias[TENSOR_NAME_MAX],
        gain[TENSOR_NAME_MAX];
};

static enum status load_norm(struct weights *w, struct norm *out, struct block_names *n,
                             const char *name, const struct transformer_config *c, struct err *err)
{
    snprintf(n->norm, sizeof n->norm, "%s%s", n->block, name);
    return weights_norm(
        w, out, &(struct weights_norm){n->norm, c->width, c->norm_eps, .folded = true}, err);
}

/* gamma: LayerScale's tensor, or NULL; norm: the LayerNorm in front, or NULL. */
static enum status load_linear(struct weights *w, struct linear **out, struct block_names *n,
                               const char *name, const char *gamma, const char *norm,
                               struct err *err)
{
    snprintf(n->weight, sizeof n->weight, "%s%s.weight", n->block, name);
    snprintf(n->bias, sizeof n->bias, "%s%s.bias", n->block, name);
    snprintf(n->gain, sizeof n->gain, "%s%s", n->block, gamma ? gamma : "");
    snprintf(n->norm, sizeof n->norm, "%s%s", n->block, norm ? norm : "");
    return weights_linear(w, out,
                          &(struct weights_linear){.weight = n->weight,
                                                   .bias = n->bias,
                                                   .gain = gamma ? n->gain : NULL,
                                                   .norm = norm ? n->norm : NULL},
                          err);
}

/* Outputs first .. first + count - 1 of in_proj, attention's scale folded into q. */
static enum status load_in_proj(struct weights *w, struct linear **out, struct block_names *n,
                                const struct transformer_config *c, int first, int count,
                                struct err *err)
{
    snprintf(n->weight, sizeof n->weight, "%sattn.in_proj_weight", n->block);
    snprintf(n->bias, sizeof n->bias, "%sattn.in_proj_bias", n->block);
    snprintf(n->norm, sizeof n->norm, "%sln_1", n->block);
    return weights_linear(w, out,
                          &(struct weights_linear){.weight = n->weight,
                                                   .bias = n->bias,
                                                   .norm = n->norm,
                                                   .first = first,
                                                   .count = count,
                                                   .scaled = c->width,
                                                   .scale = 1.0f / sqrtf((float)c->head_width)},
                          err);
}

static enum status load_block(struct block *b, struct weights *w,
                              const struct transformer_config *c, const char *block, bool pools,
                              struct err *err)
{
    int width = c->width;
    struct block_names n = {.block = block};
    enum status status = load_norm(w, &b->ln_1, &n, "ln_1", c, err);
    if (status == OK && !pools)
        status = load_in_proj(w, &b->qkv, &n, c, 0, 3 * width, err);
    if (status == OK && pools)
        status = load_in_proj(w, &b->q, &n, c, 0, width, err);
    if (status == OK && pools)
        status = load_in_proj(w, &b->kv, &n, c, width, 2 * width, err);
    if (status == OK)
        status = load_linear(w, &b->out, &n, "attn.out_proj", c->layer_scale ? "ls_1.gamma" : NULL,
                             NULL, err);
    if (status == OK)
        status = load_norm(w, &b->ln_2, &n, "ln_2", c, err);
    if (status == OK)
        status = load_linear(w, &b->fc, &n, "mlp.c_fc", NULL, "ln_2", err);
    if (status == OK)
        status = load_linear(w, &b->proj, &n, "mlp.c_proj", c->layer_scale ? "ls_2.gamma" : NULL,
                             NULL, err);
    return status;
}

enum status transformer_load(struct transformer *out, struct weights *w,
                             const struct transformer_config *c,
                             const struct transformer_options *options, struct err *err)
{
    *out = (struct transformer){.config = *c,
                                .ops = w->ops,
                                .element = rows_element(weights_precision(w, false)),
                                .causal = options->causal,
                                .pools = options->pools};
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

size_t transformer_row(int width)
{
    enum { PADDING = 4 }; /* of a narrow row's stride, and the scale of its group */
    return (size_t)width + PADDING;
}

size_t transformer_wide(const struct transformer_config *c)
{
    size_t qkv = transformer_row(3 * c->width), mlp = transformer_row(c->mlp_width);
    return qkv > mlp ? qkv : mlp;
}

enum status transformer_scratch_open(struct transformer_scratch *out, const struct transformer *t,
                                     int rows, int sequences, size_t wide_floats, struct err *err)
{
    size_t row = transformer_row(t->config.width), pooled = (size_t)sequences * row;
    *out = (struct transformer_scratch){0};
    enum status status = t->ops->floats_open(&out->x, (size_t)rows * row, err);
    if (status == OK)
        status = t->ops->floats_open(&out->h, (size_t)rows * row, err);
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

/* Rows that a product reads, and those of queries, keys and values. */
static struct rows rows_for_product(const struct pass *p, float *memory, int rows, int width)
{
    return rows_view(memory, p->t->element, (size_t)rows, width);
}

static struct rows rows_for_attention(const struct pass *p, float *memory, int rows, int width)
{
    enum element element = p->t->element == ELEMENT_F32 ? ELEMENT_F32 : ELEMENT_BF16;
    return rows_view(memory, element, (size_t)rows, width);
}

static enum status apply(const struct pass *p, const struct linear *l, struct rows y, struct rows x,
                         int rows, struct err *err)
{
    return p->t->ops->linear(p->runner, l, &(struct linear_call){.y = y, .x = x, .rows = rows},
                             err);
}

/* y: [rows, W] floats */
static enum status apply_add(const struct pass *p, const struct linear *l, float *y, struct rows x,
                             int rows, struct err *err)
{
    const struct linear_call call = {
        .y = rows_of_floats(y, p->t->config.width), .x = x, .rows = rows, .accumulate = true};
    return p->t->ops->linear(p->runner, l, &call, err);
}

/* x += mlp(ln_2(x)), through h and wide. */
static enum status run_mlp(const struct pass *p, const struct block *b, float *x, float *h,
                           int rows, struct err *err)
{
    const struct transformer_config *c = &p->t->config;
    const struct linear_call widen = {
        .y = rows_for_product(p, p->s->wide, rows, c->mlp_width),
        .x = rows_for_product(p, h, rows, c->width),
        .rows = rows,
        .activation = c->activation,
    };
    p->t->ops->layernorm(p->runner, &widen.x, x, rows, &b->ln_2);
    enum status status = p->t->ops->linear(p->runner, b->fc, &widen, err);
    return status == OK ? apply_add(p, b->proj, x, widen.y, rows, err) : status;
}

/* The width columns of rows from `column` on. */
static void *columns_of(const struct rows *r, size_t column)
{
    return (char *)r->data + column * (r->element == ELEMENT_F32 ? sizeof(float) : 2);
}

static struct attention_call attention_of(const struct pass *p, const struct rows *q,
                                          const struct rows *kv, const struct rows *out)
{
    const struct transformer_config *c = &p->t->config;
    size_t width = (size_t)c->width, k = kv == q ? width : 0;
    return (struct attention_call){
        .element = q->element,
        .q = q->data,
        .k = columns_of(kv, k),
        .v = columns_of(kv, k + width),
        .q_stride = q->stride,
        .kv_stride = kv->stride,
        .out = *out,
        .sequences = p->batch->sequences,
        .count = p->batch->count,
        .heads = c->heads,
        .head_width = c->head_width,
        .causal = p->t->causal,
    };
}

static enum status run_block(const struct pass *p, const struct block *b, struct err *err)
{
    const struct tensor_ops *ops = p->t->ops;
    const struct transformer_scratch *s = p->s;
    int rows = p->batch->rows, width = p->t->config.width;
    const struct rows h = rows_for_product(p, s->h, rows, width);
    const struct rows qkv = rows_for_attention(p, s->wide, rows, 3 * width);
    ops->layernorm(p->runner, &h, s->x, rows, &b->ln_1);
    enum status status = apply(p, b->qkv, qkv, h, rows, err);
    if (status != OK)
        return status;
    const struct attention_call attention = attention_of(p, &qkv, &qkv, &h);
    ops->attention(p->runner, &attention);
    status = apply_add(p, b->out, s->x, h, rows, err);
    return status == OK ? run_mlp(p, b, s->x, s->h, rows, err) : status;
}

/* From here on the last block's sequences have one query each, in rows of their own. */
static void choose_pooled(const struct pass *p)
{
    for (int i = 0; i < p->batch->count; i++) {
        struct sequence *sequence = &p->batch->sequences[i];
        p->s->pooled_rows[i] = sequence->first_query + p->batch->pool[i];
        sequence->first_query = i;
        sequence->queries = 1;
    }
}

/* Computes the pooled tokens alone, into pooled_x. A causal sequence ends with its pooled token, so
 * that its one query sees every key, mask or not. */
static enum status run_pooling_block(const struct pass *p, const struct block *b, struct err *err)
{
    const struct tensor_ops *ops = p->t->ops;
    const struct transformer_scratch *s = p->s;
    int width = p->t->config.width, count = p->batch->count, rows = p->batch->rows;
    const struct rows h = rows_for_product(p, s->h, rows, width);
    const struct rows kv = rows_for_attention(p, s->wide, rows, 2 * width);
    const struct rows one = rows_for_product(p, s->pooled_h, count, width);
    const struct rows q = rows_for_attention(p, s->pooled_q, count, width);
    const struct rows x = rows_of_floats(s->x, width), pooled = rows_of_floats(s->pooled_x, width);
    choose_pooled(p);
    ops->layernorm(p->runner, &h, s->x, rows, &b->ln_1);
    enum status status = apply(p, b->kv, kv, h, rows, err);
    if (status != OK)
        return status;
    ops->gather_rows(p->runner, &pooled, &x, s->pooled_rows, count);
    ops->gather_rows(p->runner, &one, &h, s->pooled_rows, count);
    status = apply(p, b->q, q, one, count, err);
    if (status != OK)
        return status;
    const struct attention_call attention = attention_of(p, &q, &kv, &one);
    ops->attention(p->runner, &attention);
    status = apply_add(p, b->out, s->pooled_x, one, count, err);
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
