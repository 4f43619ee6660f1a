/* SPDX-License-Identifier: MIT
 *
 * Some of the photographs of a collection, as the network's squares: what `fovea bench` measures
 * with. Spread evenly over the sorted list of all that are found, so that every folder and camera
 * has its share. What cannot be decoded is left out and counted.
 */
#ifndef FOVEA_LIBRARY_SAMPLE_H
#define FOVEA_LIBRARY_SAMPLE_H

#include "base/status.h"
#include "clip/preprocess.h"
#include "library/walk.h"

#include <stddef.h>
#include <stdint.h>

enum { SAMPLE_MAX = 5000 };

struct sample {
    struct walk walk;
    const char **paths; /* [count], of the walk's files */
    size_t count;
    /* After sample_load(): */
    size_t failed;       /* chosen, but could not be decoded: no longer among the paths */
    size_t square_bytes; /* S * S * 3 */
    uint8_t *squares;    /* [count, S, S, 3], decoded exactly */
    struct preprocess how;
};

/* Chooses at most `limit` (and SAMPLE_MAX) photographs below the roots, and opens none of them.
 * ERR_NOT_FOUND: there are none. */
MUST_USE enum status sample_choose(struct sample *out, const char *const *roots, size_t root_count,
                                   size_t limit, struct err *err);
/* Decodes the chosen ones with `threads` threads, once. ERR_FORMAT: none of them can be, with the
 * first reason. */
MUST_USE enum status sample_load(struct sample *, const struct preprocess *, int threads,
                                 struct err *err);
void sample_close(struct sample *); /* NULL-safe, leaves it empty */

/* Reads and decodes all of them once more, the exact way (fast_margin 0) or the fast one
 * (picture.h). squares: [count, S, S, 3] */
MUST_USE enum status sample_decode(const struct sample *, double fast_margin, int threads,
                                   uint8_t *squares, double *seconds, struct err *err);

#endif
