/* SPDX-License-Identifier: MIT
 *
 * The configs of models. The first byte says whose: open_clip's, Transformers' (up to a zero byte,
 * then the preprocessor's), open_clip's as it is brought together with a tag of the registry, or
 * that it is the name of one. What is accepted lies within the limits, and every tensor that it
 * describes has a possible shape; a name that is found is that of an entry whose config is
 * accepted.
 */
#include "fuzz.h"

#include "clip/config.h"
#include "clip/config_reader.h"
#include "clip/hf_config.h"
#include "hub/registry.h"

#include <stdlib.h>
#include <string.h>

static void check_transformer(const struct transformer_config *t)
{
    FUZZ_CHECK(t->width > 0 && t->width <= WIDTH_MAX);
    FUZZ_CHECK(t->layers > 0 && t->layers <= LAYERS_MAX);
    FUZZ_CHECK(t->heads > 0 && t->heads * t->head_width == t->width);
    FUZZ_CHECK(t->mlp_width > 0);
}

static enum status check_tensor(void *context, const struct tensor_spec *spec)
{
    size_t *count = context;
    FUZZ_CHECK(memchr(spec->name, 0, sizeof spec->name) && spec->name[0]);
    FUZZ_CHECK(spec->dims >= 0 && spec->dims <= 4);
    size_t values = sizeof(float);
    for (int i = 0; i < spec->dims; i++)
        FUZZ_CHECK(spec->shape[i] > 0 &&
                   !__builtin_mul_overflow(values, (size_t)spec->shape[i], &values));
    ++*count;
    return OK;
}

static void check_config(const struct model_config *config)
{
    size_t tensors = 0;
    const struct vision_config *vision = &config->vision;
    check_transformer(&vision->transformer);
    check_transformer(&config->text.transformer);
    FUZZ_CHECK(config->embed_dim > 0 && config->embed_dim <= WIDTH_MAX);
    FUZZ_CHECK(vision->image_size > 0 && vision->image_size <= IMAGE_MAX);
    FUZZ_CHECK(vision->grid > 0 && vision->tokens == 1 + vision->grid * vision->grid);
    FUZZ_CHECK(vision->grid * vision->patch_size <= vision->image_size);
    FUZZ_CHECK(vision->tokens <= TOKENS_MAX);
    FUZZ_CHECK(config->text.context_length >= 2 && config->text.context_length <= CONTEXT_MAX);
    FUZZ_CHECK(config->text.vocab_size > 0 && config->text.vocab_size <= VOCAB_MAX);
    FUZZ_CHECK(memchr(config->text.tokenizer, 0, sizeof config->text.tokenizer));
    FUZZ_CHECK(config_each_tensor(config, check_tensor, &tensors) == OK && tensors > 0);
}

static enum status parse_merged(struct model_config *out, const struct fuzz_input *in,
                                uint8_t which, struct err *err)
{
    struct str merged = str_new(1 << 24);
    const struct registry_tag *tag = &registry_tags[which % registry_tag_count];
    enum status status = registry_merge_config(&merged, tag, (const char *)in->data, in->size, err);
    if (status == OK)
        status = config_parse(out, str_text(&merged), merged.size, err);
    str_free(&merged);
    return status;
}

static enum status parse_hf(struct model_config *out, struct fuzz_input in, struct err *err)
{
    char *config = fuzz_take_text(&in);
    size_t size;
    char *preprocess = fuzz_take_rest(&in, &size);
    const struct hf_config_files files = {config, strlen(config), preprocess, size};
    enum status status = hf_config_parse(out, &files, err);
    free(config);
    free(preprocess);
    return status;
}

static enum status parse_named(struct model_config *out, struct fuzz_input in, struct err *err)
{
    char *name = fuzz_take_text(&in);
    const struct registry_tag *tag = registry_find(name);
    const struct registry_arch *arch = tag ? tag->arch : registry_find_arch(name, strlen(name));
    struct str config = str_new(1 << 20);
    enum status status = err_set(err, ERR_NOT_FOUND, "there is no such model");
    if (arch)
        status = registry_check(arch, err);
    FUZZ_CHECK(!arch || (status == OK) == registry_runs(arch));
    if (status == OK) {
        registry_put_config(&config, arch, tag);
        FUZZ_CHECK(str_ok(&config));
        status = config_parse(out, str_text(&config), config.size, err);
        FUZZ_CHECK(status == OK || !tag); /* what nobody has published weights for may not run */
        FUZZ_CHECK(status != OK || out->embed_dim == arch->embed_dim);
    }
    if (tag) {
        const struct registry_tag *plain = registry_plain(tag);
        FUZZ_CHECK(registry_plain(plain) == plain && strcmp(plain->tag, tag->tag) == 0);
    }
    str_free(&config);
    free(name);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    struct model_config config = {0};
    struct err err = {0};
    enum status status;
    uint8_t which = fuzz_take_byte(&in);
    if (which == 'o')
        status = config_parse(&config, (const char *)in.data, in.size, &err);
    else if (which == 'h')
        status = parse_hf(&config, in, &err);
    else if (which == 'n')
        status = parse_named(&config, in, &err);
    else
        status = parse_merged(&config, &in, which, &err);
    if (status == OK)
        check_config(&config);
    else
        fuzz_check_error(status, &err);
    return 0;
}
