/* SPDX-License-Identifier: MIT
 *
 * Which folders have changed: a set of watched folders, and what has happened in them since it was
 * asked last. On Linux by inotify; elsewhere, and where the system has none left, there is nothing
 * to be told, and the user of this looks everywhere now and then.
 *
 * Folders are watched one by one, from the moment at which a walk comes to them (watch_dir() as its
 * on_dir hook, before it reads their names): so nothing falls between looking and watching. A
 * folder that was moved is met by the next walk under its new name and keeps its watch.
 *
 * A file that is being written is busy from its first change until it is closed, or until nobody
 * has written to it for a while; then its folder counts as changed. What cannot be followed (the
 * queue overflowed, a disk was mounted or unmounted, too many changes at once) makes everything
 * count as changed.
 */
#ifndef FOVEA_LIBRARY_WATCH_H
#define FOVEA_LIBRARY_WATCH_H

#include "base/status.h"
#include "library/walk.h"

#include <stdatomic.h>

struct watch_options {
    bool (*is_photo)(const char *name);
    double quiet_seconds; /* after a change, so long without another one before it is told */
    double busy_seconds;  /* a file to which nobody writes for so long is not waited for */
    size_t folder_limit;  /* watch no more folders than this (for tests); 0: the system's limit */
    bool polls;           /* do not ask the system */
};

struct watch;

MUST_USE enum status watch_open(struct watch **out, const struct watch_options *, struct err *err);
void watch_close(struct watch *); /* NULL-safe */

/* A walk begins; it calls these as its hooks, with the watch as their context; it has ended.
 * Folders below the deep ones of its scopes (none: everywhere) that it did not come to are watched
 * no more. */
void watch_walk_begin(struct watch *);
void watch_dir(void *watch, const char *path);
bool watch_is_busy(void *watch, const char *path);
void watch_walk_end(struct watch *, const struct walk_scope *scopes, size_t scope_count);

struct watch_changes {
    bool everything;
    const struct walk_scope *scopes; /* [scope_count], else: none inside a deep one */
    size_t scope_count;
};

/* Waits until something has changed and quiet has returned, and tells what; it is not told again,
 * and valid until the next call. False after tick_seconds without that, and when a signal came. */
bool watch_wait(struct watch *, double tick_seconds, struct watch_changes *out);

struct watch_state {
    size_t folders; /* that are watched */
    bool limited;   /* there are more, and the system's limit is reached */
    bool polls;     /* nothing is watched at all */
};
void watch_get_state(const struct watch *, struct watch_state *out);

#endif
