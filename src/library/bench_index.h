/* SPDX-License-Identifier: MIT
 *
 * How close an index run comes to what its two heavy parts cost alone: decoding on all cores, then
 * the network on all cores, then the whole run into a library of its own; all in turns in one
 * process, so that noise and clock speeds hit them alike. With exact and with fast decoding.
 */
#ifndef FOVEA_LIBRARY_BENCH_INDEX_H
#define FOVEA_LIBRARY_BENCH_INDEX_H

#include "base/status.h"
#include "clip/model.h"
#include "library/sample.h"

#include <stdatomic.h>
#include <stddef.h>

struct bench_index_options {
    int threads; /* 0: one per core */
    int batch;   /* 0: what an index run chooses */
    int rounds;
    const atomic_bool *cancel; /* looked at between measurements, and by each index run; or NULL */
};

/* Of one way to decode. Seconds are of the fastest round. */
struct bench_way {
    double decode_seconds; /* read, decode and shrink every photograph */
    double index_seconds;  /* index_run() into an empty library */
    double ratio; /* (decode + network) / index, the median over the rounds: 1 is perfect sharing of
                     the cores; more is better */
};

struct bench_index {
    size_t photos;
    int threads, batch, rounds;
    double network_seconds; /* forward passes of all photographs, the fastest round */
    struct bench_way exact, fast;
    double decode_ratio; /* exact decoding : fast decoding, the median over the rounds */
};

/* The libraries it makes lie in a temporary folder and are removed. ERR_CANCELLED after `cancel`.
 */
MUST_USE enum status bench_index(const struct model *, const struct sample *,
                                 const struct bench_index_options *, struct bench_index *out,
                                 struct err *err);

#endif
