/* SPDX-License-Identifier: MIT
 *
 * See source.h.
 */
#include "clip/source.h"

#include "clip/hf_config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONFIG_BYTES = 1 << 20, PATH_BYTES = 1 << 16 };

/* The path of a file in the model's folder; *found tells whether it is there. */
static enum status look(struct str *path, const char *dir, const char *name, bool *found,
                        struct err *err)
{
    str_clear(path);
    path_join(path, dir, name);
    if (!str_ok(path))
        return err_set(err, ERR_LIMIT, "the folder's name is too long");
    *found = access(str_text(path), F_OK) == 0;
    return OK;
}

/* ---- configs ----------------------------------------------------------------------------- */

static enum status copy_text(struct file_bytes *out, const char *text, struct err *err)
{
    out->size = strlen(text);
    out->data = (uint8_t *)strdup(text);
    return out->data ? OK : err_no_memory(err, "a config", out->size);
}

static enum status read_preprocess(struct model_source *s, struct err *err)
{
    bool found = false;
    struct str path = str_new(PATH_BYTES);
    enum status status = look(&path, s->dir, "preprocessor_config.json", &found, err);
    if (status == OK && found)
        status = file_read(&s->preprocess, str_text(&path), CONFIG_BYTES, err);
    str_free(&path);
    return status;
}

static enum status read_configs(struct model_source *s, struct err *err)
{
    bool found = false;
    enum status status = look(&s->config_path, s->dir, "open_clip_config.json", &found, err);
    if (status == OK && !found) {
        status = look(&s->config_path, s->dir, "config.json", &found, err);
        s->layout = SOURCE_TRANSFORMERS;
    }
    if (status == OK && !found)
        return err_set(err, ERR_NOT_FOUND,
                       "%s is not a model folder: it has neither open_clip_config.json nor "
                       "Transformers' config.json",
                       s->dir);
    if (status == OK)
        status = file_read(&s->config, str_text(&s->config_path), CONFIG_BYTES, err);
    if (status == OK && s->layout == SOURCE_TRANSFORMERS)
        status = read_preprocess(s, err);
    return status;
}

/* ---- weights ----------------------------------------------------------------------------- */

/* By layout: what to take, in this order. */
static const char *const weights_names[][2] = {
    [SOURCE_OPEN_CLIP] = {"open_clip_model.safetensors", "open_clip_pytorch_model.bin"},
    [SOURCE_TRANSFORMERS] = {"model.safetensors", "pytorch_model.bin"},
};

static enum status find_weights(struct model_source *s, struct err *err)
{
    bool found = false;
    enum status status = OK;
    const char *const *names = weights_names[s->layout];
    for (int i = 0; status == OK && !found && i < 2; i++)
        status = look(&s->weights_path, s->dir, names[i], &found, err);
    if (status != OK || found)
        return status;
    struct str index = str_new(PATH_BYTES);
    status = look(&index, s->dir, "model.safetensors.index.json", &found, err);
    str_free(&index);
    if (status == OK && found)
        return err_set(err, ERR_UNSUPPORTED,
                       "the weights in %s are split into several files; save them as one "
                       "(save_pretrained() with a larger max_shard_size)",
                       s->dir);
    if (status == OK)
        status =
            err_set(err, ERR_NOT_FOUND, "%s has neither %s nor %s: put the model's weights there",
                    s->dir, names[0], names[1]);
    return status;
}

/* ---- the whole --------------------------------------------------------------------------- */

enum status source_open(struct model_source *out, const struct model_options *options,
                        struct err *err)
{
    *out = (struct model_source){.dir = options->dir,
                                 .config_path = str_new(PATH_BYTES),
                                 .weights_path = str_new(PATH_BYTES)};
    if (!options->dir && !(options->config && options->weights))
        return err_set(err, ERR_ARGUMENT,
                       "a model is a folder, or a weights file with its architecture");
    enum status status =
        options->config ? copy_text(&out->config, options->config, err) : read_configs(out, err);
    if (status != OK)
        return status;
    if (!options->weights)
        return find_weights(out, err);
    str_put(&out->weights_path, options->weights);
    return str_ok(&out->weights_path) ? OK
                                      : err_set(err, ERR_LIMIT, "the weights' path is too long");
}

void source_close(struct model_source *s)
{
    str_free(&s->config_path);
    str_free(&s->weights_path);
    file_bytes_free(&s->config);
    file_bytes_free(&s->preprocess);
}

enum status source_config(const struct model_source *s, struct model_config *out, struct err *err)
{
    const char *json = (const char *)s->config.data;
    enum status status;
    if (s->layout == SOURCE_TRANSFORMERS) {
        const struct hf_config_files files = {.config = json,
                                              .config_size = s->config.size,
                                              .preprocess = (const char *)s->preprocess.data,
                                              .preprocess_size = s->preprocess.size};
        status = hf_config_parse(out, &files, err);
    } else {
        status = config_parse(out, json, s->config.size, err);
    }
    if (status != OK)
        return err_prefix(err, "%s",
                          s->config_path.size ? str_text(&s->config_path) : "the model's config");
    return OK;
}
