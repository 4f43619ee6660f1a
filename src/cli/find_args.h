/* SPDX-License-Identifier: MIT
 *
 * What `fovea search` and `fovea similar` have in common: how many matches, above which floor, in
 * which order, shown how. A command takes the options with OPTION_FIND in its table and a
 * `struct find_args find` in its args.
 */
#ifndef FOVEA_CLI_FIND_ARGS_H
#define FOVEA_CLI_FIND_ARGS_H

#include "base/status.h"
#include "cli/options.h"
#include "library/find.h"
#include "library/snapshot.h"

#include <stdbool.h>
#include <stddef.h>

struct find_args {
    const char *floor, *sheet;
    int limit, sort;
    bool weak, unique, paths, null, json;
};

extern const char *const find_sort_names[]; /* enum find_order */

#define FIND_OPTION(type, option, kind_, field)                                                    \
    .name = option, .kind = kind_,                                                                 \
    .offset = offsetof(type, find) + offsetof(struct find_args, field)

/* Several rows of a table. */
#define OPTION_FIND(type)                                                                          \
    {FIND_OPTION(type, "limit", OPTION_INT, limit),                                                \
     .short_name = 'n',                                                                            \
     .argument = "N",                                                                              \
     .fallback = "12",                                                                             \
     .min = 1,                                                                                     \
     .max = FIND_LIMIT_MAX,                                                                        \
     .help = "how many photographs at the most, the best"},                                        \
        {FIND_OPTION(type, "floor", OPTION_STRING, floor), .argument = "COSINE|auto",              \
         .help = "the cosine that a strong match reaches; auto: told apart from how the whole "    \
                 "library answers; without it 0.20 for phrases, 0.45 for pictures"},               \
        {FIND_OPTION(type, "weak", OPTION_FLAG, weak),                                             \
         .help = "fill up with weak matches, behind a divider"},                                   \
        {FIND_OPTION(type, "unique", OPTION_FLAG, unique),                                         \
         .help = "of photographs that nearly repeat each other only the best, with their number"}, \
        {FIND_OPTION(type, "sort", OPTION_CHOICE, sort), .argument = "ORDER", .fallback = "score", \
         .choices = find_sort_names, .help = "of the best: score, date (newest first) or path"},   \
        {FIND_OPTION(type, "paths", OPTION_FLAG, paths),                                           \
         .help = "print nothing but the paths of strong matches, one a line"},                     \
        {FIND_OPTION(type, "null", OPTION_FLAG, null), .short_name = '0',                          \
         .help = "the same, each followed by a NUL, for xargs -0"},                                \
        {FIND_OPTION(type, "sheet", OPTION_STRING, sheet), .argument = "FILE",                     \
         .help = "make a contact sheet of them, too: a jpg, png, webp or tif"},                    \
    {                                                                                              \
        FIND_OPTION(type, "json", OPTION_FLAG, json), .help = "print the results as JSON"          \
    }

/* Floor, limit and so on of the request, of which the rest is left alone; `usual` is the floor
 * where none is given. ERR_ARGUMENT for options that exclude each other, and for a bad floor. */
MUST_USE enum status find_args_apply(const struct find_args *, float usual, struct find_request *,
                                     struct err *err);
/* Only whether they are acceptable, before anything is opened. */
MUST_USE enum status find_args_check(const struct find_args *, struct err *err);

/* Prints an answer as the options want it, and makes the sheet. */
struct find_shown {
    const struct find_args *args;
    const struct snapshot *snapshot;
    const struct find_answer *answer;
    const char *model; /* its name */
    const char *title; /* of a sheet: what was asked */
    double elapsed_ms;
};
MUST_USE enum status find_show(const struct find_shown *, struct err *err);

#endif
