/* SPDX-License-Identifier: MIT
 *
 * How far a copy of a library has come, on stderr: a bar for what is copied, one for what is read
 * again.
 */
#ifndef FOVEA_CLI_COPY_PROGRESS_H
#define FOVEA_CLI_COPY_PROGRESS_H

#include "base/progress.h"
#include "library/copy.h"

struct copy_shown {
    struct progress *progress; /* progress_close() it at the end */
    enum copy_stage stage;
    size_t done;
};

/* As struct copy_options.progress; user: a struct copy_shown, zeroed. Without memory for a bar the
 * copy goes on without one. */
static inline void copy_show(void *user, enum copy_stage stage, size_t done, size_t total)
{
    struct copy_shown *shown = user;
    struct err ignored;
    if (!shown->progress || stage != shown->stage) {
        const struct progress_options look = {.label =
                                                  stage == COPY_PHOTOS ? "Copying" : "Verifying",
                                              .unit = "photos",
                                              .total = total};
        progress_close(shown->progress);
        *shown = (struct copy_shown){.stage = stage};
        if (progress_open(&shown->progress, &look, &ignored) != OK)
            shown->progress = NULL;
    }
    if (shown->progress)
        progress_add(shown->progress, done - shown->done, 0);
    shown->done = done;
}

#endif
