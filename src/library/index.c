/* SPDX-License-Identifier: MIT
 *
 * An index run, in four steps:
 *   1. plan    walk the folders and compare with what the library knows (plan.h); most files are
 *              unchanged and end here
 *   2. work    the pipeline reads, decodes and embeds the rest; results are recorded in
 *              transactions of a few photographs as they come, so that a run that is killed loses
 *              only what was in flight. Others who index the library have their share (share.h)
 *   3. forget  paths that are gone, and photos that no path names, unless the run was cut short: a
 *              moved file has been recognised under its new path by then and keeps its photo and
 *              vectors
 *   4. switch  to this run's model, if it has every vector now and another one answered so far
 *
 * Files that change meanwhile: size and mtime are those of the walk, the content is read later.
 * What was read is recorded only if the file still has the walk's size and mtime afterwards. A
 * change within the grain of the clock behind the mtime would go unseen, so reading waits until
 * that grain is over (settle()): from then on every change gives another mtime.
 */
#include "library/index.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "image/image.h"
#include "library/picture.h"
#include "library/pipeline.h"
#include "library/plan.h"
#include "library/share.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { RESULTS_PER_TRANSACTION = 64 };

struct run {
    struct store *store;
    const struct model *model;
    const struct index_options *options;
    struct index_report *report;
    struct err *err;
    int64_t model_id;
    int64_t active_id; /* of the model that answers; 0: none yet */
    struct plan plan;
    struct share share; /* which of the plan's files are this run's, and not another indexer's */
    size_t done_count;
    pthread_mutex_t store_lock; /* shared with the pipeline's workers */

    struct done *group[RESULTS_PER_TRANSACTION]; /* to be recorded together */
    size_t group_count;
    struct done **copies; /* [copy_count] whose first one was not recorded yet when they came */
    size_t copy_count, copy_capacity;
    bool saw_changes; /* a file changed while it was read */
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
        .found = run->plan.walk.file_count,
        .todo = run->plan.todo_count,
        .done = run->done_count + atomic_load(&run->share.elsewhere),
    };
    run->options->on_event(run->options->context, &event);
}

/* --- record -------------------------------------------------------------------------------- */

static struct store_result store_result_of(const struct done *done)
{
    const struct found_file *file = done->file;
    struct store_result result = {
        .file = {.path = file->path, .size_bytes = file->size_bytes, .mtime_ns = file->mtime_ns},
        .hash = done->hash,
        .width = done->width,
        .height = done->height,
        .vector = done->kind == DONE_VECTOR ? done->vector : NULL,
        .failure = done->kind == DONE_FAILED ? done->failure : NULL,
        .transient = done->transient,
        .meta = done->meta,
        .phash = done->phash,
        .has_phash = done->has_phash,
        .sidecar = done->has_sidecar ? &done->sidecar : NULL,
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
    *(!known                  ? &run->report->embedded
      : done->file->only_meta ? &run->report->metadata
                              : &run->report->known) += 1;
    tell(run, INDEX_PHOTO, done->file->path, NULL, known);
}

/* What was read may be of no file that ever was, if somebody was writing it: then the next run
 * looks again, and until then the path stays what it was. */
static void check_unchanged(struct run *run, struct done *done)
{
    const struct found_file *file = done->file;
    struct stat st;
    if (stat(file->path, &st) == 0 && walk_same_stat(file, &st))
        return;
    done->transient = true;
    if (done->kind != DONE_FAILED)
        snprintf(done->failure, sizeof done->failure,
                 "changed while it was read; the next run takes it");
    done->kind = DONE_FAILED;
    run->saw_changes = true;
}

/* To those who ask how far the indexers of this library are. */
static void show_progress(struct run *run)
{
    const struct store_progress progress = {.found = (int64_t)run->plan.walk.file_count,
                                            .todo = (int64_t)run->plan.todo_count,
                                            .done = (int64_t)run->done_count,
                                            .failed = (int64_t)run->report->failed};
    pthread_mutex_lock(&run->store_lock);
    store_claims_progress(run->store, &progress);
    pthread_mutex_unlock(&run->store_lock);
}

/* Records the group in one transaction; frees its members in any case. */
static enum status record_group(struct run *run)
{
    struct store_result results[RESULTS_PER_TRANSACTION];
    for (size_t i = 0; i < run->group_count; i++) {
        check_unchanged(run, run->group[i]);
        results[i] = store_result_of(run->group[i]);
    }
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
    show_progress(run);
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
            copy->transient = run->saw_changes; /* the other file may be one that changed */
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
    for (size_t i = 0; i < run->plan.walk.unread_count; i++) {
        const struct unread_path *unread = &run->plan.walk.unread[i];
        if (unread->busy)
            continue;
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

/* Waits until the newest mtime among the files to be read lies behind the grain of its clock: two
 * seconds where it is a whole second (FAT), else the kernel's tick. An mtime in the future, of a
 * clock that was wrong, is not waited for. */
static void settle(const struct run *run)
{
    enum { TICK_NS = 20000000, COARSE_NS = 2000000000, SECOND_NS = 1000000000 };
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    int64_t now = (int64_t)t.tv_sec * SECOND_NS + t.tv_nsec, until = now;
    for (size_t i = 0; i < run->plan.todo_count; i++) {
        const struct found_file *file = run->plan.todo[i];
        const int64_t times[2] = {file->mtime_ns, file->sidecar_mtime_ns};
        for (int k = 0; k < 2; k++) {
            int64_t grain = times[k] % SECOND_NS == 0 ? COARSE_NS : TICK_NS;
            if (times[k] <= now && times[k] > until - grain)
                until = times[k] + grain;
        }
    }
    if (until <= now)
        return;
    t = (struct timespec){(until - now) / SECOND_NS, (until - now) % SECOND_NS};
    nanosleep(&t, NULL); /* a signal ends it early: the run is to be cancelled then */
}

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

/* Does what is left of a round of the share. */
static enum status work_round(struct run *run)
{
    const struct index_options *options = run->options;
    int workers = options->threads > 0 ? options->threads : cpu_cores();
    if ((size_t)workers > run->plan.todo_count)
        workers = (int)run->plan.todo_count;
    const struct pipeline_options how = {
        .model = run->model,
        .workers = workers,
        .batch = options->batch > 0 ? options->batch
                                    : pipeline_default_batch(model_info(run->model), workers,
                                                             run->plan.todo_count),
        .max_megapixels = options->max_megapixels,
        .fast_margin = options->fast_decode ? PICTURE_FAST_MARGIN : 0,
        .thumbs = options->thumbs,
        .large_thumbs = options->large_thumbs,
        .cancel = options->cancel,
        .store = run->store,
        .store_lock = &run->store_lock,
        .model_id = run->model_id,
    };
    const struct pipeline_source source = share_source(&run->share);
    struct pipeline *pipeline = NULL;
    enum status status = pipeline_open(&pipeline, &how, &source, run->err);
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

static void tell_waiting(void *context)
{
    tell(context, INDEX_ELSEWHERE, NULL, NULL, false);
}

static enum status work(struct run *run)
{
    if (run->plan.todo_count == 0)
        return OK;
    settle(run);
    bool more = true;
    enum status status = share_open(&run->share, run->store, &run->store_lock, run->model_id,
                                    run->plan.todo, run->plan.todo_count, run->err);
    while (status == OK && more) {
        status = work_round(run);
        if (status == OK)
            status =
                share_wait(&run->share, run->options->cancel, tell_waiting, run, &more, run->err);
    }
    run->report->elsewhere = atomic_load(&run->share.elsewhere);
    share_close(&run->share);
    return status;
}

/* --- forget, switch ------------------------------------------------------------------------ */

static enum status forget(struct run *run)
{
    struct path_list *gone = &run->plan.gone, *readable = &run->plan.readable;
    enum status status = OK;
    if (readable->count > 0)
        status = store_forget_paths(run->store, readable->paths, readable->count, run->err);
    if (status == OK && gone->count > 0)
        status = store_forget_paths(run->store, gone->paths, gone->count, run->err);
    if (status == OK)
        run->report->forgotten = gone->count;
    return status == OK ? store_sweep(run->store, run->err) : status;
}

static void note_active(struct run *run, const struct store_model *models, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (models[i].id == run->active_id)
            memcpy(run->report->active_name, models[i].name, sizeof models[i].name);
}

/* The model of this run takes over when no photo lacks its vector. */
static enum status switch_model(struct run *run)
{
    if (run->active_id == run->model_id)
        return OK;
    struct store_model *models = NULL;
    struct store_summary summary;
    size_t count;
    enum status status = store_models(run->store, &models, &count, run->err);
    if (status != OK)
        return status;
    note_active(run, models, count);
    status = store_summarize(run->store, &summary, run->err);
    for (size_t i = 0; status == OK && i < count; i++)
        if (models[i].id == run->model_id)
            run->report->lacking = (size_t)(summary.photos - models[i].embeddings);
    free(models);
    if (status != OK || (run->report->lacking > 0 && !run->options->activate))
        return status;
    run->report->activated = true;
    return store_model_set_active(run->store, run->model_id, run->err);
}

/* --- the run ------------------------------------------------------------------------------- */

/* The first model of a library answers from the beginning: nothing else could. */
static enum status choose_model(struct run *run)
{
    const struct model_info *info = model_info(run->model);
    enum status status = store_model_use(run->store, info->name, info->fingerprint, info->embed_dim,
                                         &run->model_id, run->err);
    if (status == OK)
        status = store_model_active(run->store, &run->active_id, run->err);
    if (status != OK || run->active_id != 0)
        return status;
    run->active_id = run->model_id;
    return store_model_set_active(run->store, run->model_id, run->err);
}

static enum status run_steps(struct run *run)
{
    const struct index_options *options = run->options;
    const bool whole = options->scope_count == 0;
    /* Before anything is written: roots that are refused leave no trace. */
    enum status status = index_check_roots(options, run->err);
    if (status == OK)
        status = choose_model(run);
    if (status == OK)
        status = plan_make(&run->plan, run->store, run->model_id, options, run->report, run->err);
    if (status == OK && whole)
        status = plan_note_places(&run->plan, run->store, options, run->err);
    if (status == OK) {
        tell(run, INDEX_BEGIN, NULL, NULL, false);
        status = record_unread(run);
    }
    if (status == OK)
        status = work(run);
    run->report->cancelled = options->cancel && atomic_load(options->cancel);
    if (status != OK || run->report->cancelled)
        return status;
    status = forget(run);
    return status == OK && whole ? switch_model(run) : status;
}

enum status index_check_roots(const struct index_options *options, struct err *err)
{
    const struct walk_options where = plan_walk_options(options);
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
    enum status status = store_index_join(store, err);
    if (status == OK) {
        status = run_steps(&run);
        store_index_unlock(store);
    }
    while (run.copy_count > 0)
        free(run.copies[--run.copy_count]);
    free(run.copies);
    plan_free(&run.plan);
    pthread_mutex_destroy(&run.store_lock);
    report->seconds = clock_seconds() - start;
    return status;
}
