/* SPDX-License-Identifier: MIT
 *
 * fovea backup: a copy of the library, also while it is in use.
 */
#include "cli/commands.h"
#include "cli/copy_progress.h"
#include "cli/library_args.h"
#include "cli/model_args.h"
#include "cli/output.h"

#include <sys/stat.h>

struct backup_args {
    const char *library;
    struct operands file;
    bool json;
};

static const struct option options[] = {
    OPTION_LIBRARY(struct backup_args),
    OPTION_JSON(struct backup_args),
    OPTION_END,
};

static const struct example examples[] = {
    {"fovea backup /mnt/disk/library.db", "copy the library to another disk"},
    {"fovea search --library /mnt/disk/library.db \"a foggy morning\"", "search in the backup"},
    {NULL, NULL},
};

static enum status print_json(const char *path, long long size, struct err *err)
{
    json_t *json = json_object();
    json_object_set_new(json, "backup", output_json_string(path));
    json_object_set_new(json, "bytes", json_integer(size));
    return output_json(json, err);
}

static enum status run(const void *arguments, struct err *err)
{
    const struct backup_args *args = arguments;
    const char *path = args->file.items[0].text;
    struct store *store = NULL;
    struct stat st = {0};
    struct copy_shown shown = {0};
    const struct copy_options how = {copy_show, &shown};
    enum status status = library_open(&store, args->library, STORE_READ, false, err);
    if (status == OK)
        status = copy_backup(store, path, &how, err);
    progress_close(shown.progress);
    store_close(store);
    if (status != OK)
        return status;
    long long size = stat(path, &st) == 0 ? (long long)st.st_size : 0;
    if (args->json)
        return print_json(path, size, err);
    output_text("backed up to ");
    output_name(path);
    output_format(", %.1f MB\n", (double)size / 1e6);
    return OK;
}

const struct command command_backup = {
    .name = "backup",
    .summary = "copy the library, also while it is in use",
    .about = "Copies the library to FILE as it is at one moment, with everything in it, while an "
             "index run or a server may go on using it. FILE is a library like any other "
             "(--library FILE); it is there whole or not at all, and replaces an older backup. "
             "To put it back, copy it to where the library was while no fovea runs.\n\n"
             "The photographs themselves are not in it.",
    .options = options,
    .examples = examples,
    .operand = "FILE",
    .operands_min = 1,
    .operands_max = 1,
    .operands_offset = offsetof(struct backup_args, file),
    .args_size = sizeof(struct backup_args),
    .run = run,
};
