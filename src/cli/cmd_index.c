/* SPDX-License-Identifier: MIT
 *
 * fovea index: bring the library up to date with folders of photographs.
 */
#include "cli/commands.h"
#include "cli/decoder_args.h"
#include "cli/library_args.h"
#include "cli/model_args.h"
#include "cli/output.h"
#include "cli/report.h"

#include "base/progress.h"
#include "hub/cache.h"
#include "image/image.h"
#include "library/index_watch.h"
#include "library/thumbs.h"

#include <signal.h>
#include <stdlib.h>

#define SPEED_PHOTOS_MIN 100 /* fewer say nothing about a speed */

struct index_args {
    const char *library, *model, *arch;
    int threads, batch, image_size, precision;
    int decode;     /* of decodes */
    int thumbnails; /* of thumbnail_choices */
    double max_megapixels;
    bool no_sandbox, offline, yes, keep_missing, prune, verify, retry_failed, activate, watch,
        halfvec, json;
    struct operands exclude, roots;
};

enum decode { DECODE_EXACT, DECODE_FAST };
static const char *const decodes[] = {"exact", "fast", NULL};

enum thumbnails { THUMBNAILS_NONE, THUMBNAILS_SMALL, THUMBNAILS_BOTH };
static const char *const thumbnail_choices[] = {"none", "small", "both", NULL};

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
    {.name = "thumbnails",
     .kind = OPTION_CHOICE,
     .argument = "WHICH",
     .offset = offsetof(struct index_args, thumbnails),
     .fallback = "small",
     .choices = thumbnail_choices,
     .help = "small: 256 px, for a tenth of the time of decoding; both: 1024 px, too, for another "
             "two thirds; what is not made now is made when it is first shown"},
    {.name = "max-megapixels",
     .kind = OPTION_DOUBLE,
     .argument = "MP",
     .offset = offsetof(struct index_args, max_megapixels),
     .fallback = "500",
     .min = 0.001,
     .max = 1e6,
     .help = "refuse pictures that claim to be larger"},
    {.name = "exclude",
     .kind = OPTION_STRINGS,
     .argument = "GLOB",
     .offset = offsetof(struct index_args, exclude),
     .help = "leave out what matches, as a line of .gitignore would (\"*.png\", \"private/\", "
             "\"/2014/**/raw\"). Lines in a file .foveaignore do the same for the "
             "folder it lies in"},
    {.name = "keep-missing",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct index_args, keep_missing),
     .help = "keep photographs whose files are gone"},
    {.name = "prune",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct index_args, prune),
     .help = "what is not there is not coming back: also drop the photographs of folders that are "
             "gone, of empty folders at which a disk may have been mounted, and of files outside "
             "DIR that are no more"},
    {.name = "verify",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct index_args, verify),
     .help = "read and compare every file, also where size and time are as before"},
    {.name = "watch",
     .short_name = 'w',
     .kind = OPTION_FLAG,
     .offset = offsetof(struct index_args, watch),
     .help = "keep running, and take in what changes, until Ctrl-C"},
    {.name = "halfvec",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct index_args, halfvec),
     .help = "a library in PostgreSQL: keep the vectors of a model that is new to it in half "
             "precision (pgvector's halfvec); nothing is lost by it"},
    {.name = "activate",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct index_args, activate),
     .help = "let this model answer from now on, even while it lacks the vectors of photographs "
             "that cannot be read just now"},
    {.name = "retry-failed",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct index_args, retry_failed),
     .help = "try again what failed before, even if the file has not changed"},
    {.name = "json",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct index_args, json),
     .help = "print what happens as JSON, one event a line"},
    OPTION_NO_SANDBOX(struct index_args),
    OPTION_END,
};

static const struct example examples[] = {
    {"fovea index ~/Pictures", "index a folder and everything below it"},
    {"fovea index ~/Pictures", "the same again: only what is new or has changed is read"},
    {"fovea index", "the folders of earlier runs"},
    {"fovea index --watch", "keep the library up to date while it runs"},
    {"fovea index ~/Pictures --exclude '*.png' --exclude private/",
     "without what matches, as in .gitignore"},
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
    static const char *const names[] = {[INDEX_BEGIN] = "begin",
                                        [INDEX_PHOTO] = "photo",
                                        [INDEX_ELSEWHERE] = "elsewhere",
                                        [INDEX_FAILED] = "failed"};
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

static void set_count(json_t *json, const char *name, size_t count)
{
    json_object_set_new(json, name, json_integer((json_int_t)count));
}

static void print_end(const struct index_report *report)
{
    json_t *json = json_object();
    json_object_set_new(json, "event", json_string("end"));
    set_count(json, "found", report->found);
    set_count(json, "embedded", report->embedded);
    set_count(json, "known", report->known);
    set_count(json, "elsewhere", report->elsewhere);
    set_count(json, "metadata", report->metadata);
    set_count(json, "unchanged", report->unchanged);
    set_count(json, "failed", report->failed);
    set_count(json, "failed_before", report->failed_before);
    set_count(json, "unread", report->bad_dirs);
    set_count(json, "busy", report->busy);
    set_count(json, "forgotten", report->forgotten);
    set_count(json, "kept_missing", report->kept_missing);
    set_count(json, "missing_roots", report->missing_roots);
    json_object_set_new(json, "cancelled", json_boolean(report->cancelled));
    json_object_set_new(json, "activated", json_boolean(report->activated));
    set_count(json, "lacking", report->lacking);
    json_object_set_new(json, "seconds", json_real(report->seconds));
    struct err ignored;
    (void)!output_json(json, &ignored);
    output_flush();
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
    if (r->elsewhere)
        output_format(", %zu by others who index this library", r->elsewhere);
    if (r->metadata)
        output_format(", %zu with new metadata", r->metadata);
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

/* Which model answers, where there are two. */
static void print_models(const char *model, const struct index_report *r)
{
    if (r->activated) {
        output_text("every photograph has its vector: ");
        output_name(model);
        output_text(" answers from now on; `fovea retire ");
        output_name(r->active_name);
        output_text("` drops the vectors of the model before\n");
    } else if (r->lacking > 0) {
        output_name(r->active_name);
        output_format(" goes on answering: %zu photograph%s vectors of ", r->lacking,
                      r->lacking == 1 ? " has no" : "s have no");
        output_name(model);
        output_text(" yet; the same command goes on, --activate does not wait for them\n");
    }
}

static void print_report(const struct index_args *args, const char *model,
                         const struct index_report *report)
{
    if (args->json) {
        print_end(report);
    } else {
        print_summary(report);
        print_models(model, report);
    }
    if (report->missing_roots)
        report_warning("%s is not there%s; photographs from there are kept (is the disk mounted? "
                       "--prune drops them)",
                       report->missing_root,
                       report->missing_roots > 1 ? ", nor are other folders" : "");
    if (report->empty_root[0])
        report_warning("%s is empty, but the library has %zu photographs from there; they are kept "
                       "(is the disk mounted? --prune drops them)",
                       report->empty_root, report->kept_missing);
}

static enum status check_report(const struct index_report *report, struct err *err)
{
    if (report->cancelled)
        return err_set(err, ERR_CANCELLED,
                       "stopped after %zu photographs; the same command goes on from here",
                       report->embedded + report->known + report->metadata);
    if (report->found == 0 && report->bad_dirs > 0)
        return err_set(err, ERR_IO,
                       "nothing could be read in these folders; change their permissions, or run "
                       "fovea as a user who may");
    if (report->found == 0 && report->forgotten > 0)
        return OK; /* the last photographs have left, and that has been said */
    if (report->found == 0 && report->missing_roots)
        return err_set(err, ERR_NOT_FOUND, "nothing was looked at: no such folder is there now");
    if (report->found == 0)
        return err_set(err, ERR_NOT_FOUND,
                       "there are no photographs in these folders (it looks for jpg, png, webp, "
                       "tif, bmp, gif, heic, avif and jxl files, and for RAW files: cr2, cr3, "
                       "nef, arw, dng, raf, orf and rw2)");
    return OK;
}

static enum status index_into(struct store *store, const struct index_args *args,
                              struct index_options how, const struct model *model, struct err *err)
{
    struct watcher watcher = {.json = args->json};
    how.cancel = &cancelled;
    how.on_event = on_event;
    how.context = &watcher;
    struct index_report report;
    struct err why;
    if (args->thumbnails != THUMBNAILS_NONE && thumbs_open(&how.thumbs, NULL, 0, &why) != OK)
        report_warning("no thumbnails are made: %s", why.text);
    how.large_thumbs = args->thumbnails == THUMBNAILS_BOTH;
    enum status status = index_run(store, model, &how, &report, err);
    thumbs_close(how.thumbs);
    progress_close(watcher.progress);
    if (status != OK)
        return status;
    note_speed(model, &report);
    print_report(args, model_info(model)->name, &report);
    return check_report(&report, err);
}

/* --- keeping it up to date ----------------------------------------------------------------- */

struct keeping {
    struct watcher watcher;
    const struct index_args *args;
    const char *model;
};

static void end_progress(struct watcher *watcher)
{
    progress_close(watcher->progress);
    watcher->progress = NULL;
    watcher->shown = 0;
}

static void on_run(void *context, const struct index_report *report)
{
    struct keeping *keeping = context;
    end_progress(&keeping->watcher);
    print_report(keeping->args, keeping->model, report);
    output_flush();
}

static void on_trouble(void *context, const struct err *err, double seconds)
{
    struct keeping *keeping = context;
    end_progress(&keeping->watcher);
    if (keeping->args->json) {
        struct err ignored;
        (void)!output_json(json_pack("{s:s, s:o, s:f}", "event", "trouble", "reason",
                                     output_json_string(err->text), "again_s", seconds),
                           &ignored);
        output_flush();
    } else {
        report_warning("%s; trying again in %.0f seconds", err->text, seconds);
    }
}

static void on_state(void *context, const struct watch_state *state)
{
    const struct keeping *keeping = context;
    if (keeping->args->json) {
        struct err ignored;
        (void)!output_json(json_pack("{s:s, s:I, s:b, s:b}", "event", "watch", "folders",
                                     (json_int_t)state->folders, "limited", state->limited, "polls",
                                     state->polls),
                           &ignored);
    } else if (state->polls) {
        output_text("looking at the folders every minute (this system does not tell of changes); "
                    "Ctrl-C ends\n");
    } else {
        output_format("watching %zu folder%s; Ctrl-C ends\n", state->folders,
                      plural(state->folders));
    }
    output_flush();
    if (state->limited)
        report_warning("the system's limit of watched folders is reached, so everything is looked "
                       "at once a minute; raise it with sysctl fs.inotify.max_user_watches=N");
}

static enum status watch_into(struct store *store, const struct index_args *args,
                              struct index_options how, const struct model *model, struct err *err)
{
    struct keeping keeping = {
        .watcher = {.json = args->json}, .args = args, .model = model_info(model)->name};
    how.cancel = &cancelled;
    how.on_event = on_event;
    how.context = &keeping.watcher;
    const struct index_watch_options watch = {.index = how,
                                              .on_run = on_run,
                                              .on_trouble = on_trouble,
                                              .on_state = on_state,
                                              .context = &keeping};
    enum status status = index_watch(store, model, &watch, err);
    end_progress(&keeping.watcher);
    return status;
}

static enum status index_with(const struct index_args *args, const struct index_options *how,
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
    enum status status = OK;
    if (how->root_count == 0) { /* those of a library that has to be there */
        status = library_open(&store, args->library, STORE_READ, false, err);
        store_close(store);
    }
    if (status == OK)
        status = index_check_roots(how, err);
    if (status == OK)
        status = library_index_open(&store, &model, args->library, &request, err);
    if (status == OK) {
        if (args->halfvec)
            store_keep_half(store);
        signal(SIGINT, on_interrupt);
        signal(SIGTERM, on_interrupt);
        status = args->watch ? watch_into(store, args, *how, model, err)
                             : index_into(store, args, *how, model, err);
    }
    model_close(model);
    store_close(store);
    return status;
}

static enum status run(const void *arguments, struct err *err)
{
    const struct index_args *args = arguments;
    const char **roots = NULL, **exclude = NULL;
    if (args->keep_missing && args->prune)
        return err_set(err, ERR_ARGUMENT,
                       "--keep-missing and --prune exclude each other: one keeps photographs whose "
                       "files are gone, the other drops them");
    enum status status = operands_texts(&args->roots, &roots, err);
    if (status == OK)
        status = operands_texts(&args->exclude, &exclude, err);
    if (status == OK)
        status = decoder_room_open(args->no_sandbox, err);
    if (status == OK) {
        const struct index_options how = {
            .roots = roots,
            .root_count = args->roots.count,
            .exclude = exclude,
            .exclude_count = args->exclude.count,
            .threads = args->threads,
            .batch = args->batch,
            .max_megapixels = args->max_megapixels,
            .fast_decode = args->decode == DECODE_FAST,
            .keep_missing = args->keep_missing,
            .prune = args->prune,
            .verify = args->verify,
            .activate = args->activate,
            .retry_failed = args->retry_failed,
        };
        status = index_with(args, &how, err);
        image_room_close();
    }
    free(roots);
    free(exclude);
    return status;
}

const struct command command_index = {
    .name = "index",
    .summary = "find photographs and make them searchable",
    .about =
        "Finds the photographs below each folder, computes their vectors and keeps them in the "
        "library. Without a folder it goes over those of earlier runs. Files that have not changed "
        "since the last run (size and time) are not read again; moved, renamed and copied files "
        "are "
        "recognised by their content; files that are gone leave the library. A folder that is "
        "empty "
        "or not there as a whole may be a disk that is not mounted: its photographs are kept until "
        "--prune says that they are gone.\n\n"
        "Left out are names that begin with a dot, folders with a file .nomedia in them, and what "
        "--exclude and files .foveaignore name.\n\n"
        "Another --model builds its vectors beside those that are there, which go on answering "
        "until it has all; `fovea retire` then drops the old ones.\n\n"
        "A file that cannot be read never stops the run: it is recorded with the reason (fovea "
        "status --errors) and tried again when it changes. Ctrl-C finishes the photographs in "
        "hand; "
        "the next run goes on from there.",
    .options = options,
    .examples = examples,
    .operand = "DIR",
    .operands_offset = offsetof(struct index_args, roots),
    .args_size = sizeof(struct index_args),
    .run = run,
};
