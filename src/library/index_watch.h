/* SPDX-License-Identifier: MIT
 *
 * Keeping a library up to date: an index run over everything, and then, until it is cancelled, one
 * over what has changed whenever something has. Each holds the library's index lock only while it
 * runs; if another process has it, the changes wait. Where folders cannot be watched, everything is
 * looked at periodically. Roots that vanish are no trouble: what is known of them is kept, and when
 * they are back everything is looked at.
 */
#ifndef FOVEA_LIBRARY_INDEX_WATCH_H
#define FOVEA_LIBRARY_INDEX_WATCH_H

#include "library/index.h"
#include "library/watch.h"

struct index_watch_options {
    struct index_options index; /* scopes and hooks are not the caller's here */
    double quiet_seconds;       /* 0: a second; of watch.h */
    double poll_seconds;        /* 0: a minute; between looks at everything where not all is
                                   watched */
    bool polls;                 /* watch nothing, always poll */
    size_t folder_limit;        /* of watch.h */
    /* After each run that found anything to do, and after the first one. */
    void (*on_run)(void *context, const struct index_report *);
    /* After a run that failed (ERR_BUSY: another process indexes); tried again after `seconds`. */
    void (*on_trouble)(void *context, const struct err *, double seconds);
    /* After the first run, and when anything of it changes. */
    void (*on_state)(void *context, const struct watch_state *);
    void *context;
};

/* OK once cancelled (index.cancel must not be NULL). The first run's failures end it; those of
 * later runs are told and tried again. */
MUST_USE enum status index_watch(struct store *, const struct model *,
                                 const struct index_watch_options *, struct err *err);

#endif
