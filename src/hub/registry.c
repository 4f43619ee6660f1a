/* SPDX-License-Identifier: MIT
 *
 * See registry.h. Lookups are linear: two hundred entries, once per process.
 */
#include "hub/registry.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define QUICKGELU_SUFFIX "-quickgelu"

/* What runs is open_clip's own ViT with its own text transformer and CLIP's tokenizer. An
 * architecture without published weights ("unlisted") is judged by its config when somebody brings
 * weights for it. */
static const struct {
    const char *name, *what;
    bool runs;
} families[] = {
    {"vit-clip", "OpenCLIP's ViT", true},
    {"unlisted", "an architecture without published weights", true},
    {"resnet", "a ResNet image tower", false},
    {"convnext", "a ConvNeXt image tower", false},
    {"eva", "an EVA image tower", false},
    {"mobileclip", "a MobileCLIP image tower", false},
    {"pe-core", "a Perception Encoder image tower", false},
    {"timm-other", "a ViTamin image tower", false},
    {"siglip", "SigLIP's attention pooling and SentencePiece text", false},
    {"siglip2", "SigLIP 2's attention pooling and SentencePiece text", false},
    {"clipa", "CLIPA's text in BERT's word pieces", false},
    {"metaclip2-worldwide", "MetaCLIP 2's multilingual SentencePiece text", false},
    {"hf-text", "a text tower from Hugging Face", false},
    {"coca", "CoCa's attention pooling and text decoder", false},
};

static int find_family(const char *name)
{
    for (int i = 0; i < (int)(sizeof families / sizeof *families); i++)
        if (strcmp(families[i].name, name) == 0)
            return i;
    return -1;
}

const char *registry_family(const char *family)
{
    int i = find_family(family);
    return i >= 0 ? families[i].what : NULL;
}

bool registry_runs(const struct registry_arch *arch)
{
    int i = find_family(arch->family);
    return i >= 0 && families[i].runs;
}

enum status registry_check(const struct registry_arch *arch, struct err *err)
{
    if (registry_runs(arch))
        return OK;
    const char *what = registry_family(arch->family);
    return err_set(
        err, ERR_UNSUPPORTED,
        "%s is of the family %s (%s), which fovea does not run yet; `fovea models` lists "
        "what it runs",
        arch->name, arch->family, what ? what : "unknown");
}

const struct registry_arch *registry_find_arch(const char *name, size_t size)
{
    for (size_t i = 0; i < registry_arch_count; i++)
        if (strlen(registry_archs[i].name) == size &&
            memcmp(registry_archs[i].name, name, size) == 0)
            return &registry_archs[i];
    return NULL;
}

static const struct registry_tag *find_tag(const char *arch, size_t arch_size, const char *tag)
{
    for (size_t i = 0; i < registry_tag_count; i++) {
        const struct registry_tag *t = &registry_tags[i];
        if (strlen(t->arch->name) == arch_size && memcmp(t->arch->name, arch, arch_size) == 0 &&
            strcmp(t->tag, tag) == 0)
            return t;
    }
    return NULL;
}

const struct registry_tag *registry_find(const char *name)
{
    const char *slash = strchr(name, '/');
    return slash ? find_tag(name, (size_t)(slash - name), slash + 1) : NULL;
}

const struct registry_tag *registry_plain(const struct registry_tag *tag)
{
    size_t size = strlen(tag->arch->name), suffix = strlen(QUICKGELU_SUFFIX);
    if (size <= suffix || strcmp(tag->arch->name + size - suffix, QUICKGELU_SUFFIX) != 0)
        return tag;
    const struct registry_tag *plain = find_tag(tag->arch->name, size - suffix, tag->tag);
    bool same = plain && plain->quick_gelu == tag->quick_gelu &&
                strcmp(plain->repo, tag->repo) == 0 &&
                strcmp(plain->resize_mode, tag->resize_mode) == 0 &&
                strcmp(plain->arch->model_cfg, tag->arch->model_cfg) == 0;
    return same ? plain : tag;
}

/* ---- configs ----------------------------------------------------------------------------- */

static void put_triple(struct str *out, const char *name, const double *values)
{
    str_format(out, "\"%s\":[%.9g,%.9g,%.9g]", name, values[0], values[1], values[2]);
}

/* OpenCLIP's defaults where no tag says anything. */
static const double default_mean[3] = {0.48145466, 0.4578275, 0.40821073};
static const double default_std[3] = {0.26862954, 0.26130258, 0.27577711};

static void put_preprocess(struct str *out, const struct registry_tag *tag)
{
    str_put(out, "\"preprocess_cfg\":{");
    put_triple(out, "mean", tag ? tag->mean : default_mean);
    str_putc(out, ',');
    put_triple(out, "std", tag ? tag->std : default_std);
    str_format(out, ",\"interpolation\":\"%s\",\"resize_mode\":\"%s\"}",
               tag ? tag->interpolation : "bicubic", tag ? tag->resize_mode : "shortest");
}

void registry_put_config(struct str *out, const struct registry_arch *arch,
                         const struct registry_tag *tag)
{
    bool quick_gelu = tag ? tag->quick_gelu : arch->quick_gelu;
    str_format(out, "{\"model_cfg\":{\"quick_gelu\":%s,%s},", quick_gelu ? "true" : "false",
               arch->model_cfg);
    put_preprocess(out, tag);
    str_putc(out, '}');
}

enum status registry_merge_config(struct str *out, const struct registry_tag *tag, const char *own,
                                  size_t size, struct err *err)
{
    json_error_t why;
    json_t *root = json_loadb(own, size, JSON_REJECT_DUPLICATES, &why);
    json_t *model = json_object_get(root, "model_cfg");
    if (!root || !json_is_object(model)) {
        json_decref(root);
        return err_set(err, ERR_FORMAT,
                       root ? "model_cfg is missing (is this an open_clip config?)"
                            : "it is not JSON (line %d: %s)",
                       why.line, why.text);
    }
    json_object_set_new(model, "quick_gelu", json_boolean(tag->quick_gelu));
    char *text = json_dumps(model, JSON_COMPACT | JSON_REAL_PRECISION(15));
    json_decref(root);
    if (!text)
        return err_no_memory(err, "a model's config", size);
    str_format(out, "{\"model_cfg\":%s,", text);
    free(text);
    put_preprocess(out, tag);
    str_putc(out, '}');
    return str_ok(out) ? OK : err_no_memory(err, "a model's config", size);
}

/* ---- choosing ---------------------------------------------------------------------------- */

uint64_t registry_bytes(const struct registry_tag *tag)
{
    return (uint64_t)(tag->params * 1e6 * 4);
}

const char *registry_recommended_name(enum registry_recommended which)
{
    static const char *const names[] = {"fast", "balanced", "best"};
    return names[which];
}

/* The limits stand between the sizes that OpenCLIP's ViTs come in, by their cost on one picture:
 * B/32 (15 and 17 GFLOP), B/16 and L/14 (41 to 175), H/14 (382). Above that a photo takes seconds
 * on a processor, for less than a percent more. */
const struct registry_tag *registry_recommend(enum registry_recommended which)
{
    static const double limits[] = {20, 200, 400};
    const struct registry_tag *best = NULL;
    for (size_t i = 0; i < registry_tag_count; i++) {
        const struct registry_tag *t = &registry_tags[i];
        if (!registry_runs(t->arch) || registry_plain(t) != t || t->gflops <= 0 ||
            t->gflops > limits[which])
            continue;
        if (!best || t->imagenet > best->imagenet)
            best = t;
    }
    return best;
}
