/* SPDX-License-Identifier: MIT
 *
 * Which photographs a command or a request is about. One syntax everywhere: an option of the
 * command line (cli/filter_args.h) and a query parameter of the server have the same name and the
 * same values. Different names narrow down together; values of the same name are alternatives,
 * except keywords, all of which a photo must have.
 *
 *   since, until  2023 | 2023-05 | 2023-05-17 | 2023-05-17T18:30[:05], on the camera's clock;
 *                 until is inclusive: until 2023 is the whole of that year
 *   camera, lens  part of the name
 *   category      NAME, or SET:NAME for a set of categories that was not classified with last;
 *                 "None of these" is one; with several labels, any of them
 *   folder        a folder with everything below it; an absolute path, or the last parts of one
 *   gps           S,W,N,E in degrees; a box whose west is east of its east crosses the 180th
 *                 meridian
 *   rating        3 | 3+ | 2-4 | rejected | unrated
 *   iso           800 | 800+ | 100-400
 *   format        jpeg, png, tiff …, or raw: any camera's
 *   keyword       the whole keyword, or one level of a hierarchical one (a|b, a/b)
 *
 * Names are compared without regard to case and in Unicode's canonical form (NFKC, full case
 * folding), accents kept: "ÉTÉ" finds "été", "ete" does not. Paths are bytes. A photo that does not
 * tell what is asked for is left out.
 */
#ifndef FOVEA_LIBRARY_FILTER_H
#define FOVEA_LIBRARY_FILTER_H

#include "base/status.h"
#include "search/row_set.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct snapshot;

enum filter_name {
    FILTER_SINCE,
    FILTER_UNTIL,
    FILTER_CAMERA,
    FILTER_LENS,
    FILTER_CATEGORY,
    FILTER_FOLDER,
    FILTER_GPS,
    FILTER_RATING,
    FILTER_ISO,
    FILTER_FORMAT,
    FILTER_KEYWORD,
    FILTER_NAMES,
};
extern const char *const filter_names[FILTER_NAMES + 1]; /* "since" …, NULL-terminated */

enum { FILTER_TERMS_MAX = 64 };

/* Zeroed, it lets everything pass. Values are borrowed until the last filter_apply(). */
struct filter {
    struct filter_term {
        enum filter_name name;
        const char *text;         /* as given */
        double low, high;         /* rating, iso; both ends included */
        double west, east;        /* gps; low is south, high north */
        int64_t since_ms, end_ms; /* dates: [since, end) */
    } terms[FILTER_TERMS_MAX];
    size_t count;
};

/* Adds one. ERR_ARGUMENT for a value that is not accepted, with what is; ERR_LIMIT for too many. */
MUST_USE enum status filter_add(struct filter *, enum filter_name, const char *value,
                                struct err *err);
/* Whether a photograph can have the format: by its name, an ending, or "raw"; in any case. */
bool filter_format_exists(const char *text);
/* By name, as a query string has it; ERR_NOT_FOUND: no filter is called so. */
MUST_USE enum status filter_add_named(struct filter *, const char *name, const char *value,
                                      struct err *err);

/* Takes out of `rows` what does not pass. ERR_NOT_FOUND for a set of categories, or a category,
 * that the library does not have (it says which there are); an empty result is none. */
MUST_USE enum status filter_apply(const struct filter *, const struct snapshot *,
                                  struct row_set *rows, struct err *err);

#endif
