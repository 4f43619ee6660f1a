/* SPDX-License-Identifier: MIT
 *
 * Finding: a query vector against a snapshot. Filter, exclusion, exact scan, floor, duplicates
 * collapsed, order, in this sequence. Used by `fovea search` and `fovea similar`, the server and
 * the map. What the floors mean, how the adaptive one is found, and what exclusion does, is in
 * docs/search.md.
 *
 * Thread-safe: it reads the snapshot and its request, and writes its answer.
 */
#ifndef FOVEA_LIBRARY_FIND_H
#define FOVEA_LIBRARY_FIND_H

#include "base/status.h"
#include "library/filter.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct snapshot;

enum find_floor {
    FIND_FLOOR_FIXED, /* `floor` */
    FIND_FLOOR_AUTO,  /* from the query's similarities to the whole library; `floor` is where it
                         begins to look, the default of the query's kind */
};

enum find_order { FIND_BY_SCORE, FIND_BY_DATE, FIND_BY_PATH }; /* newest first; bytewise */

#define FIND_LIMIT_MAX 1000000
/* With `unique`, the end of the window: each hit is compared with those before it. */
#define FIND_UNIQUE_MAX 10000

/* Zeroed but for query, floor and limit, it is the plain search. */
struct find_request {
    const float *query;    /* [D], normalised (search_encode(), or a row of the matrix) */
    const float *unwanted; /* [unwanted_count, D], normalised; photos that match one are left out */
    size_t unwanted_count;
    const float *unwanted_floors; /* [unwanted_count] the fixed floor of each one's kind */
    const struct filter *filter;  /* NULL: everything */
    int64_t exclude_photo_id;     /* 0: none; the photo itself in "more like this" */
    size_t offset, limit;         /* a window on the matches by relevance; limit >= 1 */
    enum find_floor floor_mode;
    float floor;
    bool weak;             /* matches below the floor come after the strong ones, flagged */
    bool unique;           /* of near-duplicates only the best is a match */
    enum find_order order; /* of the window, strong ones first */
    int threads;           /* 0: all cores */
};

struct find_hit {
    size_t row;
    int64_t photo_id;
    float score; /* cosine, at most 1 */
    bool strong;
    int64_t taken_ms; /* as in struct photo_meta */
    size_t collapsed; /* near-duplicates that this one stands for, itself not counted */
};

struct find_answer {
    struct find_hit *hits; /* [count] */
    size_t count;
    float floor;
    bool strong;         /* false: nothing reaches the floor, and hits is the single closest (with
                            `weak`: all that the window has) */
    size_t strong_count; /* that reach the floor, before the window; at least, if unique, or found
                            by an index */
    size_t total;        /* photos that the filter lets pass */
    size_t excluded;     /* of these, left out for an unwanted phrase */
};

/* Whether it asks about every vector (an adaptive floor, unwanted phrases): a snapshot without
 * vectors (SNAPSHOT_ROWS) does not do for it. */
bool find_needs_vectors(const struct find_request *);

/* ERR_ARGUMENT for a limit out of range, what filter_apply() says, ERR_MEMORY. */
MUST_USE enum status find(struct find_answer *out, const struct snapshot *,
                          const struct find_request *, struct err *err);
void find_answer_free(struct find_answer *); /* zeroed is fine */

#endif
