/* SPDX-License-Identifier: MIT
 *
 * One model, tiny-quickgelu by the formula (README.md), written down in every way that is read:
 * safetensors, PyTorch files whose tensors lie as they may, Transformers' layout, a bare weights
 * file with a config from outside. The same values have to give the same vectors, bit for bit. Then
 * pictures of another size than the checkpoint's, and what is refused.
 *
 * usage: test-checkpoints MODELS
 */
#include "../clip/torch_file.h"
#include "model_files.h"

#include "base/file.h"
#include "clip/model.h"
#include "image/image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OWN_SIZE = 56, LARGE_SIZE = 84, PROMPTS_MAX = 8 };

/* As it was before there was any other format: libraries have it written down. */
#define FINGERPRINT "c5e32ed65c6e7ce1dfcaed6839d0d32e"

static int failures;
static char folder[200], config_path[1200];
static struct golden golden;

static void check(bool ok, const char *what)
{
    printf("%-6s %s\n", ok ? "ok" : "FAILED", what);
    failures += !ok;
}

static void need_ok(enum status status, const struct err *err)
{
    if (status != OK) {
        printf("FAILED: %s\n", err->text);
        exit(1);
    }
}

static const char *in_folder(const char *dir, const char *name)
{
    static char paths[4][600];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof *paths, "%s/%s%s%s", folder, dir, *name ? "/" : "", name);
    return path;
}

static void write_text(const char *dir, const char *name, const char *text)
{
    struct err err = {0};
    need_ok(dir_make(in_folder(dir, ""), &err), &err);
    write_bytes(in_folder(dir, name), text, strlen(text));
}

static void copy(const char *from, const char *dir, const char *name)
{
    struct err err = {0};
    struct file_bytes bytes;
    need_ok(dir_make(in_folder(dir, ""), &err), &err);
    need_ok(file_read(&bytes, from, (size_t)64 << 20, &err), &err);
    write_bytes(in_folder(dir, name), bytes.data, bytes.size);
    file_bytes_free(&bytes);
}

/* ---- vectors ----------------------------------------------------------------------------- */

struct vectors {
    float images[3 * 64], texts[PROMPTS_MAX * 64];
    char fingerprint[33];
};

static enum status encode(struct vectors *out, const struct model_options *options, struct err *err)
{
    struct model *model;
    struct session *session = NULL;
    struct model_options exact = *options;
    exact.precision = PRECISION_F32;
    enum status status = model_open(&model, &exact, err);
    if (status != OK)
        return status;
    const struct session_options how = {.threads = 1, .image_batch = 3, .text_batch = golden.texts};
    memset(out, 0, sizeof *out);
    snprintf(out->fingerprint, sizeof out->fingerprint, "%s", model_info(model)->fingerprint);
    status = session_open(&session, model, &how, err);
    if (status == OK && model_info(model)->image_size == OWN_SIZE)
        status = session_encode_images(session, golden.pixels, 3, out->images, err);
    if (status == OK)
        status = session_encode_ids(session, golden.ids, golden.texts, out->texts, err);
    session_close(session);
    model_close(model);
    return status;
}

static bool same_bits(const struct vectors *a, const struct vectors *b)
{
    return memcmp(a->images, b->images, sizeof a->images) == 0 &&
           memcmp(a->texts, b->texts, sizeof a->texts) == 0;
}

static void check_same(const char *dir, const struct vectors *want, const char *what)
{
    struct vectors got;
    struct err err = {0};
    enum status status = encode(&got, &(struct model_options){.dir = in_folder(dir, "")}, &err);
    if (status != OK)
        printf("       %s\n", err.text);
    check(status == OK && same_bits(&got, want), what);
}

static void check_refused(const char *dir, enum status expected, const char *says)
{
    struct vectors got;
    struct err err = {0};
    enum status status = encode(&got, &(struct model_options){.dir = in_folder(dir, "")}, &err);
    bool ok = status == expected && strstr(err.text, says) && !strchr(err.text, '\n');
    if (!ok)
        printf("       status %d: %s\n", status, err.text);
    check(ok, says);
}

/* ---- PyTorch files ----------------------------------------------------------------------- */

static void test_torch(const struct tensor_view *all, size_t count, const struct vectors *want)
{
    static const struct {
        const char *what;
        struct torch_options options;
    } cases[] = {
        {"a PyTorch file", {0}},
        {"a training checkpoint: state_dict, module.", {.training = true, .prefix = "module."}},
        {"transposed matrices", {.transposed = true}},
        {"all tensors in one storage", {.shared = true}},
        {"big-endian values", {.big_endian = true}},
        {"zip64", {.zip64 = true}},
        {"transposed in one big-endian storage",
         {.transposed = true, .shared = true, .big_endian = true}},
    };
    copy(config_path, "torch", "open_clip_config.json");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        torch_file_write(in_folder("torch", "open_clip_pytorch_model.bin"), all, count,
                         &cases[i].options);
        check_same("torch", want, cases[i].what);
    }
    copy(in_folder("model", "open_clip_model.safetensors"), "torch", "open_clip_model.safetensors");
    write_text("torch", "open_clip_pytorch_model.bin", "damaged");
    check_same("torch", want, "safetensors are preferred");
}

/* ---- given from outside ------------------------------------------------------------------ */

static void test_given(const struct tensor_view *all, size_t count, const struct vectors *want)
{
    struct vectors got;
    struct err err = {0};
    struct file_bytes config;
    need_ok(file_read(&config, config_path, 1 << 20, &err), &err);
    char *text = strndup((const char *)config.data, config.size);
    torch_file_write(in_folder("", "bare.pt"), all, count, &(struct torch_options){0});
    char weights[600];
    snprintf(weights, sizeof weights, "%s", in_folder("", "bare.pt"));
    const struct model_options bare = {.config = text, .weights = weights};
    check(encode(&got, &bare, &err) == OK && same_bits(&got, want), "config and weights are given");
    const struct model_options both = {
        .dir = in_folder("model", ""), .config = text, .weights = weights};
    check(encode(&got, &both, &err) == OK && same_bits(&got, want), "and a folder beside");
    const struct model_options config_alone = {.config = text};
    check(encode(&got, &config_alone, &err) == ERR_ARGUMENT, "a config alone is no model");
    check(encode(&got, &(struct model_options){.weights = bare.weights}, &err) == ERR_ARGUMENT,
          "nor are weights alone");
    file_bytes_free(&config);
    free(text);
}

/* ---- Transformers' layout ---------------------------------------------------------------- */

#define HF_CONFIG(type, class, act, size) HF_CONFIG_EOS(type, class, act, size, "2")
#define HF_CONFIG_EOS(type, class, act, size, eos)                                                 \
    "{\"model_type\":\"" type                                                                      \
    "\",\"architectures\":[\"" class "\"],\"projection_dim\":48,\"logit_scale_init_value\":2."     \
                                     "6592,\"text_config\":{\"hidden_size\":"                      \
                                     "32,\"intermediate_size\":128,\"num_hidden_layers\":2,\"num_" \
                                     "attention_heads\":2,\"hidden_act\":"                         \
                                     "\"" act "\",\"eos_token_id\":" eos                           \
                                     ",\"top_k\":50},\"vision_"                                    \
                                     "config\":{\"hidden_size\":80,"                               \
                                     "\"intermediate_size\":320,\"num_hidden_layers\":3,\"num_"    \
                                     "attention_heads\":5,\"patch_size\":14,"                      \
                                     "\"image_size\":" size ",\"hidden_act\":\"" act "\"}}"

#define HF_PREPROCESS(size, more)                                                                  \
    "{\"size\":" size ",\"image_mean\":[0.48145466,0.4578275,0.40821073],\"image_std\":["          \
    "0.26862954,0.26130258,0.27577711],\"resample\":3,\"do_center_crop\":true,\"crop_size\":"      \
    "{\"height\":56,\"width\":56}" more "}"

/* Written down once more here, so that a wrong entry of the table in hf_layout.c is found. */
static void hf_name(char *out, size_t size, const char *name)
{
    static const char *const pairs[][2] = {
        {"visual.class_embedding", "vision_model.embeddings.class_embedding"},
        {"visual.positional_embedding", "vision_model.embeddings.position_embedding.weight"},
        {"visual.conv1.weight", "vision_model.embeddings.patch_embedding.weight"},
        {"visual.ln_pre", "vision_model.pre_layrnorm"},
        {"visual.ln_post", "vision_model.post_layernorm"},
        {"visual.proj", "visual_projection.weight"},
        {"visual.transformer.resblocks", "vision_model.encoder.layers"},
        {"transformer.resblocks", "text_model.encoder.layers"},
        {"token_embedding", "text_model.embeddings.token_embedding"},
        {"positional_embedding", "text_model.embeddings.position_embedding.weight"},
        {"ln_final", "text_model.final_layer_norm"},
        {"text_projection", "text_projection.weight"},
    };
    static const char *const parts[][2] = {
        {".ln_1.", ".layer_norm1."},
        {".ln_2.", ".layer_norm2."},
        {".mlp.c_fc.", ".mlp.fc1."},
        {".mlp.c_proj.", ".mlp.fc2."},
        {".attn.out_proj.", ".self_attn.out_proj."},
        {".attn.in_proj_", ".self_attn.?_proj."},
    };
    char begun[200];
    snprintf(begun, sizeof begun, "%s", name);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (strncmp(name, pairs[i][0], strlen(pairs[i][0])) == 0) {
            snprintf(begun, sizeof begun, "%s%s", pairs[i][1], name + strlen(pairs[i][0]));
            break;
        }
    snprintf(out, size, "%s", begun);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const char *at = strstr(begun, parts[i][0]);
        if (at)
            snprintf(out, size, "%.*s%s%s", (int)(at - begun), begun, parts[i][1],
                     at + strlen(parts[i][0]));
    }
}

struct hf_tensors {
    struct tensor_view views[400];
    char names[400][200];
    size_t count;
    float *turned[2];
};

static struct tensor_view *hf_add(struct hf_tensors *hf, const struct tensor_view *from)
{
    struct tensor_view *view = &hf->views[hf->count];
    *view = *from;
    hf_name(hf->names[hf->count], sizeof *hf->names, from->name);
    view->name = hf->names[hf->count++];
    return view;
}

/* Queries, keys and values apart. */
static void hf_add_parts(struct hf_tensors *hf, const struct tensor_view *from)
{
    for (int i = 0; i < 3; i++) {
        struct tensor_view *part = hf_add(hf, from);
        *strchr(hf->names[hf->count - 1], '?') = "qkv"[i];
        part->shape[0] /= 3;
        part->count /= 3;
        part->size_bytes /= 3;
        part->data = (const uint8_t *)from->data + (size_t)i * part->size_bytes;
    }
}

/* [in, out] → [out, in] */
static void hf_add_turned(struct hf_tensors *hf, const struct tensor_view *from, float **turned)
{
    struct tensor_view *view = hf_add(hf, from);
    size_t rows = (size_t)from->shape[0], columns = (size_t)from->shape[1];
    *turned = malloc(from->size_bytes);
    for (size_t i = 0; i < from->count; i++)
        memcpy(*turned + i % columns * rows + i / columns, (const float *)from->data + i, 4);
    view->shape[0] = from->shape[1];
    view->shape[1] = from->shape[0];
    view->data = *turned;
}

static struct hf_tensors *hf_tensors_make(const struct tensor_view *all, size_t count)
{
    static const float no_weight = 0;
    static const struct tensor_view extra = {.name = "text_model.embeddings.position_ids",
                                             .dtype_name = "F32",
                                             .dims = 1,
                                             .shape = {1},
                                             .count = 1,
                                             .data = &no_weight,
                                             .size_bytes = 4};
    struct hf_tensors *hf = calloc(1, sizeof *hf);
    for (size_t i = 0; i < count; i++) {
        if (strstr(all[i].name, "in_proj"))
            hf_add_parts(hf, &all[i]);
        else if (strcmp(all[i].name, "visual.proj") == 0)
            hf_add_turned(hf, &all[i], &hf->turned[0]);
        else if (strcmp(all[i].name, "text_projection") == 0)
            hf_add_turned(hf, &all[i], &hf->turned[1]);
        else
            hf_add(hf, &all[i]);
    }
    hf_add(hf, &extra);
    return hf;
}

static void write_safetensors(const char *path, const struct tensor_view *views, size_t count)
{
    struct str file = str_new((size_t)64 << 20), header = str_new(1 << 20);
    size_t at = 0;
    for (size_t i = 0; i < count; i++, at += views[i - 1].size_bytes) {
        char shape[160];
        tensor_shape_format(views[i].shape, views[i].dims, shape, sizeof shape);
        str_format(&header, "%s\"%s\":{\"dtype\":\"F32\",\"shape\":%s,\"data_offsets\":[%zu,%zu]}",
                   i ? "," : "{", views[i].name, shape, at, at + views[i].size_bytes);
    }
    str_putc(&header, '}');
    uint64_t size = header.size;
    str_append(&file, &size, sizeof size);
    str_append(&file, header.data, header.size);
    for (size_t i = 0; i < count; i++)
        str_append(&file, views[i].data, views[i].size_bytes);
    write_bytes(path, file.data, file.size);
    str_free(&file);
    str_free(&header);
}

static void test_hf_refusals(void)
{
    static const struct {
        const char *config, *preprocess;
        enum status status;
        const char *says;
    } cases[] = {
        {HF_CONFIG("siglip", "SiglipModel", "gelu", "56"), NULL, ERR_UNSUPPORTED, "siglip"},
        {HF_CONFIG("blip", "BlipForConditionalGeneration", "gelu", "56"), NULL, ERR_UNSUPPORTED,
         "Blip"},
        {HF_CONFIG("clip", "CLIPVisionModelWithProjection", "gelu", "56"), NULL, ERR_UNSUPPORTED,
         "CLIPVisionModelWithProjection"},
        {HF_CONFIG("clip", "CLIPModel", "silu", "56"), NULL, ERR_UNSUPPORTED, "hidden_act"},
        {"{\"a\":1}", NULL, ERR_FORMAT, "model_type"},
        {"[1]", NULL, ERR_FORMAT, "not a JSON object"},
        {"{", NULL, ERR_FORMAT, "line 1"},
        {HF_CONFIG("clip", "CLIPModel", "quick_gelu", "56"), "[", ERR_FORMAT,
         "preprocessor_config.json"},
        {HF_CONFIG("clip", "CLIPModel", "quick_gelu", "56"),
         HF_PREPROCESS("{\"shortest_edge\":64}", ""), ERR_UNSUPPORTED, "crop_size"},
        {HF_CONFIG("clip", "CLIPModel", "quick_gelu", "56"),
         HF_PREPROCESS("56", ",\"do_normalize\":false"), ERR_UNSUPPORTED, "do_normalize"},
        {HF_CONFIG("clip", "CLIPModel", "quick_gelu", "56"),
         HF_PREPROCESS("56", ",\"rescale_factor\":0.5"), ERR_UNSUPPORTED, "rescale_factor"},
        {HF_CONFIG("clip", "CLIPModel", "quick_gelu", "56"),
         HF_PREPROCESS("{\"height\":56,\"width\":60}", ""), ERR_UNSUPPORTED, "size"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_text("hf", "config.json", cases[i].config);
        remove(in_folder("hf", "preprocessor_config.json"));
        if (cases[i].preprocess)
            write_text("hf", "preprocessor_config.json", cases[i].preprocess);
        check_refused("hf", cases[i].status, cases[i].says);
    }
    remove(in_folder("hf", "preprocessor_config.json"));
}

static void test_hf(const struct tensor_view *all, size_t count, const struct vectors *want)
{
    struct hf_tensors *hf = hf_tensors_make(all, count);
    write_text("hf", "config.json", HF_CONFIG("clip", "CLIPModel", "quick_gelu", "56"));
    check_refused("hf", ERR_NOT_FOUND, "neither model.safetensors nor pytorch_model.bin");
    write_text("hf", "model.safetensors.index.json", "{}");
    check_refused("hf", ERR_UNSUPPORTED, "several files");
    torch_file_write(in_folder("hf", "pytorch_model.bin"), hf->views, hf->count,
                     &(struct torch_options){0});
    check_same("hf", want, "Transformers' layout in a PyTorch file");
    torch_file_write(in_folder("hf", "pytorch_model.bin"), hf->views, hf->count,
                     &(struct torch_options){.transposed = true, .big_endian = true});
    check_same("hf", want, "the same, transposed and big-endian");
    write_safetensors(in_folder("hf", "model.safetensors"), hf->views, hf->count);
    check_same("hf", want, "Transformers' layout in safetensors");
    write_text("hf", "preprocessor_config.json", HF_PREPROCESS("{\"shortest_edge\":56}", ""));
    check_same("hf", want, "and with preprocessor_config.json");
    write_text("hf", "config.json",
               HF_CONFIG_EOS("clip", "CLIPModel", "quick_gelu", "56", "49407"));
    check_same("hf", want, "pooled at the end token by its id");
    write_text("hf", "config.json", HF_CONFIG_EOS("clip", "CLIPModel", "quick_gelu", "56", "5"));
    check_refused("hf", ERR_UNSUPPORTED, "ends a text with the token 5");
    write_text("hf", "config.json", HF_CONFIG("clip", "CLIPModel", "gelu", "56"));
    struct vectors other;
    struct err err = {0};
    check(encode(&other, &(struct model_options){.dir = in_folder("hf", "")}, &err) == OK &&
              !same_bits(&other, want),
          "hidden_act is heard");
    test_hf_refusals();
    write_text("hf", "config.json", "{\"model_type\":\"clip\",\"projection_dim\":48}");
    check_refused("hf", ERR_FORMAT, "tensor vision_model.encoder.layers.3."); /* of 12 */
    write_text("hf", "config.json", HF_CONFIG("clip", "CLIPModel", "quick_gelu", "56"));
    write_text("hf", "tokenizer.json", "{\"model\":{\"type\":\"WordPiece\"}}");
    check_refused("hf", ERR_UNSUPPORTED, "tokenizer.json: it is a WordPiece tokenizer");
    remove(in_folder("hf", "tokenizer.json"));
    write_safetensors(in_folder("hf", "model.safetensors"), hf->views, hf->count - 3);
    check_refused("hf", ERR_FORMAT, "tensor vision_model.");
    free(hf->turned[0]);
    free(hf->turned[1]);
    free(hf);
}

/* ---- tokenizers -------------------------------------------------------------------------- */

static void test_tokenizers(const struct vectors *want)
{
    static const char unigram[] = "{\"model\":{\"type\":\"Unigram\",\"vocab\":[]}}";
    char named[2048];
    struct err err = {0};
    struct file_bytes config;
    copy(config_path, "named", "open_clip_config.json");
    copy(in_folder("model", "open_clip_model.safetensors"), "named", "open_clip_model.safetensors");
    write_text("named", "tokenizer.json", unigram);
    check_same("named", want, "open_clip's own tokenizer, whatever lies beside");
    need_ok(file_read(&config, config_path, 1024, &err), &err);
    const char *text_cfg = strstr((const char *)config.data, "\"heads\"");
    int before = (int)(text_cfg - (const char *)config.data);
    snprintf(named, sizeof named, "%.*s\"hf_tokenizer_name\": \"an/other\",%.*s", before,
             (const char *)config.data, (int)config.size - before, text_cfg);
    file_bytes_free(&config);
    write_text("named", "open_clip_config.json", named);
    check_refused("named", ERR_UNSUPPORTED, "tokenizer.json: it is a Unigram tokenizer");
    remove(in_folder("named", "tokenizer.json"));
    check_refused("named", ERR_UNSUPPORTED, "an/other");
    write_text("named", "merges.txt", "#version: 0.2\ni n\n");
    check_refused("named", ERR_UNSUPPORTED, "merges.txt makes 515");
    write_text("named", "vocab.json", "{\"i\":1}");
    check_refused("named", ERR_UNSUPPORTED, "vocab.json: it has no token for the start");
}

/* ---- pictures of another size ------------------------------------------------------------ */

static void replace(char *text, const char *from, const char *to)
{
    char *at = strstr(text, from);
    if (!at || strlen(from) != strlen(to)) {
        printf("FAILED: the config has no %s\n", from);
        exit(1);
    }
    memcpy(at, to, strlen(to));
}

static enum status encode_size(float *out, const char *dir, int size, struct model_info *info,
                               char *fingerprint)
{
    struct err err = {0};
    struct model *model;
    struct session *session = NULL;
    const struct model_options options = {.dir = dir, .towers = MODEL_IMAGE, .image_size = size};
    enum status status = model_open(&model, &options, &err);
    if (status != OK) {
        printf("       %s\n", err.text);
        return status;
    }
    *info = *model_info(model);
    memcpy(fingerprint, info->fingerprint, sizeof info->fingerprint);
    size_t bytes = (size_t)info->image_size * (size_t)info->image_size * 3;
    uint8_t *pixels = malloc(bytes);
    for (size_t i = 0; i < bytes; i++)
        pixels[i] = (uint8_t)(i * 2654435761u >> 24);
    status = session_open(&session, model, &(struct session_options){.image_batch = 1}, &err);
    if (status == OK)
        status = session_encode_images(session, pixels, 1, out, &err);
    free(pixels);
    session_close(session);
    model_close(model);
    return status;
}

static void test_sizes(void)
{
    struct model_info own, large, info;
    float a[64], b[64];
    char print_own[33], print[33];
    struct err err = {0};
    struct file_bytes config;
    char dir[600];
    snprintf(dir, sizeof dir, "%s", in_folder("model", ""));
    check(encode_size(a, dir, 0, &own, print_own) == OK, "the config's size");
    check(strcmp(print_own, FINGERPRINT) == 0, "has the fingerprint that it always had");
    check(encode_size(b, dir, OWN_SIZE, &info, print) == OK &&
              memcmp(a, b, (size_t)own.embed_dim * sizeof *a) == 0 && !strcmp(print, print_own),
          "said aloud: the same vector, the same fingerprint");
    check(encode_size(b, dir, LARGE_SIZE, &large, print) == OK && large.image_size == LARGE_SIZE &&
              large.image_tokens == 37 && large.preprocess.size == LARGE_SIZE,
          "a larger size");
    check(model_size_of(&own, print) == LARGE_SIZE && model_size_of(&own, print_own) == OWN_SIZE,
          "the fingerprint tells the size");
    print[0] ^= 1;
    check(model_size_of(&own, print) == 0, "another model's tells none");

    need_ok(file_read(&config, config_path, 1 << 20, &err), &err);
    char *text = strndup((const char *)config.data, config.size);
    replace(text, "\"image_size\": 56", "\"image_size\": 84");
    write_text("grown", "open_clip_config.json", text);
    copy(in_folder("model", "open_clip_model.safetensors"), "grown", "open_clip_model.safetensors");
    check(encode_size(a, in_folder("grown", ""), 0, &info, print) == OK &&
              memcmp(a, b, (size_t)own.embed_dim * sizeof *a) == 0,
          "a config of another grid than the checkpoint's: the same vector");
    free(text);
    file_bytes_free(&config);
    check(encode_size(a, dir, 13, &info, print) == ERR_ARGUMENT, "smaller than a patch: refused");
    check(encode_size(a, dir, 5000, &info, print) == ERR_ARGUMENT, "larger than any: refused");
    check(encode_size(a, dir, 60, &info, print) == OK && info.image_tokens == 17,
          "not a multiple of the patch: the rest is not looked at");
}

/* ---- the reference's own file ------------------------------------------------------------ */

static void test_reference(void)
{
    char path[1200];
    struct vectors safetensors, torch;
    struct err err = {0};
    const char *shared = getenv("FOVEA_SHARED");
    if (!shared || !*shared) {
        printf("       without FOVEA_SHARED there is no file that PyTorch itself has written\n");
        return;
    }
    snprintf(path, sizeof path, "%s/golden/models/tiny-quickgelu/open_clip_model.f16.safetensors",
             shared);
    copy(config_path, "f16", "open_clip_config.json");
    copy(path, "f16", "open_clip_model.safetensors");
    need_ok(encode(&safetensors, &(struct model_options){.dir = in_folder("f16", "")}, &err), &err);
    remove(in_folder("f16", "open_clip_model.safetensors"));
    snprintf(path, sizeof path, "%s/golden/models/tiny-quickgelu/open_clip_pytorch_model.f16.bin",
             shared);
    copy(path, "f16", "open_clip_pytorch_model.bin");
    need_ok(encode(&torch, &(struct model_options){.dir = in_folder("f16", "")}, &err), &err);
    check(same_bits(&safetensors, &torch), "PyTorch's own float16 .bin and its safetensors");
}

int main(int argc, char **argv)
{
    struct err err = {0};
    struct vectors want;
    struct safetensors *file;
    size_t count;
    if (argc != 2) {
        fprintf(stderr, "usage: %s MODELS\n", argv[0]);
        return 2;
    }
    char models[1024];
    snprintf(models, sizeof models, "%s/tiny-quickgelu", argv[1]);
    snprintf(config_path, sizeof config_path, "%s/open_clip_config.json", models);
    need_ok(image_room_open(&err), &err);
    temporary_folder(folder, sizeof folder);
    golden_load(&golden, models, OWN_SIZE);
    if (golden.dim > 64 || golden.texts > PROMPTS_MAX)
        return 1;
    write_model(config_path, in_folder("model", ""));
    need_ok(encode(&want, &(struct model_options){.dir = in_folder("model", "")}, &err), &err);
    check(relative_error(want.images, golden.images, 3 * golden.dim) < 1e-5 &&
              relative_error(want.texts, golden.prompts, golden.texts * golden.dim) < 1e-5,
          "the reference's vectors");
    need_ok(safetensors_open(&file, in_folder("model", "open_clip_model.safetensors"), &err), &err);
    const struct tensor_view *all = safetensors_all(file, &count);
    test_torch(all, count, &want);
    test_given(all, count, &want);
    test_hf(all, count, &want);
    test_tokenizers(&want);
    test_sizes();
    test_reference();
    safetensors_close(file);
    golden_free(&golden);
    remove_folder(folder);
    image_room_close();
    printf("%d failed\n", failures);
    return failures != 0;
}
