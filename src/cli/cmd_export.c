/* SPDX-License-Identifier: MIT
 *
 * fovea export: the library as plain files.
 */
#include "cli/commands.h"
#include "cli/exchange_output.h"
#include "cli/library_args.h"
#include "cli/model_args.h"

struct export_args {
    const char *library;
    struct operands dir;
    bool json;
};

static const struct option options[] = {
    OPTION_LIBRARY(struct export_args),
    OPTION_JSON(struct export_args),
    OPTION_END,
};

static const struct example examples[] = {
    {"fovea export my-library", "everything, as JSON Lines and NumPy arrays"},
    {"fovea import my-library --library other.db", "and back"},
    {NULL, NULL},
};

static enum status run(const void *arguments, struct err *err)
{
    const struct export_args *args = arguments;
    const char *dir = args->dir.items[0].text;
    struct store *store = NULL;
    struct exchange_report report;
    enum status status = library_open(&store, args->library, STORE_READ, false, err);
    if (status == OK)
        status = export_run(store, dir, &report, err);
    if (status == OK)
        status = exchange_print(&report, "exported to", dir, args->json, err);
    store_close(store);
    return status;
}

const struct command command_export = {
    .name = "export",
    .summary = "write the library as JSON Lines and NumPy arrays",
    .about = "Writes everything that is in the library to the folder DIR, as it is at one moment: "
             "library.jsonl with photographs, paths, metadata, sidecars, labels, decisions and "
             "models, and vectors-N.npy (float16) for each model. docs/export.md describes the "
             "format. Maps and other things that are made from the vectors are not in it, and "
             "neither are the photographs.\n\nAn older export in DIR is replaced; a folder with "
             "other files in it is left alone.",
    .options = options,
    .examples = examples,
    .operand = "DIR",
    .operands_min = 1,
    .operands_max = 1,
    .operands_offset = offsetof(struct export_args, dir),
    .args_size = sizeof(struct export_args),
    .run = run,
};
