/* SPDX-License-Identifier: MIT
 *
 * How a long computation tells how far it is, and hears that it should stop.
 */
#ifndef FOVEA_MAP_WATCH_H
#define FOVEA_MAP_WATCH_H

#include "base/status.h"

#include <stdatomic.h>
#include <stddef.h>

struct map_watch {
    /* Called on the thread that called, at the start of a stage (done 0) and as it goes on. */
    void (*report)(void *user, const char *stage, size_t done, size_t total);
    void *user;
    const atomic_bool *cancel; /* may be NULL */
};

/* NULL-safe in everything. ERR_CANCELLED once `cancel` is set. */
static inline enum status map_watch_report(const struct map_watch *w, const char *stage,
                                           size_t done, size_t total, struct err *err)
{
    if (w && w->report)
        w->report(w->user, stage, done, total);
    if (w && w->cancel && atomic_load(w->cancel))
        return err_set(err, ERR_CANCELLED, "interrupted");
    return OK;
}

#endif
