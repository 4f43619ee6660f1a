/* SPDX-License-Identifier: MIT
 *
 * A tensor of a checkpoint, whatever the file's format: a name, a dtype, a shape, and where its
 * values lie in the mapping of the file. Most are plain: row-major, one after the other, used in
 * place. Some have to be gathered first, because PyTorch saved a transposed tensor or because
 * another layout of CLIP keeps queries, keys and values apart.
 */
#ifndef FOVEA_CLIP_TENSOR_VIEW_H
#define FOVEA_CLIP_TENSOR_VIEW_H

#include "base/status.h"
#include "kern/kernels.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tensor_dtype { TENSOR_F32, TENSOR_F16, TENSOR_BF16, TENSOR_OTHER };

enum { TENSOR_DIMS_MAX = 8, TENSOR_PARTS = 3 };

struct tensor_view {
    const char *name;
    enum tensor_dtype dtype;
    char dtype_name[8]; /* as safetensors calls it: "F32", "I64", … */
    int dims;           /* 0 for a scalar */
    int64_t shape[TENSOR_DIMS_MAX];
    size_t count;     /* product of the shape */
    const void *data; /* [size_bytes] in the mapping; aligned only as the file has it; of a strided
                         tensor the first value; NULL for one in parts */
    size_t size_bytes;

    /* None of these: the tensor is plain. */
    bool strided;                    /* by `stride`, in values and never negative */
    bool swapped;                    /* the bytes of each value are big-endian */
    int64_t stride[TENSOR_DIMS_MAX]; /* of a strided tensor */
    /* TENSOR_PARTS tensors of one shape and dtype, stacked along the first dimension; or NULLs. */
    const struct tensor_view *part[TENSOR_PARTS];
};

/* "F16" → TENSOR_F16 and 2 bytes; a name that is not known has 0 bytes. */
enum tensor_dtype tensor_dtype_parse(const char *name);
size_t tensor_dtype_size(const char *name);

bool tensor_view_is_plain(const struct tensor_view *);

/* The values row-major, little-endian: *data is the mapping of a plain tensor and else *owned, to
 * be freed (NULL otherwise). ERR_MEMORY. */
MUST_USE enum status tensor_view_bytes(const struct tensor_view *, const void **data, void **owned,
                                       struct err *err);

/* Elements [first, first + count) of a plain F32, F16 or BF16 tensor as float32. The caller has
 * checked the range and the dtype. */
void tensor_view_read(const struct tensor_view *, const struct kernels *, size_t first,
                      size_t count, float *out);
/* Lets the system take back the memory of the tensor's pages; they are read again on demand. */
void tensor_view_release(const struct tensor_view *);

/* Sorts by name. */
void tensor_views_sort(struct tensor_view *, size_t count);
/* In a sorted list; NULL when there is none of that name. */
const struct tensor_view *tensor_views_find(const struct tensor_view *, size_t count,
                                            const char *name);

/* "[768, 3, 32, 32]" into text, cut at size. */
void tensor_shape_format(const int64_t *shape, int dims, char *text, size_t size);

#endif
