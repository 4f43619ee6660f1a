/* SPDX-License-Identifier: MIT
 *
 * What the commands on a library have in common: which library, which model, where they are.
 */
#ifndef FOVEA_CLI_LIBRARY_ARGS_H
#define FOVEA_CLI_LIBRARY_ARGS_H

#include "base/str.h"
#include "cli/model_args.h"
#include "cli/options.h"
#include "clip/model.h"
#include "store/store.h"

#include <stdbool.h>

/* --library and --model, for a command's option table; `type` has the fields `library`, `model`. */
#define OPTION_LIBRARY(type)                                                                       \
    {                                                                                              \
        .name = "library", .also = "store", .kind = OPTION_STRING, .argument = "FILE",             \
        .offset = offsetof(type, library),                                                         \
        .help = "the library: a file, or postgres://…; without it $FOVEA_LIBRARY, else "         \
                "library.db in the user's data folder. --store is the same option"                 \
    }

/* In the place of OPTION_MODEL: a library knows which model it was indexed with. */
#define OPTION_LIBRARY_MODEL(type)                                                                 \
    {                                                                                              \
        .name = "model", .short_name = 'm', .kind = OPTION_STRING, .argument = "MODEL",            \
        .offset = offsetof(type, model),                                                           \
        .help = "ARCH/tag, hf-hub:ORG/REPO, a model's folder, or with --arch a weights file; "     \
                "without it $FOVEA_MODEL, else the model that answers in this library (`fovea "    \
                "status`)"                                                                         \
    }

/* Appends the path of the library that --library, the environment or the default names. */
MUST_USE enum status library_path(struct str *out, const char *given, struct err *err);

/* Opens the library that --library, the environment or the default names. Only `may_create` makes
 * one where there is none; otherwise that is an ERR_NOT_FOUND that says how to make one. */
MUST_USE enum status library_open(struct store **out, const char *library, enum store_mode mode,
                                  bool may_create, struct err *err);

/* The library and the model of an index run, the model chosen by the same rules as below, its image
 * tower loaded. A library that is not there is made last, when the model has been opened. */
MUST_USE enum status library_index_open(struct store **store, struct model **model,
                                        const char *library, const struct model_request *,
                                        struct err *err);

/* Which model a reading command uses: the one asked for, else $FOVEA_MODEL, else the library's
 * active one; opens it and finds its id in the library. Without an image size in the request it is
 * the one at which the library was last indexed with this model. ERR_NOT_FOUND when the library
 * holds no vectors of it, with the models that it has vectors of. */
MUST_USE enum status library_model_open(struct store *, const struct model_request *,
                                        struct model **out, int64_t *model_id, struct err *err);

/* The same choice among the vectors that the library has, by name alone, for commands that need no
 * model but its vectors. ERR_NOT_FOUND: the library has none, or none of a model of that name. */
MUST_USE enum status library_model_stored(struct store *, const char *given,
                                          struct store_model *out, struct err *err);

#endif
