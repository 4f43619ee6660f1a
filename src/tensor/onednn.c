/* SPDX-License-Identifier: MIT
 *
 * See onednn.h. One engine serves the process: it is stateless on the CPU. Scratchpads are the
 * caller's (scratchpad_mode_user), because the library's own belong to the thread that built the
 * primitive, and lanes run on others.
 */
#include "tensor/onednn.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 64

static dnnl_engine_t engine; /* set once by onednn_start(), never changed after */

static enum status check(dnnl_status_t got, const char *what, struct err *err)
{
    if (got == dnnl_success)
        return OK;
    if (got == dnnl_out_of_memory)
        return err_set(err, ERR_MEMORY, "oneDNN: %s: not enough memory", what);
    return err_set(err, got == dnnl_unimplemented ? ERR_UNSUPPORTED : ERR_INTERNAL,
                   "oneDNN: %s failed with status %d", what, (int)got);
}

enum status onednn_start(bool avx2_only, struct err *err)
{
    enum status status = OK;
#if defined(__x86_64__)
    if (avx2_only)
        status = check(dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx2), "limiting it to AVX2", err);
#endif
    if (status == OK)
        status = check(dnnl_engine_create(&engine, dnnl_cpu, 0), "making a CPU engine", err);
    return status;
}

/* ---- what differs between 2.x and 3.x ---------------------------------------------------- */

#if DNNL_VERSION_MAJOR >= 3

static dnnl_status_t md_strided(dnnl_memory_desc_t *out, const dnnl_dims_t dims,
                                const dnnl_dims_t strides, dnnl_data_type_t type)
{
    return dnnl_memory_desc_create_with_strides(out, 2, dims, type, strides);
}

static dnnl_status_t md_any(dnnl_memory_desc_t *out, const dnnl_dims_t dims, dnnl_data_type_t type)
{
    return dnnl_memory_desc_create_with_tag(out, 2, dims, type, dnnl_format_tag_any);
}

static dnnl_status_t md_clone(dnnl_memory_desc_t *out, const_dnnl_memory_desc_t from)
{
    return dnnl_memory_desc_clone(out, from);
}

static void md_destroy(dnnl_memory_desc_t *md)
{
    dnnl_memory_desc_destroy(*md);
}

/* What a descriptor is passed as. */
static const_dnnl_memory_desc_t md_argument(const struct onednn_md *md)
{
    return md->desc;
}

static dnnl_status_t append_eltwise(dnnl_post_ops_t post, dnnl_alg_kind_t kind, float alpha)
{
    return dnnl_post_ops_append_eltwise(post, kind, alpha, 0);
}

static dnnl_status_t matmul_desc(dnnl_primitive_desc_t *out, const struct onednn_matmul *mm,
                                 dnnl_primitive_attr_t attr)
{
    return dnnl_matmul_primitive_desc_create(out, engine, mm->x.desc, mm->w.desc, mm->bias.desc,
                                             mm->y.desc, attr);
}

#else

static dnnl_status_t md_strided(dnnl_memory_desc_t *out, const dnnl_dims_t dims,
                                const dnnl_dims_t strides, dnnl_data_type_t type)
{
    return dnnl_memory_desc_init_by_strides(out, 2, dims, type, strides);
}

static dnnl_status_t md_any(dnnl_memory_desc_t *out, const dnnl_dims_t dims, dnnl_data_type_t type)
{
    return dnnl_memory_desc_init_by_tag(out, 2, dims, type, dnnl_format_tag_any);
}

static dnnl_status_t md_clone(dnnl_memory_desc_t *out, const dnnl_memory_desc_t *from)
{
    *out = *from;
    return dnnl_success;
}

static void md_destroy(dnnl_memory_desc_t *md)
{
    (void)md;
}

static const dnnl_memory_desc_t *md_argument(const struct onednn_md *md)
{
    return &md->desc;
}

static dnnl_status_t append_eltwise(dnnl_post_ops_t post, dnnl_alg_kind_t kind, float alpha)
{
    return dnnl_post_ops_append_eltwise(post, 1, kind, alpha, 0);
}

static dnnl_status_t matmul_desc(dnnl_primitive_desc_t *out, const struct onednn_matmul *mm,
                                 dnnl_primitive_attr_t attr)
{
    dnnl_matmul_desc_t desc;
    dnnl_status_t got =
        dnnl_matmul_desc_init(&desc, &mm->x.desc, &mm->w.desc, &mm->bias.desc, &mm->y.desc);
    return got != dnnl_success ? got : dnnl_primitive_desc_create(out, &desc, attr, engine, NULL);
}

#endif

/* ---- memory descriptors ------------------------------------------------------------------ */

/* shape: rows, columns, and the distances of two of them. */
static enum status md_make(struct onednn_md *out, const int shape[4], dnnl_data_type_t type,
                           struct err *err)
{
    dnnl_dims_t dims = {shape[0], shape[1]}, strides = {shape[2], shape[3]};
    enum status status =
        check(md_strided(&out->desc, dims, strides, type), "describing a matrix", err);
    out->set = status == OK;
    return status;
}

enum status onednn_md_matrix(struct onednn_md *out, int rows, int columns, int stride,
                             struct err *err)
{
    return md_make(out, (int[]){rows, columns, stride, 1}, dnnl_f32, err);
}

enum status onednn_md_transposed(struct onednn_md *out, int rows, int columns, struct err *err)
{
    return md_make(out, (int[]){columns, rows, 1, columns}, dnnl_f32, err);
}

void onednn_md_free(struct onednn_md *md)
{
    if (!md || !md->set)
        return;
    md_destroy(&md->desc);
    *md = (struct onednn_md){0};
}

size_t onednn_md_bytes(const struct onednn_md *md)
{
    return dnnl_memory_desc_get_size(md_argument(md));
}

static enum status md_query(struct onednn_md *out, const_dnnl_primitive_desc_t pd,
                            dnnl_query_t what, struct err *err)
{
    onednn_md_free(out);
    enum status status = check(md_clone(&out->desc, dnnl_primitive_desc_query_md(pd, what, 0)),
                               "asking for a layout", err);
    out->set = status == OK;
    return status;
}

/* ---- products ---------------------------------------------------------------------------- */

static enum status attributes(dnnl_primitive_attr_t *attr, dnnl_post_ops_t *post,
                              enum activation activation, struct err *err)
{
    static const struct {
        dnnl_alg_kind_t kind;
        float alpha;
    } eltwise[] = {
        [ACTIVATION_GELU_ERF] = {dnnl_eltwise_gelu_erf, 0},
        [ACTIVATION_GELU_TANH] = {dnnl_eltwise_gelu_tanh, 0},
        [ACTIVATION_GELU_QUICK] = {dnnl_eltwise_swish, 1.702f},
    };
    dnnl_status_t got = dnnl_primitive_attr_create(attr);
    if (got == dnnl_success)
        got = dnnl_primitive_attr_set_scratchpad_mode(*attr, dnnl_scratchpad_mode_user);
    if (got == dnnl_success && activation != ACTIVATION_NONE) {
        got = dnnl_post_ops_create(post);
        if (got == dnnl_success)
            got = append_eltwise(*post, eltwise[activation].kind, eltwise[activation].alpha);
        if (got == dnnl_success)
            got = dnnl_primitive_attr_set_post_ops(*attr, *post);
    }
    return check(got, "setting attributes", err);
}

static enum status matmul_layouts(struct onednn_matmul *mm, const struct onednn_product *p,
                                  const struct onednn_md *weights, struct err *err)
{
    static const dnnl_data_type_t types[PRECISION_COUNT][2] = {
        [PRECISION_F32] = {dnnl_f32, dnnl_f32},
        [PRECISION_BF16] = {dnnl_bf16, dnnl_bf16},
        [PRECISION_INT8] = {dnnl_u8, dnnl_s8},
    };
    const dnnl_data_type_t *type = types[p->precision];
    int m = p->m, n = p->n, k = p->k;
    dnnl_dims_t w_dims = {k, n};
    enum status status = md_make(&mm->x, (int[]){m, k, k, 1}, type[0], err);
    if (status == OK)
        status = onednn_md_matrix(&mm->y, m, n, n, err);
    if (status == OK)
        status = onednn_md_matrix(&mm->bias, 1, n, n, err);
    if (status != OK)
        return status;
    status = check(weights ? md_clone(&mm->w.desc, md_argument(weights))
                           : md_any(&mm->w.desc, w_dims, type[1]),
                   "describing weights", err);
    mm->w.set = status == OK;
    return status;
}

enum status onednn_matmul_open(struct onednn_matmul *out, const struct onednn_product *product,
                               const struct onednn_md *weights, struct err *err)
{
    *out = (struct onednn_matmul){0};
    dnnl_primitive_attr_t attr = NULL;
    dnnl_post_ops_t post = NULL;
    dnnl_primitive_desc_t pd = NULL;
    const char *implementation = "";
    enum status status = matmul_layouts(out, product, weights, err);
    if (status == OK)
        status = attributes(&attr, &post, product->activation, err);
    if (status == OK)
        status = check(matmul_desc(&pd, out, attr), "planning a matrix product", err);
    if (status == OK)
        status = md_query(&out->w, pd, dnnl_query_weights_md, err);
    if (status == OK)
        status = md_query(&out->scratch, pd, dnnl_query_scratchpad_md, err);
    if (status == OK)
        status =
            check(dnnl_primitive_create(&out->primitive, pd), "building a matrix product", err);
    if (status == OK)
        status = check(dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, &implementation),
                       "asking for the implementation", err);
    snprintf(out->implementation, sizeof out->implementation, "%s", implementation);
    dnnl_primitive_desc_destroy(pd);
    dnnl_post_ops_destroy(post);
    dnnl_primitive_attr_destroy(attr);
    if (status != OK)
        onednn_matmul_close(out);
    return status;
}

void onednn_matmul_close(struct onednn_matmul *mm)
{
    if (!mm)
        return;
    dnnl_primitive_destroy(mm->primitive);
    onednn_md_free(&mm->x);
    onednn_md_free(&mm->w);
    onednn_md_free(&mm->bias);
    onednn_md_free(&mm->y);
    onednn_md_free(&mm->scratch);
    *mm = (struct onednn_matmul){0};
}

/* ---- running ----------------------------------------------------------------------------- */

static dnnl_status_t memory(dnnl_memory_t *out, const struct onednn_md *md, void *bytes)
{
    return dnnl_memory_create(out, md_argument(md), engine, bytes);
}

enum status onednn_lane_open(struct onednn_lane *out, const struct onednn_matmul *mm,
                             struct err *err)
{
    *out = (struct onednn_lane){0};
    size_t bytes = (onednn_md_bytes(&mm->scratch) / ALIGNMENT + 1) * ALIGNMENT;
    out->scratch_bytes = aligned_alloc(ALIGNMENT, bytes);
    if (!out->scratch_bytes)
        return err_no_memory(err, "a matrix product's scratch", bytes);
    dnnl_status_t got = dnnl_stream_create(&out->stream, engine, dnnl_stream_default_flags);
    if (got == dnnl_success)
        got = memory(&out->x, &mm->x, NULL);
    if (got == dnnl_success)
        got = memory(&out->w, &mm->w, NULL);
    if (got == dnnl_success)
        got = memory(&out->bias, &mm->bias, NULL);
    if (got == dnnl_success)
        got = memory(&out->y, &mm->y, NULL);
    if (got == dnnl_success)
        got = memory(&out->scratch, &mm->scratch, out->scratch_bytes);
    if (got != dnnl_success)
        onednn_lane_close(out);
    return check(got, "making memory objects", err);
}

void onednn_lane_close(struct onednn_lane *lane)
{
    if (!lane)
        return;
    dnnl_memory_destroy(lane->x);
    dnnl_memory_destroy(lane->w);
    dnnl_memory_destroy(lane->bias);
    dnnl_memory_destroy(lane->y);
    dnnl_memory_destroy(lane->scratch);
    dnnl_stream_destroy(lane->stream);
    free(lane->scratch_bytes);
    *lane = (struct onednn_lane){0};
}

bool onednn_matmul_run(const struct onednn_matmul *mm, const struct onednn_lane *lane, float *y,
                       const void *x, const void *w, const float *bias)
{
    /* The API takes writable pointers for inputs too; it does not write through them. */
    if (dnnl_memory_set_data_handle(lane->x, (void *)(uintptr_t)x) != dnnl_success ||
        dnnl_memory_set_data_handle(lane->w, (void *)(uintptr_t)w) != dnnl_success ||
        dnnl_memory_set_data_handle(lane->bias, (void *)(uintptr_t)bias) != dnnl_success ||
        dnnl_memory_set_data_handle(lane->y, y) != dnnl_success)
        return false;
    const dnnl_exec_arg_t args[] = {
        {DNNL_ARG_SRC, lane->x}, {DNNL_ARG_WEIGHTS, lane->w},          {DNNL_ARG_BIAS, lane->bias},
        {DNNL_ARG_DST, lane->y}, {DNNL_ARG_SCRATCHPAD, lane->scratch},
    };
    return dnnl_primitive_execute(mm->primitive, lane->stream, sizeof args / sizeof *args, args) ==
           dnnl_success;
}

enum status onednn_reorder(const struct onednn_md *from, const void *from_bytes,
                           const struct onednn_md *to, void *to_bytes, struct err *err)
{
    dnnl_primitive_desc_t pd = NULL;
    dnnl_primitive_t primitive = NULL;
    dnnl_memory_t source = NULL, target = NULL;
    dnnl_stream_t stream = NULL;
    dnnl_status_t got = dnnl_reorder_primitive_desc_create(&pd, md_argument(from), engine,
                                                           md_argument(to), engine, NULL);
    if (got == dnnl_success)
        got = dnnl_primitive_create(&primitive, pd);
    if (got == dnnl_success)
        got = dnnl_stream_create(&stream, engine, dnnl_stream_default_flags);
    if (got == dnnl_success)
        got = memory(&source, from, (void *)(uintptr_t)from_bytes);
    if (got == dnnl_success)
        got = memory(&target, to, to_bytes);
    const dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, source}, {DNNL_ARG_TO, target}};
    if (got == dnnl_success)
        got = dnnl_primitive_execute(primitive, stream, 2, args);
    if (got == dnnl_success)
        got = dnnl_stream_wait(stream);
    dnnl_memory_destroy(source);
    dnnl_memory_destroy(target);
    dnnl_stream_destroy(stream);
    dnnl_primitive_destroy(primitive);
    dnnl_primitive_desc_destroy(pd);
    return check(got, "packing weights", err);
}
