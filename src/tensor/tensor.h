/* SPDX-License-Identifier: MIT
 *
 * The operations a transformer needs, as one table. The forward pass (clip/) is written once
 * against `struct tensor_ops`; a backend fills the table. backend_cpu.c is the only one so far.
 *
 * Memory. "Floats" come from floats_open() and live where the backend computes; on the CPU they are
 * plain memory, 64-byte aligned. Pixels, token ids, weights as stored and final results are the
 * caller's plain memory in any backend.
 *
 * Threads. A linear is read-only once open and may be used by any number of runners at once. A
 * runner is used by one thread at a time and brings the threads that it was opened with.
 *
 * Numerics. Results do not depend on the number of threads: work is cut into the same pieces
 * whatever their number, and no sum is split between pieces. Whether a row of a matrix product
 * depends, in its last bits, on how many rows come with it is the library's doing: not in oneDNN on
 * AVX-512; in its sgemm for AVX2 and in OpenBLAS it does.
 */
#ifndef FOVEA_TENSOR_TENSOR_H
#define FOVEA_TENSOR_TENSOR_H

#include "base/status.h"
#include "tensor/precision.h"
#include "tensor/rows.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dtype { DTYPE_F32, DTYPE_F16, DTYPE_BF16 };

enum activation {
    ACTIVATION_NONE,
    ACTIVATION_GELU_ERF,
    ACTIVATION_GELU_TANH,
    ACTIVATION_GELU_QUICK, /* x sigmoid(1.702 x) */
};

/* A linear layer y = W (g x + s) + b as it lies in a file; g and s are the gain and bias of a
 * LayerNorm in front of it, which can be folded into it. */
struct linear_source {
    const void *weights; /* [out, in], or [in, out] if transposed */
    enum dtype dtype;    /* of the weights */
    int out, in;
    bool transposed;
    const float *bias;         /* [out], NULL for none */
    const float *row_gain;     /* [out], multiplies rows of W and b (LayerScale); NULL for none */
    const float *column_gain;  /* g [in], NULL for 1 */
    const float *column_shift; /* s [in], NULL for 0 */
};

struct linear_shape {
    int out, in;
    enum precision precision; /* not AUTO */
};

struct linear; /* a layer, packed for the machine */

/* What is read and written: x has the element that rows_element() says for the layer's precision; y
 * is F32 for a layer of F32, anything otherwise. */
struct linear_call {
    struct rows y; /* [rows, out] */
    struct rows x; /* [rows, in]; overlaps nothing of y */
    int rows;
    enum activation activation;
    bool accumulate; /* y += instead of y =; F32, without an activation */
};

struct norm {
    const float *gain, *bias; /* [width], floats; both NULL where they are folded elsewhere */
    int width;
    float eps;
};

/* Tokens of one picture or text: rows first_key .. first_key + keys - 1 of k and v, and rows
 * first_query .. first_query + queries - 1 of q and out. */
struct sequence {
    int first_key, keys;
    int first_query, queries;
};

/* softmax(q k^T) v for every sequence and head; the scale is in q already. Strides are elements
 * between rows. For an `out` of BYTES the result passes through q, which is overwritten. */
struct attention_call {
    enum element element; /* F32 or BF16, of q, k and v; F32 gives F32, BF16 one of the others */
    void *q;              /* rows of [heads, head_width] */
    const void *k, *v;    /* the same */
    size_t q_stride, kv_stride;
    struct rows out; /* [queries, heads * head_width] */
    const struct sequence *sequences;
    int count, heads, head_width;
    bool causal; /* query i of a sequence sees keys 0 .. i + keys - queries */
};

/* How pixels become rows of patches. */
struct patch_grid {
    int image_size, patch_size, grid; /* S, P, G = S / P */
    float mean[3], std[3];            /* of values scaled to 0..1 */
};

/* The embedding table as stored: it may stay in the file's mapping, for a text touches few rows. */
struct token_table {
    const void *data; /* [rows, width] */
    enum dtype dtype;
    int rows, width;
};

struct runner;

struct runner_options {
    int threads;               /* at least 1 */
    int max_queries, max_keys; /* of any sequence that attention will see */
    int max_head_width;
    int max_width; /* of any row that layernorm or attention gives */
};

struct tensor_ops {
    const char *name; /* "cpu" */

    enum status (*floats_open)(float **out, size_t count, struct err *err); /* zeroed */
    void (*floats_close)(float *);                                          /* NULL-safe */
    void (*floats_write)(float *to, const float *host, size_t count);
    void (*floats_read)(float *host, const float *from, size_t count);
    /* Plain memory to plain memory. */
    void (*convert)(float *out, const void *in, enum dtype dtype, size_t count);

    /* A layer lies packed in one piece of memory, 64-byte aligned, that means the same wherever it
     * is and in any process with the same packing(): it can be kept in a file. */
    enum status (*linear_bytes)(size_t *bytes, const struct linear_shape *, struct err *err);
    enum status (*linear_pack)(void *packed, const struct linear_source *, enum precision,
                               int threads, struct err *err);
    /* `packed` stays the caller's and has to stay as long as the layer. */
    enum status (*linear_open)(struct linear **out, const void *packed, const struct linear_shape *,
                               struct err *err);
    void (*linear_close)(struct linear *); /* NULL-safe */
    /* What a packing depends on beside the shape: "oneDNN 2.6.3 avx512 1" */
    const char *(*packing)(enum precision);
    /* True if products of this precision use instructions made for it. */
    bool (*has_native)(enum precision);

    enum status (*runner_open)(struct runner **out, const struct runner_options *, struct err *err);
    void (*runner_close)(struct runner *); /* NULL-safe */

    /* The first call with a new number of rows builds a kernel for it, which can fail. */
    enum status (*linear)(struct runner *, const struct linear *, const struct linear_call *,
                          struct err *err);
    /* x, y: [rows, width]; y of any element, and in F32 it may be x. */
    void (*layernorm)(struct runner *, const struct rows *y, const float *x, int rows,
                      const struct norm *);
    void (*attention)(struct runner *, const struct attention_call *);
    /* pixels: [n, S, S, 3] 8-bit → out: [n*G*G, 3*P*P], normalised, channels outermost. */
    void (*patches)(struct runner *, const struct rows *out, const uint8_t *pixels, int n,
                    const struct patch_grid *);
    /* patches: [n, cells, width] → x: [n, 1 + cells, width]: the class token in front, positions
     * ([1 + cells, width]) added. */
    void (*image_tokens)(struct runner *, float *x, const float *patches, int n, int cells,
                         int width, const float *class_token, const float *positions);
    /* x rows first_key.. of each sequence = table[ids[sequence * ids_stride + t]] + positions[t].
     * Every id used must be below table->rows. */
    void (*text_tokens)(struct runner *, float *x, const int32_t *ids, size_t ids_stride,
                        const struct sequence *, int count, const struct token_table *,
                        const float *positions);
    /* y[i] = x[rows[i]], of the same element and width; y: [n, width]. */
    void (*gather_rows)(struct runner *, const struct rows *y, const struct rows *x,
                        const int32_t *rows, int n);
    /* y = x, in the element of y; x: [n, width] */
    void (*rows_write)(struct runner *, const struct rows *y, const float *x, int n);
    /* y[i] = mean of rows first .. first + count - 1 of x[i]; x: [n, stride_rows, width]. */
    void (*mean_rows)(struct runner *, float *y, const float *x, int n, int stride_rows, int first,
                      int count, int width);

    /* For the bench: seconds of `calls` bare products [m, k] x [k, n] by a library: what can be
     * expected of this machine. ERR_UNSUPPORTED if no library has this precision here. */
    enum status (*measure_product)(double *seconds, const int mnk[3], enum precision, int calls,
                                   int threads, struct err *err);
};

/* The CPU backend; chooses kernels and the library for matrix products on the first call.
 * ERR_ARGUMENT for a FOVEA_CPU or FOVEA_GEMM that is not available here. */
MUST_USE enum status tensor_cpu(const struct tensor_ops **out, struct err *err);
/* "oneDNN 2.6.3, avx512": for `fovea doctor` and the bench. Valid after tensor_cpu(). */
const char *tensor_cpu_description(void);

#endif
