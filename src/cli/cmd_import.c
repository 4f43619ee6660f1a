/* SPDX-License-Identifier: MIT
 *
 * fovea import: what `fovea export` wrote, into a library.
 */
#include "cli/commands.h"
#include "cli/exchange_output.h"
#include "cli/library_args.h"
#include "cli/model_args.h"

struct import_args {
    const char *library;
    struct operands dir;
    bool json;
};

static const struct option options[] = {
    OPTION_LIBRARY(struct import_args),
    OPTION_JSON(struct import_args),
    OPTION_END,
};

static const struct example examples[] = {
    {"fovea import my-library --library new.db", "make a library from an export"},
    {"fovea import of-the-laptop", "add an export to the library"},
    {NULL, NULL},
};

static enum status run(const void *arguments, struct err *err)
{
    const struct import_args *args = arguments;
    const char *dir = args->dir.items[0].text;
    struct store *store = NULL;
    struct exchange_report report;
    /* First, so that no library is made for what is no export. */
    enum status status = import_check(dir, err);
    if (status == OK)
        status = library_open(&store, args->library, STORE_WRITE, true, err);
    if (status == OK)
        status = import_run(store, dir, &report, err);
    if (status == OK)
        status = exchange_print(&report, "imported from", dir, args->json, err);
    store_close(store);
    return status;
}

const struct command command_import = {
    .name = "import",
    .summary = "add an export to the library",
    .about =
        "Reads a folder that `fovea export` wrote into the library, which is made if it is not "
        "there. Into a new library it makes an equal one. In one that has something in it, what "
        "is there under the same path, content, set of categories or pair of photographs is "
        "replaced, and everything else stays.\n\nEverything is checked; what is wrong is said "
        "with its line. What was read before stays, and importing again finishes the job.",
    .options = options,
    .examples = examples,
    .operand = "DIR",
    .operands_min = 1,
    .operands_max = 1,
    .operands_offset = offsetof(struct import_args, dir),
    .args_size = sizeof(struct import_args),
    .run = run,
};
