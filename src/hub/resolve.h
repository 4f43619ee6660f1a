/* SPDX-License-Identifier: MIT
 *
 * From what the user calls a model to where it lies, or can be had. A model is named as
 *   a folder                  that holds open_clip_config.json (or a Transformers config.json) and
 *                             the weights
 *   ARCH/tag                  "ViT-H-14/dfn5b", of OpenCLIP's registry; the folder ARCH/tag below
 *                             the models folder. Another folder put there by hand is found too.
 *   hf-hub:ORG/REPO[@REV]     a repository of the hub; the folder hf-hub/ORG/REPO[@REV] there
 *   ARCH[/tag]:FILE           a weights file, or a folder, of that architecture; what --arch makes
 *   demo                      the small model that comes with the program (shipped.h)
 * A folder wins where two readings are possible. Touches no network.
 *
 * The models folder is $FOVEA_MODELS, else $HF_HOME/fovea/models where that is set, else
 * fovea/models in the user's cache folder ($XDG_CACHE_HOME, ~/.cache).
 */
#ifndef FOVEA_HUB_RESOLVE_H
#define FOVEA_HUB_RESOLVE_H

#include "base/status.h"
#include "base/str.h"
#include "hub/registry.h"

#include <stdbool.h>

#define MODEL_DEFAULT "ViT-H-14/dfn5b"
#define MODEL_HUB_PREFIX "hf-hub:"
#define MODEL_CONFIG_NAME "open_clip_config.json"

struct model_place {
    char *dir;     /* for model_options.dir; the folder it will have while it is not here */
    char *name;    /* for model_options.name; resolves to the same model again from anywhere */
    char *config;  /* for model_options.config; NULL: the folder's own */
    char *weights; /* for model_options.weights; NULL: found in the folder */
    bool here;     /* false: nothing to open yet; model_pull() brings it */
    /* Where it comes from; all NULL for what cannot be pulled. */
    const struct registry_tag *tag;
    char *repo;     /* "apple/DFN5B-CLIP-ViT-H-14" */
    char *revision; /* "main", a tag, a commit */
};

/* given: what the user said; NULL means $FOVEA_MODEL, and MODEL_DEFAULT where that is not set.
 * arch: the value of --arch for a weights file, NULL: none. ERR_NOT_FOUND for a path that is not
 * there; ERR_ARGUMENT for what is no name; ERR_UNSUPPORTED for a registry model of a family that
 * does not run. A model that can be pulled and is not here is no error. */
MUST_USE enum status model_resolve(struct model_place *out, const char *given, const char *arch,
                                   struct err *err);
void model_place_free(struct model_place *); /* NULL-safe, leaves it empty */

/* Appends the models folder, without a '/' at the end. */
MUST_USE enum status models_dir(struct str *out, struct err *err);
/* The name of the weights in a model folder, as far as a folder of this registry tag (or any, for
 * NULL) can have them; NULL: none there. Borrowed from static data or the registry. */
const char *model_find_weights(const char *dir, const struct registry_tag *);

#endif
