/* SPDX-License-Identifier: MIT
 *
 * See live.h. The thread looks at the file (is it the one that is open?) and at the revision twice
 * a second; a library in PostgreSQL has no file, and one whose revision has gone back is another;
 * it makes a new view at most so often that it spends a tenth of its time on that, so a long index
 * run costs the searches little.
 */
#include "server/live.h"

#include "base/clock.h"
#include "base/file.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LOOK_MS = 500, REST = 10, SPEED_SECONDS = 5 };

struct held_view {
    struct view view; /* first */
    size_t references;
};

struct live {
    struct live_options options;

    pthread_mutex_t lock; /* of what follows, and of the references of views */
    pthread_cond_t wake, looked;
    struct held_view *view;
    struct live_status status;
    int64_t model_id;
    uint64_t asked, done; /* live_refresh() */
    bool closing;

    /* The thread's own. */
    struct store *store;
    struct stat file;
    double next_view; /* not before */
    double indexing_since, speed_since;
    size_t indexing_photos, speed_photos;
    pthread_t thread;
    bool started;

    pthread_mutex_t reader_lock;
    struct store *reader;
    struct stat reader_file;
};

/* --- views -------------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b, void *context)
{
    const struct store_matrix *matrix = context;
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    int order = strcmp(path_basename(matrix->paths[x]), path_basename(matrix->paths[y]));
    return order ? order : (x > y) - (x < y);
}

static int compare_dates(const void *a, const void *b, void *context)
{
    const struct store_facts *facts = context;
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    int64_t p = facts->rows[x].taken_ms, q = facts->rows[y].taken_ms; /* none is the least */
    return p != q ? (p < q) - (p > q) : (x > y) - (x < y);
}

static void free_view(struct held_view *held)
{
    if (!held)
        return;
    snapshot_unref(held->view.snapshot);
    free(held->view.by_name);
    free(held->view.by_date);
    free(held);
}

/* Takes the snapshot's reference over, also when it fails. */
static enum status make_view(struct held_view **out, const struct snapshot *snapshot,
                             struct err *err)
{
    struct held_view *held = *out = calloc(1, sizeof *held);
    if (!held) {
        snapshot_unref(snapshot);
        return err_no_memory(err, "a view of the library", sizeof *held);
    }
    struct view *view = &held->view;
    *view = (struct view){.snapshot = snapshot,
                          .matrix = snapshot->matrix,
                          .facts = snapshot->facts,
                          .labels = snapshot->labels};
    held->references = 1;
    size_t count = view->matrix->count;
    view->by_name = calloc(count + 1, sizeof *view->by_name);
    view->by_date = calloc(count + 1, sizeof *view->by_date);
    if (!view->by_name || !view->by_date) {
        free_view(held);
        *out = NULL;
        return err_no_memory(err, "a view of the library", count * sizeof *view->by_name);
    }
    for (size_t i = 0; i < count; i++)
        view->by_name[i] = view->by_date[i] = i;
    qsort_r(view->by_name, count, sizeof *view->by_name, compare_names, (void *)view->matrix);
    qsort_r(view->by_date, count, sizeof *view->by_date, compare_dates, (void *)view->facts);
    return OK;
}

const struct view *live_view(struct live *live)
{
    pthread_mutex_lock(&live->lock);
    struct held_view *held = live->view;
    held->references++;
    pthread_mutex_unlock(&live->lock);
    return &held->view;
}

void live_release(struct live *live, const struct view *view)
{
    if (!view)
        return;
    struct held_view *held = (struct held_view *)view;
    pthread_mutex_lock(&live->lock);
    bool last = --held->references == 0;
    pthread_mutex_unlock(&live->lock);
    if (last)
        free_view(held);
}

/* The first index in by_name whose name is not less. */
static size_t lower_bound(const struct view *view, const char *name)
{
    size_t low = 0, high = view->matrix->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(path_basename(view->matrix->paths[view->by_name[middle]]), name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool has_name(const struct view *view, size_t index, const char *name)
{
    return index < view->matrix->count &&
           strcmp(path_basename(view->matrix->paths[view->by_name[index]]), name) == 0;
}

/* Where the extension begins, or the end. */
static size_t stem_length(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && dot != name ? (size_t)(dot - name) : strlen(name);
}

char *view_name(const struct view *view, size_t row)
{
    const char *name = path_basename(view->matrix->paths[row]);
    if (view->by_name[lower_bound(view, name)] == row)
        return strdup(name);
    char *out = NULL;
    size_t stem = stem_length(name);
    if (asprintf(&out, "%.*s~%lld%s", (int)stem, name, (long long)view->matrix->photo_ids[row],
                 name + stem) < 0)
        return NULL;
    return out;
}

size_t view_find(const struct view *view, const char *name)
{
    size_t index = lower_bound(view, name);
    if (has_name(view, index, name))
        return view->by_name[index];
    size_t stem = stem_length(name), digits = stem;
    while (digits > 0 && isdigit((unsigned char)name[digits - 1]))
        digits--;
    if (digits == stem || digits == 0 || name[digits - 1] != '~' || stem - digits > 18)
        return SNAPSHOT_NO_ROW;
    size_t row = snapshot_row_of(view->snapshot, strtoll(name + digits, NULL, 10));
    if (row == SNAPSHOT_NO_ROW)
        return SNAPSHOT_NO_ROW;
    char *whole = view_name(view, row);
    bool same = whole && strcmp(whole, name) == 0;
    free(whole);
    return same ? row : SNAPSHOT_NO_ROW;
}

/* --- following the library ---------------------------------------------------------------- */

/* A server that went away is asked again at the next look; a request is not to wait for it. */
#define PATIENCE_S 2

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Opens the file at the library's path again if it is another one than the handle's. (Two handles
 * cannot be told apart by their addresses: the second may get the memory of the first.) */
static enum status reopen(const char *library, struct store **store, struct stat *known,
                          bool *another, struct err *err)
{
    struct stat now = {0};
    *another = false;
    if (store_is_url(library)) {
        if (*store) /* it connects again by itself */
            return OK;
    } else if (stat(library, &now) != 0) {
        int reason = errno;
        store_close(*store);
        *store = NULL;
        return err_errno(err, reason, "the library %s cannot be read", library);
    }
    if (*store && same_file(&now, known))
        return OK;
    store_close(*store);
    *store = NULL;
    *known = now;
    *another = true;
    enum status status = store_open(store, library, STORE_READ, err);
    if (status == OK)
        store_set_patience(*store, PATIENCE_S);
    return status;
}

static enum status find_model(struct store *store, const struct model_info *info, int64_t *id,
                              struct err *err)
{
    struct store_model *models = NULL;
    size_t count = 0;
    enum status status = store_models(store, &models, &count, err);
    if (status != OK)
        return status;
    status = ERR_NOT_FOUND;
    for (size_t i = 0; i < count && status != OK; i++) {
        if (strcmp(models[i].fingerprint, info->fingerprint) != 0)
            continue;
        *id = models[i].id;
        /* Everything that is computed has the size of what the model gives. */
        status = models[i].dim == info->embed_dim ? OK : ERR_FORMAT;
        if (status != OK)
            break;
    }
    if (status == ERR_FORMAT)
        status =
            err_set(err, ERR_FORMAT, "the library has other than %d dimensions for the model %s",
                    info->embed_dim, info->name);
    free(models);
    return status != ERR_NOT_FOUND
               ? status
               : err_set(err, ERR_NOT_FOUND,
                         "the library has no vectors of the model %s; `fovea index DIR` "
                         "makes them",
                         info->name);
}

/* A new view, if the revision has risen. */
static enum status follow(struct live *live, int64_t model_id, int64_t revision, struct err *err)
{
    pthread_mutex_lock(&live->lock);
    struct held_view *old = live->view;
    bool same_model = old && live->model_id == model_id;
    bool current = same_model && old->view.snapshot->revision == revision;
    if (old)
        old->references++;
    pthread_mutex_unlock(&live->lock);
    enum status status = OK;
    const struct snapshot *snapshot = NULL;
    struct held_view *held = NULL;
    double start = clock_seconds();
    if (!current)
        status = snapshot_open(&snapshot, live->store, model_id, SNAPSHOT_BYTES_AUTO,
                               same_model ? old->view.snapshot : NULL, err);
    if (snapshot)
        status = make_view(&held, snapshot, err);
    if (held) {
        double now = clock_seconds();
        live->next_view = now + (now - start) * REST;
        pthread_mutex_lock(&live->lock);
        live->view = held;
        live->model_id = model_id;
        pthread_mutex_unlock(&live->lock);
        if (old) /* the live library's own */
            live_release(live, &old->view);
    }
    if (old)
        live_release(live, &old->view);
    return status;
}

static enum status look(struct live *live, struct live_status *now, bool asked, struct err *err)
{
    bool another;
    int64_t model_id = live->model_id, known_revision = now->revision;
    enum status status = reopen(live->options.library, &live->store, &live->file, &another, err);
    if (status == OK)
        status = store_revision(live->store, &now->revision, err);
    if (status == OK && now->revision < known_revision) /* a database that was restored */
        another = true;
    if (status == OK && (another || model_id == 0))
        status = find_model(live->store, live->options.model, &model_id, err);
    if (another && live->view) { /* nothing of the old one fits */
        pthread_mutex_lock(&live->lock);
        live->model_id = 0;
        pthread_mutex_unlock(&live->lock);
    }
    if (status == OK && (asked || another || clock_seconds() >= live->next_view))
        status = follow(live, model_id, now->revision, err);
    if (status == OK)
        status = store_summarize(live->store, &now->summary, err);
    return status;
}

static void list_indexers(struct live *live, struct live_status *now)
{
    struct store_indexer *list = NULL;
    size_t count = 0;
    struct err ignored; /* the next look says so */
    if (!now->indexing || store_indexers(live->store, &list, &count, &ignored) != OK)
        count = 0;
    now->indexer_count = count < LIVE_INDEXERS_MAX ? count : LIVE_INDEXERS_MAX;
    for (size_t i = 0; i < now->indexer_count; i++) {
        struct live_indexer *indexer = &now->indexers[i];
        snprintf(indexer->host, sizeof indexer->host, "%s", list[i].host);
        indexer->is = list[i];
        indexer->is.host = NULL;
    }
    free(list);
}

static void measure(struct live *live, struct live_status *now, bool was_indexing)
{
    double time = clock_seconds();
    now->indexing = now->ok && store_is_indexing(live->store);
    if (now->indexing && !was_indexing) {
        live->indexing_since = live->speed_since = time;
        live->indexing_photos = live->speed_photos = now->photos;
        now->per_second = -1;
    }
    if (!now->indexing)
        return;
    now->added = now->photos > live->indexing_photos ? now->photos - live->indexing_photos : 0;
    now->indexing_for = time - live->indexing_since;
    if (time - live->speed_since >= SPEED_SECONDS) {
        now->per_second =
            now->photos > live->speed_photos
                ? (double)(now->photos - live->speed_photos) / (time - live->speed_since)
                : 0;
        live->speed_since = time;
        live->speed_photos = now->photos;
    }
}

/* Who is at it, and how far; not for how long. */
static bool indexers_differ(const struct live_status *a, const struct live_status *b)
{
    bool differ = a->indexer_count != b->indexer_count;
    for (size_t i = 0; i < a->indexer_count && !differ; i++) {
        const struct store_indexer *x = &a->indexers[i].is, *y = &b->indexers[i].is;
        differ = x->pid != y->pid || strcmp(a->indexers[i].host, b->indexers[i].host) != 0 ||
                 x->in_hand != y->in_hand || memcmp(&x->so_far, &y->so_far, sizeof x->so_far) != 0;
    }
    return differ;
}

static bool differs(const struct live_status *a, const struct live_status *b)
{
    return indexers_differ(a, b) || a->ok != b->ok || strcmp(a->detail, b->detail) != 0 ||
           a->revision != b->revision || a->photos != b->photos || a->indexing != b->indexing ||
           a->added != b->added || a->per_second != b->per_second ||
           a->summary.failures != b->summary.failures || a->summary.files != b->summary.files ||
           a->summary.labelled != b->summary.labelled;
}

/* Without the lock. */
static enum status look_once(struct live *live, bool asked, struct err *err)
{
    struct live_status now;
    live_status(live, &now);
    struct live_status before = now;
    enum status status = look(live, &now, asked, err);
    now.ok = status == OK;
    snprintf(now.detail, sizeof now.detail, "%s", status == OK ? "" : err->text);
    pthread_mutex_lock(&live->lock);
    now.photos = live->view ? live->view->view.matrix->count : 0;
    pthread_mutex_unlock(&live->lock);
    measure(live, &now, before.indexing);
    list_indexers(live, &now);
    pthread_mutex_lock(&live->lock);
    live->status = now;
    pthread_mutex_unlock(&live->lock);
    if (differs(&now, &before) && live->options.changed)
        live->options.changed(live->options.user);
    return status;
}

static void *run(void *argument)
{
    struct live *live = argument;
    pthread_mutex_lock(&live->lock);
    while (!live->closing) {
        uint64_t asked = live->asked;
        bool hurry = asked != live->done;
        if (!hurry) {
            struct timespec until;
            clock_gettime(CLOCK_MONOTONIC, &until);
            until.tv_nsec += LOOK_MS * 1000000L;
            until.tv_sec += until.tv_nsec / 1000000000L;
            until.tv_nsec %= 1000000000L;
            pthread_cond_timedwait(&live->wake, &live->lock, &until);
            asked = live->asked;
            hurry = asked != live->done;
        }
        if (live->closing)
            break;
        pthread_mutex_unlock(&live->lock);
        struct err ignored = {0}; /* it is in the status */
        (void)!look_once(live, hurry, &ignored);
        pthread_mutex_lock(&live->lock);
        live->done = asked;
        pthread_cond_broadcast(&live->looked);
    }
    live->done = live->asked;
    pthread_cond_broadcast(&live->looked);
    pthread_mutex_unlock(&live->lock);
    return NULL;
}

enum status live_open(struct live **out, const struct live_options *options, struct err *err)
{
    struct live *live = *out = calloc(1, sizeof *live);
    if (!live)
        return err_no_memory(err, "the library", sizeof *live);
    live->options = *options;
    live->status.per_second = -1;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&live->lock, NULL);
    pthread_mutex_init(&live->reader_lock, NULL);
    pthread_cond_init(&live->wake, &monotonic);
    pthread_cond_init(&live->looked, NULL);
    pthread_condattr_destroy(&monotonic);
    enum status status = look_once(live, true, err);
    if (status == OK) {
        int code = pthread_create(&live->thread, NULL, run, live);
        live->started = code == 0;
        if (code != 0)
            status = err_errno(err, code, "cannot start a thread");
    }
    if (status != OK) {
        live_close(live);
        *out = NULL;
    }
    return status;
}

void live_close(struct live *live)
{
    if (!live)
        return;
    if (live->started) {
        pthread_mutex_lock(&live->lock);
        live->closing = true;
        pthread_cond_signal(&live->wake);
        pthread_mutex_unlock(&live->lock);
        pthread_join(live->thread, NULL);
    }
    free_view(live->view);
    store_close(live->reader);
    store_close(live->store);
    pthread_cond_destroy(&live->looked);
    pthread_cond_destroy(&live->wake);
    pthread_mutex_destroy(&live->reader_lock);
    pthread_mutex_destroy(&live->lock);
    free(live);
}

void live_status(struct live *live, struct live_status *out)
{
    pthread_mutex_lock(&live->lock);
    *out = live->status;
    pthread_mutex_unlock(&live->lock);
}

void live_refresh(struct live *live)
{
    pthread_mutex_lock(&live->lock);
    uint64_t mine = ++live->asked;
    pthread_cond_signal(&live->wake);
    while (live->done < mine && !live->closing)
        pthread_cond_wait(&live->looked, &live->lock);
    pthread_mutex_unlock(&live->lock);
}

int64_t live_model_id(struct live *live)
{
    pthread_mutex_lock(&live->lock);
    int64_t id = live->model_id;
    pthread_mutex_unlock(&live->lock);
    return id;
}

enum status live_read(struct live *live,
                      enum status (*read)(struct store *, void *user, struct err *), void *user,
                      struct err *err)
{
    pthread_mutex_lock(&live->reader_lock);
    bool another;
    enum status status =
        reopen(live->options.library, &live->reader, &live->reader_file, &another, err);
    if (status != OK)
        err->status = status = ERR_BUSY; /* may be back */
    else
        status = read(live->reader, user, err);
    if (status == ERR_IO && store_is_url(live->options.library))
        err->status = status = ERR_BUSY; /* so may a server */
    pthread_mutex_unlock(&live->reader_lock);
    return status;
}

/* Opening for writing would make a new one. */
static enum status is_there(const char *library, enum store_mode mode, struct err *err)
{
    struct stat now;
    struct store *store = NULL;
    enum status status = OK;
    if (!store_is_url(library)) {
        if (stat(library, &now) != 0)
            return err_set(err, ERR_BUSY,
                           "the library %s cannot be read: it is not there at present", library);
    } else if (mode == STORE_WRITE) {
        status = store_open(&store, library, STORE_READ, err);
        store_close(store);
        if (status != OK)
            err->status = status = ERR_BUSY;
    }
    return status;
}

enum status live_work(struct live *live, enum store_mode mode,
                      enum status (*work)(struct store *, void *user, struct err *), void *user,
                      struct err *err)
{
    struct store *store = NULL;
    enum status status = is_there(live->options.library, mode, err);
    if (status == OK)
        status = store_open(&store, live->options.library, mode, err);
    if (status == OK)
        status = work(store, user, err);
    store_close(store);
    return status;
}
