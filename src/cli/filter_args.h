/* SPDX-License-Identifier: MIT
 *
 * Which photographs: the filters of library/filter.h as options. A command takes them with
 * OPTION_FILTERS in its table and a `struct filter_args filter` in its args.
 */
#ifndef FOVEA_CLI_FILTER_ARGS_H
#define FOVEA_CLI_FILTER_ARGS_H

#include "base/status.h"
#include "cli/options.h"
#include "library/filter.h"

#include <stddef.h>

struct filter_args {
    const char *since, *until, *gps, *rating, *iso;
    struct operands cameras, lenses, categories, folders, formats, keywords;
};

#define FILTER_OPTION(type, option, kind_, argument_, field, help_)                                \
    {                                                                                              \
        .name = option, .kind = kind_, .argument = argument_,                                      \
        .offset = offsetof(type, filter) + offsetof(struct filter_args, field), .help = help_      \
    }

/* Several rows of a table. */
#define OPTION_FILTERS(type)                                                                       \
    FILTER_OPTION(type, "since", OPTION_STRING, "DATE", since,                                     \
                  "only photographs taken then or later: 2023, 2023-05, 2023-05-17, "              \
                  "2023-05-17T18:30"),                                                             \
        FILTER_OPTION(type, "until", OPTION_STRING, "DATE", until,                                 \
                      "… or earlier, all of that year, month, day or minute included"),            \
        FILTER_OPTION(type, "camera", OPTION_STRINGS, "NAME", cameras,                             \
                      "… with a camera of whose name this is a part, in any case; this, the "    \
                      "next three and --format may be repeated for alternatives"),                 \
        FILTER_OPTION(type, "lens", OPTION_STRINGS, "NAME", lenses, "… with such a lens"),         \
        FILTER_OPTION(type, "category", OPTION_STRINGS, "[SET:]NAME", categories,                  \
                      "… that `fovea classify` gave this category"),                               \
        FILTER_OPTION(type, "folder", OPTION_STRINGS, "DIR", folders,                              \
                      "… in this folder or below: a path, or its last parts (2023/may)"),          \
        FILTER_OPTION(type, "format", OPTION_STRINGS, "NAME", formats,                             \
                      "… in this format: jpeg, png, heic …, or raw"),                              \
        FILTER_OPTION(type, "keyword", OPTION_STRINGS, "WORD", keywords,                           \
                      "… with this keyword; with all of them, if repeated"),                       \
        FILTER_OPTION(type, "gps", OPTION_STRING, "S,W,N,E", gps,                                  \
                      "… taken in this box, in degrees: 45.8,6.8,46.1,7.2"),                       \
        FILTER_OPTION(type, "rating", OPTION_STRING, "STARS", rating,                              \
                      "… with so many stars: 3, 3+, 2-4, rejected, unrated"),                      \
        FILTER_OPTION(type, "iso", OPTION_STRING, "RANGE", iso,                                    \
                      "… at this speed: 800, 800+, 100-400")

/* The filter, and the folders' paths that it borrows. */
struct filter_reading {
    struct filter filter;
    char **folders;
    size_t folder_count;
};

/* Reads the values. A folder that is there, seen from the working directory, is that one; anything
 * else is a part of a path. Errors name the option. Close also after an error. */
MUST_USE enum status filter_args_read(struct filter_reading *out, const struct filter_args *,
                                      struct err *err);
void filter_reading_close(struct filter_reading *);

#endif
