/* SPDX-License-Identifier: MIT
 *
 * fovea import: what `fovea export` wrote, or what another program keeps in a table
 * image_embeddings, into a library.
 */
#include "cli/commands.h"
#include "cli/exchange_output.h"
#include "cli/library_args.h"
#include "cli/model_args.h"
#include "cli/report.h"

#include "base/progress.h"
#include "library/import_labels.h"
#include "library/import_origin.h"

enum { LEFT_OUT_SHOWN = 20 };

struct import_args {
    const char *library, *model, *arch, *folder;
    struct operands dir;
    int image_size, precision;
    bool offline, yes, json;
};

static const struct option options[] = {
    OPTION_LIBRARY(struct import_args),
    OPTION_LIBRARY_MODEL(struct import_args),
    OPTION_ARCH(struct import_args),
    OPTION_IMAGE_SIZE(struct import_args),
    OPTION_OFFLINE(struct import_args),
    OPTION_YES(struct import_args),
    {.name = "folder",
     .kind = OPTION_STRING,
     .argument = "DIR",
     .offset = offsetof(struct import_args, folder),
     .help = "of a table: where paths begin that are not absolute; without it, here"},
    OPTION_JSON(struct import_args),
    OPTION_END,
};

static const struct example examples[] = {
    {"fovea import my-library --library new.db", "make a library from an export"},
    {"fovea import of-the-laptop", "add an export to the library"},
    {"fovea import postgres://photos@server/old --model ViT-H-14/dfn5b --folder /photos",
     "take over a table image_embeddings"},
    {NULL, NULL},
};

/* --- a table of another program's --------------------------------------------------------- */

struct shown {
    struct progress *progress;
    int64_t left_out;
};

static void on_left_out(void *user, const char *path, const char *why)
{
    struct shown *shown = user;
    if (++shown->left_out > LEFT_OUT_SHOWN)
        return;
    report_warning("%s: %s%s", path, why,
                   shown->left_out == LEFT_OUT_SHOWN ? " (others like this are counted only)" : "");
}

static void on_progress(void *user, int64_t done, int64_t total)
{
    struct shown *shown = user;
    struct err ignored;
    const struct progress_options look = {
        .label = "Importing", .unit = "rows", .total = (uint64_t)total};
    if (done == 1 && progress_open(&shown->progress, &look, &ignored) != OK)
        shown->progress = NULL;
    if (shown->progress)
        progress_add(shown->progress, 1, 0);
}

static enum status print_origin(const struct origin_report *r, bool json, struct err *err)
{
    if (json)
        return output_json(json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "rows", (json_int_t)r->rows,
                                     "imported", (json_int_t)r->imported, "known",
                                     (json_int_t)r->known, "missing", (json_int_t)r->missing,
                                     "refused", (json_int_t)r->refused, "labelled",
                                     (json_int_t)r->labelled),
                           err);
    output_format("%lld rows: %lld files imported, %lld were there, %lld are no files here, %lld "
                  "have no vector of this model\n",
                  (long long)r->rows, (long long)r->imported, (long long)r->known,
                  (long long)r->missing, (long long)r->refused);
    if (r->labelled > 0)
        output_format("%lld have the category that they have there, as the set "
                      "\"" IMPORT_LABELS_SET "\"\n",
                      (long long)r->labelled);
    if (r->imported > 0)
        output_text("`fovea index` on their folders reads what else is to be known of them\n");
    return OK;
}

static enum status import_table(const struct import_args *args, const char *url, struct err *err)
{
    const struct model_request request = {.name = args->model,
                                          .arch = args->arch,
                                          .towers = MODEL_IMAGE,
                                          .image_size = args->image_size,
                                          .offline = args->offline,
                                          .yes = args->yes,
                                          .json = args->json};
    struct store *store = NULL;
    struct model *model = NULL;
    struct shown shown = {0};
    const struct origin_options how = {args->folder, on_left_out, on_progress, &shown};
    struct origin_report report = {0};
    int64_t id = 0, active = 0;
    enum status status = library_index_open(&store, &model, args->library, &request, err);
    const struct model_info *info = status == OK ? model_info(model) : NULL;
    if (status == OK)
        status = store_model_use(store, info->name, info->fingerprint, info->embed_dim, &id, err);
    if (status == OK)
        status = import_origin(store, id, info->embed_dim, url, &how, &report, err);
    progress_close(shown.progress);
    if (status == OK)
        status = store_model_active(store, &active, err);
    if (status == OK && active == 0)
        status = store_model_set_active(store, id, err);
    if (status == OK)
        status = print_origin(&report, args->json, err);
    model_close(model);
    store_close(store);
    return status;
}

/* --- an export ---------------------------------------------------------------------------- */

static enum status run(const void *arguments, struct err *err)
{
    const struct import_args *args = arguments;
    const char *dir = args->dir.items[0].text;
    if (store_is_url(dir))
        return import_table(args, dir, err);
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
        "with its line. What was read before stays, and importing again finishes the job.\n\n"
        "Of a postgres:// URL the table image_embeddings is taken over (schema=NAME in the URL "
        "says where, if it is not in \"public\"): files that are still there are read and hashed, "
        "and have their vectors as those of --model, which has to be the one that made them. "
        "Where it has columns category and confidence, these come along as a set of categories "
        "named " IMPORT_LABELS_SET ". Nothing is written to that table.",
    .options = options,
    .examples = examples,
    .operand = "DIR|URL",
    .operands_min = 1,
    .operands_max = 1,
    .operands_offset = offsetof(struct import_args, dir),
    .args_size = sizeof(struct import_args),
    .run = run,
};
