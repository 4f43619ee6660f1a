/* SPDX-License-Identifier: MIT
 *
 * An index run, in four steps:
 *   1. walk    the folders; nothing is opened
 *   2. plan    ask the store about each file; most are unchanged and end here
 *   3. work    the pipeline reads, decodes and embeds the rest; results are recorded in
 *              transactions of a few photographs as they come, so that a run that is killed loses
 *              only what was in flight
 *   4. forget  paths that are gone, and photos that no path names, unless the run was cut short: a
 *              moved file has been recognised under its new path by then and keeps its photo and
 *              vectors
 */
#include "library/index.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "image/image.h"
#include "library/picture.h"
#include "library/pipeline.h"
#include "library/walk.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { RESULTS_PER_TRANSACTION = 64 };

struct run {
    struct store *store;
    const struct model *model;
    const struct index_options *options;
    struct index_report *report;
    struct err *err;
    int64_t model_id;
    struct walk walk;
    const struct found_file **todo; /* [todo_count] into walk.files */
    size_t todo_count, done_count;
    pthread_mutex_t store_lock; /* shared with the pipeline's workers */

    struct done *group[RESULTS_PER_TRANSACTION]; /* to be recorded together */
    size_t group_count;
    struct done **copies; /* [copy_count] whose first one was not recorded yet when they came */
    size_t copy_count, copy_capacity;
};

static void tell(const struct run *run, enum index_event_kind kind, const char *path,
                 const char *reason, bool known)
{
    if (!run->options->on_event)
        return;
    const struct index_event event = {
        .kind = kind,
        .path = path,
        .reason = reason,
        .known = known,
        .found = run->walk.file_count,
        .todo = run->todo_count,
        .done = run->done_count,
    };
    run->options->on_event(run->options->context, &event);
}

/* --- plan ---------------------------------------------------------------------------------- */

static struct store_file store_file_of(const struct found_file *file)
{
    return (struct store_file){
        .path = file->path, .size_bytes = file->size_bytes, .mtime_ns = file->mtime_ns};
}

static enum status plan(struct run *run)
{
    struct index_report *report = run->report;
    report->found = run->walk.file_count;
    run->todo = calloc(report->found ? report->found : 1, sizeof *run->todo);
    if (!run->todo)
        return err_no_memory(run->err, "the list of files", report->found * sizeof *run->todo);
    for (size_t i = 0; i < run->walk.file_count; i++) {
        const struct found_file *file = &run->walk.files[i];
        const struct store_file known = store_file_of(file);
        enum file_state state;
        enum status status = store_file_state(run->store, run->model_id, &known, &state, run->err);
        if (status != OK)
            return status;
        if (state == FILE_UNCHANGED || state == FILE_NEEDS_META)
            report->unchanged++;
        else if (state == FILE_FAILED_BEFORE && !run->options->retry_failed)
            report->failed_before++;
        else
            run->todo[run->todo_count++] = file;
    }
    return OK;
}

/* --- record -------------------------------------------------------------------------------- */

static struct store_result store_result_of(const struct done *done)
{
    struct store_result result = {
        .file = store_file_of(done->file),
        .hash = done->hash,
        .width = done->width,
        .height = done->height,
        .vector = done->kind == DONE_VECTOR ? done->vector : NULL,
        .failure = done->kind == DONE_FAILED ? done->failure : NULL,
        .transient = done->transient,
    };
    memcpy(result.format, done->format, sizeof result.format);
    return result;
}

static void count_and_tell(struct run *run, const struct done *done)
{
    run->done_count++;
    if (done->kind == DONE_FAILED) {
        run->report->failed++;
        tell(run, INDEX_FAILED, done->file->path, done->failure, false);
        return;
    }
    bool known = done->kind != DONE_VECTOR;
    *(known ? &run->report->known : &run->report->embedded) += 1;
    tell(run, INDEX_PHOTO, done->file->path, NULL, known);
}

/* Records the group in one transaction; frees its members in any case. */
static enum status record_group(struct run *run)
{
    struct store_result results[RESULTS_PER_TRANSACTION];
    for (size_t i = 0; i < run->group_count; i++)
        results[i] = store_result_of(run->group[i]);
    pthread_mutex_lock(&run->store_lock);
    enum status status =
        run->group_count == 0
            ? OK
            : store_put_results(run->store, run->model_id, results, run->group_count, run->err);
    pthread_mutex_unlock(&run->store_lock);
    for (size_t i = 0; i < run->group_count; i++) {
        if (status == OK)
            count_and_tell(run, run->group[i]);
        free(run->group[i]);
    }
    run->group_count = 0;
    return status;
}

static enum status add_to_group(struct run *run, struct done *done)
{
    run->group[run->group_count++] = done;
    return run->group_count == RESULTS_PER_TRANSACTION ? record_group(run) : OK;
}

static enum status keep_copy(struct run *run, struct done *done)
{
    if (run->copy_count == run->copy_capacity) {
        size_t capacity = run->copy_capacity ? run->copy_capacity * 2 : 64;
        struct done **copies = realloc(run->copies, capacity * sizeof *copies);
        if (!copies) {
            free(done);
            return err_no_memory(run->err, "the list of copies", capacity * sizeof *copies);
        }
        run->copies = copies;
        run->copy_capacity = capacity;
    }
    run->copies[run->copy_count++] = done;
    return OK;
}

/* Copies are recorded after the file that they are copies of, when that has become a photo or a
 * failure. */
static enum status record_copies(struct run *run)
{
    enum status status = record_group(run);
    while (run->copy_count > 0) {
        struct done *copy = run->copies[--run->copy_count];
        bool known = false;
        if (status == OK) {
            pthread_mutex_lock(&run->store_lock);
            status = store_has_embedding(run->store, run->model_id, &copy->hash, &known, run->err);
            pthread_mutex_unlock(&run->store_lock);
        }
        if (status != OK) {
            free(copy);
            continue;
        }
        if (!known) {
            copy->kind = DONE_FAILED;
            snprintf(copy->failure, sizeof copy->failure,
                     "has the same bytes as another file that could not be used");
        }
        status = add_to_group(run, copy);
    }
    if (status == OK)
        status = record_group(run);
    return status;
}

/* What the walk could not look at stands among the failures, so that `status --errors` shows it. */
static enum status record_unread(struct run *run)
{
    run->report->bad_dirs = run->walk.unread_count;
    for (size_t i = 0; i < run->walk.unread_count; i++) {
        const struct unread_path *unread = &run->walk.unread[i];
        const struct store_result result = {
            .file = {.path = unread->path}, .failure = unread->reason, .transient = true};
        enum status status = store_put_results(run->store, run->model_id, &result, 1, run->err);
        if (status != OK)
            return status;
        tell(run, INDEX_FAILED, unread->path, unread->reason, false);
    }
    return OK;
}

/* --- work ---------------------------------------------------------------------------------- */

static enum status drain(struct run *run, struct pipeline *pipeline)
{
    enum status status = OK;
    for (struct done *done; (done = pipeline_next(pipeline, true));) {
        /* What is there by now goes into the same transaction. */
        for (; done; done = pipeline_next(pipeline, false)) {
            if (status != OK)
                free(done);
            else if (done->kind == DONE_COPY)
                status = keep_copy(run, done);
            else
                status = add_to_group(run, done);
        }
        enum status recorded = record_group(run);
        if (status == OK)
            status = recorded;
        if (status != OK)
            pipeline_stop(pipeline);
    }
    return status;
}

static enum status work(struct run *run)
{
    if (run->todo_count == 0)
        return OK;
    const struct index_options *options = run->options;
    int workers = options->threads > 0 ? options->threads : cpu_cores();
    if ((size_t)workers > run->todo_count)
        workers = (int)run->todo_count;
    const struct pipeline_options how = {
        .model = run->model,
        .workers = workers,
        .batch = options->batch > 0
                     ? options->batch
                     : pipeline_default_batch(model_info(run->model), workers, run->todo_count),
        .max_megapixels = options->max_megapixels,
        .fast_margin = options->fast_decode ? PICTURE_FAST_MARGIN : 0,
        .cancel = options->cancel,
        .store = run->store,
        .store_lock = &run->store_lock,
        .model_id = run->model_id,
    };
    struct pipeline *pipeline = NULL;
    enum status status = pipeline_open(&pipeline, &how, run->todo, run->todo_count, run->err);
    if (status != OK)
        return status;
    status = drain(run, pipeline);
    struct err pipeline_err;
    enum status ended = pipeline_close(pipeline, &pipeline_err);
    if (status == OK && ended != OK)
        status = err_set(run->err, ended, "%s", pipeline_err.text);
    if (status == OK)
        status = record_copies(run);
    return status;
}

/* --- forget -------------------------------------------------------------------------------- */

static bool was_found(const struct walk *walk, const char *path)
{
    size_t low = 0, high = walk->file_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(walk->files[middle].path, path);
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static bool root_has_files(const struct walk *walk, const char *root)
{
    size_t first, end;
    walk_range(walk, root, &first, &end);
    return first < end || was_found(walk, root);
}

/* A folder that could not be read stood among the failures; now that it can, it is no photograph
 * that has gone. */
static bool is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static enum status forget_dirs(struct run *run, char **paths, size_t *count)
{
    enum status status = OK;
    size_t kept = 0;
    for (size_t i = 0; status == OK && i < *count; i++) {
        if (is_dir(paths[i]))
            status = store_forget_paths(run->store, &paths[i], 1, run->err);
        else
            paths[kept++] = paths[i];
    }
    *count = kept;
    return status;
}

static enum status forget_under(struct run *run, const char *root)
{
    char **paths = NULL;
    size_t count = 0, gone = 0;
    enum status status = store_paths_under(run->store, root, &paths, &count, run->err);
    if (status != OK)
        return status;
    for (size_t i = 0; i < count; i++)
        if (!was_found(&run->walk, paths[i]) && !walk_is_unread(&run->walk, paths[i]))
            paths[gone++] = paths[i];
    status = forget_dirs(run, paths, &gone);
    /* A folder that was full and is now empty is more likely a disk that is not mounted than a
     * library that was deleted. */
    bool empty = gone > 0 && !root_has_files(&run->walk, root);
    if (empty)
        snprintf(run->report->empty_root, sizeof run->report->empty_root, "%s", root);
    if (status != OK || empty || run->options->keep_missing) {
        run->report->kept_missing += gone;
    } else if (gone > 0) {
        status = store_forget_paths(run->store, paths, gone, run->err);
        if (status == OK)
            run->report->forgotten += gone;
    }
    free(paths);
    return status;
}

static enum status forget(struct run *run)
{
    enum status status = OK;
    for (size_t i = 0; status == OK && i < run->walk.root_count; i++)
        status = forget_under(run, run->walk.roots[i]);
    return status;
}

/* --- the run ------------------------------------------------------------------------------- */

static struct walk_options walk_options_of(const struct index_options *options)
{
    return (struct walk_options){.roots = options->roots,
                                 .root_count = options->root_count,
                                 .is_photo = image_name_is_photo};
}

static enum status run_steps(struct run *run)
{
    const struct model_info *info = model_info(run->model);
    const struct walk_options where = walk_options_of(run->options);
    enum status status = walk_run(&run->walk, &where, run->err);
    if (status == OK)
        status = store_model_use(run->store, info->name, info->fingerprint, info->embed_dim,
                                 &run->model_id, run->err);
    if (status == OK)
        status = plan(run);
    if (status == OK) {
        tell(run, INDEX_BEGIN, NULL, NULL, false);
        status = record_unread(run);
    }
    if (status == OK)
        status = work(run);
    run->report->cancelled = run->options->cancel && atomic_load(run->options->cancel);
    if (status != OK || run->report->cancelled)
        return status;
    status = forget(run);
    if (status == OK)
        status = store_sweep(run->store, run->err);
    return status == OK ? store_model_set_active(run->store, run->model_id, run->err) : status;
}

enum status index_check_roots(const char *const *roots, size_t root_count, struct err *err)
{
    const struct index_options options = {.roots = roots, .root_count = root_count};
    const struct walk_options where = walk_options_of(&options);
    return walk_check_roots(&where, err);
}

enum status index_run(struct store *store, const struct model *model,
                      const struct index_options *options, struct index_report *report,
                      struct err *err)
{
    double start = clock_seconds();
    *report = (struct index_report){0};
    struct run run = {
        .store = store, .model = model, .options = options, .report = report, .err = err};
    pthread_mutex_init(&run.store_lock, NULL);
    enum status status = store_index_lock(store, err);
    if (status == OK) {
        status = run_steps(&run);
        store_index_unlock(store);
    }
    while (run.copy_count > 0)
        free(run.copies[--run.copy_count]);
    free(run.copies);
    free(run.todo);
    walk_free(&run.walk);
    pthread_mutex_destroy(&run.store_lock);
    report->seconds = clock_seconds() - start;
    return status;
}
