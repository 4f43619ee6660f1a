/* SPDX-License-Identifier: MIT
 *
 * How close the image tower comes to what the matrix library can do on this machine: the tower and
 * the bare products of the same shapes, measured in turns in one run, so that noise and clock
 * speeds hit both. And what encoding a text only up to its end saves. What `fovea bench` prints.
 */
#ifndef FOVEA_CLIP_MODEL_BENCH_H
#define FOVEA_CLIP_MODEL_BENCH_H

#include "base/status.h"
#include "clip/model.h"

struct bench_tower {
    int batch, threads, rounds;
    double tower_seconds;    /* of a batch, the fastest round */
    double products_seconds; /* of a batch: every linear layer as one call of the library with its
                              * own threads, packed weights, no bias, activation or residual; 0, as
                              * what follows from it, if it has none of this precision */
    double tower_flops;      /* of a batch, matrix products, attention's included */
    double products_flops;   /* of a batch, linear layers alone */
    /* Medians over the rounds, in each of which both run one after the other: a machine that is
     * slow for a while is slow for both. More is better; 1 is the library's own speed. */
    double rate_ratio; /* of FLOP/s: (tower_flops / seconds) / (products_flops / seconds) */
    double time_ratio; /* products' seconds / tower's: stricter, attention counts for nothing */
};

/* threads: 0 for all cores. Runs for at least min_seconds and three rounds. */
MUST_USE enum status bench_image_tower(const struct model *, int batch, int threads,
                                       double min_seconds, struct bench_tower *out,
                                       struct err *err);

/* One text at a time, as a search encodes it. */
struct bench_text {
    int threads, rounds;
    int phrase_tokens;     /* of a phrase of four words, its start and end included: 6 for CLIP */
    int full_tokens;       /* of a text that fills the context: 77 */
    double phrase_seconds; /* the fastest round */
    double full_seconds;
    double full_flops; /* matrix products, attention's included */
    double ratio;      /* phrase's seconds / full text's, the median over the rounds */
};

/* threads: 0 for all cores. Runs for at least min_seconds and three rounds. */
MUST_USE enum status bench_text_tower(const struct model *, int threads, double min_seconds,
                                      struct bench_text *out, struct err *err);

#endif
