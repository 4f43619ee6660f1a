/* SPDX-License-Identifier: MIT
 *
 * fovea models: what can be pulled, and what is here. A row is a model of the registry, a folder in
 * the models folder, or both. Without a text or --all, the rows are the recommended models and what
 * is here.
 */
#include "cli/commands.h"
#include "cli/model_args.h"
#include "cli/model_pull.h"
#include "cli/output.h"

#include "hub/cache.h"

#include <stdlib.h>
#include <string.h>

struct models_args {
    struct operands texts;
    bool all, json;
};

static const struct option options[] = {
    {.name = "all",
     .short_name = 'a',
     .kind = OPTION_FLAG,
     .offset = offsetof(struct models_args, all),
     .help = "every model of OpenCLIP's registry, also those that fovea does not run"},
    OPTION_JSON(struct models_args),
    OPTION_END,
};

static const struct example examples[] = {
    {"fovea models", "the recommended ones, and what is here"},
    {"fovea models ViT-L datacomp", "those whose names have both"},
    {"fovea models --all --json", "everything that is known, for a program"},
    {"fovea models remove ViT-B-32/openai", "take one off the disk"},
    {NULL, NULL},
};

struct row {
    char name[512];
    const struct registry_tag *tag;    /* NULL: only a folder */
    const struct cached_model *cached; /* NULL: not here */
    int role;                          /* enum registry_recommended, or -1 */
};

struct list {
    struct row *rows;
    size_t count;
    struct cached_model *cached;
    size_t cached_count;
};

/* ---- the rows ---------------------------------------------------------------------------- */

static int role_of(const struct registry_tag *tag)
{
    for (int i = 0; i < REGISTRY_RECOMMENDED; i++)
        if (tag && registry_recommend((enum registry_recommended)i) == tag)
            return i;
    return -1;
}

static const struct cached_model *find_cached(const struct list *list, const char *name)
{
    for (size_t i = 0; i < list->cached_count; i++)
        if (strcmp(list->cached[i].name, name) == 0)
            return &list->cached[i];
    return NULL;
}

static bool matches(const char *name, const struct operands *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        if (!strcasestr(name, texts->items[i].text))
            return false;
    return true;
}

static void add(struct list *list, const struct models_args *args, const char *name,
                const struct registry_tag *tag, const struct cached_model *cached)
{
    struct row *row = &list->rows[list->count];
    int role = role_of(tag);
    bool shown = args->all || args->texts.count > 0 || cached || role >= 0;
    if (!shown || !matches(name, &args->texts))
        return;
    *row = (struct row){.tag = tag, .cached = cached, .role = role};
    snprintf(row->name, sizeof row->name, "%s", name);
    list->count++;
}

/* The recommended ones, from small to large; then what runs, the most accurate first; then the
 * rest. */
static int by_use(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    if ((x->role >= 0) != (y->role >= 0))
        return x->role >= 0 ? -1 : 1;
    if (x->role != y->role)
        return x->role < y->role ? -1 : 1;
    bool x_runs = !x->tag || registry_runs(x->tag->arch);
    bool y_runs = !y->tag || registry_runs(y->tag->arch);
    if (x_runs != y_runs)
        return x_runs ? -1 : 1;
    double x_good = x->tag ? x->tag->imagenet : 0, y_good = y->tag ? y->tag->imagenet : 0;
    if (x_good != y_good)
        return x_good > y_good ? -1 : 1;
    return strcmp(x->name, y->name);
}

static enum status make_list(struct list *list, const struct models_args *args, struct err *err)
{
    enum status status = cache_list(&list->cached, &list->cached_count, err);
    if (status != OK)
        return status;
    list->rows = calloc(registry_tag_count + list->cached_count + 1, sizeof *list->rows);
    if (!list->rows)
        return err_no_memory(err, "the list of models", registry_tag_count * sizeof *list->rows);
    for (size_t i = 0; i < registry_tag_count; i++) {
        const struct registry_tag *tag = &registry_tags[i];
        char name[512];
        snprintf(name, sizeof name, "%s/%s", tag->arch->name, tag->tag);
        const struct cached_model *cached = find_cached(list, name);
        if (registry_plain(tag) == tag || cached) /* not twice under two names */
            add(list, args, name, tag, cached);
    }
    for (size_t i = 0; i < list->cached_count; i++)
        if (!registry_find(list->cached[i].name))
            add(list, args, list->cached[i].name, NULL, &list->cached[i]);
    qsort(list->rows, list->count, sizeof *list->rows, by_use);
    return OK;
}

static void free_list(struct list *list)
{
    cache_list_free(list->cached, list->cached_count);
    free(list->rows);
}

/* ---- showing ------------------------------------------------------------------------------ */

static json_t *number_or_null(double value)
{
    return value > 0 ? json_real(value) : json_null();
}

static json_t *json_of(const struct row *row)
{
    const struct registry_tag *tag = row->tag;
    const struct cached_model *cached = row->cached;
    json_t *json = json_object();
    json_object_set_new(json, "name", output_json_string(row->name));
    json_object_set_new(json, "recommended",
                        row->role < 0 ? json_null()
                                      : json_string(registry_recommended_name(
                                            (enum registry_recommended)row->role)));
    if (tag) {
        json_object_set_new(json, "supported", json_boolean(registry_runs(tag->arch)));
        json_object_set_new(json, "family", json_string(tag->arch->family));
        json_object_set_new(json, "imagenet", number_or_null(tag->imagenet));
        json_object_set_new(json, "dimensions", json_integer(tag->arch->embed_dim));
        json_object_set_new(json, "image_size", json_integer(tag->arch->image_size));
        json_object_set_new(json, "quick_gelu", json_boolean(tag->quick_gelu));
        json_object_set_new(json, "params_millions", number_or_null(tag->params));
        json_object_set_new(json, "gflops", number_or_null(tag->gflops));
        json_object_set_new(json, "download_bytes",
                            tag->params > 0 ? json_integer((json_int_t)registry_bytes(tag))
                                            : json_null());
        json_object_set_new(json, "repository", json_string(tag->repo));
        json_object_set_new(json, "url", output_json_string(tag->url));
    }
    json_object_set_new(json, "here", json_boolean(cached && cached->complete));
    json_object_set_new(json, "dir", output_json_string(cached ? cached->dir : NULL));
    json_object_set_new(json, "bytes",
                        cached ? json_integer((json_int_t)cached->bytes) : json_null());
    json_object_set_new(json, "photos_per_second",
                        number_or_null(cached ? cached->photos_per_second : 0));
    return json;
}

static enum status print_json(const struct list *list, struct err *err)
{
    json_t *array = json_array();
    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(array, json_of(&list->rows[i]));
    return output_json(array, err);
}

static void print_state(const struct row *row)
{
    const struct cached_model *cached = row->cached;
    char size[16];
    if (row->tag && !registry_runs(row->tag->arch))
        output_format("  not supported: %s", registry_family(row->tag->arch->family));
    if (cached)
        output_format("  %s %s", cached->complete ? "here," : "unfinished,",
                      format_size(size, cached->bytes));
    if (cached && cached->photos_per_second > 0)
        output_format(", %.*f photos/s", cached->photos_per_second < 100,
                      cached->photos_per_second);
}

static void print_row(const struct row *row, int width)
{
    const struct registry_tag *tag = row->tag;
    char size[16], percent[16];
    snprintf(percent, sizeof percent, "%.1f %%", tag ? tag->imagenet * 100 : 0);
    output_format("%-9s ", row->role < 0
                               ? ""
                               : registry_recommended_name((enum registry_recommended)row->role));
    output_name(row->name);
    output_format("%*s", width - (int)strlen(row->name) + 1, "");
    if (tag)
        output_format("%8s  %6d  %9s", tag->imagenet > 0 ? percent : "-", tag->arch->embed_dim,
                      tag->params > 0 ? format_size(size, (int64_t)registry_bytes(tag)) : "-");
    else
        output_format("%8s  %6s  %9s", "-", "-", "-");
    print_state(row);
    output_text("\n");
}

static void print_text(const struct list *list, const struct models_args *args)
{
    int width = 5;
    for (size_t i = 0; i < list->count; i++)
        if ((int)strlen(list->rows[i].name) > width)
            width = (int)strlen(list->rows[i].name);
    output_format("%-9s %-*s %8s  %6s  %9s\n", "", width, "model", "ImageNet", "dims", "download");
    for (size_t i = 0; i < list->count; i++)
        print_row(&list->rows[i], width);
    if (!args->all && args->texts.count == 0)
        output_text("`fovea pull MODEL` downloads one, `fovea models --all` lists all; without "
                    "--model it is " MODEL_DEFAULT "\n");
}

static enum status run(const void *arguments, struct err *err)
{
    const struct models_args *args = arguments;
    struct list list = {0};
    enum status status = make_list(&list, args, err);
    if (status == OK && list.count == 0)
        status = err_set(err, ERR_NOT_FOUND,
                         "no model's name has '%.100s' in it; `fovea models --all` lists them",
                         args->texts.items[0].text);
    if (status == OK && args->json)
        status = print_json(&list, err);
    else if (status == OK)
        print_text(&list, args);
    free_list(&list);
    return status;
}

/* ---- remove ------------------------------------------------------------------------------- */

struct remove_args {
    struct operands names;
    bool json;
};

static const struct option remove_options[] = {
    OPTION_JSON(struct remove_args),
    OPTION_END,
};

static const struct example remove_examples[] = {
    {"fovea models remove ViT-H-14/dfn5b", "one of the registry"},
    {"fovea models remove hf-hub:ORG/REPO", "a repository of the hub"},
    {NULL, NULL},
};

/* As it is in the list, or under the architecture's other name. */
static const struct cached_model *find_to_remove(const struct list *list, const char *name)
{
    const struct cached_model *cached = find_cached(list, name);
    const struct registry_tag *tag = cached ? NULL : registry_find(name);
    char plain[512];
    if (!tag)
        return cached;
    tag = registry_plain(tag);
    snprintf(plain, sizeof plain, "%s/%s", tag->arch->name, tag->tag);
    return find_cached(list, plain);
}

/* What was packed of it for this processor and could not be put beside it (clip/prepare.h). By its
 * folder, because its name may mean another one here. */
static int64_t remove_prepared(const struct cached_model *cached)
{
    const struct model_request request = {
        .name = cached->dir, .towers = MODEL_BOTH, .offline = true};
    struct model *model = NULL;
    struct err ignored; /* also one that cannot be opened is removed */
    int64_t bytes = 0;
    if (cached->complete && model_open_named(&model, &request, &ignored) == OK)
        bytes = model_remove_prepared(model);
    model_close(model);
    return bytes;
}

static enum status remove_one(const struct list *list, const char *name, bool json, struct err *err)
{
    const struct cached_model *cached = find_to_remove(list, name);
    char size[16];
    if (!cached)
        return err_set(err, ERR_NOT_FOUND,
                       "%.200s is not in the models folder; `fovea models` lists what is", name);
    int64_t bytes = cached->bytes + remove_prepared(cached);
    enum status status = cache_remove(cached, err);
    if (status != OK)
        return status;
    if (json)
        return output_json(json_pack("{s:o, s:I}", "removed", output_json_string(cached->name),
                                     "bytes", (json_int_t)bytes),
                           err);
    output_text("removed ");
    output_name(cached->name);
    output_format(", %s\n", format_size(size, bytes));
    return OK;
}

static enum status remove_run(const void *arguments, struct err *err)
{
    const struct remove_args *args = arguments;
    struct list list = {0};
    enum status status = cache_list(&list.cached, &list.cached_count, err);
    for (size_t i = 0; status == OK && i < args->names.count; i++)
        status = remove_one(&list, args->names.items[i].text, args->json, err);
    free_list(&list);
    return status;
}

static const struct command command_remove = {
    .name = "models remove",
    .summary = "take models off the disk",
    .about = "Removes the folders of these models from the models folder, also what an unfinished "
             "download left, and what was packed of them for this processor elsewhere. Libraries "
             "that were indexed with them keep their vectors; searching "
             "those with words needs the model again.",
    .options = remove_options,
    .examples = remove_examples,
    .operand = "MODEL",
    .operands_min = 1,
    .operands_offset = offsetof(struct remove_args, names),
    .args_size = sizeof(struct remove_args),
    .run = remove_run,
};

static const struct command *const subcommands[] = {&command_remove, NULL};

const struct command command_models = {
    .name = "models",
    .summary = "list the models that can be had, and those that are here",
    .about = "Lists the three recommended models (fast, balanced, best) and what is on the disk: "
             "accuracy without training on ImageNet, dimensions of a vector, size of the download, "
             "and for a model that is here what it takes and how many photographs a second the "
             "last large index run did with it. A text lists every model of OpenCLIP's registry "
             "whose name has it; several texts, those that have all of them.",
    .options = options,
    .examples = examples,
    .subcommands = subcommands,
    .operand = "TEXT",
    .operands_min = 0,
    .operands_offset = offsetof(struct models_args, texts),
    .args_size = sizeof(struct models_args),
    .run = run,
};
