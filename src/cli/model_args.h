/* SPDX-License-Identifier: MIT
 *
 * Rows of option tables that mean the same in every command, and opening the model they name.
 * `type` is the command's args struct, with a field of the option's name.
 */
#ifndef FOVEA_CLI_MODEL_ARGS_H
#define FOVEA_CLI_MODEL_ARGS_H

#include "base/status.h"
#include "cli/options.h"
#include "clip/model.h"
#include "hub/resolve.h"

#include <stddef.h>

#define OPTION_JSON(type)                                                                          \
    {                                                                                              \
        .name = "json", .kind = OPTION_FLAG, .offset = offsetof(type, json),                       \
        .help = "print the results as JSON"                                                        \
    }
#define OPTION_MODEL(type)                                                                         \
    {                                                                                              \
        .name = "model", .short_name = 'm', .kind = OPTION_STRING, .argument = "MODEL",            \
        .offset = offsetof(type, model),                                                           \
        .help = "a model's folder, or ARCH/tag (default: $FOVEA_MODEL, else " MODEL_DEFAULT ")"    \
    }
#define OPTION_IMAGE_SIZE(type)                                                                    \
    {                                                                                              \
        .name = "image-size", .kind = OPTION_INT, .argument = "PIXELS",                            \
        .offset = offsetof(type, image_size), .fallback = "0", .max = PREPROCESS_MAX_SIZE,         \
        .help = "show the model pictures of this side; 0: of the size it was trained with"         \
    }
#define OPTION_THREADS(type)                                                                       \
    {                                                                                              \
        .name = "threads", .kind = OPTION_INT, .argument = "N", .offset = offsetof(type, threads), \
        .fallback = "0", .max = 1024, .help = "threads to use; 0 means every core"                 \
    }

/* What a command asks for. */
struct model_request {
    const char *name; /* the value of --model, or NULL */
    enum model_towers towers;
    int image_size; /* of --image-size; 0: the model's own */
    int threads;
};

/* model_resolve() and model_open(). */
MUST_USE enum status model_open_named(struct model **out, const struct model_request *,
                                      struct err *err);

#endif
