/* SPDX-License-Identifier: MIT
 *
 * fovea store: what is done to the stores that libraries are kept in.
 */
#include "cli/cmd_store.h"

#include "cli/commands.h"
#include "cli/copy_progress.h"
#include "cli/library_args.h"
#include "cli/output.h"

#include <string.h>
#include <sys/stat.h>

/* --- copy --------------------------------------------------------------------------------- */

struct copy_args {
    struct operands stores;
    bool halfvec, json;
};

static const struct option copy_options[] = {
    {.name = "halfvec",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct copy_args, halfvec),
     .help = "keep vectors in half precision in PostgreSQL (pgvector's halfvec), where TO has none "
             "of a model yet; nothing is lost by it"},
    OPTION_JSON(struct copy_args),
    OPTION_END,
};

static const struct example copy_examples[] = {
    {"fovea store copy library.db postgres://photos@server/photos", "move to PostgreSQL"},
    {"fovea store copy postgres://photos@server/photos library.db", "and back"},
    {NULL, NULL},
};

static json_t *json_count(const struct copy_count *c)
{
    return json_pack("{s:I, s:I}", "total", (json_int_t)c->total, "copied", (json_int_t)c->copied);
}

static enum status print_json(const struct copy_report *r, const char *from, const char *to,
                              struct err *err)
{
    char checksum[33];
    snprintf(checksum, sizeof checksum, "%016llx%016llx", (unsigned long long)r->checksum[1],
             (unsigned long long)r->checksum[0]);
    json_t *json = json_object();
    json_object_set_new(json, "from", output_json_string(from));
    json_object_set_new(json, "to", output_json_string(to));
    json_object_set_new(json, "photos", json_count(&r->photos));
    json_object_set_new(json, "files", json_integer((json_int_t)r->files));
    json_object_set_new(json, "models", json_integer((json_int_t)r->models));
    json_object_set_new(json, "vectors", json_count(&r->vectors));
    json_object_set_new(json, "labels", json_count(&r->labels));
    json_object_set_new(json, "failures", json_count(&r->failures));
    json_object_set_new(json, "saved_sets", json_count(&r->saved_sets));
    json_object_set_new(json, "decisions", json_count(&r->decisions));
    json_object_set_new(json, "places", json_count(&r->places));
    json_object_set_new(json, "artifacts", json_count(&r->artifacts));
    json_object_set_new(json, "target_photos", json_integer((json_int_t)r->target_photos));
    json_object_set_new(json, "verified", json_true());
    json_object_set_new(json, "checksum", json_string(checksum));
    return output_json(json, err);
}

static void print_text(const struct copy_report *r)
{
    output_format("%lld photographs in %lld files, %lld vectors of %lld model%s, %lld labels, "
                  "%lld decisions: %lld photographs copied, %lld were there\n",
                  (long long)r->photos.total, (long long)r->files, (long long)r->vectors.total,
                  (long long)r->models, r->models == 1 ? "" : "s", (long long)r->labels.total,
                  (long long)r->decisions.total, (long long)r->photos.copied,
                  (long long)(r->photos.total - r->photos.copied));
    if (r->target_photos > r->photos.total)
        output_format("the target has %lld more of its own\n",
                      (long long)(r->target_photos - r->photos.total));
    output_format("verified, checksum %016llx%016llx\n", (unsigned long long)r->checksum[1],
                  (unsigned long long)r->checksum[0]);
}

static bool same_place(const char *a, const char *b)
{
    struct stat x, y;
    return strcmp(a, b) == 0 ||
           (stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino);
}

static enum status copy_stores(const struct copy_args *args, struct copy_report *report,
                               struct err *err)
{
    const char *from_place = args->stores.items[0].text, *to_place = args->stores.items[1].text;
    struct store *from = NULL, *to = NULL;
    struct copy_shown shown = {0};
    if (same_place(from_place, to_place))
        return err_set(err, ERR_ARGUMENT, "FROM and TO are the same library");
    enum status status = library_open(&from, from_place, STORE_READ, false, err);
    if (status == OK)
        status = library_open(&to, to_place, STORE_WRITE, true, err);
    if (status == OK && args->halfvec)
        store_keep_half(to);
    const struct copy_options options = {copy_show, &shown};
    if (status == OK)
        status = copy_run(from, to, &options, report, err);
    progress_close(shown.progress);
    store_close(to);
    store_close(from);
    return status;
}

static enum status copy_command_run(const void *arguments, struct err *err)
{
    const struct copy_args *args = arguments;
    struct copy_report report;
    enum status status = copy_stores(args, &report, err);
    if (status == OK && args->json)
        status = print_json(&report, args->stores.items[0].text, args->stores.items[1].text, err);
    else if (status == OK)
        print_text(&report);
    return status;
}

static const struct command command_copy = {
    .name = "store copy",
    .summary = "copy a library from one store to another",
    .about = "Copies everything of the library FROM into TO, each a file or a postgres:// URL: "
             "photographs with paths, metadata and sidecars, the vectors of every model, labels, "
             "failures, saved sets, decisions, maps and groups. TO is made if it is not there. "
             "FROM is copied as it is at one moment, while others may go on using it.\n\n"
             "What TO has already is not copied again: run it again after an interruption. In a "
             "library that has something else in it, what is there under the same path, content, "
             "set of categories or pair of photographs is replaced, and everything else stays. At "
             "the end both are read again and compared, vectors included.",
    .options = copy_options,
    .examples = copy_examples,
    .operand = "FROM TO",
    .operands_min = 2,
    .operands_max = 2,
    .operands_offset = offsetof(struct copy_args, stores),
    .args_size = sizeof(struct copy_args),
    .run = copy_command_run,
};

/* --- the group ---------------------------------------------------------------------------- */

static const struct command *const subcommands[] = {&command_copy, &command_store_index,
                                                    &command_store_shard, NULL};

const struct command command_store = {
    .name = "store",
    .summary = "copy libraries between stores, index them in PostgreSQL",
    .about = "A library is kept in a file, or in PostgreSQL (docs/postgres.md).",
    .subcommands = subcommands,
};
