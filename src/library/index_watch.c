/* SPDX-License-Identifier: MIT
 *
 * See index_watch.h. What makes the next run, in the order of precedence: everything, because a
 * root has come or gone, because of time (polling), because something could not be followed, or
 * because the last run failed; else the parts in which something has changed.
 */
#include "library/index_watch.h"

#include "base/clock.h"
#include "image/image.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define QUIET_SECONDS 1.0
#define BUSY_SECONDS 30.0
#define POLL_SECONDS 60.0
#define TICK 2.0 /* times quiet_seconds: between looks at the roots, and at `cancel` */
#define BUSY_RETRY_SECONDS 5.0
#define TROUBLE_RETRY_SECONDS 30.0

struct keeper {
    struct store *store;
    const struct model *model;
    const struct index_watch_options *options;
    struct watch *watch;
    struct watch_state state; /* as it was told last */
    uint64_t roots;           /* what the roots were at the last look; a hash */
    double next_whole;        /* when everything is to be looked at in any case */
    bool failed;              /* the last run did */
    bool started;             /* the first run is over: roots may come and go */
};

static double quiet_seconds(const struct index_watch_options *options)
{
    return options->quiet_seconds > 0 ? options->quiet_seconds : QUIET_SECONDS;
}

static double poll_seconds(const struct index_watch_options *options)
{
    return options->poll_seconds > 0 ? options->poll_seconds : POLL_SECONDS;
}

static bool cancelled(const struct keeper *k)
{
    return atomic_load(k->options->index.cancel);
}

/* --- roots --------------------------------------------------------------------------------- */

static uint64_t mixed(uint64_t hash, uint64_t value)
{
    return (hash ^ value) * 0x9e3779b97f4a7c15u + (hash >> 29);
}

static uint64_t look_at(uint64_t hash, const char *root)
{
    struct stat st;
    if (stat(root, &st) != 0)
        return mixed(hash, 1);
    return mixed(mixed(hash, (uint64_t)st.st_dev), (uint64_t)st.st_ino);
}

/* Whether a root is there, and which folder it is. */
static uint64_t look_at_roots(const struct keeper *k)
{
    const struct index_options *how = &k->options->index;
    uint64_t hash = 0;
    for (size_t i = 0; i < how->root_count; i++)
        hash = look_at(hash, how->roots[i]);
    struct store_place *places = NULL;
    size_t count = 0;
    struct err ignored; /* then they are looked at the next time */
    if (how->root_count == 0 && store_places(k->store, &places, &count, &ignored) != OK)
        return k->roots;
    for (size_t i = 0; i < count; i++)
        if (places[i].kind == STORE_ROOT)
            hash = look_at(hash, places[i].path);
    free(places);
    return hash;
}

/* --- runs ---------------------------------------------------------------------------------- */

static enum status run_once(struct keeper *k, const struct walk_scope *scopes, size_t scope_count,
                            struct index_report *report, struct err *err)
{
    struct index_options how = k->options->index;
    how.scopes = scopes;
    how.scope_count = scope_count;
    how.missing_ok |= k->started;
    how.hooks = (struct index_hooks){watch_dir, watch_is_busy, k->watch};
    if (scope_count == 0)
        k->roots = look_at_roots(k);
    watch_walk_begin(k->watch);
    enum status status = index_run(k->store, k->model, &how, report, err);
    if (status == OK && !report->cancelled)
        watch_walk_end(k->watch, scopes, scope_count);
    return status;
}

static void tell_state(struct keeper *k)
{
    struct watch_state now;
    watch_get_state(k->watch, &now);
    if (k->options->on_state &&
        (now.limited != k->state.limited || now.polls != k->state.polls || k->state.folders == 0))
        k->options->on_state(k->options->context, &now);
    k->state = now;
}

static bool did_something(const struct index_report *r)
{
    return r->embedded + r->known + r->metadata + r->failed + r->forgotten > 0;
}

static void run_again(struct keeper *k, const struct watch_changes *changes)
{
    const struct index_watch_options *options = k->options;
    struct err err = {0};
    struct index_report report;
    bool whole = changes->everything || k->failed;
    enum status status =
        run_once(k, changes->scopes, whole ? 0 : changes->scope_count, &report, &err);
    double now = clock_seconds();
    k->failed = status != OK;
    if (whole)
        k->next_whole = now + poll_seconds(options);
    if (status != OK) {
        double seconds = status == ERR_BUSY ? BUSY_RETRY_SECONDS : TROUBLE_RETRY_SECONDS;
        k->next_whole = now + seconds;
        if (options->on_trouble)
            options->on_trouble(options->context, &err, seconds);
        return;
    }
    if (options->on_run && did_something(&report))
        options->on_run(options->context, &report);
    tell_state(k);
}

/* Everything is looked at by the clock when not all is watched, and after a failure. */
static bool is_time(const struct keeper *k)
{
    return (k->state.polls || k->state.limited || k->failed) && clock_seconds() >= k->next_whole;
}

static void keep(struct keeper *k)
{
    const double tick = TICK * quiet_seconds(k->options);
    while (!cancelled(k)) {
        struct watch_changes changes = {0};
        bool changed = watch_wait(k->watch, tick, &changes);
        if (cancelled(k))
            break;
        if (is_time(k) || look_at_roots(k) != k->roots)
            changed = changes.everything = true;
        else if (k->failed) /* what changes now is looked at with everything else */
            continue;
        if (changed)
            run_again(k, &changes);
    }
}

enum status index_watch(struct store *store, const struct model *model,
                        const struct index_watch_options *options, struct err *err)
{
    struct keeper k = {.store = store, .model = model, .options = options};
    const struct watch_options how = {
        .is_photo = image_name_is_photo,
        .quiet_seconds = quiet_seconds(options),
        .busy_seconds = BUSY_SECONDS,
        .folder_limit = options->folder_limit,
        .polls = options->polls,
    };
    struct index_report report;
    enum status status = watch_open(&k.watch, &how, err);
    if (status == OK)
        status = run_once(&k, NULL, 0, &report, err);
    if (status == OK) {
        k.next_whole = clock_seconds() + poll_seconds(options);
        if (options->on_run)
            options->on_run(options->context, &report);
        tell_state(&k);
        k.started = true;
        keep(&k);
    }
    watch_close(k.watch);
    return status;
}
