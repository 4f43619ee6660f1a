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
        .help = "ARCH/tag, hf-hub:ORG/REPO, a model's folder, or with --arch a weights file "      \
                "(default: $FOVEA_MODEL, else " MODEL_DEFAULT ")"                                  \
    }
#define OPTION_ARCH(type)                                                                          \
    {                                                                                              \
        .name = "arch", .kind = OPTION_STRING, .argument = "ARCH[/TAG]",                           \
        .offset = offsetof(type, arch),                                                            \
        .help = "--model is a weights file of this architecture, trained as this tag was"          \
    }
/* How a model that is not here is got. */
#define OPTION_OFFLINE(type)                                                                       \
    {                                                                                              \
        .name = "offline", .kind = OPTION_FLAG, .offset = offsetof(type, offline),                 \
        .help = "never use the network: a model that is not here is an error"                      \
    }
#define OPTION_YES(type)                                                                           \
    {                                                                                              \
        .name = "yes", .short_name = 'y', .kind = OPTION_FLAG, .offset = offsetof(type, yes),      \
        .help = "download a model without asking"                                                  \
    }
#define OPTION_IMAGE_SIZE(type)                                                                    \
    {                                                                                              \
        .name = "image-size", .kind = OPTION_INT, .argument = "PIXELS",                            \
        .offset = offsetof(type, image_size), .fallback = "0", .max = PREPROCESS_MAX_SIZE,         \
        .help = "show the model pictures of this side; 0: of the size it was trained with"         \
    }
#define OPTION_PRECISION(type)                                                                     \
    {                                                                                              \
        .name = "precision", .kind = OPTION_CHOICE, .argument = "P",                               \
        .offset = offsetof(type, precision), .fallback = "auto", .choices = precision_names,       \
        .help =                                                                                    \
            "of the model's matrix products: f32, bf16 (half the memory, and faster where the "    \
            "CPU has instructions for it: then auto takes it) or int8 (a quarter, faster "         \
            "still, a little less exact)"                                                          \
    }
#define OPTION_THREADS(type)                                                                       \
    {                                                                                              \
        .name = "threads", .kind = OPTION_INT, .argument = "N", .offset = offsetof(type, threads), \
        .fallback = "0", .max = 1024, .help = "threads to use; 0 means every core"                 \
    }

/* What a command asks for. */
struct model_request {
    const char *name; /* the value of --model, or NULL */
    const char *arch; /* of --arch, or NULL */
    enum model_towers towers;
    int image_size; /* of --image-size; 0: the model's own */
    enum precision precision;
    int threads;
    bool offline, yes; /* of the options */
    bool json;         /* the command's results are read by a program: it is not asked anything */
};

/* model_resolve(), model_pull.h if the model is not here, and model_open(). */
MUST_USE enum status model_open_named(struct model **out, const struct model_request *,
                                      struct err *err);

#endif
