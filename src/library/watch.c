/* SPDX-License-Identifier: MIT
 *
 * inotify tells a number (wd) and a name. The number's folder is looked up in an array sorted by
 * number: the kernel gives them out ascending, so new ones go to the end. What has changed is kept
 * as scopes of a walk: a folder by itself, where a file came, went or was written; a folder with
 * all below it, where that came or went, or where rules changed.
 *
 * The kernel's list of mounts is watched as well: it becomes readable (POLLPRI) when that changes.
 */
#include "library/watch.h"

#include "base/clock.h"
#include "base/file.h"
#include "library/ignore.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/inotify.h>
#define HAVE_INOTIFY 1
#else
#define HAVE_INOTIFY 0
#endif

enum {
    CHANGES_MAX = 512, /* beyond, everything counts as changed */
    BUSY_MAX = 256,    /* files followed while they are written; the others are taken as they are */
    EVENT_BYTES = 64 << 10,
};
#define FRESH                                                                                      \
    2.0               /* times quiet_seconds: until something is written to a new file; a link is  \
                         never written to */
#define PATIENCE 10.0 /* times quiet_seconds: changes that never pause are told by then */

/* A watched folder. */
struct folder {
    int wd;
    unsigned walk; /* the last one that came here */
    char *path;    /* NULL: watched no more */
};

struct busy_file {
    char *path;
    double until;
};

struct watch {
    struct watch_options options;
    int events, mounts;     /* file descriptors, or -1 */
    struct folder *folders; /* [folder_count], sorted by wd */
    size_t folder_count, folder_capacity, live_count;
    unsigned walk;
    bool limited;

    struct walk_scope changes[CHANGES_MAX]; /* [change_count]; paths are owned */
    size_t change_count;
    bool everything;
    double first_change, last_change;
    struct busy_file busy[BUSY_MAX]; /* [busy_count] */
    size_t busy_count;

    struct walk_scope told[CHANGES_MAX]; /* [told_count]; paths are owned */
    size_t told_count;
};

/* --- what has changed ---------------------------------------------------------------------- */

static void free_scopes(struct walk_scope *scopes, size_t *count)
{
    while (*count > 0)
        free((char *)(uintptr_t)scopes[--*count].path);
}

static void note_time(struct watch *w)
{
    w->last_change = clock_seconds();
    if (!w->everything && w->change_count == 0)
        w->first_change = w->last_change;
}

static void change_everything(struct watch *w)
{
    note_time(w);
    w->everything = true;
    free_scopes(w->changes, &w->change_count);
}

static void change(struct watch *w, const char *path, bool deep)
{
    if (w->everything) {
        w->last_change = clock_seconds();
        return;
    }
    note_time(w);
    for (size_t i = 0; i < w->change_count; i++) {
        if (strcmp(w->changes[i].path, path) != 0)
            continue;
        w->changes[i].deep |= deep;
        return;
    }
    char *copy = w->change_count < CHANGES_MAX ? strdup(path) : NULL;
    if (copy)
        w->changes[w->change_count++] = (struct walk_scope){copy, deep};
    else
        change_everything(w);
}

/* The folder that a path lies in. */
static void change_around(struct watch *w, const char *path)
{
    char *folder = strdup(path);
    if (!folder) {
        change_everything(w);
        return;
    }
    char *slash = strrchr(folder, '/');
    slash[slash == folder] = '\0';
    change(w, folder, false);
    free(folder);
}

/* --- files that are being written ---------------------------------------------------------- */

static size_t find_busy(const struct watch *w, const char *path)
{
    size_t i = 0;
    while (i < w->busy_count && strcmp(w->busy[i].path, path) != 0)
        i++;
    return i;
}

static void set_busy(struct watch *w, const char *path, double seconds)
{
    size_t i = find_busy(w, path);
    double until = clock_seconds() + seconds;
    if (i < w->busy_count) {
        w->busy[i].until = until;
        return;
    }
    char *copy = w->busy_count < BUSY_MAX ? strdup(path) : NULL;
    if (copy)
        w->busy[w->busy_count++] = (struct busy_file){copy, until};
    else
        change_around(w, path);
}

static void end_busy(struct watch *w, size_t i)
{
    if (i >= w->busy_count)
        return;
    free(w->busy[i].path);
    w->busy[i] = w->busy[--w->busy_count];
}

/* Ends what has been waited for long enough; seconds until the next one. */
static double expire_busy(struct watch *w)
{
    double now = clock_seconds(), next = 1e9;
    for (size_t i = 0; i < w->busy_count;) {
        double left = w->busy[i].until - now;
        if (left <= 0) {
            change_around(w, w->busy[i].path);
            end_busy(w, i);
            continue;
        }
        next = left < next ? left : next;
        i++;
    }
    return next;
}

bool watch_is_busy(void *watch, const char *path)
{
    const struct watch *w = watch;
    return w->busy_count > 0 && find_busy(w, path) < w->busy_count;
}

/* --- folders ------------------------------------------------------------------------------- */

static size_t find_folder(const struct watch *w, int wd)
{
    size_t low = 0, high = w->folder_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (w->folders[middle].wd < wd)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void put_folder(struct watch *w, int wd, const char *path)
{
    char *copy = strdup(path);
    size_t at = find_folder(w, wd);
    bool known = at < w->folder_count && w->folders[at].wd == wd;
    if (copy && !known && w->folder_count == w->folder_capacity) {
        size_t capacity = w->folder_capacity ? w->folder_capacity * 2 : 256;
        struct folder *folders = realloc(w->folders, capacity * sizeof *folders);
        if (folders) {
            w->folders = folders;
            w->folder_capacity = capacity;
        }
    }
    if (!copy || (!known && w->folder_count == w->folder_capacity)) {
        free(copy);
        w->limited = true; /* without memory, as without watches */
        return;
    }
    if (!known) {
        memmove(w->folders + at + 1, w->folders + at, (w->folder_count - at) * sizeof *w->folders);
        w->folder_count++;
        w->folders[at].path = NULL;
    }
    w->live_count += w->folders[at].path == NULL;
    if (known)
        free(w->folders[at].path);
    w->folders[at].wd = wd;
    w->folders[at].walk = w->walk;
    w->folders[at].path = copy;
}

static void forget_folder(struct watch *w, struct folder *folder)
{
    w->live_count -= folder->path != NULL;
    free(folder->path);
    folder->path = NULL;
}

#if HAVE_INOTIFY
#define FOLDER_EVENTS                                                                              \
    (IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE |            \
     IN_ATTRIB | IN_ONLYDIR | IN_DONT_FOLLOW)

void watch_dir(void *watch, const char *path)
{
    struct watch *w = watch;
    if (w->events < 0)
        return;
    if (w->options.folder_limit > 0 && w->live_count >= w->options.folder_limit) {
        w->limited = true;
        return;
    }
    int wd = inotify_add_watch(w->events, path, FOLDER_EVENTS);
    if (wd >= 0)
        put_folder(w, wd, path);
    else if (errno == ENOSPC || errno == ENOMEM)
        w->limited = true;
    /* Else it has gone, or may not be read: the walk finds out the same. */
}

static void unwatch(struct watch *w, struct folder *folder)
{
    inotify_rm_watch(w->events, folder->wd);
    forget_folder(w, folder);
}

/* --- events -------------------------------------------------------------------------------- */

static void note_folder_event(struct watch *w, const char *folder, const char *path,
                              const char *name)
{
    if (strcmp(name, ".nomedia") == 0)
        change(w, folder, true);
    else if (name[0] != '.')
        change(w, path, true);
}

static bool matters(const struct watch *w, const char *name)
{
    const char *dot = strrchr(name, '.');
    return name[0] != '.' && (w->options.is_photo(name) || (dot && strcasecmp(dot, ".xmp") == 0));
}

static void note_file_event(struct watch *w, const char *folder, const char *path, const char *name,
                            uint32_t mask)
{
    if (strcmp(name, ".nomedia") == 0 || strcmp(name, IGNORE_FILE_NAME) == 0) {
        if (mask & ~(uint32_t)IN_MODIFY)
            change(w, folder, true);
        return;
    }
    if (!matters(w, name))
        return;
    if (mask & (IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM)) {
        end_busy(w, find_busy(w, path));
        change(w, folder, false);
    } else if (mask & IN_CREATE) {
        set_busy(w, path, w->options.quiet_seconds * FRESH);
    } else if (mask & IN_MODIFY) {
        set_busy(w, path, w->options.busy_seconds);
    } else if (!watch_is_busy(w, path)) { /* IN_ATTRIB */
        change(w, folder, false);
    }
}

static void note_event(struct watch *w, const struct inotify_event *event)
{
    if (event->mask & (IN_Q_OVERFLOW | IN_UNMOUNT)) {
        change_everything(w);
        return;
    }
    size_t at = find_folder(w, event->wd);
    if (at == w->folder_count || w->folders[at].wd != event->wd || !w->folders[at].path)
        return;
    if (event->mask & IN_IGNORED) {
        forget_folder(w, &w->folders[at]);
        return;
    }
    if (event->len == 0) /* about the folder itself: the one above tells, too */
        return;
    struct str path = str_new(1 << 16);
    path_join(&path, w->folders[at].path, event->name);
    if (!str_ok(&path))
        change_everything(w);
    else if (event->mask & IN_ISDIR)
        note_folder_event(w, w->folders[at].path, path.data, event->name);
    else
        note_file_event(w, w->folders[at].path, path.data, event->name, event->mask);
    str_free(&path);
}

static void read_events(struct watch *w)
{
    _Alignas(struct inotify_event) char bytes[EVENT_BYTES];
    ssize_t size;
    while ((size = read(w->events, bytes, sizeof bytes)) > 0) {
        for (char *p = bytes; p < bytes + size;) {
            const struct inotify_event *event = (const struct inotify_event *)(void *)p;
            note_event(w, event);
            p += sizeof *event + event->len;
        }
    }
}

static void open_events(struct watch *w)
{
    w->events = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    w->mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
}

#else

void watch_dir(void *watch, const char *path)
{
}

static void unwatch(struct watch *w, struct folder *folder)
{
    forget_folder(w, folder);
}

static void read_events(struct watch *w)
{
}

static void open_events(struct watch *w)
{
}
#endif

/* --- walks --------------------------------------------------------------------------------- */

void watch_walk_begin(struct watch *w)
{
    w->walk++;
}

static bool was_walked(const char *path, const struct walk_scope *scopes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (scopes[i].deep && path_is_under(path, scopes[i].path))
            return true;
    return count == 0;
}

void watch_walk_end(struct watch *w, const struct walk_scope *scopes, size_t scope_count)
{
    size_t kept = 0;
    for (size_t i = 0; i < w->folder_count; i++) {
        struct folder *folder = &w->folders[i];
        if (folder->path && folder->walk != w->walk &&
            was_walked(folder->path, scopes, scope_count))
            unwatch(w, folder);
        if (folder->path)
            w->folders[kept++] = *folder;
    }
    w->folder_count = kept;
}

/* --- waiting ------------------------------------------------------------------------------- */

static int compare_scopes(const void *a, const void *b)
{
    return strcmp(((const struct walk_scope *)a)->path, ((const struct walk_scope *)b)->path);
}

static bool is_inside(const struct walk_scope *scope, const struct walk_scope *kept, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (kept[i].deep && path_is_under(scope->path, kept[i].path))
            return true;
    return false;
}

/* Moves what has changed to what is told, without what lies inside something else: sorted, a folder
 * comes before what is in it. */
static void tell(struct watch *w, struct watch_changes *out)
{
    free_scopes(w->told, &w->told_count);
    qsort(w->changes, w->change_count, sizeof *w->changes, compare_scopes);
    for (size_t i = 0; i < w->change_count; i++) {
        if (is_inside(&w->changes[i], w->told, w->told_count))
            free((char *)(uintptr_t)w->changes[i].path);
        else
            w->told[w->told_count++] = w->changes[i];
    }
    *out = (struct watch_changes){w->everything, w->told, w->told_count};
    w->change_count = 0;
    w->everything = false;
}

/* Seconds until what has changed is to be told; 0: now. */
static double until_quiet(const struct watch *w)
{
    if (!w->everything && w->change_count == 0)
        return 1e9;
    double now = clock_seconds(), quiet = w->options.quiet_seconds;
    double since_last = quiet - (now - w->last_change);
    double since_first = quiet * PATIENCE - (now - w->first_change);
    double left = since_last < since_first ? since_last : since_first;
    return left > 0 ? left : 0;
}

bool watch_wait(struct watch *w, double tick_seconds, struct watch_changes *out)
{
    double end = clock_seconds() + tick_seconds;
    for (;;) {
        double wait = expire_busy(w), quiet = until_quiet(w), left = end - clock_seconds();
        if (quiet <= 0) {
            tell(w, out);
            return true;
        }
        if (left <= 0)
            return false;
        wait = quiet < wait ? quiet : wait;
        wait = left < wait ? left : wait;
        struct pollfd fds[2] = {{.fd = w->events, .events = POLLIN},
                                {.fd = w->mounts, .events = POLLPRI}};
        int ready = poll(fds, 2, (int)(wait * 1000) + 1);
        if (ready < 0)
            return false; /* a signal */
        if (fds[0].revents)
            read_events(w);
        if (fds[1].revents)
            change_everything(w);
    }
}

/* --- the whole ----------------------------------------------------------------------------- */

enum status watch_open(struct watch **out, const struct watch_options *options, struct err *err)
{
    struct watch *w = calloc(1, sizeof *w);
    *out = w;
    if (!w)
        return err_no_memory(err, "the list of folders", sizeof *w);
    w->options = *options;
    w->events = w->mounts = -1;
    if (!options->polls)
        open_events(w);
    return OK;
}

void watch_close(struct watch *w)
{
    if (!w)
        return;
    if (w->events >= 0)
        close(w->events);
    if (w->mounts >= 0)
        close(w->mounts);
    for (size_t i = 0; i < w->folder_count; i++)
        free(w->folders[i].path);
    free(w->folders);
    while (w->busy_count > 0)
        end_busy(w, 0);
    free_scopes(w->changes, &w->change_count);
    free_scopes(w->told, &w->told_count);
    free(w);
}

void watch_get_state(const struct watch *w, struct watch_state *out)
{
    *out = (struct watch_state){w->live_count, w->limited, w->events < 0};
}
