/* SPDX-License-Identifier: MIT
 *
 * Bringing a model from the hub, or from the address that the registry knows, to its folder.
 *
 * Two steps, so that a program can say what is about to happen, and ask: pull_open() finds out
 * which files there are, how large they are and of which commit; pull_run() transfers them. The
 * weights come last: a folder that has its weights is complete.
 *
 * A folder that was pulled holds, beside the model's files, fovea-source.json: where each came
 * from, the commit, the sizes and the hashes.
 */
#ifndef FOVEA_HUB_PULL_H
#define FOVEA_HUB_PULL_H

#include "base/progress.h"
#include "hub/resolve.h"

#include <stdbool.h>
#include <stdint.h>

#define PULL_SOURCE_NAME "fovea-source.json"
#define PULL_WEIGHTS_MAX (64LL << 30) /* bytes; the largest of the registry has 10 GB */
#define PULL_SMALL_MAX (64LL << 20)   /* of a config or a tokenizer's file */

enum pull_from { PULL_ANY, PULL_HUB, PULL_URL }; /* ANY: the hub first, if the registry has both */

struct pull_options {
    bool offline; /* as HF_HUB_OFFLINE does */
    enum pull_from from;
    enum progress_mode progress;
    void (*note)(void *context, const char *text); /* one line for the user; NULL: nobody */
    /* Looks at a repository's config before its weights come: an error ends the pull. name:
     * MODEL_CONFIG_NAME, or Transformers' config.json. NULL: not looked at. */
    enum status (*check_config)(void *context, const char *name, const char *json, size_t size,
                                struct err *err);
    void *context;
};

struct pull_info {
    const char *host;   /* "huggingface.co" */
    const char *source; /* "apple/DFN5B-CLIP-ViT-H-14", or the address */
    const char *commit; /* "" where there is none */
    int64_t bytes;      /* of all files; an estimate where `exact` is false */
    int64_t bytes_here; /* of them, in parts that an earlier try left */
    bool exact;
    bool verified; /* after pull_run(): the weights' hash, or a part of it, was known beforehand */
    const char *weights_sha256; /* after pull_run(); "" when nothing was transferred */
};

struct pull;

/* Asks the network. Errors: without a network, or offline, one that says how to go on without;
 * ERR_NOT_FOUND for a repository, revision or weights that are not there; ERR_UNSUPPORTED for
 * weights in several files; ERR_IO where access is refused. The place must outlive the pull. */
MUST_USE enum status pull_open(struct pull **out, const struct model_place *,
                               const struct pull_options *, struct err *err);
const struct pull_info *pull_info(const struct pull *);
/* After this model_resolve() finds the model here. */
MUST_USE enum status pull_run(struct pull *, struct err *err);
void pull_close(struct pull *); /* NULL-safe */

#endif
