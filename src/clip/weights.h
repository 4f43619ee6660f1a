/* SPDX-License-Identifier: MIT
 *
 * The tensors of a checkpoint as the network wants them: found under whatever prefix the checkpoint
 * has, checked against the config's shapes, converted to float32 or packed.
 *
 * A tower asks for its parts twice, in the same order (see packed.h): once with a writer set, when
 * each is computed from the checkpoint and becomes a section (what the functions hand out is NULL
 * then); and once with the result of that, when each is read from its section.
 */
#ifndef FOVEA_CLIP_WEIGHTS_H
#define FOVEA_CLIP_WEIGHTS_H

#include "base/status.h"
#include "clip/checkpoint.h"
#include "clip/config.h"
#include "clip/packed.h"
#include "tensor/tensor.h"

#include <stddef.h>

struct weights {
    const struct checkpoint *file;
    const struct tensor_ops *ops;
    const char *prefix;       /* "module." or "" */
    const char *text_prefix;  /* "text." or "", after prefix, for the text tower's names */
    enum precision precision; /* of the matrix products; not AUTO */
    int threads;

    struct packed_writer *writer; /* one of the two is set while a tower is loaded */
    const struct packed *packed;
    size_t next; /* section */
};

struct weights_options {
    bool image, text; /* the towers that will be loaded */
    enum precision precision;
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
/* The LayerNorm called `name`. Without gain and bias if `folded`, that is, when every layer behind
 * it names it, and the precision allows. */
struct weights_norm {
    const char *name;
    int width;
    float eps;
    bool folded;
};
MUST_USE enum status weights_norm(struct weights *, struct norm *out, const struct weights_norm *,
                                  struct err *err);
void norm_close(const struct tensor_ops *, struct norm *);

/* A part of a stored matrix as a packed layer; the file's pages are released after. */
struct weights_linear {
    const char *weight; /* name of a [out, in…] tensor, or [in, out] if transposed */
    const char *bias;   /* NULL for none */
    const char *gain;   /* LayerScale's gamma, NULL for none */
    const char *norm;   /* the LayerNorm in front, to fold into it; NULL for none */
    bool transposed;
    bool sensitive;   /* computed in bf16 where the model is int8 */
    int first, count; /* outputs to take; count 0: all of them */
    int scaled;       /* this many of the matrix's outputs are multiplied by `scale` */
    float scale;
};
/* In which precision such a layer is computed. */
enum precision weights_precision(const struct weights *, bool sensitive);
MUST_USE enum status weights_linear(struct weights *, struct linear **out,
                                    const struct weights_linear *, struct err *err);

#endif
