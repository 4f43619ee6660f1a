/* SPDX-License-Identifier: MIT
 *
 * How the figures of `fovea bench` are shown: lines to read, or JSON.
 */
#ifndef FOVEA_CLI_BENCH_OUTPUT_H
#define FOVEA_CLI_BENCH_OUTPUT_H

#include "base/status.h"
#include "cli/bench_child.h"
#include "clip/model_bench.h"
#include "library/bench_accuracy.h"
#include "library/bench_index.h"
#include "library/bench_scan.h"

#include <stdbool.h>

/* What was measured in one precision. */
struct bench_run {
    enum precision precision; /* in use, never AUTO */
    struct bench_tower tower;
    struct bench_text text;
    bool has_children, has_index;
    struct bench_children children;
    struct bench_index index;
};

struct bench_results {
    const char *model;
    int threads;
    struct bench_run runs[PRECISION_COUNT];
    int count;
};

void bench_print(const struct bench_results *);
MUST_USE enum status bench_print_json(const struct bench_results *, struct err *err);

void bench_scan_print(const struct bench_scan *);
MUST_USE enum status bench_scan_print_json(const struct bench_scan *, struct err *err);

/* precisions: of the report's rows, in the order that bench_accuracy() was given. */
void accuracy_print(const char *model, const struct accuracy_report *,
                    const enum precision *precisions, size_t count);
MUST_USE enum status accuracy_print_json(const char *model, const struct accuracy_report *,
                                         const enum precision *precisions, size_t count,
                                         struct err *err);

#endif
