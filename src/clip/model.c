/* SPDX-License-Identifier: MIT
 *
 * Opening a model: its config and weights file (source.h), the names of its tensors, its tokenizer,
 * and later the towers asked for, packed tensor by tensor. Everything here is constant once
 * model_open() has returned.
 */
#include "clip/model_internal.h"

#include "clip/model_tokenizer.h"
#include "clip/prepare.h"
#include "clip/source.h"

#include "base/cpu.h"
#include "base/file.h"
#include "base/str.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

/* ---- fingerprint ------------------------------------------------------------------------- */

/* A sample of every tensor: two checkpoints of one architecture have the same header and size, and
 * differ in all their weights. Reading gigabytes to tell them apart would cost more than a search.
 */
static XXH128_hash_t sample_weights(const struct checkpoint *file)
{
    enum { SAMPLE = 64 };
    size_t count;
    const struct tensor_view *all = checkpoint_stored(file, &count);
    XXH128_hash_t hash = XXH3_128bits(NULL, 0);
    for (size_t i = 0; i < count; i++) {
        size_t n = all[i].size_bytes < SAMPLE ? all[i].size_bytes : SAMPLE;
        const uint8_t *middle = (const uint8_t *)all[i].data + (all[i].size_bytes - n) / 2;
        hash = XXH3_128bits_withSeed(middle, n, hash.low64 ^ hash.high64);
    }
    return hash;
}

/* Of open_clip's layout it is the config's alone, as libraries have it written down. */
static XXH128_hash_t hash_config(const struct model_source *source)
{
    XXH128_hash_t config = XXH3_128bits(source->config.data, source->config.size);
    if (source->layout == SOURCE_OPEN_CLIP)
        return config;
    return XXH3_128bits_withSeed(source->preprocess.data, source->preprocess.size,
                                 config.low64 ^ config.high64);
}

static void put_hash(char out[33], XXH128_hash_t h)
{
    snprintf(out, 33, "%016llx%016llx", (unsigned long long)h.high64, (unsigned long long)h.low64);
}

/* own_size: of the pictures, by the config. Vectors of another size are others, and yet of the same
 * model: their fingerprints differ in the last bits alone, by the size (model_size_of()). */
static void fingerprint(struct model *m, const struct model_source *source, int own_size)
{
    size_t header_size;
    const void *header = checkpoint_header(m->file, &header_size);
    uint64_t size = checkpoint_file_size(m->file);
    const XXH128_hash_t parts[] = {
        hash_config(source),
        XXH3_128bits(header, header_size),
        XXH3_128bits(&size, sizeof size),
        sample_weights(m->file),
    };
    XXH128_hash_t h = XXH3_128bits(parts, sizeof parts);
    put_hash(m->weights_id, h);
    if (m->config.vision.image_size != own_size)
        h.low64 ^= (uint64_t)m->config.vision.image_size;
    put_hash(m->info.fingerprint, h);
}

int model_size_of(const struct model_info *own, const char *fingerprint)
{
    enum { LAST = 4 }; /* hex digits: sizes are below 65536 */
    size_t same = sizeof own->fingerprint - 1 - LAST;
    char *end;
    if (strlen(fingerprint) != same + LAST || strncmp(own->fingerprint, fingerprint, same) != 0)
        return 0;
    unsigned long a = strtoul(own->fingerprint + same, NULL, 16);
    unsigned long b = strtoul(fingerprint + same, &end, 16);
    int size = (int)(a ^ b);
    if (*end != '\0' || size > PREPROCESS_MAX_SIZE)
        return 0;
    return size ? size : own->image_size;
}

static enum status read_logit_scale(struct model *m, const struct weights *w, struct err *err)
{
    m->info.logit_scale = 100;
    if (!weights_find(w, "logit_scale"))
        return OK;
    float *value = NULL;
    enum status status = weights_host(w, &value, "logit_scale", err);
    if (status != OK)
        return status;
    m->info.logit_scale = expf(*value);
    free(value);
    if (!isfinite(m->info.logit_scale))
        return err_set(err, ERR_FORMAT, "tensor logit_scale is not a number to be exponentiated");
    return OK;
}

/* ---- the model --------------------------------------------------------------------------- */

/* Everything that can be wrong with the weights is found here; loading them comes later. */
static enum status check_weights(struct model *m, const struct model_source *source,
                                 const struct model_options *o, struct err *err)
{
    const struct weights_options options = {.image = (m->towers & MODEL_IMAGE) != 0,
                                            .text = (m->towers & MODEL_TEXT) != 0,
                                            .precision = m->info.precision,
                                            .threads = o->threads > 0 ? o->threads : cpu_cores()};
    enum status status =
        checkpoint_translate(m->file, &m->config, options.image, options.text, err);
    if (status == OK)
        status = weights_open(&m->weights, m->file, m->ops, &m->config, &options, err);
    if (status == OK)
        status = read_logit_scale(m, &m->weights, err);
    if (status == OK && options.text)
        status = model_tokenizer_open(&m->tokenizer, source, &m->config.text, err);
    return status;
}

/* Makes a tower ready. Prepared weights that have the right key and still do not fit, because the
 * program asks for other parts than the one that wrote them, are made again. */
static enum status load_tower(struct model *m, enum model_towers tower, struct err *err)
{
    const bool image = tower == MODEL_IMAGE;
    struct packed **packed = image ? &m->image_weights : &m->text_weights;
    enum status status = ERR_FORMAT;
    for (int attempt = 0; attempt < 2 && status == ERR_FORMAT; attempt++) {
        struct weights w = m->weights;
        status = prepare_tower(packed, m, tower, attempt > 0, err);
        w.packed = *packed;
        if (status == OK)
            status = image ? vision_load(&m->vision, &w, &m->config, err)
                           : text_load(&m->text, &w, &m->config, err);
        if (status == OK)
            break;
        if (image)
            vision_close(&m->vision);
        else
            text_close(&m->text);
        packed_close(*packed);
        *packed = NULL;
    }
    return status;
}

enum status model_load(const struct model *model, unsigned towers, struct err *err)
{
    /* Callers share a model that does not change; that its towers are made ready at the first use,
     * and not at opening, is nobody's business but this function's. */
    struct model *m = (struct model *)(uintptr_t)model;
    pthread_mutex_lock(&m->lock);
    unsigned missing = towers & ~m->loaded;
    enum status status = OK;
    if (missing & MODEL_IMAGE)
        status = load_tower(m, MODEL_IMAGE, err);
    if (status == OK)
        m->loaded |= missing & MODEL_IMAGE;
    if (status == OK && (missing & MODEL_TEXT))
        status = load_tower(m, MODEL_TEXT, err);
    if (status == OK)
        m->loaded |= missing & MODEL_TEXT;
    pthread_mutex_unlock(&m->lock);
    return status == OK ? OK : err_prefix(err, "%s", m->name);
}

/* Heads of an odd width have no pairs of channels (attention over bfloat16 takes two at a time). */
static enum status choose_precision(struct model *m, enum precision asked, struct err *err)
{
    const struct model_config *c = &m->config;
    bool paired =
        c->vision.transformer.head_width % 2 == 0 && c->text.transformer.head_width % 2 == 0;
    m->info.precision = asked;
    if (asked == PRECISION_AUTO)
        m->info.precision =
            paired && m->ops->has_native(PRECISION_BF16) ? PRECISION_BF16 : PRECISION_F32;
    if (m->info.precision != PRECISION_F32 && !paired)
        return err_set(err, ERR_UNSUPPORTED,
                       "its attention heads have an odd width, which %s cannot compute; use f32",
                       precision_names[asked]);
    return OK;
}

static enum status copy_text(char **out, const char *text, struct err *err)
{
    *out = text ? strdup(text) : NULL;
    return !text || *out ? OK : err_no_memory(err, "a model's options", strlen(text));
}

static enum status set_name(struct model *m, const struct model_options *options, struct err *err)
{
    const char *path = options->dir ? options->dir : options->weights ? options->weights : "";
    m->name = strdup(options->name ? options->name : path_basename(path));
    m->info.name = m->name;
    if (!m->name)
        return err_no_memory(err, "a model's name", 0);
    enum status status = copy_text(&m->dir, options->dir, err);
    return status == OK ? copy_text(&m->prepared, options->prepared, err) : status;
}

static void set_info(struct model *m)
{
    m->info.embed_dim = m->config.embed_dim;
    m->info.image_size = m->config.vision.image_size;
    m->info.image_tokens = m->config.vision.tokens;
    m->info.context_length = m->config.text.context_length;
    m->info.image_flops = vision_flops(&m->config.vision, m->config.embed_dim);
    m->info.preprocess = m->config.preprocess;
}

/* A change of the inode, and not of the content: a file that is moved here counts as new. */
static enum status open_checkpoint(struct model *m, const char *path, struct err *err)
{
    struct stat st;
    if (stat(path, &st) == 0)
        m->file_since = st.st_ctim;
    return checkpoint_open(&m->file, path, err);
}

static enum status open_files(struct model *m, const struct model_options *options, struct err *err)
{
    struct model_source source;
    const char *path = options->dir ? options->dir : options->weights;
    enum status status = source_open(&source, options, err);
    if (status == OK)
        status = source_config(&source, &m->config, err);
    int own_size = m->config.vision.image_size;
    if (status == OK && options->image_size)
        status = config_set_image_size(&m->config, options->image_size, err);
    if (status == OK) {
        status = choose_precision(m, options->precision, err);
        if (status != OK)
            err_prefix(err, "%s", path);
    }
    if (status == OK)
        status = open_checkpoint(m, str_text(&source.weights_path), err);
    if (status == OK) {
        status = check_weights(m, &source, options, err);
        if (status != OK)
            err_prefix(err, "%s", path);
    }
    if (status == OK) {
        fingerprint(m, &source, own_size);
        set_info(m);
    }
    source_close(&source);
    return status;
}

enum status model_open(struct model **out, const struct model_options *options, struct err *err)
{
    struct model *m = calloc(1, sizeof *m);
    *out = NULL;
    if (!m)
        return err_no_memory(err, "a model", sizeof *m);
    pthread_mutex_init(&m->lock, NULL);
    m->towers = options->towers ? options->towers : MODEL_BOTH;
    m->note = options->note;
    enum status status = set_name(m, options, err);
    if (status == OK)
        status = tensor_cpu(&m->ops, err);
    if (status == OK)
        status = open_files(m, options, err);
    if (status != OK) {
        model_close(m);
        return status;
    }
    *out = m;
    return OK;
}

void model_close(struct model *m)
{
    if (!m)
        return;
    vision_close(&m->vision);
    text_close(&m->text);
    packed_close(m->image_weights);
    packed_close(m->text_weights);
    tokenizer_close(m->tokenizer);
    checkpoint_close(m->file);
    pthread_mutex_destroy(&m->lock);
    free(m->name);
    free(m->dir);
    free(m->prepared);
    free(m);
}

const struct model_info *model_info(const struct model *m)
{
    return &m->info;
}

const struct tokenizer *model_tokenizer(const struct model *m)
{
    return m->tokenizer;
}

void embedding_normalize(float *x, int dim)
{
    double sum = 0;
    for (int i = 0; i < dim; i++)
        sum += (double)x[i] * x[i];
    if (!(sum > 0))
        return;
    double factor = 1 / sqrt(sum);
    for (int i = 0; i < dim; i++)
        x[i] = (float)(x[i] * factor);
}
