/* SPDX-License-Identifier: MIT
 *
 * From what the user calls a model to the folder it lies in. A model is named as
 *   a folder        that holds open_clip_config.json and open_clip_model.safetensors
 *   ARCH/tag        "ViT-H-14/dfn5b": the folder ARCH/tag under $FOVEA_MODELS, or under
 *                   fovea/models in the user's cache folder ($XDG_CACHE_HOME, ~/.cache)
 *   demo            the small model that comes with the program (shipped.h)
 * A folder wins where both exist. Reads nothing but the presence of the config.
 */
#ifndef FOVEA_HUB_RESOLVE_H
#define FOVEA_HUB_RESOLVE_H

#include "base/status.h"

#define MODEL_DEFAULT "ViT-H-14/dfn5b"

struct model_place {
    char *dir;  /* for model_options.dir */
    char *name; /* for model_options.name: "ViT-H-14/dfn5b", or the folder's absolute path;
                  resolves to the same folder again from anywhere */
};

/* given: what the user said; NULL means $FOVEA_MODEL, and MODEL_DEFAULT where that is not set.
 * ERR_NOT_FOUND says where it looked and how to get a model; ERR_ARGUMENT for what is no name. */
MUST_USE enum status model_resolve(struct model_place *out, const char *given, struct err *err);
void model_place_free(struct model_place *); /* NULL-safe, leaves it empty */

#endif
