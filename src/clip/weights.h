/* SPDX-License-Identifier: MIT
 *
 * The tensors of a checkpoint as the network wants them: found under whatever prefix the checkpoint
 * has, checked against the config's shapes, converted to float32 or packed.
 */
#ifndef FOVEA_CLIP_WEIGHTS_H
#define FOVEA_CLIP_WEIGHTS_H

#include "base/status.h"
#include "clip/checkpoint.h"
#include "clip/config.h"
#include "tensor/tensor.h"

#include <stddef.h>

struct weights {
    const struct checkpoint *file;
    const struct tensor_ops *ops;
    const char *prefix;      /* "module." or "" */
    const char *text_prefix; /* "text." or "", after prefix, for the text tower's names */
    int threads;
};

struct weights_options {
    bool image, text; /* the towers that will be loaded */
    int threads;
};

enum { TENSOR_NAME_MAX = 128 };

/* Finds the prefixes and checks every tensor of the towers: there, of the right shape (the position
 * embeddings of the image tower: of any square grid), of a type that can be read. After this the
 * loads below fail only for memory. */
MUST_USE enum status weights_open(struct weights *out, const struct checkpoint *,
                                  const struct tensor_ops *, const struct model_config *,
                                  const struct weights_options *, struct err *err);

/* A tensor by its name without prefixes; NULL only for logit_scale, which may be absent. */
const struct tensor_view *weights_find(const struct weights *, const char *name);
enum dtype weights_dtype(const struct tensor_view *);

/* float32 in plain memory, to be freed. */
MUST_USE enum status weights_host(const struct weights *, float **out, const char *name,
                                  struct err *err);
/* float32 where the backend computes; freed by ops->floats_close(). */
MUST_USE enum status weights_floats(struct weights *, float **out, const char *name,
                                    struct err *err);
/* weights_floats() of the image tower's position embeddings, resized where the checkpoint's grid is
 * another one. out: [1 + grid*grid, W] */
MUST_USE enum status weights_positions(struct weights *, float **out, const char *name, int grid,
                                       struct err *err);
/* The token table [V, W]: in the file, or *owned, to be freed, where it has to be gathered. */
MUST_USE enum status weights_table(const struct weights *, struct token_table *out, void **owned,
                                   const char *name, struct err *err);
MUST_USE enum status weights_norm(struct weights *, struct norm *out, const char *name, int width,
                                  float eps, struct err *err);
void norm_close(const struct tensor_ops *, struct norm *);

/* A part of a stored matrix as a packed layer; the file's pages are released after. */
struct weights_linear {
    const char *weight; /* name of a [out, in…] tensor, or [in, out] if transposed */
    const char *bias;   /* NULL for none */
    const char *gain;   /* LayerScale's gamma, NULL for none */
    bool transposed;
    int first, count; /* outputs to take; count 0: all of them */
};
MUST_USE enum status weights_linear(struct weights *, struct linear **out,
                                    const struct weights_linear *, struct err *err);

#endif
