/* SPDX-License-Identifier: MIT
 *
 * Writing a synthetic checkpoint: the header first, its offsets known from the config, then the
 * values, a few megabytes at a time.
 */
#include "clip/synth.h"

#include "base/file.h"
#include "clip/config.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { CHUNK = 1 << 20 }; /* values at a time */
#define CONFIG_LIMIT ((size_t)1 << 20)
#define HEADER_LIMIT ((size_t)16 << 20)

/* --- the formula --------------------------------------------------------------------------- */

static uint64_t fnv1a64(const char *text)
{
    uint64_t h = 0xCBF29CE484222325;
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 0x100000001B3;
    return h;
}

static uint64_t splitmix64(uint64_t z)
{
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* value = a + b * u; the first rule that matches wins. */
static void scale_of(const char *name, const int *shape, int dims, float *a, float *b)
{
    *a = 0;
    if (strcmp(name, "logit_scale") == 0) {
        *a = (float)log(100.0);
        *b = 0;
    } else if (ends_with(name, ".bias") || ends_with(name, "in_proj_bias")) {
        *b = 0.02f;
    } else if ((dims == 1 && ends_with(name, ".weight")) || ends_with(name, ".gamma")) {
        *a = 1;
        *b = 0.1f;
    } else if (ends_with(name, "token_embedding.weight") ||
               ends_with(name, "positional_embedding") || ends_with(name, "class_embedding")) {
        *b = 0.05f;
    } else {
        bool in_first = strcmp(name, "visual.proj") == 0 || strcmp(name, "text_projection") == 0;
        double fan_in = 1; /* elements that one output is a sum over */
        for (int i = 1; i < dims; i++)
            fan_in *= shape[i];
        if (in_first || dims == 1)
            fan_in = shape[0];
        *b = (float)sqrt(3.0 / fan_in);
    }
}

void synth_values(const char *name, const int *shape, int dims, uint64_t seed, size_t first,
                  size_t count, float *out)
{
    float a, b;
    scale_of(name, shape, dims, &a, &b);
    uint64_t base = fnv1a64(name) + seed;
#pragma omp parallel for schedule(static) if (count > 65536)
    for (size_t i = 0; i < count; i++) {
        uint64_t h = splitmix64(base + (first + i + 1) * 0x9E3779B97F4A7C15);
        float u = (float)(h >> 40) / (float)(1 << 23) - 1.0f;
        out[i] = a + b * u;
    }
}

/* --- the file ------------------------------------------------------------------------------ */

struct writer {
    const struct model_config *config;
    uint64_t seed;
    struct str header;
    uint64_t data_size;
    int fd;
    const char *path;
    float *chunk; /* [CHUNK] */
    struct err *err;
};

/* A checkpoint with a custom text tower keeps it below "text.". */
static void full_name(const struct writer *w, const struct tensor_spec *spec, char *name,
                      size_t size)
{
    bool prefix = spec->text_tower && w->config->custom_text;
    snprintf(name, size, "%s%s", prefix ? "text." : "", spec->name);
}

static size_t count_of(const struct tensor_spec *spec)
{
    size_t count = 1;
    for (int i = 0; i < spec->dims; i++)
        count *= (size_t)spec->shape[i];
    return count;
}

static enum status add_to_header(void *context, const struct tensor_spec *spec)
{
    struct writer *w = context;
    char name[160];
    full_name(w, spec, name, sizeof name);
    str_format(&w->header, "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[", w->data_size ? "," : "{",
               name);
    for (int i = 0; i < spec->dims; i++)
        str_format(&w->header, "%s%d", i ? "," : "", spec->shape[i]);
    uint64_t end = w->data_size + count_of(spec) * sizeof(float);
    str_format(&w->header, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)w->data_size,
               (unsigned long long)end);
    w->data_size = end;
    return OK;
}

static enum status write_bytes(struct writer *w, const void *data, size_t size)
{
    const char *at = data;
    while (size > 0) {
        ssize_t n = write(w->fd, at, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(w->err, errno, "cannot write %s", w->path);
        at += n;
        size -= (size_t)n;
    }
    return OK;
}

static enum status write_values(void *context, const struct tensor_spec *spec)
{
    struct writer *w = context;
    char name[160];
    full_name(w, spec, name, sizeof name);
    size_t count = count_of(spec);
    enum status status = OK;
    for (size_t first = 0; status == OK && first < count; first += CHUNK) {
        size_t n = count - first < CHUNK ? count - first : CHUNK;
        synth_values(name, spec->shape, spec->dims, w->seed, first, n, w->chunk);
        status = write_bytes(w, w->chunk, n * sizeof(float));
    }
    return status;
}

static enum status check_space(const struct writer *w)
{
    struct statvfs fs;
    if (fstatvfs(w->fd, &fs) != 0)
        return OK; /* then the write itself will tell */
    uint64_t free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    uint64_t need = 8 + w->header.size + w->data_size;
    if (free_bytes >= need)
        return OK;
    return err_set(w->err, ERR_LIMIT, "cannot write %s: it needs %.1f MB, and %.1f MB are free",
                   w->path, (double)need / 1e6, (double)free_bytes / 1e6);
}

static enum status write_file(struct writer *w)
{
    enum status status = check_space(w);
    uint64_t header_size = w->header.size;
    if (status == OK)
        status = write_bytes(w, &header_size, sizeof header_size);
    if (status == OK)
        status = write_bytes(w, w->header.data, w->header.size);
    if (status == OK)
        status = config_each_tensor(w->config, write_values, w);
    if (status == OK && fsync(w->fd) != 0 && errno != EINVAL)
        status = err_errno(w->err, errno, "cannot write %s", w->path);
    return status;
}

static enum status build_header(struct writer *w)
{
    enum status status = config_each_tensor(w->config, add_to_header, w);
    str_put(&w->header, "}");
    while (w->header.size % 8 != 0) /* the data begins aligned, as the format asks */
        str_putc(&w->header, ' ');
    if (status == OK && !str_ok(&w->header))
        status = err_no_memory(w->err, "the header", HEADER_LIMIT);
    return status;
}

static enum status write_weights(const struct model_config *config, uint64_t seed, const char *path,
                                 struct err *err)
{
    struct writer w = {.config = config,
                       .seed = seed,
                       .header = str_new(HEADER_LIMIT),
                       .fd = -1,
                       .path = path,
                       .chunk = malloc(CHUNK * sizeof(float)),
                       .err = err};
    struct str beside = str_new(1 << 16);
    str_format(&beside, "%s.part", path);
    enum status status = w.chunk && str_ok(&beside)
                             ? build_header(&w)
                             : err_no_memory(err, "the weights", CHUNK * sizeof(float));
    if (status == OK) {
        w.fd = open(str_text(&beside), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        status = w.fd < 0 ? err_errno(err, errno, "cannot write %s", path) : write_file(&w);
    }
    if (w.fd >= 0 && close(w.fd) != 0 && status == OK)
        status = err_errno(err, errno, "cannot write %s", path);
    if (status == OK && rename(beside.data, path) != 0)
        status = err_errno(err, errno, "cannot write %s", path);
    if (status != OK && w.fd >= 0)
        unlink(beside.data);
    str_free(&beside);
    str_free(&w.header);
    free(w.chunk);
    return status;
}

enum status model_synth(const char *config_path, uint64_t seed, const char *out_dir,
                        struct err *err)
{
    struct model_config config;
    struct file_bytes text;
    struct str path = str_new(1 << 16);
    enum status status = file_read(&text, config_path, CONFIG_LIMIT, err);
    if (status != OK)
        return status;
    status = config_parse(&config, (const char *)text.data, text.size, err);
    if (status != OK)
        err_prefix(err, "config %s", config_path);
    else
        status = dir_make(out_dir, err);
    if (status == OK) {
        path_join(&path, out_dir, "open_clip_model.safetensors");
        status = write_weights(&config, seed, str_text(&path), err);
    }
    if (status == OK) {
        str_clear(&path);
        path_join(&path, out_dir, "open_clip_config.json");
        status = file_write(str_text(&path), text.data, text.size, err);
    }
    str_free(&path);
    file_bytes_free(&text);
    return status;
}
