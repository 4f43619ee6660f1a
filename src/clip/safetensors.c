/* SPDX-License-Identifier: MIT
 *
 * Parsing and checking the header; see safetensors.h for what is promised afterwards. Offsets and
 * sizes come from a file that anybody may have written: all arithmetic on them is checked.
 */
#include "clip/safetensors.h"

#include "base/file.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_LIMIT ((uint64_t)100 << 20)

struct safetensors {
    struct file_map map;
    size_t header_size;
    const uint8_t *data; /* map.data + 8 + header_size */
    size_t data_size;
    json_t *header;            /* owns the names */
    struct tensor_view *views; /* [count], sorted by name */
    size_t count;
};

static enum status read_shape(struct tensor_view *view, const json_t *shape, struct err *err)
{
    if (!json_is_array(shape) || json_array_size(shape) > TENSOR_DIMS_MAX)
        return err_set(err, ERR_FORMAT, "tensor %s: its shape is not a list of at most %d numbers",
                       view->name, TENSOR_DIMS_MAX);
    view->dims = (int)json_array_size(shape);
    view->count = 1;
    for (int i = 0; i < view->dims; i++) {
        const json_t *n = json_array_get(shape, (size_t)i);
        view->shape[i] = json_integer_value(n);
        if (!json_is_integer(n) || view->shape[i] < 0 ||
            __builtin_mul_overflow(view->count, (size_t)view->shape[i], &view->count))
            return err_set(err, ERR_FORMAT, "tensor %s: its shape is not possible", view->name);
    }
    return OK;
}

static enum status read_dtype(struct tensor_view *view, const json_t *dtype, struct err *err)
{
    const char *name = json_string_value(dtype);
    if (!name || tensor_dtype_size(name) == 0)
        return err_set(err, ERR_FORMAT, "tensor %s: dtype %s is not known", view->name,
                       name ? name : "(missing)");
    snprintf(view->dtype_name, sizeof view->dtype_name, "%s", name);
    view->dtype = tensor_dtype_parse(name);
    return OK;
}

static enum status read_range(struct tensor_view *view, const struct safetensors *st,
                              const json_t *offsets, struct err *err)
{
    const json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(begin) || !json_is_integer(end))
        return err_set(err, ERR_FORMAT, "tensor %s: data_offsets is not a pair of numbers",
                       view->name);
    json_int_t from = json_integer_value(begin), to = json_integer_value(end);
    if (from < 0 || to < from || (uint64_t)to > st->data_size)
        return err_set(err, ERR_FORMAT,
                       "tensor %s: bytes %lld to %lld do not lie in the file's %zu bytes of data "
                       "(the file is incomplete: fetch it again)",
                       view->name, (long long)from, (long long)to, st->data_size);
    size_t need;
    view->size_bytes = (size_t)(to - from);
    view->data = st->data + from;
    if (__builtin_mul_overflow(view->count, tensor_dtype_size(view->dtype_name), &need) ||
        need != view->size_bytes)
        return err_set(err, ERR_FORMAT,
                       "tensor %s: %zu values of %s do not fill its %zu bytes of data", view->name,
                       view->count, view->dtype_name, view->size_bytes);
    return OK;
}

static enum status read_tensor(struct safetensors *st, const char *name, const json_t *entry,
                               struct err *err)
{
    struct tensor_view *view = &st->views[st->count];
    *view = (struct tensor_view){.name = name};
    if (!json_is_object(entry))
        return err_set(err, ERR_FORMAT, "tensor %s: its entry is not an object", name);
    enum status status = read_dtype(view, json_object_get(entry, "dtype"), err);
    if (status == OK)
        status = read_shape(view, json_object_get(entry, "shape"), err);
    if (status == OK)
        status = read_range(view, st, json_object_get(entry, "data_offsets"), err);
    if (status == OK)
        st->count++;
    return status;
}

static int by_place(const void *a, const void *b)
{
    const struct tensor_view *x = a, *y = b;
    if (x->data != y->data)
        return x->data < y->data ? -1 : 1;
    return x->size_bytes < y->size_bytes ? -1 : x->size_bytes > y->size_bytes;
}

/* Sorted by place, each tensor has to begin where the one before ended. */
static enum status check_cover(const struct safetensors *st, struct err *err)
{
    const uint8_t *at = st->data;
    for (size_t i = 0; i < st->count; i++) {
        const struct tensor_view *view = &st->views[i];
        if ((const uint8_t *)view->data < at)
            return err_set(err, ERR_FORMAT, "tensor %s overlaps another one", view->name);
        if ((const uint8_t *)view->data > at)
            return err_set(err, ERR_FORMAT, "the data has a hole of %td bytes before tensor %s",
                           (const uint8_t *)view->data - at, view->name);
        at = (const uint8_t *)view->data + view->size_bytes;
    }
    if (at != st->data + st->data_size)
        return err_set(err, ERR_FORMAT, "%td bytes at the end belong to no tensor",
                       st->data + st->data_size - at);
    return OK;
}

static enum status parse_header(struct safetensors *st, struct err *err)
{
    json_error_t where;
    st->header =
        json_loadb((const char *)st->map.data + 8, st->header_size, JSON_REJECT_DUPLICATES, &where);
    if (!st->header)
        return err_set(err, ERR_FORMAT, "its header is not JSON: %s", where.text);
    if (!json_is_object(st->header))
        return err_set(err, ERR_FORMAT, "its header is not a JSON object");
    size_t most = json_object_size(st->header);
    st->views = calloc(most ? most : 1, sizeof *st->views);
    if (!st->views)
        return err_no_memory(err, "the list of tensors", most * sizeof *st->views);
    const char *name;
    json_t *entry;
    json_object_foreach(st->header, name, entry)
    {
        enum status status =
            strcmp(name, "__metadata__") == 0 ? OK : read_tensor(st, name, entry, err);
        if (status != OK)
            return status;
    }
    qsort(st->views, st->count, sizeof *st->views, by_place);
    enum status status = check_cover(st, err);
    tensor_views_sort(st->views, st->count);
    return status;
}

static enum status check_file(struct safetensors *st, struct err *err)
{
    if (st->map.size < 8)
        return err_set(err, ERR_FORMAT, "it has %zu bytes, too few for a safetensors file",
                       st->map.size);
    /* What a clone of a model's repository holds in place of the weights. */
    static const char pointer[] = "version https://git-lfs";
    if (st->map.size >= sizeof pointer && memcmp(st->map.data, pointer, sizeof pointer - 1) == 0)
        return err_set(err, ERR_FORMAT,
                       "it is a pointer of Git LFS, not the weights: run `git lfs pull` there");
    uint64_t header_size;
    memcpy(&header_size, st->map.data, sizeof header_size);
    if (header_size > HEADER_LIMIT)
        return err_set(err, header_size > st->map.size ? ERR_FORMAT : ERR_LIMIT,
                       "its header claims %llu bytes; the limit is %llu (it is no safetensors "
                       "file: fetch it again)",
                       (unsigned long long)header_size, (unsigned long long)HEADER_LIMIT);
    if (header_size > st->map.size - 8)
        return err_set(
            err, ERR_FORMAT,
            "its header claims %llu bytes, but the file ends after %zu (it is incomplete or no "
            "safetensors file: fetch it again)",
            (unsigned long long)header_size, st->map.size);
    st->header_size = (size_t)header_size;
    st->data = st->map.data + 8 + st->header_size;
    st->data_size = st->map.size - 8 - st->header_size;
    return parse_header(st, err);
}

enum status safetensors_open(struct safetensors **out, const char *path, struct err *err)
{
    *out = NULL;
    struct safetensors *st = calloc(1, sizeof *st);
    if (!st)
        return err_no_memory(err, "a weights file", sizeof *st);
    enum status status = file_map_open(&st->map, path, err);
    if (status == OK) {
        status = check_file(st, err);
        if (status != OK)
            err_prefix(err, "cannot use the weights in %s", path);
    }
    if (status != OK)
        safetensors_close(st);
    else
        *out = st;
    return status;
}

void safetensors_close(struct safetensors *st)
{
    if (!st)
        return;
    free(st->views);
    json_decref(st->header);
    file_map_close(&st->map);
    free(st);
}

const struct tensor_view *safetensors_find(const struct safetensors *st, const char *name)
{
    return tensor_views_find(st->views, st->count, name);
}

const struct tensor_view *safetensors_all(const struct safetensors *st, size_t *count)
{
    *count = st->count;
    return st->views;
}

const void *safetensors_header(const struct safetensors *st, size_t *size_bytes)
{
    *size_bytes = st->header_size;
    return st->map.data + 8;
}

size_t safetensors_file_size(const struct safetensors *st)
{
    return st->map.size;
}
