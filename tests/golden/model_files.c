/* SPDX-License-Identifier: MIT
 *
 * See model_files.h. Failures exit with a line that says where: these are fixtures.
 */
#include "model_files.h"

#include "base/file.h"
#include "base/str.h"
#include "clip/synth.h"
#include "image/image.h"
#include "kern/kernels.h"
#include "../temporary.h"

#include <ftw.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *need(void *p, const char *what)
{
    if (!p) {
        printf("FAILED: %s\n", what);
        exit(1);
    }
    return p;
}

static void need_ok(enum status status, const struct err *err)
{
    if (status != OK) {
        printf("FAILED: %s\n", err->text);
        exit(1);
    }
}

/* ---- goldens ----------------------------------------------------------------------------- */

static double *read_matrix(const json_t *root, const char *key, int *rows, int *columns)
{
    const json_t *matrix = need(json_object_get(root, key), key);
    *rows = (int)json_array_size(matrix);
    *columns = (int)json_array_size(json_array_get(matrix, 0));
    size_t r = (size_t)*rows, c = (size_t)*columns;
    double *out = need(malloc(r * c * sizeof *out), "memory");
    for (size_t i = 0; i < r * c; i++) {
        const json_t *value = json_array_get(json_array_get(matrix, i / c), i % c);
        need(json_is_number(value) ? out : NULL, key);
        out[i] = json_number_value(value);
    }
    return out;
}

static float *read_floats(const json_t *root, const char *key, int *rows, int *columns)
{
    double *values = read_matrix(root, key, rows, columns);
    size_t n = (size_t)*rows * (size_t)*columns;
    float *out = need(malloc(n * sizeof *out), "memory");
    for (size_t i = 0; i < n; i++)
        out[i] = (float)values[i];
    free(values);
    return out;
}

/* imageN.rgb (raw) or imageN.png, already at the model's size. */
static void read_pixels(uint8_t *out, const char *dir, int index, int size)
{
    char path[1200];
    struct err err = {0};
    struct file_bytes raw;
    size_t bytes = (size_t)size * (size_t)size * 3;
    snprintf(path, sizeof path, "%s/image%d.rgb", dir, index);
    if (file_read(&raw, path, bytes, &err) == OK) {
        need(raw.size == bytes ? raw.data : NULL, path);
        memcpy(out, raw.data, bytes);
        file_bytes_free(&raw);
        return;
    }
    struct image image;
    snprintf(path, sizeof path, "%s/image%d.png", dir, index);
    need_ok(image_decode_file(&image, path, NULL, &err), &err);
    need(image.width == size && image.height == size ? image.pixels : NULL, path);
    memcpy(out, image.pixels, bytes);
    image_free(&image);
}

void golden_load(struct golden *g, const char *dir, int image_size)
{
    char path[1200];
    json_error_t where;
    int images, dim, rows;
    *g = (struct golden){0};
    snprintf(g->dir, sizeof g->dir, "%s", dir);
    snprintf(path, sizeof path, "%s/expected.json", dir);
    json_t *root = need(json_load_file(path, 0, &where), path);
    g->images = read_floats(root, "image_embeddings", &images, &g->dim);
    g->prompts = read_floats(root, "text_embeddings", &g->texts, &dim);
    double *ids = read_matrix(root, "token_ids", &rows, &g->context);
    need(images == 3 && dim == g->dim && rows == g->texts ? g : NULL, path);
    size_t count = (size_t)rows * (size_t)g->context;
    g->ids = need(malloc(count * sizeof *g->ids), "memory");
    for (size_t i = 0; i < count; i++)
        g->ids[i] = (int32_t)ids[i];
    free(ids);
    json_decref(root);
    size_t bytes = (size_t)image_size * (size_t)image_size * 3;
    g->pixels = need(malloc(3 * bytes), "memory");
    for (int i = 0; i < 3; i++)
        read_pixels(g->pixels + (size_t)i * bytes, dir, i, image_size);
}

void golden_free(struct golden *g)
{
    free(g->images);
    free(g->prompts);
    free(g->ids);
    free(g->pixels);
}

double relative_error(const float *got, const float *want, int n)
{
    double difference = 0, norm = 0;
    for (int i = 0; i < n; i++) {
        difference += ((double)got[i] - want[i]) * ((double)got[i] - want[i]);
        norm += (double)want[i] * want[i];
    }
    double error = sqrt(difference / norm);
    return isnan(error) ? INFINITY : error;
}

/* ---- folders ----------------------------------------------------------------------------- */

void temporary_folder(char *path, size_t size)
{
    need(temporary_make(path, size) == 0 ? path : NULL, "mkdtemp");
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path);
}

void remove_folder(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void write_model(const char *config, const char *dir)
{
    struct err err = {0};
    need_ok(model_synth(config, 0, dir, &err), &err);
}

/* ---- rewriting --------------------------------------------------------------------------- */

static bool is_text(const char *name)
{
    return strncmp(name, "visual.", 7) != 0 && strcmp(name, "logit_scale") != 0;
}

static void put_name(struct str *out, const struct rewrite *how, const char *name)
{
    str_put(out, how->prefix ? how->prefix : "");
    if (is_text(name))
        str_put(out, how->text_prefix ? how->text_prefix : "");
    str_put(out, name);
}

static void put_header(struct str *out, const struct tensor_view *all, size_t count,
                       const struct rewrite *how)
{
    size_t offset = 0, element = how->round_trip || strcmp(how->dtype, "F32") == 0 ? 4 : 2;
    for (size_t i = 0; i < count; i++) {
        char shape[160];
        tensor_shape_format(all[i].shape, all[i].dims, shape, sizeof shape);
        str_put(out, i ? ",\"" : "{\"");
        put_name(out, how, all[i].name);
        str_format(out, "\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%zu,%zu]}",
                   element == 4 ? "F32" : how->dtype, shape, offset,
                   offset + all[i].count * element);
        offset += all[i].count * element;
    }
    str_put(out, "}");
    while (out->size % 8 != how->odd)
        str_putc(out, ' ');
}

static void narrow(uint16_t *out, const float *in, size_t n, bool half,
                   const struct kernels *kernels)
{
    if (half) {
        kernels->f32_to_f16(out, in, n);
        return;
    }
    for (size_t i = 0; i < n; i++) { /* bfloat16 by cutting: any value will do for a test */
        uint32_t bits;
        memcpy(&bits, in + i, sizeof bits);
        out[i] = (uint16_t)(bits >> 16);
    }
}

static void write_tensor(FILE *f, const struct tensor_view *t, const struct rewrite *how,
                         const struct kernels *kernels)
{
    float *values = need(malloc((t->count + 1) * sizeof *values), "memory");
    uint16_t *halves = need(malloc((t->count + 1) * sizeof *halves), "memory");
    bool half = strcmp(how->dtype, "F16") == 0, narrowed = strcmp(how->dtype, "F32") != 0;
    tensor_view_read(t, kernels, 0, t->count, values);
    if (narrowed)
        narrow(halves, values, t->count, half, kernels);
    if (narrowed && how->round_trip) {
        if (half)
            kernels->f16_to_f32(values, halves, t->count);
        else
            kernels->bf16_to_f32(values, halves, t->count);
    }
    if (narrowed && !how->round_trip)
        fwrite(halves, sizeof *halves, t->count, f);
    else
        fwrite(values, sizeof *values, t->count, f);
    free(values);
    free(halves);
}

void rewrite_weights(const char *from, const char *to, const struct rewrite *how)
{
    struct err err = {0};
    struct safetensors *st;
    struct kernels kernels;
    size_t count;
    struct str header = str_new(1 << 20);
    kernels_init(&kernels, 0);
    need_ok(safetensors_open(&st, from, &err), &err);
    const struct tensor_view *all = safetensors_all(st, &count);
    put_header(&header, all, count, how);
    FILE *f = need(fopen(to, "wb"), to);
    uint64_t length = header.size;
    fwrite(&length, sizeof length, 1, f);
    fwrite(str_text(&header), 1, header.size, f);
    for (size_t i = 0; i < count; i++)
        write_tensor(f, &all[i], how, &kernels);
    bool written = !ferror(f) && fclose(f) == 0;
    need(written ? &length : NULL, to);
    str_free(&header);
    safetensors_close(st);
}
