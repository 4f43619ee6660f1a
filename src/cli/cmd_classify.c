/* SPDX-License-Identifier: MIT
 *
 * fovea classify: sort the library's photographs into categories described in plain English.
 */
#include "cli/commands.h"
#include "cli/filter_args.h"
#include "cli/library_args.h"
#include "cli/model_args.h"
#include "cli/output.h"
#include "cli/report.h"

#include "base/cpu.h"
#include "base/file.h"
#include "kern/kernels.h"
#include "library/categories.h"
#include "library/classify.h"
#include "library/place.h"
#include "library/sidecars.h"
#include "library/snapshot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CSV_LIMIT ((size_t)4 << 30)

struct classify_args {
    const char *library, *model, *arch, *categories, *set, *csv, *relative_to, *copy_to, *link_to;
    const char *xmp_prefix, *drop;
    double uncertain_margin, none_below, multi;
    int image_size, precision;
    bool offline, yes, json, xmp, xmp_dry_run, list_sets;
    struct filter_args filter;
};

static const struct option options[] = {
    OPTION_LIBRARY(struct classify_args),
    OPTION_LIBRARY_MODEL(struct classify_args),
    OPTION_ARCH(struct classify_args),
    OPTION_IMAGE_SIZE(struct classify_args),
    OPTION_PRECISION(struct classify_args),
    OPTION_OFFLINE(struct classify_args),
    OPTION_YES(struct classify_args),
    {.name = "categories",
     .kind = OPTION_STRING,
     .argument = "FILE",
     .offset = offsetof(struct classify_args, categories),
     .help = "JSON: {\"name\": [\"prompt\", ...], ...}; without it six landscape categories"},
    {.name = "set",
     .kind = OPTION_STRING,
     .argument = "NAME",
     .offset = offsetof(struct classify_args, set),
     .help =
         "the name under which the result is kept; without it the categories file's, or default"},
    {.name = "csv",
     .kind = OPTION_STRING,
     .argument = "FILE",
     .offset = offsetof(struct classify_args, csv),
     .help = "write the table there; - for stdout"},
    {.name = "relative-to",
     .kind = OPTION_STRING,
     .argument = "DIR",
     .offset = offsetof(struct classify_args, relative_to),
     .help = "shorten the paths of the CSV below this folder"},
    {.name = "copy-to",
     .kind = OPTION_STRING,
     .argument = "DIR",
     .offset = offsetof(struct classify_args, copy_to),
     .help = "copy each photograph into a folder per category below DIR"},
    {.name = "link-to",
     .kind = OPTION_STRING,
     .argument = "DIR",
     .offset = offsetof(struct classify_args, link_to),
     .help = "the same with symbolic links"},
    {.name = "xmp",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct classify_args, xmp),
     .help = "write the categories as keywords into XMP sidecars beside the photographs"},
    {.name = "xmp-prefix",
     .kind = OPTION_STRING,
     .argument = "NAME",
     .offset = offsetof(struct classify_args, xmp_prefix),
     .fallback = "fovea",
     .help = "the branch of the hierarchical keywords that is this classification's"},
    {.name = "xmp-dry-run",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct classify_args, xmp_dry_run),
     .help = "show what --xmp would change, and change nothing"},
    {.name = "uncertain-margin",
     .kind = OPTION_DOUBLE,
     .argument = "X",
     .offset = offsetof(struct classify_args, uncertain_margin),
     .fallback = "0.05",
     .min = 0,
     .max = 1,
     .help = "first minus second below this is uncertain"},
    {.name = "none-below",
     .kind = OPTION_DOUBLE,
     .argument = "COSINE",
     .offset = offsetof(struct classify_args, none_below),
     .min = -1,
     .max = 1,
     .help = "\"" NONE_OF_THESE "\" when even the best cosine is below this"},
    {.name = "multi",
     .kind = OPTION_DOUBLE,
     .argument = "COSINE",
     .offset = offsetof(struct classify_args, multi),
     .min = -1,
     .max = 1,
     .help = "beside the best category all others whose cosine is at least this"},
    {.name = "list-sets",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct classify_args, list_sets),
     .help = "list the sets of categories that the library has results of, and do nothing else"},
    {.name = "drop",
     .kind = OPTION_STRING,
     .argument = "SET",
     .offset = offsetof(struct classify_args, drop),
     .help = "forget the results of that set, and do nothing else"},
    OPTION_FILTERS(struct classify_args),
    OPTION_JSON(struct classify_args),
    OPTION_END,
};

static const struct example examples[] = {
    {"fovea classify --csv results.csv", "the default categories, as a table"},
    {"fovea classify --categories wedding.json --link-to sorted", "your own, as folders of links"},
    {"fovea classify --xmp --xmp-dry-run", "which keywords would go into which sidecars"},
    {NULL, NULL},
};

/* Everything a classification needs, opened in this order and closed in the other. */
struct work {
    struct store *store;
    struct model *model;
    int64_t model_id;
    struct session *session; /* NULL: the categories' vectors were kept */
    char set[STORE_SET_MAX + 1];
    struct categories categories;
    struct store_matrix matrix;
    float *vectors; /* [categories, D] */
    struct classification result;
    struct row_set passing;
    const struct row_set *shown; /* what the filters let pass; NULL: everything */
};

static enum status open_work(struct work *work, const struct classify_args *args, struct err *err)
{
    const struct model_request request = {.name = args->model,
                                          .arch = args->arch,
                                          .towers = MODEL_TEXT,
                                          .image_size = args->image_size,
                                          .precision = (enum precision)args->precision,
                                          .offline = args->offline,
                                          .yes = args->yes,
                                          .json = args->json};
    enum status status = args->categories
                             ? categories_read(&work->categories, args->categories, err)
                             : categories_default(&work->categories, err);
    if (status == OK)
        status = library_open(&work->store, args->library, STORE_WRITE, false, err);
    if (status == OK)
        status = library_model_open(work->store, &request, &work->model, &work->model_id, err);
    if (status == OK)
        status = store_matrix_load(work->store, work->model_id, &work->matrix, err);
    return status;
}

static void close_work(struct work *work)
{
    row_set_close(&work->passing);
    classification_free(&work->result);
    free(work->vectors);
    store_matrix_free(&work->matrix);
    session_close(work->session);
    model_close(work->model);
    store_close(work->store);
    categories_free(&work->categories);
}

/* All photographs are classified; filters say which are shown, placed and given sidecars. */
static enum status filter_rows(struct work *work, const struct classify_args *args, struct err *err)
{
    struct filter_reading filter = {0};
    const struct snapshot *snapshot = NULL;
    struct row_set passing = {0};
    enum status status = filter_args_read(&filter, &args->filter, err);
    if (status != OK || filter.filter.count == 0) {
        filter_reading_close(&filter);
        return status;
    }
    status = snapshot_open(&snapshot, work->store, work->model_id, SNAPSHOT_BYTES_NEVER, NULL, err);
    if (status == OK)
        status = row_set_open(&passing, snapshot->matrix->count, true, err);
    if (status == OK)
        status = filter_apply(&filter.filter, snapshot, &passing, err);
    if (status == OK)
        status = row_set_open(&work->passing, work->matrix.count, false, err);
    for (size_t i = 0; status == OK && i < work->matrix.count; i++) {
        size_t row = snapshot_row_of(snapshot, work->matrix.photo_ids[i]);
        if (row != SNAPSHOT_NO_ROW && row_set_has(&passing, row))
            row_set_add(&work->passing, i);
    }
    work->shown = &work->passing;
    row_set_close(&passing);
    snapshot_unref(snapshot);
    filter_reading_close(&filter);
    return status;
}

static enum status name_set(struct work *work, const struct classify_args *args, struct err *err)
{
    if (!args->set) {
        classification_set_name(work->set, args->categories);
        return OK;
    }
    if (strlen(args->set) > STORE_SET_MAX)
        return err_set(err, ERR_ARGUMENT, "classify: the name of a set has %d bytes at the most",
                       STORE_SET_MAX);
    strcpy(work->set, args->set);
    return OK;
}

/* The text tower is only touched when a prompt is new. */
static enum status encode(struct work *work, struct err *err)
{
    const struct model_info *info = model_info(work->model);
    const struct session_options one_text = {.text_batch = 1};
    enum status status = category_vectors_load(work->store, work->model_id, work->set,
                                               &work->categories, info, work->vectors, err);
    if (status != ERR_NOT_FOUND)
        return status;
    status = session_open(&work->session, work->model, &one_text, err);
    if (status == OK)
        status = categories_encode(&work->categories, work->session, info, work->vectors, err);
    if (status == OK)
        status = category_vectors_keep(work->store, work->model_id, work->set, &work->categories,
                                       info, work->vectors, err);
    return status;
}

static enum status classify(struct work *work, const struct classify_args *args, struct err *err)
{
    const struct model_info *info = model_info(work->model);
    size_t size = work->categories.count * (size_t)info->embed_dim * sizeof *work->vectors;
    work->vectors = malloc(size);
    if (!work->vectors)
        return err_no_memory(err, "the categories", size);
    unsigned flags;
    enum status status = cpu_flags(&flags, err);
    if (status == OK)
        status = encode(work, err);
    if (status != OK)
        return status;
    struct kernels kernels;
    kernels_init(&kernels, flags);
    const struct classify_options how = {
        .uncertain_margin = args->uncertain_margin,
        .none_below = args->none_below,
        .several = !isnan(args->multi),
        .several_from = args->multi,
    };
    return classify_run(&work->result, &kernels, &work->matrix, work->vectors,
                        work->categories.count, info->logit_scale, &how, err);
}

static enum status write_csv(const struct work *work, const struct classify_args *args,
                             struct err *err)
{
    struct str text = str_new(CSV_LIMIT);
    char *base = args->relative_to ? realpath(args->relative_to, NULL) : NULL;
    enum status status =
        classification_csv(&work->result, &work->matrix, &work->categories, work->shown,
                           base ? base : args->relative_to, &text, err);
    if (status == OK && strcmp(args->csv, "-") == 0)
        output_text(str_text(&text));
    else if (status == OK)
        status = file_write(args->csv, str_text(&text), text.size, err);
    free(base);
    str_free(&text);
    return status;
}

/* With --multi: every category, the best first. */
static json_t *names_of(const struct work *work, size_t row)
{
    const int *also, main = work->result.verdicts[row].category;
    size_t count = classification_also(&work->result, row, &also);
    json_t *names = json_array();
    if (main >= 0)
        json_array_append_new(names, json_string(work->categories.items[main].name));
    for (size_t k = 0; k < count; k++)
        json_array_append_new(names, json_string(work->categories.items[also[k]].name));
    return names;
}

static bool is_shown(const struct work *work, size_t row)
{
    return !work->shown || row_set_has(work->shown, row);
}

static enum status print_json(const struct work *work, struct err *err)
{
    const struct classification *c = &work->result;
    json_t *rows = json_array();
    for (size_t i = 0; i < c->count; i++) {
        if (!is_shown(work, i))
            continue;
        const struct verdict *v = &c->verdicts[i];
        json_t *scores = json_object(), *cosines = json_object(), *row = json_object();
        for (size_t k = 0; k < c->category_count; k++) {
            const char *name = work->categories.items[k].name;
            size_t cell = i * c->category_count + k;
            json_object_set_new(scores, name, output_json_float(c->probabilities[cell]));
            json_object_set_new(cosines, name, output_json_float(c->cosines[cell]));
        }
        json_object_set_new(row, "path", output_json_string(work->matrix.paths[i]));
        json_object_set_new(row, "category",
                            json_string(classification_name(c, &work->categories, i)));
        if (c->also)
            json_object_set_new(row, "categories", names_of(work, i));
        json_object_set_new(row, "confidence", json_real(v->confidence));
        json_object_set_new(row, "margin", json_real(v->margin));
        json_object_set_new(row, "uncertain", json_boolean(v->uncertain));
        json_object_set_new(row, "scores", scores);
        json_object_set_new(row, "cosines", cosines);
        json_array_append_new(rows, row);
    }
    json_t *answer = json_object();
    json_object_set_new(answer, "model", output_json_string(model_info(work->model)->name));
    json_object_set_new(answer, "set", json_string(work->set));
    json_object_set_new(answer, "photos", rows);
    return output_json(answer, err);
}

static void print_counts(const struct work *work)
{
    const struct classification *c = &work->result;
    size_t none = 0, uncertain = 0, shown = 0;
    size_t *counts = calloc(c->category_count + 1, sizeof *counts);
    if (!counts)
        return;
    for (size_t i = 0; i < c->count; i++) {
        const int *also;
        size_t also_count = classification_also(c, i, &also);
        if (!is_shown(work, i))
            continue;
        shown++;
        uncertain += c->verdicts[i].uncertain;
        if (c->verdicts[i].category < 0)
            none++;
        else
            counts[c->verdicts[i].category]++;
        for (size_t k = 0; k < also_count; k++)
            counts[also[k]]++;
    }
    for (size_t k = 0; k < c->category_count; k++) {
        output_format("%7zu  ", counts[k]);
        output_name(work->categories.items[k].name);
        output_text("\n");
    }
    if (none)
        output_format("%7zu  " NONE_OF_THESE "\n", none);
    output_format("%zu photograph%s, %zu uncertain\n", shown, shown == 1 ? "" : "s", uncertain);
    free(counts);
}

/* Photographs that have no category because they could not be read, by name. */
static enum status print_failures(const struct work *work, struct err *err)
{
    struct store_failure *failures = NULL;
    size_t count = 0;
    enum status status = store_failures(work->store, &failures, &count, err);
    if (status != OK)
        return status;
    for (size_t i = 0; i < count; i++) {
        output_text("failed: ");
        output_name(failures[i].path);
        output_text(": ");
        output_name(failures[i].reason);
        output_text("\n");
    }
    free(failures);
    return OK;
}

static enum status place_photos(const struct work *work, const char *dir, enum place_how how,
                                struct err *err)
{
    const struct place_to to = {dir, how};
    struct place_report report;
    enum status status = place_by_category(&work->result, &work->matrix, &work->categories,
                                           work->shown, &to, &report, err);
    if (status == OK && report.failed > 0)
        status =
            err_set(err, ERR_IO, "%zu of %zu photographs could not be put below %s; the first: %s",
                    report.failed, report.failed + report.placed + report.already_there, dir,
                    report.first_failure);
    return status;
}

static void print_lines(const char *sign, const struct str *lines)
{
    for (const char *line = str_text(lines); *line;) {
        size_t size = strcspn(line, "\n");
        char name[XMP_KEYWORD_MAX * 4];
        snprintf(name, sizeof name, "%.*s", (int)size, line);
        output_text(sign);
        output_name(name);
        output_text("\n");
        line += size + (line[size] == '\n');
    }
}

static void print_change(void *context, const char *sidecar, const struct xmp_change *change)
{
    (void)context;
    output_name(sidecar);
    output_text("\n");
    print_lines("  - ", &change->removed);
    print_lines("  + ", &change->added);
}

static enum status write_sidecars(const struct work *work, const struct classify_args *args,
                                  struct err *err)
{
    bool quiet = args->json || (args->csv && strcmp(args->csv, "-") == 0);
    const struct sidecar_options how = {.prefix = args->xmp_prefix,
                                        .rows = work->shown,
                                        .dry_run = args->xmp_dry_run,
                                        .on_change = args->xmp_dry_run ? print_change : NULL};
    struct sidecar_report report;
    enum status status = sidecars_write(&work->result, &work->matrix, &work->categories,
                                        work->store, &how, &report, err);
    if (status == OK && !quiet)
        output_format("%zu sidecar%s %s, %zu unchanged\n", report.written,
                      report.written == 1 ? "" : "s",
                      args->xmp_dry_run ? "would change" : "written", report.unchanged);
    if (status == OK && report.failed > 0)
        status = err_set(err, ERR_IO, "%zu sidecar%s could not be written; the first: %s",
                         report.failed, report.failed == 1 ? "" : "s", report.first_failure);
    return status;
}

static enum status print(const struct work *work, const struct classify_args *args, struct err *err)
{
    if (args->json)
        return print_json(work, err);
    /* The table on stdout is for a program to read: nothing else is mixed into it. */
    if (args->csv && strcmp(args->csv, "-") == 0)
        return OK;
    print_counts(work);
    return print_failures(work, err);
}

static enum status publish(const struct work *work, const struct classify_args *args,
                           struct err *err)
{
    enum status status = classification_keep(&work->result, work->store, work->model_id, work->set,
                                             &work->matrix, &work->categories, NULL, err);
    if (status == OK && args->csv)
        status = write_csv(work, args, err);
    /* Printed before any photograph is placed: that may fail for some of them. */
    if (status == OK)
        status = print(work, args, err);
    if (status == OK && args->copy_to)
        status = place_photos(work, args->copy_to, PLACE_COPY, err);
    if (status == OK && args->link_to)
        status = place_photos(work, args->link_to, PLACE_LINK, err);
    if (status == OK && (args->xmp || args->xmp_dry_run))
        status = write_sidecars(work, args, err);
    return status;
}

/* --- sets ------------------------------------------------------------------------------------ */

static enum status print_sets_json(const struct store_label_set *sets, size_t count,
                                   struct err *err)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *set = json_object(), *names = json_array();
        for (size_t k = 0; k < sets[i].category_count; k++)
            json_array_append_new(names, output_json_string(sets[i].categories[k]));
        json_object_set_new(set, "set", output_json_string(sets[i].name));
        json_object_set_new(set, "photos", json_integer((json_int_t)sets[i].labels));
        json_object_set_new(set, "made_at", json_integer((json_int_t)sets[i].made_at));
        json_object_set_new(set, "categories", names);
        json_array_append_new(list, set);
    }
    json_t *answer = json_object();
    json_object_set_new(answer, "sets", list);
    return output_json(answer, err);
}

static enum status list_sets(struct store *store, int64_t model_id, bool json, struct err *err)
{
    struct store_label_set *sets = NULL;
    size_t count = 0;
    enum status status = store_label_sets(store, model_id, &sets, &count, err);
    if (status != OK)
        return status;
    if (json)
        status = print_sets_json(sets, count, err);
    for (size_t i = 0; i < count && !json; i++) {
        output_name(sets[i].name);
        output_format("  %lld photographs, %zu categories:", (long long)sets[i].labels,
                      sets[i].category_count);
        for (size_t k = 0; k < sets[i].category_count; k++) {
            output_text(k ? ", " : " ");
            output_name(sets[i].categories[k]);
        }
        output_text("\n");
    }
    store_label_sets_free(sets, count);
    return status;
}

static enum status run_sets(const struct classify_args *args, struct err *err)
{
    struct store *store = NULL;
    struct store_model model = {0};
    enum status status =
        library_open(&store, args->library, args->drop ? STORE_WRITE : STORE_READ, false, err);
    if (status == OK)
        status = library_model_stored(store, args->model, &model, err);
    if (status == OK && args->drop)
        status = classification_drop(store, model.id, args->drop, err);
    if (status == OK && args->list_sets)
        status = list_sets(store, model.id, args->json, err);
    store_close(store);
    return status;
}

static enum status run(const void *arguments, struct err *err)
{
    const struct classify_args *args = arguments;
    if (args->json && args->csv && strcmp(args->csv, "-") == 0)
        return err_set(err, ERR_ARGUMENT, "classify: --json and --csv - both want stdout; use one");
    if (args->xmp_dry_run && (args->json || (args->csv && strcmp(args->csv, "-") == 0)))
        return err_set(err, ERR_ARGUMENT,
                       "classify: --xmp-dry-run prints what would change; leave out %s",
                       args->json ? "--json" : "--csv -");
    if (args->list_sets || args->drop)
        return run_sets(args, err);
    struct work work = {0};
    enum status status = name_set(&work, args, err);
    if (status == OK)
        status = open_work(&work, args, err);
    if (status == OK)
        status = filter_rows(&work, args, err);
    if (status == OK)
        status = classify(&work, args, err);
    if (status == OK)
        status = publish(&work, args, err);
    close_work(&work);
    return status;
}

const struct command command_classify = {
    .name = "classify",
    .summary = "sort the photographs into categories",
    .about =
        "Gives every photograph in the library the category whose prompts describe it best, with a "
        "confidence. A category is a name and a few phrases in plain English; the phrases' vectors "
        "are averaged. The result is kept in the library under the name of the set of categories "
        "(search --category uses it) and replaces the one before.\n\n"
        "The photographs are never touched. --xmp writes sidecars beside them: dc:subject, and "
        "under "
        "the prefix lr:hierarchicalSubject. Whatever else is in a sidecar stays as it is, and of "
        "the "
        "keywords only those change that fovea wrote (docs/classify.md).\n\n"
        "The CSV has the columns path, category, confidence, margin (first minus second), "
        "uncertain, and one for each category.",
    .options = options,
    .examples = examples,
    .args_size = sizeof(struct classify_args),
    .run = run,
};
