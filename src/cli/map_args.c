/* SPDX-License-Identifier: MIT
 *
 * See map_args.h. A stage that is over within SHOWN_AFTER seconds has no progress bar.
 */
#include "cli/map_args.h"

#include "cli/library_args.h"

#include "base/clock.h"
#include "base/progress.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_AFTER 0.5

static atomic_bool cancelled;

static void on_interrupt(int number)
{
    atomic_store(&cancelled, true);
    signal(number, SIG_DFL);
}

static const char *label_of(const char *stage)
{
    static const char *const labels[][2] = {
        {"neighbours", "Neighbours"}, {"start", "Beginning"},       {"layout", "Layout"},
        {"covariance", "Covariance"}, {"vocabulary", "Vocabulary"}, {"groups", "Groups"},
    };
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
        if (strcmp(labels[i][0], stage) == 0)
            return labels[i][1];
    return stage;
}

static void on_stage(void *user, const char *stage, size_t done, size_t total)
{
    struct map_run *run = user;
    struct err ignored;
    if (!run->stage || strcmp(run->stage, stage) != 0 || done < run->shown) {
        map_run_quiet(run);
        run->stage = stage;
        run->stage_began = clock_seconds();
    }
    const struct progress_options look = {
        .label = label_of(stage), .unit = "steps", .total = total, .start = done};
    if (!run->progress && clock_seconds() - run->stage_began > SHOWN_AFTER && total > done) {
        if (progress_open(&run->progress, &look, &ignored) != OK)
            run->progress = NULL;
        run->shown = done;
    }
    if (run->progress && done > run->shown)
        progress_add(run->progress, done - run->shown, 0);
    run->shown = done;
}

void map_run_quiet(struct map_run *run)
{
    progress_close(run->progress);
    run->progress = NULL;
    run->shown = 0;
    run->stage = NULL;
}

/* A library that cannot be written to has a map all the same, made each time. */
static enum status open_store(struct map_run *run, const char *library, struct err *err)
{
    enum status status = library_open(&run->store, library, STORE_WRITE, false, err);
    if (status == ERR_IO || status == ERR_BUSY)
        status = library_open(&run->store, library, STORE_READ, false, err);
    return status;
}

enum status map_run_open(struct map_run *run, const char *library, const char *model,
                         const struct filter_args *filter, struct err *err)
{
    run->watch = (struct map_watch){on_stage, run, &cancelled};
    enum status status = filter_args_read(&run->filter, filter, err);
    if (status == OK)
        status = open_store(run, library, err);
    if (status == OK)
        status = library_model_stored(run->store, model, &run->stored, err);
    if (status == OK)
        status = snapshot_open(&run->snapshot, run->store, run->stored.id, SNAPSHOT_BYTES_NEVER,
                               NULL, err);
    if (status == OK)
        status = row_set_open(&run->rows, run->snapshot->matrix->count, true, err);
    if (status == OK)
        status = filter_apply(&run->filter.filter, run->snapshot, &run->rows, err);
    if (status != OK)
        return status;
    signal(SIGINT, on_interrupt);
    signal(SIGTERM, on_interrupt);
    return OK;
}

void map_run_close(struct map_run *run)
{
    map_run_quiet(run);
    row_set_close(&run->rows);
    snapshot_unref(run->snapshot);
    store_close(run->store);
    filter_reading_close(&run->filter);
}
