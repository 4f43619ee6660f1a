/* SPDX-License-Identifier: MIT
 *
 * fovea bench: how close this machine comes to its own limits, as ratios measured in one run; and
 * what the faster ways cost in accuracy on the user's own photographs.
 *
 * Order matters: processes of their own come first, while this one is small (bench_child.h), then
 * one model after the other, so that there is memory for the largest.
 */
#include "cli/bench_child.h"
#include "cli/bench_output.h"
#include "cli/commands.h"
#include "cli/decoder_args.h"
#include "cli/library_args.h"
#include "cli/model_args.h"
#include "cli/output.h"

#include "base/cpu.h"
#include "image/image.h"
#include "library/sample.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOWER_BATCH = 8, PHOTOS = 60, PHOTOS_FOR_ACCURACY = 200 };

struct bench_args {
    const char *model, *arch, *categories;
    int batch, threads, rounds, limit, image_size;
    int precision; /* of choices */
    double seconds;
    bool no_sandbox, accuracy, scan, offline, yes, json;
    int rows, dim, queries; /* of --scan */
    uint64_t seed;
    struct operands roots;
};

/* enum precision, and one more. */
enum { PRECISION_ALL = PRECISION_COUNT };
static const char *const choices[] = {
    [PRECISION_AUTO] = "auto", [PRECISION_F32] = "f32", [PRECISION_BF16] = "bf16",
    [PRECISION_INT8] = "int8", [PRECISION_ALL] = "all", NULL};

static const enum precision all[] = {PRECISION_F32, PRECISION_BF16, PRECISION_INT8};
enum { ALL = sizeof all / sizeof *all };

static const struct option options[] = {
    OPTION_MODEL(struct bench_args),
    OPTION_ARCH(struct bench_args),
    OPTION_IMAGE_SIZE(struct bench_args),
    {.name = "precision",
     .kind = OPTION_CHOICE,
     .argument = "P",
     .offset = offsetof(struct bench_args, precision),
     .fallback = "auto",
     .choices = choices,
     .help = "of the model's matrix products, as of fovea index; all: one after the other"},
    OPTION_OFFLINE(struct bench_args),
    OPTION_YES(struct bench_args),
    {.name = "batch",
     .kind = OPTION_INT,
     .argument = "N",
     .offset = offsetof(struct bench_args, batch),
     .fallback = "0",
     .min = 0,
     .max = 256,
     .help = "pictures per forward pass; 0: 8 for the tower, and for indexing what fovea index "
             "chooses"},
    OPTION_THREADS(struct bench_args),
    {.name = "seconds",
     .kind = OPTION_DOUBLE,
     .argument = "S",
     .offset = offsetof(struct bench_args, seconds),
     .fallback = "3",
     .min = 0,
     .max = 3600,
     .help = "how long to measure each tower, at least"},
    {.name = "rounds",
     .kind = OPTION_INT,
     .argument = "N",
     .offset = offsetof(struct bench_args, rounds),
     .fallback = "3",
     .min = 1,
     .max = 100,
     .help = "how often to index the photographs; times are the fastest, ratios the median"},
    {.name = "limit",
     .kind = OPTION_INT,
     .argument = "N",
     .offset = offsetof(struct bench_args, limit),
     .fallback = "0",
     .min = 0,
     .max = SAMPLE_MAX,
     .help = "photographs to use, spread evenly over the folders; 0: 60, with --accuracy 200"},
    {.name = "accuracy",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct bench_args, accuracy),
     .help = "instead of speed: cosine and best category of every precision and of fast decoding, "
             "against f32 and exact decoding"},
    {.name = "categories",
     .kind = OPTION_STRING,
     .argument = "FILE",
     .offset = offsetof(struct bench_args, categories),
     .help = "with --accuracy, as of fovea classify"},
    {.name = "scan",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct bench_args, scan),
     .help =
         "instead of the model: the exact scan against reading memory, and whether its best ten "
         "are those of a plain float32 scan, on vectors made up to lie as CLIP's do"},
    {.name = "rows",
     .kind = OPTION_INT,
     .argument = "N",
     .offset = offsetof(struct bench_args, rows),
     .fallback = "100000",
     .min = 1,
     .max = 100000000,
     .help = "with --scan: how many vectors"},
    {.name = "dim",
     .kind = OPTION_INT,
     .argument = "N",
     .offset = offsetof(struct bench_args, dim),
     .fallback = "1024",
     .min = 8,
     .max = 8192,
     .help = "with --scan: of how many components"},
    {.name = "queries",
     .kind = OPTION_INT,
     .argument = "N",
     .offset = offsetof(struct bench_args, queries),
     .fallback = "1000",
     .min = 1,
     .max = 100000,
     .help = "with --scan: for how many the answers are compared"},
    {.name = "seed",
     .kind = OPTION_SEED,
     .argument = "SEED",
     .offset = offsetof(struct bench_args, seed),
     .fallback = "1",
     .help = "with --scan: of the vectors"},
    OPTION_JSON(struct bench_args),
    OPTION_NO_SANDBOX(struct bench_args),
    OPTION_END,
};

static const struct example examples[] = {
    {"fovea bench --model ViT-B-32/openai --precision all",
     "both towers in every precision, and a search from a cold process"},
    {"fovea bench ~/Pictures/2024", "and indexing against decoding and the network alone"},
    {"fovea bench --accuracy ~/Pictures", "what bf16, int8 and fast decoding would change there"},
    {"fovea bench --scan --rows 1000000",
     "searching a million photographs; needs 3.3 GB of memory"},
    {NULL, NULL},
};

/* Set by Ctrl-C, so that temporary folders are removed. A second one ends the process at once. */
static atomic_bool cancelled;

static void on_interrupt(int number)
{
    atomic_store(&cancelled, true);
    signal(number, SIG_DFL);
}

static enum status check_cancelled(struct err *err)
{
    return atomic_load(&cancelled) ? err_set(err, ERR_CANCELLED, "stopped") : OK;
}

struct work {
    const struct bench_args *args;
    const char **roots; /* [args->roots.count] */
    struct sample sample;
    bool loaded; /* the sample's photographs are decoded */
    struct bench_results results;
    char *model; /* its name */
};

static enum status open_model(const struct bench_args *args, enum precision precision,
                              struct model **out, struct err *err)
{
    const struct model_request request = {.name = args->model,
                                          .arch = args->arch,
                                          .towers = MODEL_BOTH,
                                          .image_size = args->image_size,
                                          .precision = precision,
                                          .threads = args->threads,
                                          .offline = args->offline,
                                          .yes = args->yes,
                                          .json = args->json};
    return model_open_named(out, &request, err);
}

static enum status keep_name(struct work *w, const struct model *model, struct err *err)
{
    free(w->model);
    w->model = strdup(model_info(model)->name);
    return w->model ? OK : err_no_memory(err, "the model's name", 1);
}

/* ---- speed ---- */

/* Fetches the model if it is not here, and says what is wrong with it; opening computes nothing. */
static enum status try_model(const struct bench_args *args, struct err *err)
{
    struct model *model;
    enum status status = open_model(args, PRECISION_AUTO, &model, err);
    if (status == OK)
        model_close(model);
    return status;
}

static enum status run_children(struct work *w, struct bench_run *run, struct err *err)
{
    const struct bench_child_options how = {.model = w->args->model,
                                            .arch = w->args->arch,
                                            .image_size = w->args->image_size,
                                            .precision = run->precision,
                                            .threads = w->args->threads,
                                            .paths = w->sample.paths,
                                            .count = w->sample.count};
    enum status status = check_cancelled(err);
    if (status == OK)
        status = bench_children_run(&how, &run->children, err);
    run->has_children = status == OK;
    return status == ERR_UNSUPPORTED ? OK : status;
}

static enum status measure_index(struct work *w, const struct model *model, struct bench_run *run,
                                 struct err *err)
{
    const struct bench_index_options how = {.threads = w->args->threads,
                                            .batch = w->args->batch,
                                            .rounds = w->args->rounds,
                                            .cancel = &cancelled};
    enum status status = check_cancelled(err);
    if (status == OK && !w->loaded)
        status = sample_load(&w->sample, &model_info(model)->preprocess, w->results.threads, err);
    w->loaded = status == OK;
    if (status == OK)
        status = bench_index(model, &w->sample, &how, &run->index, err);
    run->has_index = status == OK;
    return status;
}

static enum status measure(struct work *w, struct bench_run *run, struct err *err)
{
    const struct bench_args *args = w->args;
    struct model *model = NULL;
    enum status status = check_cancelled(err);
    if (status == OK)
        status = open_model(args, run->precision, &model, err);
    if (status == OK)
        status = keep_name(w, model, err);
    if (status == OK) {
        run->precision = model_info(model)->precision;
        status = bench_image_tower(model, args->batch ? args->batch : TOWER_BATCH, args->threads,
                                   args->seconds, &run->tower, err);
    }
    if (status == OK)
        status = bench_text_tower(model, args->threads, args->seconds, &run->text, err);
    if (status == OK && args->roots.count > 0)
        status = measure_index(w, model, run, err);
    model_close(model);
    return status;
}

static enum status measure_speed(struct work *w, struct err *err)
{
    struct bench_results *r = &w->results;
    bool every = w->args->precision == PRECISION_ALL;
    enum status status = OK;
    r->threads = w->args->threads > 0 ? w->args->threads : cpu_cores();
    r->count = every ? ALL : 1;
    if (w->args->roots.count > 0)
        status = sample_choose(&w->sample, w->roots, w->args->roots.count,
                               (size_t)(w->args->limit ? w->args->limit : PHOTOS), err);
    if (status == OK)
        status = try_model(w->args, err);
    for (int i = 0; status == OK && i < r->count; i++) {
        r->runs[i].precision = every ? all[i] : (enum precision)w->args->precision;
        status = run_children(w, &r->runs[i], err);
    }
    if (status == OK)
        status = decoder_room_open(w->args->no_sandbox, err);
    if (status != OK)
        return status;
    for (int i = 0; status == OK && i < r->count; i++)
        status = measure(w, &r->runs[i], err);
    image_room_close();
    r->model = w->model;
    if (status == OK && w->args->json)
        status = bench_print_json(r, err);
    else if (status == OK)
        bench_print(r);
    return status;
}

/* ---- accuracy ---- */

/* f32 first, then what was asked for; auto asks for all. */
static size_t precisions_to_compare(const struct bench_args *args, enum precision list[ALL])
{
    size_t count = 0;
    bool every = args->precision == PRECISION_ALL || args->precision == PRECISION_AUTO;
    for (size_t i = 0; i < ALL; i++)
        if (every || all[i] == PRECISION_F32 || (int)all[i] == args->precision)
            list[count++] = all[i];
    return count;
}

struct comparison {
    struct work *work;
    enum precision precisions[ALL];
    size_t count;
};

static enum status open_to_compare(void *context, size_t precision, struct model **out,
                                   struct err *err)
{
    struct comparison *c = context;
    enum status status = open_model(c->work->args, c->precisions[precision], out, err);
    return status == OK ? keep_name(c->work, *out, err) : status;
}

static enum status measure_accuracy(struct work *w, struct err *err)
{
    const struct bench_args *args = w->args;
    struct comparison comparison = {.work = w};
    struct categories categories = {0};
    struct accuracy_report report;
    comparison.count = precisions_to_compare(args, comparison.precisions);
    enum status status = args->categories ? categories_read(&categories, args->categories, err)
                                          : categories_default(&categories, err);
    const struct accuracy_options how = {
        .roots = w->roots,
        .root_count = args->roots.count,
        .limit = (size_t)(args->limit ? args->limit : PHOTOS_FOR_ACCURACY),
        .threads = args->threads,
        .categories = &categories,
        .open = open_to_compare,
        .context = &comparison,
        .precision_count = comparison.count,
    };
    if (status == OK)
        status = decoder_room_open(args->no_sandbox, err);
    if (status == OK) {
        status = bench_accuracy(&how, &report, err);
        image_room_close();
    }
    if (status == OK && args->json)
        status =
            accuracy_print_json(w->model, &report, comparison.precisions, comparison.count, err);
    else if (status == OK)
        accuracy_print(w->model, &report, comparison.precisions, comparison.count);
    categories_free(&categories);
    return status;
}

/* ---- the scan ---- */

static enum status measure_scan(const struct bench_args *args, struct err *err)
{
    const struct bench_scan_options how = {.rows = (size_t)args->rows,
                                           .dim = args->dim,
                                           .threads = args->threads,
                                           .queries = (size_t)args->queries,
                                           .seconds = args->seconds,
                                           .seed = args->seed,
                                           .cancel = &cancelled};
    struct bench_scan result;
    enum status status = bench_scan(&how, &result, err);
    if (status == OK && args->json)
        status = bench_scan_print_json(&result, err);
    else if (status == OK)
        bench_scan_print(&result);
    return status;
}

static enum status check(const struct bench_args *args, struct err *err)
{
    if (args->scan && (args->accuracy || args->roots.count > 0))
        return err_set(err, ERR_ARGUMENT,
                       "--scan makes its own vectors: leave --accuracy and the folders out");
    if (args->accuracy && args->roots.count == 0)
        return err_set(err, ERR_ARGUMENT,
                       "--accuracy compares photographs; give a folder of your own: fovea bench "
                       "--accuracy DIR");
    if (args->categories && !args->accuracy)
        return err_set(err, ERR_ARGUMENT, "--categories belongs to --accuracy");
    return OK;
}

static enum status run(const void *arguments, struct err *err)
{
    struct work work = {.args = arguments};
    enum status status = check(work.args, err);
    signal(SIGINT, on_interrupt);
    signal(SIGTERM, on_interrupt);
    if (status == OK && work.args->scan)
        return measure_scan(work.args, err);
    if (status == OK)
        status = operands_texts(&work.args->roots, &work.roots, err);
    if (status == OK)
        status = work.args->accuracy ? measure_accuracy(&work, err) : measure_speed(&work, err);
    sample_close(&work.sample);
    free(work.roots);
    free(work.model);
    return status;
}

const struct command command_bench = {
    .name = "bench",
    .summary = "measure how close fovea comes to this machine's limits",
    .about =
        "Runs the image tower beside bare matrix products of the same shapes by oneDNN (or the "
        "CBLAS that is in its place), in the same run, and prints both rates and their ratio; then "
        "a short and a full text; and starts searches of their own on a temporary library, for the "
        "time from nothing and the memory. With folders of photographs it also indexes them into a "
        "temporary library "
        "and compares that with decoding alone plus the network alone, for exact and for fast "
        "decoding.\n\n"
        "With --accuracy it says instead what the faster ways would change: the cosine of their "
        "vectors to those of f32 and exact decoding, and how often the best category is the same, "
        "on photographs of yours.\n\n"
        "With --scan it measures searching instead: the exact scan beside plain reading of the "
        "same "
        "memory, by turns, and compares the best ten of many queries with those of a plain scan.",
    .options = options,
    .examples = examples,
    .operand = "DIR",
    .operands_min = 0,
    .operands_offset = offsetof(struct bench_args, roots),
    .args_size = sizeof(struct bench_args),
    .run = run,
};
