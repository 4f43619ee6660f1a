/* SPDX-License-Identifier: MIT
 *
 * fovea index: bring the library up to date with folders of photographs.
 */
#include "cli/commands.h"
#include "cli/library_args.h"
#include "cli/model_args.h"
#include "cli/output.h"
#include "cli/report.h"

#include "base/progress.h"
#include "hub/cache.h"
#include "image/image.h"
#include "library/index.h"

#include <signal.h>
#include <stdlib.h>

#define SPEED_PHOTOS_MIN 100 /* fewer say nothing about a speed */

struct index_args {
    const char *library, *model, *arch;
    int threads, batch, image_size, precision;
    int decode; /* of decodes */
    double max_megapixels;
    bool offline, yes, keep_missing, retry_failed, json;
    struct operands roots;
};

enum decode { DECODE_EXACT, DECODE_FAST };
static const char *const decodes[] = {"exact", "fast", NULL};

static const struct option options[] = {
    OPTION_LIBRARY(struct index_args),
    OPTION_LIBRARY_MODEL(struct index_args),
    OPTION_ARCH(struct index_args),
    OPTION_IMAGE_SIZE(struct index_args),
    OPTION_PRECISION(struct index_args),
    OPTION_OFFLINE(struct index_args),
    OPTION_YES(struct index_args),
    OPTION_THREADS(struct index_args),
    {.name = "batch",
     .kind = OPTION_INT,
     .argument = "N",
     .offset = offsetof(struct index_args, batch),
     .fallback = "0",
     .min = 0,
     .max = 256,
     .help = "photographs per forward pass; 0: chosen for the model, the cores and the number of "
             "photographs"},
    {.name = "decode",
     .kind = OPTION_CHOICE,
     .argument = "HOW",
     .offset = offsetof(struct index_args, decode),
     .fallback = "exact",
     .choices = decodes,
     .help = "exact: as the model was trained; fast: large JPEG and WebP files at 1/2, 1/4 or 1/8 "
             "of their size, never below 1.5 times the model's input: half the time to decode, and "
             "vectors that differ a little (`fovea bench --accuracy DIR` says how much)"},
    {.name = "max-megapixels",
     .kind = OPTION_DOUBLE,
     .argument = "MP",
     .offset = offsetof(struct index_args, max_megapixels),
     .fallback = "500",
     .min = 0.001,
     .max = 1e6,
     .help = "refuse pictures that claim to be larger"},
    {.name = "keep-missing",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct index_args, keep_missing),
     .help = "keep photographs whose files are gone"},
    {.name = "retry-failed",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct index_args, retry_failed),
     .help = "try again what failed before, even if the file has not changed"},
    {.name = "json",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct index_args, json),
     .help = "print what happens as JSON, one event a line"},
    OPTION_END,
};

static const struct example examples[] = {
    {"fovea index ~/Pictures", "index a folder and everything below it"},
    {"fovea index ~/Pictures", "the same again: only what is new or has changed is read"},
    {"fovea index --model ~/models/ViT-B-32 --library trip.db /media/card",
     "another model, another library"},
    {NULL, NULL},
};

/* Set by Ctrl-C: the run finishes what it has begun. A second Ctrl-C ends the process at once,
 * which is safe too: only what is in flight is lost. */
static atomic_bool cancelled;

static void on_interrupt(int number)
{
    atomic_store(&cancelled, true);
    signal(number, SIG_DFL);
}

struct watcher {
    bool json;
    struct progress *progress; /* NULL with json, and when there is nothing to do */
    size_t shown;              /* files that the progress knows to be done */
};

static void print_event(const struct index_event *event)
{
    static const char *const names[] = {
        [INDEX_BEGIN] = "begin", [INDEX_PHOTO] = "photo", [INDEX_FAILED] = "failed"};
    json_t *json = json_object();
    json_object_set_new(json, "event", json_string(names[event->kind]));
    if (event->path)
        json_object_set_new(json, "path", output_json_string(event->path));
    if (event->kind == INDEX_PHOTO)
        json_object_set_new(json, "known", json_boolean(event->known));
    if (event->reason)
        json_object_set_new(json, "reason", output_json_string(event->reason));
    json_object_set_new(json, "done", json_integer((json_int_t)event->done));
    json_object_set_new(json, "todo", json_integer((json_int_t)event->todo));
    if (event->kind == INDEX_BEGIN)
        json_object_set_new(json, "found", json_integer((json_int_t)event->found));
    struct err ignored; /* a closed stdout is reported at the end; indexing goes on */
    (void)!output_json(json, &ignored);
    output_flush();
}

/* Without memory for a progress bar the run goes on without one. */
static void begin_progress(struct watcher *watcher, size_t todo)
{
    const struct progress_options look = {.label = "Indexing", .unit = "photos", .total = todo};
    struct err ignored;
    if (progress_open(&watcher->progress, &look, &ignored) != OK)
        watcher->progress = NULL;
}

static void on_event(void *context, const struct index_event *event)
{
    struct watcher *watcher = context;
    if (watcher->json) {
        print_event(event);
        return;
    }
    if (event->kind == INDEX_BEGIN && event->todo > 0)
        begin_progress(watcher, event->todo);
    if (event->kind == INDEX_FAILED && watcher->progress)
        progress_note(watcher->progress, "%s: %s", event->path, event->reason);
    else if (event->kind == INDEX_FAILED)
        report_warning("%s: %s", event->path, event->reason);
    if (watcher->progress && event->done > watcher->shown) {
        progress_add(watcher->progress, event->done - watcher->shown, event->kind == INDEX_FAILED);
        watcher->shown = event->done;
    }
}

static void print_end(const struct index_report *report)
{
    json_t *json = json_pack(
        "{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:f}", "event", "end", "found",
        (json_int_t)report->found, "embedded", (json_int_t)report->embedded, "known",
        (json_int_t)report->known, "unchanged", (json_int_t)report->unchanged, "failed",
        (json_int_t)report->failed, "failed_before", (json_int_t)report->failed_before, "forgotten",
        (json_int_t)report->forgotten, "kept_missing", (json_int_t)report->kept_missing,
        "cancelled", report->cancelled, "seconds", report->seconds);
    struct err ignored;
    (void)!output_json(json, &ignored);
}

static const char *plural(size_t n)
{
    return n == 1 ? "" : "s";
}

static void print_summary(const struct index_report *r)
{
    output_format("%zu photograph%s found: %zu new, %zu unchanged", r->found, plural(r->found),
                  r->embedded, r->unchanged);
    if (r->known)
        output_format(", %zu moved or copied", r->known);
    if (r->forgotten)
        output_format(", %zu gone", r->forgotten);
    output_format("; %.1f s", r->seconds);
    if (r->embedded && r->seconds > 0)
        output_format(" (%.1f photos/s)", (double)r->embedded / r->seconds);
    output_text("\n");
    if (r->failed + r->failed_before + r->bad_dirs > 0)
        output_format("%zu could not be read; `fovea status --errors` says why\n",
                      r->failed + r->failed_before + r->bad_dirs);
}

/* What a large enough run has measured is shown by `fovea models`. */
static void note_speed(const struct model *model, const struct index_report *r)
{
    struct model_place place;
    struct err ignored;
    if (r->embedded < SPEED_PHOTOS_MIN || r->cancelled || !(r->seconds > 0) ||
        model_resolve(&place, model_info(model)->name, NULL, &ignored) != OK)
        return;
    cache_note_speed(place.dir, (double)r->embedded / r->seconds, r->embedded);
    model_place_free(&place);
}

static void print_report(const struct index_args *args, const struct index_report *report)
{
    if (args->json)
        print_end(report);
    else
        print_summary(report);
    if (report->empty_root[0])
        report_warning("%s is empty, but the library has %zu photographs from there; they are kept "
                       "(is the disk mounted?)",
                       report->empty_root, report->kept_missing);
}

static enum status check_report(const struct index_report *report, struct err *err)
{
    if (report->cancelled)
        return err_set(err, ERR_CANCELLED,
                       "stopped after %zu photographs; the same command goes on from here",
                       report->embedded + report->known);
    if (report->found == 0 && report->bad_dirs > 0)
        return err_set(err, ERR_IO,
                       "nothing could be read in these folders; change their permissions, or run "
                       "fovea as a user who may");
    if (report->found == 0)
        return err_set(err, ERR_NOT_FOUND,
                       "there are no photographs in these folders (it looks for jpg, png, webp, "
                       "tif, bmp, gif, heic, avif and jxl files)");
    return OK;
}

static enum status index_into(struct store *store, const struct index_args *args,
                              const char *const *roots, const struct model *model, struct err *err)
{
    struct watcher watcher = {.json = args->json};
    const struct index_options how = {
        .roots = roots,
        .root_count = args->roots.count,
        .threads = args->threads,
        .batch = args->batch,
        .max_megapixels = args->max_megapixels,
        .fast_decode = args->decode == DECODE_FAST,
        .keep_missing = args->keep_missing,
        .retry_failed = args->retry_failed,
        .cancel = &cancelled,
        .on_event = on_event,
        .context = &watcher,
    };
    struct index_report report;
    enum status status = index_run(store, model, &how, &report, err);
    progress_close(watcher.progress);
    if (status != OK)
        return status;
    note_speed(model, &report);
    print_report(args, &report);
    return check_report(&report, err);
}

static enum status index_roots(const struct index_args *args, const char *const *roots,
                               struct err *err)
{
    struct store *store = NULL;
    struct model *model = NULL;
    const struct model_request request = {.name = args->model,
                                          .arch = args->arch,
                                          .towers = MODEL_IMAGE,
                                          .image_size = args->image_size,
                                          .precision = (enum precision)args->precision,
                                          .offline = args->offline,
                                          .yes = args->yes,
                                          .json = args->json};
    enum status status = index_check_roots(roots, args->roots.count, err);
    if (status == OK)
        status = library_index_open(&store, &model, args->library, &request, err);
    if (status == OK) {
        signal(SIGINT, on_interrupt);
        signal(SIGTERM, on_interrupt);
        status = index_into(store, args, roots, model, err);
    }
    model_close(model);
    store_close(store);
    return status;
}

static enum status run(const void *arguments, struct err *err)
{
    const struct index_args *args = arguments;
    const char **roots = NULL;
    enum status status = operands_texts(&args->roots, &roots, err);
    if (status == OK)
        status = image_room_open(err);
    if (status == OK) {
        status = index_roots(args, roots, err);
        image_room_close();
    }
    free(roots);
    return status;
}

const struct command command_index = {
    .name = "index",
    .summary = "find photographs and make them searchable",
    .about =
        "Finds the photographs below each folder, computes their vectors and keeps them in the "
        "library. Files that have not changed since the last run are not read again; moved, "
        "renamed "
        "and copied files are recognised by their content; files that are gone leave the "
        "library.\n\n"
        "A file that cannot be read never stops the run: it is recorded with the reason (fovea "
        "status --errors) and tried again when it changes. Ctrl-C finishes the photographs in "
        "hand; "
        "the next run goes on from there.",
    .options = options,
    .examples = examples,
    .operand = "DIR",
    .operands_min = 1,
    .operands_offset = offsetof(struct index_args, roots),
    .args_size = sizeof(struct index_args),
    .run = run,
};
