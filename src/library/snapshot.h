/* SPDX-License-Identifier: MIT
 *
 * A snapshot: what the library holds of one model, in memory, as it was at one moment. Vectors,
 * facts and labels belong together row by row, and nothing in it ever changes: whoever has a
 * reference reads it from any thread, without a lock and without the store, while a newer one is
 * made beside it. The newer one takes the vectors that it has in common from the older one.
 *
 * References: snapshot_open() gives one; snapshot_ref() another; each is given back by
 * snapshot_unref(). The last one frees.
 *
 * Memory: 2 bytes for each component of each vector; from SNAPSHOT_BYTES_FROM rows on half as much
 * again for the first pass of the scan (search/bytes_matrix.h), unless it is not wanted; and some
 * hundred bytes of facts and names for each photo.
 */
#ifndef FOVEA_LIBRARY_SNAPSHOT_H
#define FOVEA_LIBRARY_SNAPSHOT_H

#include "base/status.h"
#include "kern/kernels.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes_matrix;
struct snapshot_private;
struct store;
struct store_facts;
struct store_labels;
struct store_matrix;

/* Below it, one pass over the float16 vectors is over before a second one would have paid. */
#define SNAPSHOT_BYTES_FROM 20000

struct snapshot {
    int64_t model_id;
    int64_t revision;                  /* of the store, when it was read */
    const struct store_matrix *matrix; /* rows sorted by path; [count] of everything below */
    const struct store_facts *facts;
    const struct store_labels *labels; /* of the category set written last */
    const struct bytes_matrix *bytes;  /* NULL: scanned in one pass */
    const struct kernels *kernels;
    struct store *store; /* NULL, or it has the vectors and finds the nearest (SNAPSHOT_ROWS) */
    struct snapshot_private *private;
};

enum snapshot_bytes {
    SNAPSHOT_BYTES_AUTO,  /* from SNAPSHOT_BYTES_FROM rows on: for many queries */
    SNAPSHOT_BYTES_NEVER, /* for one query: making them costs more than a scan */
    SNAPSHOT_ROWS,        /* for one query of a store that searches: without vectors. The store is
                             held for reading, and used, until the last snapshot_unref(). Of any
                             other store it is as SNAPSHOT_BYTES_NEVER. */
};

/* Reads the model's part of the library. `previous` (may be NULL; of the same model) lends what has
 * not changed; when nothing has, *out is another reference to it. The store is used by this call
 * alone. ERR_MEMORY, and what the store says. */
MUST_USE enum status snapshot_open(const struct snapshot **out, struct store *, int64_t model_id,
                                   enum snapshot_bytes, const struct snapshot *previous,
                                   struct err *err);
const struct snapshot *snapshot_ref(const struct snapshot *);
void snapshot_unref(const struct snapshot *); /* NULL-safe */

#define SNAPSHOT_NO_ROW SIZE_MAX
/* The row of a photo, or SNAPSHOT_NO_ROW. In constant time. */
size_t snapshot_row_of(const struct snapshot *, int64_t photo_id);
/* The row under a path, by bisection; a photo with several paths is found by its first only. */
size_t snapshot_row_at(const struct snapshot *, const char *path);

/* The labels of another category set than the one written last; NULL: there is none of that name.
 * `set` may be NULL: the one written last. */
const struct store_labels *snapshot_labels(const struct snapshot *, const char *set);
/* The names of the sets, the one written last first; NULL beyond the last. */
const char *snapshot_set_name(const struct snapshot *, size_t number);

#endif
