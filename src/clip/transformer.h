/* SPDX-License-Identifier: MIT
 *
 * The residual blocks that both towers are made of:
 *     x += attention(ln_1(x));  x += mlp(ln_2(x))
 * over a batch of sequences of any lengths, whose tokens lie one after the other as rows of x.
 *
 * Most heads take one token of each sequence. Then the last block computes that token alone: its
 * query, output projection and MLP; keys and values are still needed of all.
 */
#ifndef FOVEA_CLIP_TRANSFORMER_H
#define FOVEA_CLIP_TRANSFORMER_H

#include "base/status.h"
#include "clip/config.h"
#include "clip/tap.h"
#include "clip/weights.h"
#include "tensor/tensor.h"

struct block {
    struct norm ln_1, ln_2; /* folded into the layers behind them, but for int8 */
    struct linear *qkv;     /* W → 3W, attention's scale in q; or, in a last block that pools: */
    struct linear *q, *kv;  /* W → W, W → 2W */
    struct linear *out;     /* W → W, LayerScale folded in */
    struct linear *fc;      /* W → mlp */
    struct linear *proj;    /* mlp → W, LayerScale folded in */
};

struct transformer {
    struct transformer_config config;
    const struct tensor_ops *ops;
    enum element element; /* what goes into the blocks' products */
    bool causal;
    bool pools; /* the last block computes one token of each sequence */
    struct block *blocks;
};

struct transformer_options {
    const char *tower; /* "visual." or "" */
    bool causal;
    bool pools;
};

/* Close it whatever comes back. */
MUST_USE enum status transformer_load(struct transformer *out, struct weights *,
                                      const struct transformer_config *,
                                      const struct transformer_options *, struct err *err);
void transformer_close(struct transformer *); /* harmless on a zeroed one */

/* Scratch of a forward pass over at most `rows` tokens in `sequences` sequences: memory for the
 * residual stream x in float32, and for rows of any element, as large as float32 would need. */
struct transformer_scratch {
    float *x;                              /* [rows, W]: the tokens, given and changed in place */
    float *h;                              /* rows of [W] */
    float *wide;                           /* rows of [max(3W, mlp)] */
    float *pooled_x, *pooled_h, *pooled_q; /* [sequences, W] and rows; NULL if it does not pool */
    int32_t *pooled_rows;                  /* [sequences] */
};

/* wide_floats: of `wide`, at least rows * transformer_wide(). Close it whatever comes back. */
MUST_USE enum status transformer_scratch_open(struct transformer_scratch *out,
                                              const struct transformer *, int rows, int sequences,
                                              size_t wide_floats, struct err *err);
void transformer_scratch_close(struct transformer_scratch *, const struct tensor_ops *);

size_t transformer_wide(const struct transformer_config *); /* floats of a row of `wide` */
/* Floats for a row of that width, whatever the element. */
size_t transformer_row(int width);

struct transformer_batch {
    int rows;
    struct sequence *sequences; /* changed by the last block, which has other queries */
    int count;
    const int32_t *pool; /* [count] the token to pool, counted inside its sequence; NULL: none */
    const char *tower;   /* "visual" or "text", for the tap */
    struct tap tap;
};

/* Leaves the result in scratch->x [rows, W], or in scratch->pooled_x [count, W] if it pools. */
MUST_USE enum status transformer_run(const struct transformer *, struct runner *,
                                     const struct transformer_scratch *,
                                     const struct transformer_batch *, struct err *err);

/* Multiplications and additions of the matrix products of a picture or text of `tokens` tokens,
 * attention's included. */
double transformer_flops(const struct transformer_config *, bool pools, int tokens);

#endif
