/* SPDX-License-Identifier: MIT
 *
 * What the faster ways cost in accuracy on photographs of the user's own: vectors of each
 * precision, and of fast decoding, against those of float32 and exact decoding. Cosine says how far
 * a vector moved; the agreement of the best category says whether that matters.
 */
#ifndef FOVEA_LIBRARY_BENCH_ACCURACY_H
#define FOVEA_LIBRARY_BENCH_ACCURACY_H

#include "base/status.h"
#include "clip/model.h"
#include "library/categories.h"

#include <stdbool.h>
#include <stddef.h>

enum { ACCURACY_PRECISIONS_MAX = 8 };

struct accuracy_options {
    const char *const *roots; /* folders, or single photographs */
    size_t root_count;
    size_t limit; /* photographs to take, spread evenly */
    int threads;  /* 0: one per core */
    const struct categories *categories;
    /* Opens the model, both towers, in a precision: the n-th of the caller's list, of which the
     * first is float32. ERR_UNSUPPORTED: not on this machine. */
    enum status (*open)(void *context, size_t precision, struct model **out, struct err *err);
    void *context;
    size_t precision_count; /* at most ACCURACY_PRECISIONS_MAX, float32 included */
};

struct accuracy_row {
    size_t precision;             /* of the caller's list */
    bool fast;                    /* decoding */
    double least, mean;           /* cosine to float32 and exact decoding, over the photographs */
    double agreement;             /* share of photographs whose best category is the same */
    double text_least, text_mean; /* cosine of the categories' prompts; of float32: 1 */
};

struct accuracy_report {
    size_t photos, failed, prompts;
    size_t row_count;
    struct accuracy_row rows[2 * ACCURACY_PRECISIONS_MAX]; /* all but float32 with exact decoding */
    bool unsupported[ACCURACY_PRECISIONS_MAX];             /* precisions without rows */
};

/* Errors: as sample_choose(), sample_load() and open(). */
MUST_USE enum status bench_accuracy(const struct accuracy_options *, struct accuracy_report *out,
                                    struct err *err);

#endif
