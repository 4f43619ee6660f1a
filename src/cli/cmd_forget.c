/* SPDX-License-Identifier: MIT
 *
 * fovea forget: take folders out of the library.
 */
#include "cli/commands.h"
#include "cli/library_args.h"
#include "cli/model_args.h"
#include "cli/output.h"

#include "library/forget.h"

#include <stdlib.h>

struct forget_args {
    const char *library;
    bool json;
    struct operands folders;
};

static const struct option options[] = {
    OPTION_LIBRARY(struct forget_args),
    OPTION_JSON(struct forget_args),
    OPTION_END,
};

static const struct example examples[] = {
    {"fovea forget ~/Pictures/scans", "index that folder no more, and drop what is known of it"},
    {NULL, NULL},
};

static enum status run(const void *arguments, struct err *err)
{
    const struct forget_args *args = arguments;
    const char **folders = NULL;
    struct store *store = NULL;
    size_t forgotten;
    enum status status = operands_texts(&args->folders, &folders, err);
    if (status == OK)
        status = library_open(&store, args->library, STORE_WRITE, false, err);
    if (status == OK)
        status = forget_folders(store, folders, args->folders.count, &forgotten, err);
    if (status == OK && args->json)
        status = output_json(json_pack("{s:I}", "forgotten", (json_int_t)forgotten), err);
    else if (status == OK)
        output_format("%zu file%s dropped from the library; none was deleted\n", forgotten,
                      forgotten == 1 ? "" : "s");
    store_close(store);
    free(folders);
    return status;
}

const struct command command_forget = {
    .name = "forget",
    .summary = "take folders out of the library",
    .about =
        "Drops what the library knows of the photographs below each folder, and takes the folder "
        "from those that `fovea index` looks at by itself. The files are not touched, and the "
        "folder need not be there any more. A part of a folder that goes on being indexed comes "
        "back with the next run: a line in a .foveaignore file keeps it out.",
    .options = options,
    .examples = examples,
    .operand = "DIR",
    .operands_min = 1,
    .operands_offset = offsetof(struct forget_args, folders),
    .args_size = sizeof(struct forget_args),
    .run = run,
};
