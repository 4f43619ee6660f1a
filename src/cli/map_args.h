/* SPDX-License-Identifier: MIT
 *
 * What `fovea map` and `fovea groups` have in common: the library open for keeping what is made,
 * its snapshot, which rows are asked for, progress, and Ctrl-C.
 */
#ifndef FOVEA_CLI_MAP_ARGS_H
#define FOVEA_CLI_MAP_ARGS_H

#include "cli/filter_args.h"
#include "library/snapshot.h"
#include "map/watch.h"
#include "search/row_set.h"
#include "store/store.h"

#include <stdbool.h>

struct progress;

struct map_run {
    struct store *store;
    struct store_model stored;
    const struct snapshot *snapshot;
    struct row_set rows; /* that the filter lets pass */
    struct filter_reading filter;
    struct map_watch watch;
    struct progress *progress;
    const char *stage;
    double stage_began;
    size_t shown;
};

/* Opens in this order; close also after an error. */
MUST_USE enum status map_run_open(struct map_run *, const char *library, const char *model,
                                  const struct filter_args *, struct err *err);
void map_run_close(struct map_run *);
/* Ends the progress, before results are printed. */
void map_run_quiet(struct map_run *);

#endif
