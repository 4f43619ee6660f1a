/* SPDX-License-Identifier: MIT
 *
 * fovea status: what the library holds.
 */
#include "cli/commands.h"
#include "cli/library_args.h"
#include "cli/model_args.h"
#include "cli/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct status_args {
    const char *library;
    bool errors, json;
};

static const struct option options[] = {
    OPTION_LIBRARY(struct status_args),
    {.name = "errors",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct status_args, errors),
     .help = "list the files that could not be used, and why"},
    OPTION_JSON(struct status_args),
    OPTION_END,
};

static const struct example examples[] = {
    {"fovea status", "how many photographs, by which models"},
    {"fovea status --errors", "what could not be read, and why"},
    {NULL, NULL},
};

struct contents {
    struct store_summary summary;
    struct store_model *models;
    struct store_hnsw *indexes; /* [model_count], in a store that has any; else NULL */
    size_t model_count;
    struct store_failure *failures;
    size_t failure_count;
    struct store_place *places; /* folders and mount points */
    size_t place_count;
    struct store_indexer *indexers; /* who indexes a shared library just now */
    size_t indexer_count;
};

static enum status read_contents(struct store *store, struct contents *c, struct err *err)
{
    enum status status = store_summarize(store, &c->summary, err);
    if (status == OK)
        status = store_models(store, &c->models, &c->model_count, err);
    if (status == OK && store_searches(store)) {
        c->indexes = calloc(c->model_count + 1, sizeof *c->indexes);
        if (!c->indexes)
            status = err_no_memory(err, "the models", c->model_count * sizeof *c->indexes);
    }
    for (size_t i = 0; status == OK && c->indexes && i < c->model_count; i++)
        status = store_hnsw_get(store, c->models[i].id, &c->indexes[i], err);
    if (status == OK)
        status = store_failures(store, &c->failures, &c->failure_count, err);
    if (status == OK)
        status = store_places(store, &c->places, &c->place_count, err);
    if (status == OK)
        status = store_indexers(store, &c->indexers, &c->indexer_count, err);
    return status;
}

static json_t *indexer_json(const struct store_indexer *x)
{
    return json_pack("{s:o, s:I, s:f, s:f, s:I, s:I, s:I, s:I, s:I}", "host",
                     output_json_string(x->host), "pid", (json_int_t)x->pid, "since_s", x->since_s,
                     "silent_s", x->silent_s, "in_hand", (json_int_t)x->in_hand, "found",
                     (json_int_t)x->so_far.found, "todo", (json_int_t)x->so_far.todo, "done",
                     (json_int_t)x->so_far.done, "failed", (json_int_t)x->so_far.failed);
}

static enum status print_json(const struct contents *c, struct err *err)
{
    json_t *models = json_array(), *failures = json_array(), *folders = json_array();
    json_t *indexers = json_array();
    for (size_t i = 0; i < c->indexer_count; i++)
        json_array_append_new(indexers, indexer_json(&c->indexers[i]));
    for (size_t i = 0; i < c->model_count; i++) {
        const struct store_model *model = &c->models[i];
        json_array_append_new(
            models, json_pack("{s:o, s:s, s:b, s:i, s:I}", "name", output_json_string(model->name),
                              "fingerprint", model->fingerprint, "active", model->active, "dim",
                              model->dim, "photos", (json_int_t)model->embeddings));
    }
    for (size_t i = 0; i < c->place_count; i++)
        if (c->places[i].kind == STORE_ROOT)
            json_array_append_new(folders, output_json_string(c->places[i].path));
    for (size_t i = 0; i < c->failure_count; i++)
        json_array_append_new(failures, json_pack("{s:o, s:o}", "path",
                                                  output_json_string(c->failures[i].path), "reason",
                                                  output_json_string(c->failures[i].reason)));
    const struct store_summary *s = &c->summary;
    return output_json(json_pack("{s:I, s:I, s:I, s:I, s:I, s:i, s:o, s:o, s:o, s:o}", "photos",
                                 (json_int_t)s->photos, "files", (json_int_t)s->files, "classified",
                                 (json_int_t)s->labelled, "photo_bytes", (json_int_t)s->file_bytes,
                                 "library_bytes", (json_int_t)s->library_bytes, "schema",
                                 s->schema_version, "models", models, "folders", folders,
                                 "failures", failures, "indexers", indexers),
                       err);
}

static void print_errors(const struct contents *c)
{
    for (size_t i = 0; i < c->failure_count; i++) {
        output_name(c->failures[i].path);
        output_text(": ");
        output_name(c->failures[i].reason);
        output_text("\n");
    }
    if (c->failure_count == 0)
        output_text("every file could be read\n");
}

static const char *plural(int64_t n)
{
    return n == 1 ? "" : "s";
}

/* "3.2 GB", in steps of 1000. */
static void print_size(int64_t bytes)
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB"};
    double size = (double)bytes;
    size_t unit = 0;
    for (; size >= 1000 && unit < sizeof units / sizeof *units - 1; unit++)
        size /= 1000;
    output_format("%.*f %s", unit > 0, size, units[unit]);
}

/* Which vectors the next search takes, and what the others are: several may be of one name. */
static void print_use(const struct contents *c, size_t i)
{
    const struct store_model *model = &c->models[i];
    struct model_info active = {.image_size = 1};
    if (model->active && c->model_count > 1)
        output_text(", answers");
    else if (!model->active && !c->models[0].active)
        output_text(", does not answer: index with it");
    if (i == 0 || strcmp(model->name, c->models[0].name) != 0)
        return;
    snprintf(active.fingerprint, sizeof active.fingerprint, "%s", c->models[0].fingerprint);
    output_text(model_size_of(&active, model->fingerprint) ? ", from pictures of another size"
                                                           : ", of other files");
    output_format(" (%.8s)", model->fingerprint);
}

static void print_folders(const struct contents *c)
{
    struct stat st;
    for (size_t i = 0; i < c->place_count; i++) {
        if (c->places[i].kind != STORE_ROOT)
            continue;
        output_text("folder ");
        output_name(c->places[i].path);
        output_text(stat(c->places[i].path, &st) == 0 ? "\n" : " (not there now)\n");
    }
}

static void print_indexers(const struct contents *c)
{
    for (size_t i = 0; i < c->indexer_count; i++) {
        const struct store_indexer *x = &c->indexers[i];
        output_format("indexing: process %lld on ", (long long)x->pid);
        output_name(x->host);
        output_format(", for %.0f s: %lld of its %lld files done here, %lld in hand\n", x->since_s,
                      (long long)x->so_far.done, (long long)x->so_far.todo, (long long)x->in_hand);
    }
}

static void print_summary(const struct contents *c)
{
    const struct store_summary *s = &c->summary;
    output_format("%lld photograph%s (", (long long)s->photos, plural(s->photos));
    print_size(s->file_bytes);
    output_format(") in %lld file%s; %lld classified\n", (long long)s->files, plural(s->files),
                  (long long)s->labelled);
    for (size_t i = 0; i < c->model_count; i++) {
        output_text("model ");
        output_name(c->models[i].name);
        output_format(": %lld of %lld photograph%s, %d dimensions",
                      (long long)c->models[i].embeddings, (long long)s->photos, plural(s->photos),
                      c->models[i].dim);
        print_use(c, i);
        if (c->indexes && c->indexes[i].there)
            output_format(", HNSW index (m %d, ef_construction %d)", c->indexes[i].m,
                          c->indexes[i].ef_construction);
        output_text("\n");
    }
    print_folders(c);
    print_indexers(c);
    output_text("library: ");
    print_size(s->library_bytes);
    output_format(", schema %d\n", s->schema_version);
    if (c->failure_count)
        output_format("%zu file%s could not be read; `fovea status --errors` says why\n",
                      c->failure_count, plural((int64_t)c->failure_count));
}

static enum status run(const void *arguments, struct err *err)
{
    const struct status_args *args = arguments;
    struct store *store = NULL;
    struct contents contents = {0};
    enum status status = library_open(&store, args->library, STORE_READ, false, err);
    if (status == OK)
        status = read_contents(store, &contents, err);
    if (status == OK && args->json)
        status = print_json(&contents, err);
    else if (status == OK && args->errors)
        print_errors(&contents);
    else if (status == OK)
        print_summary(&contents);
    free(contents.models);
    free(contents.indexes);
    free(contents.failures);
    free(contents.places);
    free(contents.indexers);
    store_close(store);
    return status;
}

const struct command command_status = {
    .name = "status",
    .summary = "show what the library holds",
    .about =
        "Counts the photographs, the files they were seen at, how many of them each model has "
        "vectors of and which model answers, and the files that could not be used; lists the "
        "folders that `fovea index` looks at, and who indexes a library in PostgreSQL just now.",
    .options = options,
    .examples = examples,
    .args_size = sizeof(struct status_args),
    .run = run,
};
