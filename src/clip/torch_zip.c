/* SPDX-License-Identifier: MIT
 *
 * See torch_zip.h. The order of the checks: the archive (zip_archive.h), what kind of file it is,
 * the pickle (unpickle.h), each storage and each tensor that the pickle describes, and only then
 * the names.
 */
#include "clip/torch_zip.h"

#include "clip/unpickle.h"
#include "clip/zip_archive.h"

#include "base/file.h"
#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TENSOR_NAME_BYTES = 512 };

struct torch_zip {
    struct file_map map;
    struct zip_archive zip;
    struct pickle pickle;
    const struct zip_entry *header; /* data.pkl */
    bool big_endian;
    struct tensor_view *views; /* [count] */
    size_t count;
    char *names; /* of the views */
};

bool torch_zip_is(const uint8_t *head, size_t size)
{
    return size >= 4 && memcmp(head, "PK\3\4", 4) == 0;
}

/* The file begins with the pickle of a number of ten bytes, 0x1950a86a20f9469cfc6c. */
bool torch_legacy_is(const uint8_t *head, size_t size)
{
    static const char magic[] = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
    return size >= 14 && head[0] == 0x80 && memcmp(head + 2, magic, 12) == 0;
}

/* ---- the archive ------------------------------------------------------------------------- */

/* "NAME/" + name */
static const struct zip_entry *find_beside(const struct torch_zip *t, const char *name)
{
    char full[ZIP_NAME_MAX + 64];
    size_t folder = t->header->name_size - strlen("data.pkl");
    snprintf(full, sizeof full, "%.*s%s", (int)folder, t->header->name, name);
    return zip_find(&t->zip, full);
}

static bool in_folder(const struct torch_zip *t, const char *name)
{
    size_t folder = t->header->name_size - strlen("data.pkl"), size = strlen(name);
    for (size_t i = 0; i < t->zip.count; i++) {
        const struct zip_entry *e = &t->zip.entries[i];
        if (e->name_size >= folder + size && memcmp(e->name, t->header->name, folder) == 0 &&
            memcmp(e->name + folder, name, size) == 0)
            return true;
    }
    return false;
}

/* NAME/data.pkl, NAME being one folder. */
static enum status find_pickle(struct torch_zip *t, struct err *err)
{
    static const char name[] = "/data.pkl";
    for (size_t i = 0; i < t->zip.count; i++) {
        const struct zip_entry *e = &t->zip.entries[i];
        if (e->name_size < sizeof name ||
            memchr(e->name, '/', e->name_size) != e->name + e->name_size - (sizeof name - 1))
            continue;
        if (memcmp(e->name + e->name_size - (sizeof name - 1), name, sizeof name - 1) != 0)
            continue;
        if (t->header)
            return err_set(err, ERR_FORMAT, "it has two pickles, %.*s and %.*s",
                           (int)t->header->name_size, t->header->name, (int)e->name_size, e->name);
        t->header = e;
    }
    if (!t->header)
        return err_set(
            err, ERR_UNSUPPORTED,
            "it is a zip archive, but none that torch.save() writes: it has no data.pkl");
    if (in_folder(t, "constants.pkl") || in_folder(t, "code/"))
        return err_set(err, ERR_UNSUPPORTED,
                       "it is a TorchScript archive, a program with its weights (OpenAI's own .pt "
                       "files are); use the model's safetensors, or a .pt of its state dict");
    return OK;
}

static enum status read_byte_order(struct torch_zip *t, struct err *err)
{
    const struct zip_entry *e = find_beside(t, "byteorder");
    bool little = !e || (e->size == 6 && memcmp(e->data, "little", 6) == 0);
    t->big_endian = e && e->size == 3 && memcmp(e->data, "big", 3) == 0;
    if (!little && !t->big_endian)
        return err_set(err, ERR_FORMAT, "its byteorder is neither little nor big");
    return OK;
}

/* ---- tensors ----------------------------------------------------------------------------- */

static const struct pickle_value *value_at(const struct torch_zip *t, uint32_t index)
{
    return &t->pickle.values[index];
}

static enum status find_storage(const struct torch_zip *t, const struct pickle_value *storage,
                                const struct zip_entry **out, struct err *err)
{
    const struct pickle_value *key = value_at(t, storage->storage.key);
    char name[64];
    if (key->text.size == 0 || key->text.size > 32 || memchr(key->text.bytes, 0, key->text.size))
        return err_set(err, ERR_FORMAT, "its pickle has a storage without a name");
    snprintf(name, sizeof name, "data/%.*s", (int)key->text.size, key->text.bytes);
    *out = find_beside(t, name);
    if (!*out)
        return err_set(err, ERR_FORMAT, "storage %s is not in the archive", name);
    size_t need, element = tensor_dtype_size(storage->storage.type->dtype);
    if (__builtin_mul_overflow((size_t)storage->storage.count, element, &need) ||
        need != (*out)->size)
        return err_set(err, ERR_FORMAT,
                       "storage %s has %llu bytes, and not %lld values of %s as its pickle says",
                       name, (unsigned long long)(*out)->size, (long long)storage->storage.count,
                       storage->storage.type->dtype);
    return OK;
}

static int64_t int_at(const struct torch_zip *t, const struct pickle_value *tuple, int i)
{
    return value_at(t, t->pickle.items[tuple->tuple.first + (uint32_t)i])->integer;
}

static enum status bad_tensor(const struct tensor_view *view, const char *why, struct err *err)
{
    return err_set(err, ERR_FORMAT, "tensor %s: %s", view->name, why);
}

static enum status read_sizes(const struct torch_zip *t, const struct pickle_value *tensor,
                              struct tensor_view *view, struct err *err)
{
    const struct pickle_value *size = value_at(t, tensor->tensor.size);
    const struct pickle_value *stride = value_at(t, tensor->tensor.stride);
    if (size->tuple.count > TENSOR_DIMS_MAX)
        return err_set(err, ERR_FORMAT, "tensor %s: it has %u dimensions; the limit is %d",
                       view->name, size->tuple.count, TENSOR_DIMS_MAX);
    view->dims = (int)size->tuple.count;
    view->count = 1;
    for (int i = 0; i < view->dims; i++) {
        view->shape[i] = int_at(t, size, i);
        view->stride[i] = int_at(t, stride, i);
        if (view->shape[i] < 0 || view->stride[i] < 0 ||
            __builtin_mul_overflow(view->count, (size_t)view->shape[i], &view->count))
            return bad_tensor(view, "its size is not possible", err);
    }
    return OK;
}

/* Row-major, whatever the stride of a dimension of one says. */
static bool is_row_major(const struct tensor_view *view)
{
    int64_t expected = 1;
    for (int i = view->dims - 1; i >= 0; i--) {
        if (view->shape[i] != 1 && view->stride[i] != expected)
            return false;
        expected *= view->shape[i];
    }
    return true;
}

/* *span: from the first value to behind the last, in values. */
static bool span_of(const struct tensor_view *view, size_t *span)
{
    int64_t last = 0, step;
    for (int i = 0; i < view->dims; i++)
        if (__builtin_mul_overflow(view->shape[i] - 1, view->stride[i], &step) ||
            __builtin_add_overflow(last, step, &last))
            return false;
    *span = (size_t)last + 1;
    return last < INT64_MAX;
}

static enum status place(struct tensor_view *view, const struct pickle_value *storage,
                         const struct zip_entry *entry, int64_t offset, struct err *err)
{
    size_t values = (size_t)storage->storage.count, span = 0;
    size_t element = tensor_dtype_size(view->dtype_name);
    if (view->count == 0) {
        view->data = entry->data;
        return OK;
    }
    if (!span_of(view, &span) || offset < 0 || (size_t)offset > values ||
        span > values - (size_t)offset)
        return bad_tensor(view, "it reaches past the end of its storage", err);
    if (view->count > span)
        return bad_tensor(view, "it overlaps itself: some of its values are the same memory", err);
    view->data = entry->data + (size_t)offset * element;
    view->size_bytes = view->count * element; /* no more than the storage has */
    view->strided = !is_row_major(view);
    return OK;
}

/* view->name is set. */
static enum status read_tensor(const struct torch_zip *t, const struct pickle_value *tensor,
                               struct tensor_view *view, struct err *err)
{
    const struct pickle_value *storage = value_at(t, tensor->tensor.storage);
    const struct zip_entry *entry;
    snprintf(view->dtype_name, sizeof view->dtype_name, "%s", storage->storage.type->dtype);
    view->dtype = tensor_dtype_parse(view->dtype_name);
    view->swapped = t->big_endian && tensor_dtype_size(view->dtype_name) > 1;
    enum status status = find_storage(t, storage, &entry, err);
    if (status == OK)
        status = read_sizes(t, tensor, view, err);
    if (status == OK)
        status = place(view, storage, entry, tensor->tensor.offset, err);
    return status;
}

/* Also an optimizer's tensors, and those that are in no dict. */
static enum status check_all(const struct torch_zip *t, struct err *err)
{
    enum status status = OK;
    for (size_t i = 0; status == OK && i < t->pickle.value_count; i++) {
        const struct pickle_value *value = &t->pickle.values[i];
        const struct zip_entry *entry;
        struct tensor_view view = {.name = "without a name"};
        if (value->kind == PICKLE_STORAGE)
            status = find_storage(t, value, &entry, err);
        else if (value->kind == PICKLE_TENSOR)
            status = read_tensor(t, value, &view, err);
    }
    return status;
}

/* ---- the state dict ---------------------------------------------------------------------- */

static bool key_is(const struct torch_zip *t, const struct pickle_entry *entry, const char *text)
{
    const struct pickle_value *key = value_at(t, entry->key);
    return key->kind == PICKLE_TEXT && key->text.size == strlen(text) &&
           memcmp(key->text.bytes, text, key->text.size) == 0;
}

/* What torch.load() would give: the dict itself, or the one below "state_dict". */
static enum status find_state(const struct torch_zip *t, const struct pickle_value **out,
                              struct err *err)
{
    const struct pickle_value *top = value_at(t, t->pickle.top);
    if (top->kind != PICKLE_DICT)
        return err_set(err, ERR_UNSUPPORTED,
                       "it does not hold a state dict (a dict of tensors by name)");
    *out = top;
    for (uint32_t at = top->dict.first; at; at = t->pickle.entries[at - 1].next) {
        const struct pickle_entry *entry = &t->pickle.entries[at - 1];
        if (!key_is(t, entry, "state_dict"))
            continue;
        if (*out != top)
            return err_set(err, ERR_FORMAT, "it has two state_dicts");
        *out = value_at(t, entry->value);
        if ((*out)->kind != PICKLE_DICT || *out == top)
            return err_set(err, ERR_FORMAT, "its state_dict is no dict");
    }
    return OK;
}

/* A tensor's name, at `to`: PICKLE_TEXT bytes and a NUL. */
static enum status copy_name(char *to, const struct pickle_value *key, struct err *err)
{
    if (key->kind != PICKLE_TEXT || key->text.size == 0 || key->text.size > TENSOR_NAME_BYTES ||
        memchr(key->text.bytes, 0, key->text.size))
        return err_set(err, ERR_FORMAT, "its state dict has a tensor whose name is none");
    memcpy(to, key->text.bytes, key->text.size);
    to[key->text.size] = '\0';
    return OK;
}

/* "there is no tensor in it", and what is instead: the file may be of another program. */
static enum status no_tensors(const struct torch_zip *t, const struct pickle_value *state,
                              struct err *err)
{
    enum { KEYS = 5 };
    struct str keys = str_new(512);
    int shown = 0;
    for (uint32_t at = state->dict.first; at && shown < KEYS; at = t->pickle.entries[at - 1].next) {
        const struct pickle_value *key = value_at(t, t->pickle.entries[at - 1].key);
        if (key->kind == PICKLE_TEXT && key->text.size < 64)
            str_format(&keys, "%s%.*s", shown++ ? ", " : "", (int)key->text.size, key->text.bytes);
    }
    enum status status = err_set(
        err, ERR_FORMAT, "there is no tensor in it, neither by its name nor below state_dict%s%s%s",
        shown ? " (it has: " : "", str_text(&keys), shown ? ", …)" : "");
    str_free(&keys);
    return status;
}

static enum status allocate(struct torch_zip *t, const struct pickle_value *state, struct err *err)
{
    size_t count = 0, bytes = 0;
    for (uint32_t at = state->dict.first; at; at = t->pickle.entries[at - 1].next) {
        const struct pickle_entry *entry = &t->pickle.entries[at - 1];
        const struct pickle_value *key = value_at(t, entry->key);
        if (value_at(t, entry->value)->kind != PICKLE_TENSOR)
            continue;
        count++;
        bytes += key->kind == PICKLE_TEXT && key->text.size <= TENSOR_NAME_BYTES
                     ? key->text.size + 1
                     : 0;
    }
    if (count == 0)
        return no_tensors(t, state, err);
    t->views = calloc(count, sizeof *t->views);
    t->names = malloc(bytes + 1);
    if (!t->views || !t->names)
        return err_no_memory(err, "the list of tensors", count * sizeof *t->views);
    return OK;
}

static enum status read_state(struct torch_zip *t, struct err *err)
{
    const struct pickle_value *state = NULL;
    enum status status = find_state(t, &state, err);
    if (status == OK)
        status = allocate(t, state, err);
    if (status != OK)
        return status;
    char *name = t->names;
    for (uint32_t at = state->dict.first; at; at = t->pickle.entries[at - 1].next) {
        const struct pickle_entry *entry = &t->pickle.entries[at - 1];
        const struct pickle_value *value = value_at(t, entry->value);
        if (value->kind != PICKLE_TENSOR)
            continue;
        status = copy_name(name, value_at(t, entry->key), err);
        struct tensor_view *view = &t->views[t->count];
        view->name = name;
        if (status == OK)
            status = read_tensor(t, value, view, err);
        if (status != OK)
            return status;
        name += strlen(name) + 1;
        t->count++;
    }
    tensor_views_sort(t->views, t->count);
    for (size_t i = 1; i < t->count; i++)
        if (strcmp(t->views[i - 1].name, t->views[i].name) == 0)
            return err_set(err, ERR_FORMAT, "tensor %s is there twice", t->views[i].name);
    return OK;
}

/* ---- opening ----------------------------------------------------------------------------- */

static enum status read_file(struct torch_zip *t, struct err *err)
{
    enum status status = zip_open(&t->zip, t->map.data, t->map.size, err);
    if (status == OK)
        status = find_pickle(t, err);
    if (status == OK)
        status = read_byte_order(t, err);
    if (status == OK)
        status = unpickle(&t->pickle, t->header->data, (size_t)t->header->size, err);
    if (status == OK)
        status = check_all(t, err);
    if (status == OK)
        status = read_state(t, err);
    pickle_close(&t->pickle); /* the views are all that is needed from here on */
    return status;
}

enum status torch_zip_open(struct torch_zip **out, const char *path, struct err *err)
{
    *out = NULL;
    struct torch_zip *t = calloc(1, sizeof *t);
    if (!t)
        return err_no_memory(err, "a weights file", sizeof *t);
    enum status status = file_map_open(&t->map, path, err);
    if (status == OK) {
        status = read_file(t, err);
        if (status != OK)
            err_prefix(err, "cannot use the weights in %s", path);
    }
    if (status != OK)
        torch_zip_close(t);
    else
        *out = t;
    return status;
}

void torch_zip_close(struct torch_zip *t)
{
    if (!t)
        return;
    pickle_close(&t->pickle);
    zip_close(&t->zip);
    free(t->views);
    free(t->names);
    file_map_close(&t->map);
    free(t);
}

const struct tensor_view *torch_zip_all(const struct torch_zip *t, size_t *count)
{
    *count = t->count;
    return t->views;
}

const void *torch_zip_header(const struct torch_zip *t, size_t *size_bytes)
{
    *size_bytes = (size_t)t->header->size;
    return t->header->data;
}

size_t torch_zip_file_size(const struct torch_zip *t)
{
    return t->map.size;
}
