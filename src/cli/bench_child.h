/* SPDX-License-Identifier: MIT
 *
 * What only a process of its own can tell: how long a search takes from nothing, and how much
 * memory an index run or a search needs. The program starts itself, as a user would, on a temporary
 * library.
 */
#ifndef FOVEA_CLI_BENCH_CHILD_H
#define FOVEA_CLI_BENCH_CHILD_H

#include "base/status.h"
#include "tensor/precision.h"

#include <stddef.h>

struct bench_child_options {
    const char *model, *arch; /* as given, or NULL */
    int image_size;
    enum precision precision;
    int threads;              /* of the index run; 0: one per core */
    const char *const *paths; /* [count] photographs to index beside a picture that is made */
    size_t count;
};

struct bench_children {
    int searches;             /* that were measured, after one for nothing */
    double search_seconds;    /* from the start of the process to its end, the median */
    double search_peak_bytes; /* largest resident memory, shared files counted */
    double index_peak_bytes;
};

/* Peaks are what the kernel says of a process that has ended. It counts what its parent held when
 * it began, too: call this before anything large is in memory. ERR_UNSUPPORTED where a program
 * cannot find its own file. Otherwise a child's failure, with its last line. */
MUST_USE enum status bench_children_run(const struct bench_child_options *,
                                        struct bench_children *out, struct err *err);

#endif
