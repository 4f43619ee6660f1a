/* SPDX-License-Identifier: MIT
 *
 * Every model that OpenCLIP publishes, by its architecture and tag: where its weights are and what
 * they were trained with. The tables are const data, packed from data/registry by
 * tools/pack_registry.c.
 *
 * Which of two sources decides: about the shape of the network, the model folder's own
 * open_clip_config.json, where there is one; about the activation and the preprocessing, the tag.
 * OpenCLIP's own loader takes the activation from the architecture and only warns when the tag was
 * trained with the other one (ViT-H-14/dfn5b: QuickGELU), which silently costs accuracy.
 */
#ifndef FOVEA_HUB_REGISTRY_H
#define FOVEA_HUB_REGISTRY_H

#include "base/status.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct registry_arch {
    const char *name;      /* "ViT-H-14" */
    const char *family;    /* "vit-clip" */
    const char *model_cfg; /* JSON members of open_clip's model_cfg, without quick_gelu */
    int embed_dim;         /* D */
    int image_size;        /* S */
    bool quick_gelu;       /* without a tag that says otherwise */
};

struct registry_tag {
    const struct registry_arch *arch;
    const char *tag;           /* "dfn5b" */
    const char *repo;          /* "apple/DFN5B-CLIP-ViT-H-14" on the hub */
    const char *file;          /* the weights' file in the repository; NULL: the usual names */
    const char *url;           /* the weights elsewhere, https; NULL: only on the hub */
    bool prefer_url;           /* the repository holds another tag's weights */
    bool quick_gelu;           /* what these weights were trained with */
    const char *interpolation; /* "bicubic" */
    const char *resize_mode;   /* "shortest", "squash", "longest" */
    double mean[3], std[3];
    double imagenet; /* zero-shot top-1 on ImageNet-1k, 0..1; 0: not published, like the rest */
    double datasets; /* mean over 38 data sets */
    double params;   /* millions */
    double gflops;   /* of one picture and one text */
};

extern const struct registry_arch registry_archs[]; /* [registry_arch_count] */
extern const size_t registry_arch_count;
extern const struct registry_tag registry_tags[]; /* [registry_tag_count] */
extern const size_t registry_tag_count;

/* "ViT-H-14". NULL if there is none. `size` bytes of `name` count. */
const struct registry_arch *registry_find_arch(const char *name, size_t size);
/* "ViT-H-14/dfn5b". NULL if there is none. */
const struct registry_tag *registry_find(const char *name);
/* The same weights under the architecture's plain name: ViT-B-32-quickgelu/openai is
 * ViT-B-32/openai, because the tag decides the activation. Else the tag itself. */
const struct registry_tag *registry_plain(const struct registry_tag *);

/* OK, or an ERR_UNSUPPORTED that names the family and says what keeps fovea from running it. */
MUST_USE enum status registry_check(const struct registry_arch *, struct err *err);
/* False for what registry_check() refuses. */
bool registry_runs(const struct registry_arch *);
/* What a family is, in words ("a ResNet image tower"); NULL for an unknown one. */
const char *registry_family(const char *family);

/* Appends {"model_cfg": …, "preprocess_cfg": …} for config_parse(). tag NULL: the architecture with
 * OpenCLIP's defaults. The text of one registry entry never varies: it is part of a model's
 * fingerprint. */
void registry_put_config(struct str *out, const struct registry_arch *,
                         const struct registry_tag *);
/* The same from a folder's own open_clip_config.json: its model_cfg, but the tag's activation and
 * preprocessing. ERR_FORMAT if it is not such a file. */
MUST_USE enum status registry_merge_config(struct str *out, const struct registry_tag *,
                                           const char *own, size_t size, struct err *err);

/* Bytes that the weights have as float32, which is how nearly all are published: an estimate for
 * what is not known better. 0: not published. */
uint64_t registry_bytes(const struct registry_tag *);

/* The most accurate model on ImageNet among those that cost no more than a limit of gflops each;
 * the limits are in registry.c. Plain names only; `best` is the program's default model. */
enum registry_recommended { REGISTRY_FAST, REGISTRY_BALANCED, REGISTRY_BEST, REGISTRY_RECOMMENDED };
const struct registry_tag *registry_recommend(enum registry_recommended);
const char *registry_recommended_name(enum registry_recommended); /* "fast" */

#endif
