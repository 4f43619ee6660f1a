/* SPDX-License-Identifier: MIT
 *
 * How close an index run comes to what its two heavy parts cost alone: decoding on all cores, then
 * the network on all cores, then the whole run into a library of its own; all in turns in one
 * process, so that noise and clock speeds hit them alike.
 */
#ifndef FOVEA_LIBRARY_BENCH_H
#define FOVEA_LIBRARY_BENCH_H

#include "base/status.h"
#include "clip/model.h"

#include <stddef.h>

struct bench_index {
    size_t photos;
    int threads, batch, rounds;
    double decode_seconds;  /* read, decode and shrink every photo; the fastest round */
    double network_seconds; /* forward passes of the same pictures */
    double index_seconds;   /* index_run() into an empty library */
    double ratio; /* index / (decode + network), the median over the rounds: 1 is perfect sharing of
                     the cores */
};

/* Uses the photographs below `roots` that can be decoded, at most 512 of them. The library it makes
 * lies in a temporary folder and is removed. threads: 0 for all cores. */
MUST_USE enum status bench_index(const struct model *, const char *const *roots, size_t root_count,
                                 int threads, int rounds, struct bench_index *out, struct err *err);

#endif
