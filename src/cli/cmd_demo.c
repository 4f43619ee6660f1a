/* SPDX-License-Identifier: MIT
 *
 * fovea demo: a sample library, made, indexed, classified and searched, with what ships with the
 * program, and then shown in the browser. The steps are those of the other commands, each shown as
 * it would be typed.
 */
#include "cli/commands.h"
#include "cli/decoder_args.h"
#include "cli/demo_serve.h"
#include "cli/library_args.h"
#include "cli/model_args.h"
#include "cli/output.h"
#include "cli/report.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "base/file.h"
#include "base/progress.h"
#include "base/terminal.h"
#include "hub/shipped.h"
#include "image/image.h"
#include "kern/kernels.h"
#include "library/categories.h"
#include "library/classify.h"
#include "library/index.h"
#include "library/painted.h"
#include "library/search.h"
#include "library/thumbs.h"
#include "library/tree.h"
#include "search/query.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HITS = 3, NOTHING = 1 };

struct demo_args {
    const char *out, *model;
    int pictures, side, threads;
    uint64_t seed;
    double mixed, repeated;
    int show; /* of show_choices */
    bool keep, only_pictures, json;
};

enum show { SHOW_AUTO, SHOW_YES, SHOW_NO };
static const char *const show_choices[] = {"auto", "yes", "no", NULL};

static const struct option options[] = {
    {.name = "pictures",
     .short_name = 'n',
     .kind = OPTION_INT,
     .argument = "N",
     .offset = offsetof(struct demo_args, pictures),
     .fallback = "150",
     .min = 1,
     .max = PAINTED_MAX,
     .help = "how many pictures to make"},
    {.name = "out",
     .short_name = 'o',
     .kind = OPTION_STRING,
     .argument = "DIR",
     .offset = offsetof(struct demo_args, out),
     .help = "where to; without it a temporary folder, removed at the end"},
    {.name = "keep",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct demo_args, keep),
     .help = "do not remove the temporary folder"},
    {.name = "only-pictures",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct demo_args, only_pictures),
     .help = "make the pictures and stop there"},
    {.name = "serve",
     .kind = OPTION_CHOICE,
     .argument = "WHEN",
     .offset = offsetof(struct demo_args, show),
     .choices = show_choices,
     .fallback = "auto",
     .help = "show the library in the browser at the end, until Ctrl-C; auto: on a terminal"},
    {.name = "seed",
     .kind = OPTION_SEED,
     .argument = "N",
     .offset = offsetof(struct demo_args, seed),
     .fallback = "1",
     .help = "another number, other pictures; the same number, the same"},
    {.name = "side",
     .kind = OPTION_INT,
     .argument = "PIXELS",
     .offset = offsetof(struct demo_args, side),
     .fallback = "512",
     .min = 32,
     .max = PAINTED_SIDE_MAX,
     .help = "the shorter side of a picture"},
    {.name = "mixed",
     .kind = OPTION_DOUBLE,
     .argument = "PART",
     .offset = offsetof(struct demo_args, mixed),
     .fallback = "0.2",
     .min = 0,
     .max = 1,
     .help = "the part of the pictures that belong to two categories"},
    {.name = "repeated",
     .kind = OPTION_DOUBLE,
     .argument = "PART",
     .offset = offsetof(struct demo_args, repeated),
     .fallback = "0.08",
     .min = 0,
     .max = 1,
     .help = "the part that nearly repeats another picture"},
    {.name = "model",
     .short_name = 'm',
     .kind = OPTION_STRING,
     .argument = "MODEL",
     .offset = offsetof(struct demo_args, model),
     .fallback = MODEL_DEMO,
     .help = "another model than the one that comes with the program"},
    OPTION_THREADS(struct demo_args),
    OPTION_JSON(struct demo_args),
    OPTION_END,
};

static const struct example examples[] = {
    {"fovea demo", "everything once, in a temporary folder"},
    {"fovea demo --out ~/fovea-demo", "the same, to go on with afterwards"},
    {"fovea demo --pictures 1000 --out sample --only-pictures", "pictures and their captions"},
    {NULL, NULL},
};

/* Set by Ctrl-C. A second one ends the process at once. */
static atomic_bool cancelled;

static void on_interrupt(int number)
{
    atomic_store(&cancelled, true);
    signal(number, SIG_DFL);
}

/* One demonstration, opened in this order and closed in the other. */
struct work {
    const struct demo_args *args;
    struct str dir, pictures, library, thumbnails; /* paths */
    bool temporary;
    json_t *answer; /* with --json: everything that else is printed as it comes; or NULL */
    struct progress *progress;
    size_t shown;
    struct store *store;
    struct model *model;
    struct session *session;
    struct store_matrix matrix;
    struct kernels kernels;
    struct categories categories;
    struct classification labels;
    float *vectors; /* [categories, D] */
};

/* A step, as it would be typed. */
static void say_command(const struct work *work, const char *format, ...) PRINTF_LIKE(2, 3);
static void say_command(const struct work *work, const char *format, ...)
{
    char text[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (work->answer)
        return;
    output_format("\n$ %s\n", text);
    output_flush();
}

static enum status choose_dir(struct work *work, struct err *err)
{
    enum status status = OK;
    if (work->args->out) {
        str_put(&work->dir, work->args->out);
    } else {
        status = tree_make(&work->dir, "fovea-demo", err);
        work->temporary = status == OK;
    }
    if (status != OK)
        return status;
    path_join(&work->pictures, str_text(&work->dir), "pictures");
    path_join(&work->library, str_text(&work->dir), "library.db");
    path_join(&work->thumbnails, str_text(&work->dir), "thumbnails");
    return str_ok(&work->dir) && str_ok(&work->pictures) && str_ok(&work->library) &&
                   str_ok(&work->thumbnails)
               ? OK
               : err_set(err, ERR_ARGUMENT, "the folder's name is too long");
}

/* Without memory for a progress bar the work goes on without one. */
static void begin_progress(struct work *work, const char *label, const char *unit, size_t total)
{
    const struct progress_options look = {.label = label, .unit = unit, .total = total};
    struct err ignored;
    work->shown = 0;
    if (progress_open(&work->progress, &look, &ignored) != OK)
        work->progress = NULL;
}

static void end_progress(struct work *work)
{
    progress_close(work->progress);
    work->progress = NULL;
}

static void on_picture(void *context)
{
    struct work *work = context;
    if (work->progress)
        progress_add(work->progress, 1, 0);
}

static enum status make_pictures(struct work *work, struct err *err)
{
    const struct demo_args *args = work->args;
    const struct painted_options how = {
        .dir = str_text(&work->pictures),
        .count = (size_t)args->pictures,
        .seed = args->seed,
        .side = args->side,
        .threads = args->threads,
        .mixed = (float)args->mixed,
        .repeated = (float)args->repeated,
        .cancel = &cancelled,
        .on_picture = on_picture,
        .context = work,
    };
    double start = clock_seconds();
    begin_progress(work, "Painting", "pictures", how.count);
    enum status status = painted_make(&how, err);
    end_progress(work);
    if (status != OK)
        return status;
    json_object_set_new(work->answer, "folder", output_json_string(how.dir));
    json_object_set_new(work->answer, "pictures", json_integer(args->pictures));
    json_object_set_new(work->answer, "painting_s", json_real(clock_seconds() - start));
    if (!work->answer)
        output_format(
            "%d pictures in %s, painted in %.1f s; captions.jsonl there says what is in each\n",
            args->pictures, how.dir, clock_seconds() - start);
    return status;
}

static void on_event(void *context, const struct index_event *event)
{
    struct work *work = context;
    if (event->kind == INDEX_BEGIN && event->todo > 0)
        begin_progress(work, "Indexing", "photos", event->todo);
    if (event->kind == INDEX_FAILED)
        report_warning("%s: %s", event->path, event->reason);
    if (work->progress && event->done > work->shown) {
        progress_add(work->progress, event->done - work->shown, event->kind == INDEX_FAILED);
        work->shown = event->done;
    }
}

static enum status index_pictures(struct work *work, struct err *err)
{
    const char *root = str_text(&work->pictures);
    struct thumbs *thumbs = NULL; /* in the folder: the user's cache keeps nothing of this */
    enum status status = thumbs_open(&thumbs, str_text(&work->thumbnails), 0, err);
    if (status != OK)
        return status;
    const struct index_options how = {.roots = &root,
                                      .root_count = 1,
                                      .threads = work->args->threads,
                                      .thumbs = thumbs,
                                      .cancel = &cancelled,
                                      .on_event = on_event,
                                      .context = work};
    struct index_report report;
    status = index_run(work->store, work->model, &how, &report, err);
    end_progress(work);
    thumbs_close(thumbs);
    if (status == OK && report.cancelled)
        status = err_set(err, ERR_CANCELLED, "stopped after %zu photographs", report.embedded);
    if (status != OK)
        return status;
    json_object_set_new(work->answer, "library", output_json_string(str_text(&work->library)));
    json_object_set_new(work->answer, "model", output_json_string(model_info(work->model)->name));
    json_object_set_new(work->answer, "indexed", json_integer((json_int_t)report.embedded));
    json_object_set_new(work->answer, "indexing_s", json_real(report.seconds));
    if (!work->answer)
        output_format("%zu photographs found: %zu new, %zu cop%s; %.1f s (%.0f photos/s)\n",
                      report.found, report.embedded, report.known, report.known == 1 ? "y" : "ies",
                      report.seconds,
                      report.seconds > 0 ? (double)report.embedded / report.seconds : 0);
    return status;
}

static enum status open_model(struct work *work, struct err *err)
{
    unsigned flags;
    const struct session_options how = {.text_batch = 1};
    const struct model_request request = {
        .name = work->args->model, .towers = MODEL_BOTH, .threads = work->args->threads};
    enum status status = cpu_flags(&flags, err);
    if (status == OK)
        status = model_open_named(&work->model, &request, err);
    if (status != OK)
        return status;
    kernels_init(&work->kernels, flags);
    return session_open(&work->session, work->model, &how, err);
}

/* The vectors of the model that was just used. */
static enum status load_matrix(struct work *work, int64_t *model_id, struct err *err)
{
    struct store_model *models = NULL;
    size_t count = 0;
    enum status status = store_models(work->store, &models, &count, err);
    *model_id = status == OK && count > 0 ? models[0].id : 0;
    if (status == OK)
        status = store_matrix_load(work->store, *model_id, &work->matrix, err);
    free(models);
    return status;
}

static void print_counts(const struct work *work)
{
    json_t *counts = json_object();
    for (size_t k = 0; k < work->categories.count; k++) {
        const char *name = work->categories.items[k].name;
        size_t count = 0;
        for (size_t i = 0; i < work->labels.count; i++)
            count += work->labels.verdicts[i].category == (int)k;
        json_object_set_new(counts, name, json_integer((json_int_t)count));
        if (!work->answer)
            output_format("%7zu  %s\n", count, name);
    }
    size_t uncertain = 0;
    for (size_t i = 0; i < work->labels.count; i++)
        uncertain += work->labels.verdicts[i].uncertain;
    json_object_set_new(work->answer, "categories", counts);
    json_object_set_new(work->answer, "uncertain", json_integer((json_int_t)uncertain));
    if (!work->answer)
        output_format("%zu photographs, %zu uncertain\n", work->labels.count, uncertain);
}

static enum status classify(struct work *work, struct err *err)
{
    int64_t model_id = 0;
    const struct model_info *info = model_info(work->model);
    const struct classify_options how = {.uncertain_margin = UNCERTAIN_MARGIN, .none_below = -2};
    enum status status = load_matrix(work, &model_id, err);
    if (status == OK)
        status = categories_default(&work->categories, err);
    if (status != OK)
        return status;
    work->vectors =
        malloc(work->categories.count * (size_t)info->embed_dim * sizeof *work->vectors);
    if (!work->vectors)
        return err_no_memory(err, "the categories", work->categories.count);
    status = categories_encode(&work->categories, work->session, info, work->vectors, err);
    if (status == OK)
        status = classify_run(&work->labels, &work->kernels, &work->matrix, work->vectors,
                              work->categories.count, (double)info->logit_scale, &how, err);
    if (status == OK)
        status = classification_store(&work->labels, work->store, model_id, &work->matrix,
                                      &work->categories, err);
    if (status == OK)
        print_counts(work);
    return status;
}

static void print_hits(const struct work *work, const char *phrase, const struct scan_hit *hits,
                       size_t found, bool strong)
{
    json_t *results = json_array(), *one = json_object();
    if (!work->answer && !strong)
        output_text(found ? "no strong matches found; the closest photograph:\n"
                          : "no strong matches found\n");
    for (size_t i = 0; i < found; i++) {
        const char *path = work->matrix.paths[hits[i].row];
        const char *category = classification_name(&work->labels, &work->categories, hits[i].row);
        json_t *hit = json_object();
        json_object_set_new(hit, "path", output_json_string(path));
        json_object_set_new(hit, "score", output_json_float(hits[i].score));
        json_object_set_new(hit, "category", output_json_string(category));
        json_array_append_new(results, hit);
        if (work->answer)
            continue;
        output_format("%.4f  ", (double)hits[i].score);
        output_name(path);
        output_format("  (%s)\n", category);
    }
    json_object_set_new(one, "phrase", json_string(phrase));
    json_object_set_new(one, "strong", json_boolean(strong));
    json_object_set_new(one, "results", results);
    json_array_append_new(json_object_get(work->answer, "searches"), one);
}

static enum status search(struct work *work, const char *phrase, struct err *err)
{
    struct scan_hit hits[HITS];
    size_t found = 0;
    float *query = malloc((size_t)work->matrix.dim * sizeof *query);
    if (!query)
        return err_no_memory(err, "the query", (size_t)work->matrix.dim);
    const struct search_part part = {SEARCH_TEXT, phrase, 1};
    say_command(work, "fovea search \"%s\" --limit %d", phrase, HITS);
    enum status status = search_encode(work->session, work->model, &part, 1, query, err);
    if (status == OK)
        status = scan_top(&(struct scan_request){.kernels = &work->kernels,
                                                 .vectors = work->matrix.vectors,
                                                 .count = work->matrix.count,
                                                 .dim = work->matrix.dim,
                                                 .query = query,
                                                 .limit = HITS,
                                                 .threads = work->args->threads},
                          hits, &found, err);
    free(query);
    if (status != OK)
        return status;
    bool strong = query_apply_floor(hits, &found, search_default_floor(&part, 1));
    print_hits(work, phrase, hits, found, strong);
    return OK;
}

/* Two that are there, as pictures go, and one that is not. */
static enum status search_all(struct work *work, struct err *err)
{
    static const char *const phrases[] = {"a lighthouse above the sea",
                                          "a city and its bridge mirrored in a river at dusk",
                                          "a bowl of noodle soup"};
    enum status status = OK;
    json_object_set_new(work->answer, "searches", json_array());
    for (size_t i = 0; status == OK && i < sizeof phrases / sizeof *phrases; i++)
        status = search(work, phrases[i], err);
    return status;
}

static bool shows(const struct work *work)
{
    const struct demo_args *args = work->args;
    if (args->only_pictures)
        return false;
    return args->show == SHOW_AUTO ? !args->json && terminal_is_interactive(STDOUT_FILENO)
                                   : args->show == SHOW_YES;
}

static void print_end(const struct work *work)
{
    output_text("\nThe model knows the little world of these painted pictures and nothing else. "
                "Real photographs\n"
                "need a real model: `fovea pull ViT-H-14/dfn5b` fetches one, `fovea index "
                "~/Pictures` uses it.\n");
    if (work->temporary && !work->args->keep) {
        output_format("The folder is removed %s; `fovea demo --out DIR` keeps it, to be searched "
                      "further.\n",
                      shows(work) ? "at the end" : "now");
        return;
    }
    output_format("\nTo go on:\n  export FOVEA_LIBRARY=%s\n"
                  "  fovea search \"stars over the sea\"\n"
                  "  fovea search --image SOME.jpg\n"
                  "  fovea classify --csv -\n",
                  str_text(&work->library));
}

static enum status demonstrate(struct work *work, struct err *err)
{
    const char *pictures = str_text(&work->pictures);
    /* First, so that nothing is painted in vain. */
    enum status status = work->args->only_pictures ? OK : open_model(work, err);
    if (status != OK)
        return status;
    say_command(work, "fovea demo --pictures %d --out %s --only-pictures", work->args->pictures,
                str_text(&work->dir));
    status = make_pictures(work, err);
    if (status != OK || work->args->only_pictures)
        return status;
    say_command(work, "fovea index --model %s --library %s %s", work->args->model,
                str_text(&work->library), pictures);
    status = store_open(&work->store, str_text(&work->library), STORE_WRITE, err);
    if (status == OK)
        status = index_pictures(work, err);
    if (status == OK) {
        say_command(work, "fovea classify --library %s", str_text(&work->library));
        status = classify(work, err);
    }
    if (status == OK)
        status = search_all(work, err);
    if (status == OK && !work->answer)
        print_end(work);
    return status;
}

static void close_work(struct work *work)
{
    free(work->vectors);
    classification_free(&work->labels);
    categories_free(&work->categories);
    store_matrix_free(&work->matrix);
    store_close(work->store);
    session_close(work->session);
    model_close(work->model);
    json_decref(work->answer);
}

static void free_paths(struct work *work)
{
    str_free(&work->dir);
    str_free(&work->pictures);
    str_free(&work->library);
    str_free(&work->thumbnails);
}

/* The files are closed by now. What cannot be removed is left, with a word. */
static void remove_temporary(const struct work *work)
{
    struct err err = {0};
    if (work->temporary && !work->args->keep && tree_remove(str_text(&work->dir), &err) != OK)
        report_warning("%s", err.text);
}

static enum status run(const void *arguments, struct err *err)
{
    struct work work = {.args = arguments,
                        .dir = str_new(4096),
                        .pictures = str_new(4096),
                        .library = str_new(4096),
                        .thumbnails = str_new(4096)};
    if (work.args->json && !(work.answer = json_object()))
        return err_no_memory(err, "the answer", 0);
    enum status status = choose_dir(&work, err);
    if (status == OK)
        status = decoder_room_open(false, err);
    if (status == OK) {
        signal(SIGINT, on_interrupt);
        signal(SIGTERM, on_interrupt);
        status = demonstrate(&work, err);
        image_room_close();
    }
    if (status == OK && work.answer)
        status = output_json(json_incref(work.answer), err);
    bool show = status == OK && shows(&work);
    if (show)
        say_command(&work, "fovea serve --library %s --open", str_text(&work.library));
    close_work(&work); /* the server opens what it needs itself */
    if (show)
        status = demo_serve(str_text(&work.library), str_text(&work.thumbnails), err);
    remove_temporary(&work);
    free_paths(&work);
    return status;
}

const struct command command_demo = {
    .name = "demo",
    .summary = "try everything on a sample library, offline",
    .about =
        "Paints a library of sample pictures, indexes it with a small model that comes with the "
        "program, classifies and searches it, and on a terminal shows it in the browser until "
        "Ctrl-C. Needs no network and no model.\n\n"
        "The pictures are made from a seed and come with captions (captions.jsonl). The model was "
        "trained on such pictures alone: it knows nothing of real photographs.",
    .options = options,
    .examples = examples,
    .args_size = sizeof(struct demo_args),
    .run = run,
};
