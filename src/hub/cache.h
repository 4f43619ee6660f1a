/* SPDX-License-Identifier: MIT
 *
 * What is in the models folder: which models, how large, how fast they were here; and taking one
 * out of it again.
 */
#ifndef FOVEA_HUB_CACHE_H
#define FOVEA_HUB_CACHE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CACHE_MODELS_MAX 10000

struct cached_model {
    char *name; /* as model_resolve() takes it: "ViT-H-14/dfn5b", "hf-hub:ORG/REPO@REV" */
    char *dir;
    int64_t bytes;            /* of everything in the folder */
    bool complete;            /* has its weights; false: a download was broken off */
    double photos_per_second; /* of the last index run worth the name; 0: not known */
};

/* Sorted by name. A models folder that is not there is an empty one. */
MUST_USE enum status cache_list(struct cached_model **out, size_t *count, struct err *err);
void cache_list_free(struct cached_model *, size_t count); /* NULL-safe */

/* Removes the model's folder, and those above it that are empty then. Only what lies in the models
 * folder can be removed; a link that somebody put there goes, what it points to stays.
 * ERR_NOT_FOUND if there is nothing; ERR_BUSY while it is being downloaded. */
MUST_USE enum status cache_remove(const struct cached_model *, struct err *err);

/* Remembers beside a model what an index run has measured; only the models folder is written to.
 * Failing to is no reason to fail. */
void cache_note_speed(const char *dir, double photos_per_second, size_t photos);

#endif
