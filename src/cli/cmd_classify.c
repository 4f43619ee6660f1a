/* SPDX-License-Identifier: MIT
 *
 * fovea classify: sort the library's photographs into categories described in plain English.
 */
#include "cli/commands.h"
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

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CSV_LIMIT ((size_t)4 << 30)

struct classify_args {
    const char *library, *model, *arch, *categories, *csv, *relative_to, *copy_to, *link_to;
    double uncertain_margin, none_below;
    int image_size, precision;
    bool offline, yes, json;
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
    OPTION_JSON(struct classify_args),
    OPTION_END,
};

static const struct example examples[] = {
    {"fovea classify --csv results.csv", "the default categories, as a table"},
    {"fovea classify --categories wedding.json --link-to sorted", "your own, as folders of links"},
    {NULL, NULL},
};

/* Everything a classification needs, opened in this order and closed in the other. */
struct work {
    struct store *store;
    struct model *model;
    int64_t model_id;
    struct session *session;
    struct categories categories;
    struct store_matrix matrix;
    float *vectors; /* [categories, D] */
    struct classification result;
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
    const struct session_options one_text = {.text_batch = 1};
    if (status == OK)
        status = session_open(&work->session, work->model, &one_text, err);
    if (status == OK)
        status = store_matrix_load(work->store, work->model_id, &work->matrix, err);
    return status;
}

static void close_work(struct work *work)
{
    classification_free(&work->result);
    free(work->vectors);
    store_matrix_free(&work->matrix);
    session_close(work->session);
    model_close(work->model);
    store_close(work->store);
    categories_free(&work->categories);
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
        status = categories_encode(&work->categories, work->session, info, work->vectors, err);
    if (status != OK)
        return status;
    struct kernels kernels;
    kernels_init(&kernels, flags);
    const struct classify_options how = {args->uncertain_margin, args->none_below};
    return classify_run(&work->result, &kernels, &work->matrix, work->vectors,
                        work->categories.count, info->logit_scale, &how, err);
}

static enum status write_csv(const struct work *work, const struct classify_args *args,
                             struct err *err)
{
    struct str text = str_new(CSV_LIMIT);
    char *base = args->relative_to ? realpath(args->relative_to, NULL) : NULL;
    enum status status = classification_csv(&work->result, &work->matrix, &work->categories,
                                            base ? base : args->relative_to, &text, err);
    if (status == OK && strcmp(args->csv, "-") == 0)
        output_text(str_text(&text));
    else if (status == OK)
        status = file_write(args->csv, str_text(&text), text.size, err);
    free(base);
    str_free(&text);
    return status;
}

static enum status print_json(const struct work *work, struct err *err)
{
    const struct classification *c = &work->result;
    json_t *rows = json_array();
    for (size_t i = 0; i < c->count; i++) {
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
        json_object_set_new(row, "confidence", json_real(v->confidence));
        json_object_set_new(row, "margin", json_real(v->margin));
        json_object_set_new(row, "uncertain", json_boolean(v->uncertain));
        json_object_set_new(row, "scores", scores);
        json_object_set_new(row, "cosines", cosines);
        json_array_append_new(rows, row);
    }
    json_t *answer = json_object();
    json_object_set_new(answer, "model", output_json_string(model_info(work->model)->name));
    json_object_set_new(answer, "photos", rows);
    return output_json(answer, err);
}

static void print_counts(const struct work *work)
{
    const struct classification *c = &work->result;
    size_t none = 0, uncertain = 0;
    size_t *counts = calloc(c->category_count + 1, sizeof *counts);
    if (!counts)
        return;
    for (size_t i = 0; i < c->count; i++) {
        uncertain += c->verdicts[i].uncertain;
        if (c->verdicts[i].category < 0)
            none++;
        else
            counts[c->verdicts[i].category]++;
    }
    for (size_t k = 0; k < c->category_count; k++) {
        output_format("%7zu  ", counts[k]);
        output_name(work->categories.items[k].name);
        output_text("\n");
    }
    if (none)
        output_format("%7zu  " NONE_OF_THESE "\n", none);
    output_format("%zu photograph%s, %zu uncertain\n", c->count, c->count == 1 ? "" : "s",
                  uncertain);
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
        output_format(": %s\n", failures[i].reason);
    }
    free(failures);
    return OK;
}

static enum status place_photos(const struct work *work, const char *dir, enum place_how how,
                                struct err *err)
{
    struct place_report report;
    enum status status =
        place_by_category(&work->result, &work->matrix, &work->categories, dir, how, &report, err);
    if (status == OK && report.failed > 0)
        status =
            err_set(err, ERR_IO, "%zu of %zu photographs could not be put below %s; the first: %s",
                    report.failed, work->result.count, dir, report.first_failure);
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
    enum status status = classification_store(&work->result, work->store, work->model_id,
                                              &work->matrix, &work->categories, err);
    if (status == OK && args->csv)
        status = write_csv(work, args, err);
    /* Printed before any photograph is placed: that may fail for some of them. */
    if (status == OK)
        status = print(work, args, err);
    if (status == OK && args->copy_to)
        status = place_photos(work, args->copy_to, PLACE_COPY, err);
    if (status == OK && args->link_to)
        status = place_photos(work, args->link_to, PLACE_LINK, err);
    return status;
}

static enum status run(const void *arguments, struct err *err)
{
    const struct classify_args *args = arguments;
    if (args->json && args->csv && strcmp(args->csv, "-") == 0)
        return err_set(err, ERR_ARGUMENT, "classify: --json and --csv - both want stdout; use one");
    struct work work = {0};
    enum status status = open_work(&work, args, err);
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
        "are averaged. The result is kept in the library (search --category uses it) and replaces "
        "the one before.\n\n"
        "The CSV has the columns path, category, confidence, margin (first minus second), "
        "uncertain, and one for each category.",
    .options = options,
    .examples = examples,
    .args_size = sizeof(struct classify_args),
    .run = run,
};
