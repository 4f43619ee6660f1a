/* SPDX-License-Identifier: MIT
 *
 * See torch_file.h.
 */
#include "torch_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_LIMIT ((size_t)1 << 30)

static void put_number(struct str *out, uint64_t n, size_t size)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(n >> (8 * i));
    str_append(out, bytes, size);
}

/* ---- zip --------------------------------------------------------------------------------- */

void zip_begin(struct zip_writer *zip, bool zip64)
{
    *zip = (struct zip_writer){
        .bytes = str_new(FILE_LIMIT), .directory = str_new(FILE_LIMIT), .zip64 = zip64};
}

/* What both headers have in common, from the version needed to the length of the name. */
static void put_common(struct str *out, uint32_t size, size_t name)
{
    put_number(out, 45, 2);
    put_number(out, 0x800, 2); /* names are UTF-8 */
    put_number(out, 0, 2);     /* stored */
    put_number(out, 0, 4);     /* time, date */
    put_number(out, 0, 4);     /* CRC-32: not looked at */
    put_number(out, size, 4);
    put_number(out, size, 4);
    put_number(out, name, 2);
}

void zip_add(struct zip_writer *zip, const char *name, const void *data, size_t size)
{
    size_t at = zip->bytes.size, length = strlen(name);
    uint32_t says = zip->zip64 ? UINT32_MAX : (uint32_t)size;
    put_number(&zip->bytes, 0x04034b50, 4);
    put_common(&zip->bytes, says, length);
    put_number(&zip->bytes, zip->zip64 ? 20 : 0, 2);
    str_append(&zip->bytes, name, length);
    if (zip->zip64) {
        put_number(&zip->bytes, 1, 2);
        put_number(&zip->bytes, 16, 2);
        put_number(&zip->bytes, size, 8);
        put_number(&zip->bytes, size, 8);
    }
    str_append(&zip->bytes, data, size);
    struct str *d = &zip->directory;
    put_number(d, 0x02014b50, 4);
    put_number(d, 45, 2);
    put_common(d, says, length);
    put_number(d, zip->zip64 ? 28 : 0, 2);
    put_number(d, 0, 8); /* comment, disk, attributes */
    put_number(d, 0, 2);
    put_number(d, zip->zip64 ? UINT32_MAX : at, 4);
    str_append(d, name, length);
    if (zip->zip64) {
        put_number(d, 1, 2);
        put_number(d, 24, 2);
        put_number(d, size, 8);
        put_number(d, size, 8);
        put_number(d, at, 8);
    }
    zip->count++;
}

static void put_end64(struct zip_writer *zip, uint64_t at)
{
    uint64_t record = zip->bytes.size;
    put_number(&zip->bytes, 0x06064b50, 4);
    put_number(&zip->bytes, 44, 8);
    put_number(&zip->bytes, 45, 2);
    put_number(&zip->bytes, 45, 2);
    put_number(&zip->bytes, 0, 8); /* disks */
    put_number(&zip->bytes, zip->count, 8);
    put_number(&zip->bytes, zip->count, 8);
    put_number(&zip->bytes, zip->directory.size, 8);
    put_number(&zip->bytes, at, 8);
    put_number(&zip->bytes, 0x07064b50, 4);
    put_number(&zip->bytes, 0, 4);
    put_number(&zip->bytes, record, 8);
    put_number(&zip->bytes, 1, 4);
}

void zip_end(struct zip_writer *zip, size_t pad_to)
{
    uint64_t at = zip->bytes.size;
    str_append(&zip->bytes, str_text(&zip->directory), zip->directory.size);
    if (zip->zip64)
        put_end64(zip, at);
    size_t comment = pad_to ? (pad_to - (zip->bytes.size + 22) % pad_to) % pad_to : 0;
    put_number(&zip->bytes, 0x06054b50, 4);
    put_number(&zip->bytes, 0, 4);
    put_number(&zip->bytes, zip->zip64 ? UINT16_MAX : zip->count, 2);
    put_number(&zip->bytes, zip->zip64 ? UINT16_MAX : zip->count, 2);
    put_number(&zip->bytes, zip->zip64 ? UINT32_MAX : zip->directory.size, 4);
    put_number(&zip->bytes, zip->zip64 ? UINT32_MAX : at, 4);
    put_number(&zip->bytes, comment, 2);
    for (size_t i = 0; i < comment; i++)
        str_putc(&zip->bytes, ' ');
    str_free(&zip->directory);
}

/* ---- pickles ----------------------------------------------------------------------------- */

void pickle_begin(struct str *p)
{
    str_append(p, "\x80\x02", 2);
}

void pickle_text(struct str *p, const char *text)
{
    str_putc(p, 'X');
    put_number(p, strlen(text), 4);
    str_put(p, text);
}

void pickle_int(struct str *p, long n)
{
    if (n >= 0 && n < 256) {
        str_putc(p, 'K');
        put_number(p, (uint64_t)n, 1);
    } else if (n == (int32_t)n) {
        str_putc(p, 'J');
        put_number(p, (uint64_t)n, 4);
    } else {
        str_append(p, "\x8a\x08", 2);
        put_number(p, (uint64_t)n, 8);
    }
}

void pickle_global(struct str *p, const char *module, const char *name)
{
    str_format(p, "c%s\n%s\n", module, name);
}

static void put_tuple(struct str *p, const long *items, int count)
{
    str_putc(p, '(');
    for (int i = 0; i < count; i++)
        pickle_int(p, items[i]);
    str_putc(p, 't');
}

void pickle_tensor(struct str *p, const struct torch_tensor *t)
{
    if (t->parameter) {
        pickle_global(p, "torch._utils", "_rebuild_parameter");
        str_putc(p, '(');
    }
    pickle_global(p, "torch._utils", "_rebuild_tensor_v2");
    str_put(p, "((");
    pickle_text(p, "storage");
    pickle_global(p, "torch", t->storage);
    pickle_text(p, t->key);
    pickle_text(p, "cpu");
    pickle_int(p, t->count);
    str_put(p, "tQ");
    pickle_int(p, t->offset);
    put_tuple(p, t->size, t->dims);
    put_tuple(p, t->stride, t->dims);
    str_put(p, "\x89"); /* requires_grad */
    pickle_global(p, "collections", "OrderedDict");
    str_put(p, ")RtR");
    if (t->parameter) {
        str_put(p, "\x88");
        pickle_global(p, "collections", "OrderedDict");
        str_put(p, ")RtR");
    }
}

void pickle_tensors(struct str *p, const struct torch_tensor *tensors, size_t count)
{
    str_putc(p, '(');
    for (size_t i = 0; i < count; i++) {
        pickle_text(p, tensors[i].name);
        pickle_tensor(p, &tensors[i]);
    }
    str_putc(p, 'u');
}

/* ---- whole files ------------------------------------------------------------------------- */

void write_bytes(const char *path, const void *data, size_t size)
{
    unlink(path); /* truncating a file instead makes some file systems write at once */
    FILE *f = fopen(path, "wb");
    bool ok = f && fwrite(data, 1, size, f) == size;
    if (!f || fclose(f) != 0 || !ok) {
        printf("FAILED: cannot write %s\n", path);
        exit(1);
    }
}

static void append_values(struct str *out, const struct tensor_view *view, bool transposed,
                          bool big_endian)
{
    const uint8_t *data = view->data;
    size_t rows = (size_t)view->shape[0], columns = (size_t)view->shape[1];
    for (size_t i = 0; i < view->count; i++) {
        const uint8_t *value = data + 4 * (transposed ? i % rows * columns + i / rows : i);
        for (size_t b = 0; b < 4; b++)
            str_putc(out, (char)value[big_endian ? 3 - b : b]);
    }
}

/* Where it lies is left to the caller: key, count, offset. */
static void describe(struct torch_tensor *t, const struct tensor_view *view, bool transposed)
{
    *t = (struct torch_tensor){.storage = "FloatStorage",
                               .dims = view->dims,
                               .count = (long)view->count,
                               .parameter = view->dims == 1};
    long step = 1;
    for (int d = view->dims - 1; d >= 0; d--) {
        t->size[d] = view->shape[d];
        t->stride[d] = step;
        step *= view->shape[d];
    }
    if (transposed) {
        t->stride[0] = 1;
        t->stride[1] = t->size[0];
    }
}

/* As open_clip's training loop saves it. */
static void put_training(struct str *p, const struct torch_tensor *tensors, size_t count)
{
    str_put(p, "}(");
    pickle_text(p, "epoch");
    pickle_int(p, 32);
    pickle_text(p, "name");
    pickle_text(p, "tiny");
    pickle_text(p, "state_dict");
    pickle_global(p, "collections", "OrderedDict");
    str_put(p, ")R");
    pickle_tensors(p, tensors, count);
    str_putc(p, '}');
    pickle_text(p, "_metadata");
    pickle_global(p, "collections", "OrderedDict");
    str_put(p, ")Rsb");
    pickle_text(p, "optimizer");
    str_put(p, "}(");
    pickle_text(p, "state");
    str_put(p, "}K\x01");
    pickle_tensor(p, &tensors[0]);
    str_putc(p, 's');
    pickle_text(p, "param_groups");
    str_put(p, "](}(");
    pickle_text(p, "lr");
    str_append(p, "G\x3f\x50\x62\x4d\xd2\xf1\xa9\xfc", 9);
    pickle_text(p, "foreach");
    str_put(p, "N");
    pickle_text(p, "params");
    str_put(p, "](K\x01K\x02"
               "eueuu");
}

void torch_file_write(const char *path, const struct tensor_view *views, size_t count,
                      const struct torch_options *o)
{
    struct zip_writer zip;
    struct str pickle = str_new(FILE_LIMIT), all = str_new(FILE_LIMIT);
    struct torch_tensor *tensors = calloc(count, sizeof *tensors);
    char(*names)[200] = calloc(count, sizeof *names), (*keys)[24] = calloc(count, sizeof *keys);
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += views[i].count;
    zip_begin(&zip, o->zip64);
    for (size_t i = 0; i < count; i++) {
        bool transposed = o->transposed && views[i].dims == 2;
        describe(&tensors[i], &views[i], transposed);
        snprintf(names[i], sizeof *names, "%s%s", o->prefix ? o->prefix : "", views[i].name);
        snprintf(keys[i], sizeof *keys, "%zu", o->shared ? 0 : i);
        tensors[i].name = names[i];
        tensors[i].key = keys[i];
        if (o->shared) {
            tensors[i].count = (long)total;
            tensors[i].offset = (long)(all.size / 4);
        }
        append_values(&all, &views[i], transposed, o->big_endian);
    }
    pickle_begin(&pickle);
    if (o->training) {
        put_training(&pickle, tensors, count);
    } else {
        str_putc(&pickle, '}');
        pickle_tensors(&pickle, tensors, count);
    }
    str_putc(&pickle, '.');
    zip_add(&zip, "tiny/data.pkl", str_text(&pickle), pickle.size);
    zip_add(&zip, "tiny/byteorder", o->big_endian ? "big" : "little", o->big_endian ? 3 : 6);
    if (o->shared)
        zip_add(&zip, "tiny/data/0", str_text(&all), all.size);
    const char *at = str_text(&all);
    for (size_t i = 0; i < count && !o->shared; at += views[i].count * 4, i++) {
        char name[64];
        snprintf(name, sizeof name, "tiny/data/%zu", i);
        zip_add(&zip, name, at, views[i].count * 4);
    }
    zip_add(&zip, "tiny/version", "3\n", 2);
    zip_end(&zip, 0);
    write_bytes(path, str_text(&zip.bytes), zip.bytes.size);
    str_free(&zip.bytes);
    str_free(&pickle);
    str_free(&all);
    free(tensors);
    free(names);
    free(keys);
}
