/* SPDX-License-Identifier: MIT
 *
 * See tensor_view.h. Whoever makes a view has checked that every value lies in the mapping: from
 * here on reading cannot fail but for memory.
 */
#include "clip/tensor_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the values of a checkpoint are little-endian and are used in place"
#endif

/* ---- dtypes ------------------------------------------------------------------------------ */

size_t tensor_dtype_size(const char *name)
{
    static const struct {
        const char *name;
        size_t size;
    } sizes[] = {{"F64", 8}, {"F32", 4}, {"F16", 2},     {"BF16", 2},    {"I64", 8},
                 {"I32", 4}, {"I16", 2}, {"I8", 1},      {"U64", 8},     {"U32", 4},
                 {"U16", 2}, {"U8", 1},  {"F8_E4M3", 1}, {"F8_E5M2", 1}, {"BOOL", 1}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (strcmp(name, sizes[i].name) == 0)
            return sizes[i].size;
    return 0;
}

enum tensor_dtype tensor_dtype_parse(const char *name)
{
    return strcmp(name, "F32") == 0    ? TENSOR_F32
           : strcmp(name, "F16") == 0  ? TENSOR_F16
           : strcmp(name, "BF16") == 0 ? TENSOR_BF16
                                       : TENSOR_OTHER;
}

/* ---- gathering --------------------------------------------------------------------------- */

bool tensor_view_is_plain(const struct tensor_view *view)
{
    return !view->strided && !view->swapped && !view->part[0];
}

static void copy_value(uint8_t *to, const uint8_t *from, size_t size, bool swapped)
{
    for (size_t i = 0; i < size; i++)
        to[i] = from[swapped ? size - 1 - i : i];
}

/* Every value in the order of the shape: the last index moves fastest. */
static void gather_strided(const struct tensor_view *view, uint8_t *out, size_t element)
{
    int64_t index[TENSOR_DIMS_MAX] = {0};
    const uint8_t *from = view->data;
    int64_t place = 0;
    for (size_t i = 0; i < view->count; i++) {
        copy_value(out + i * element, from + (size_t)place * element, element, view->swapped);
        for (int d = view->dims - 1; d >= 0; d--) {
            place += view->stride[d];
            if (++index[d] < view->shape[d])
                break;
            place -= index[d] * view->stride[d];
            index[d] = 0;
        }
    }
}

static void gather(const struct tensor_view *view, uint8_t *out)
{
    size_t element = tensor_dtype_size(view->dtype_name);
    if (view->part[0]) {
        for (int i = 0; i < TENSOR_PARTS; i++) {
            gather(view->part[i], out);
            out += view->part[i]->size_bytes;
        }
    } else if (view->strided) {
        gather_strided(view, out, element);
    } else if (view->swapped) {
        for (size_t i = 0; i < view->count; i++)
            copy_value(out + i * element, (const uint8_t *)view->data + i * element, element, true);
    } else if (view->size_bytes > 0) {
        memcpy(out, view->data, view->size_bytes);
    }
}

enum status tensor_view_bytes(const struct tensor_view *view, const void **data, void **owned,
                              struct err *err)
{
    *owned = NULL;
    *data = view->data;
    if (tensor_view_is_plain(view))
        return OK;
    *data = *owned = malloc(view->size_bytes ? view->size_bytes : 1);
    if (!*owned)
        return err_no_memory(err, view->name, view->size_bytes);
    gather(view, *owned);
    return OK;
}

/* ---- reading ----------------------------------------------------------------------------- */

/* 16-bit elements. A file does not promise alignment, the kernels want uint16_t pointers. */
static void read_16(const struct tensor_view *view, const struct kernels *kernels, size_t first,
                    size_t count, float *out)
{
    enum { CHUNK = 4096 };
    uint16_t chunk[CHUNK];
    const uint8_t *from = (const uint8_t *)view->data + first * 2;
    for (size_t n; count > 0; count -= n, from += n * 2, out += n) {
        n = count < CHUNK ? count : CHUNK;
        memcpy(chunk, from, n * 2);
        if (view->dtype == TENSOR_F16)
            kernels->f16_to_f32(out, chunk, n);
        else
            kernels->bf16_to_f32(out, chunk, n);
    }
}

void tensor_view_read(const struct tensor_view *view, const struct kernels *kernels, size_t first,
                      size_t count, float *out)
{
    if (view->dtype == TENSOR_F32)
        memcpy(out, (const uint8_t *)view->data + first * 4, count * 4);
    else
        read_16(view, kernels, first, count, out);
}

void tensor_view_release(const struct tensor_view *view)
{
    if (view->part[0]) {
        for (int i = 0; i < TENSOR_PARTS; i++)
            tensor_view_release(view->part[i]);
        return;
    }
    /* Whole pages only: the first and the last may hold a neighbour's bytes. */
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = ((uintptr_t)view->data + page - 1) / page * page;
    uintptr_t to = ((uintptr_t)view->data + view->size_bytes) / page * page;
    if (to > from)
        madvise((void *)from, to - from, MADV_DONTNEED);
}

/* ---- lists ------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct tensor_view *)a)->name, ((const struct tensor_view *)b)->name);
}

void tensor_views_sort(struct tensor_view *views, size_t count)
{
    if (count > 0)
        qsort(views, count, sizeof *views, by_name);
}

const struct tensor_view *tensor_views_find(const struct tensor_view *views, size_t count,
                                            const char *name)
{
    const struct tensor_view key = {.name = name};
    return count ? bsearch(&key, views, count, sizeof *views, by_name) : NULL;
}

void tensor_shape_format(const int64_t *shape, int dims, char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, "[");
    for (int i = 0; i < dims && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%lld", i ? ", " : "",
                                 (long long)shape[i]);
    if (used < size)
        snprintf(text + used, size - used, "]");
}
