/* SPDX-License-Identifier: MIT
 *
 * Finding where the store has the vectors and searches them itself (SNAPSHOT_ROWS): the same hits,
 * scores and counts as a scan of all vectors gives, to the last bit, unless the model has an index.
 */
#ifndef FOVEA_LIBRARY_FIND_NEAR_H
#define FOVEA_LIBRARY_FIND_NEAR_H

#include "base/status.h"
#include "search/row_set.h"
#include "search/scan.h"

#include <stdbool.h>

struct snapshot;

struct near_slot {
    size_t row, slot;
};

/* One query; zeroed is closed. */
struct find_near {
    const struct snapshot *snapshot;
    const float *query;
    uint16_t *vectors;       /* [slots, dim] of the candidates, where they are kept */
    struct near_slot *slots; /* [slot_count] by row */
    size_t slot_count;
    double error; /* of the store's scores */
    bool approximate;
};

/* Does nothing for a snapshot that has its vectors. */
MUST_USE enum status find_near_open(struct find_near *, const struct snapshot *, const float *query,
                                    struct err *err);
void find_near_close(struct find_near *);

/* As scan_top() over these rows. keep: the hits' vectors, for find_near_vector(). */
MUST_USE enum status find_near_top(struct find_near *, const struct row_set *rows, size_t limit,
                                   bool keep, struct scan_hit *hits, size_t *found,
                                   struct err *err);
/* Of a hit. */
const uint16_t *find_near_vector(const struct find_near *, size_t row);

/* How many of the rows reach the floor, after find_near_top(); where an index was used *count is
 * left as it is. */
MUST_USE enum status find_near_count(struct find_near *, const struct row_set *rows, float floor,
                                     size_t *count, struct err *err);

#endif
