/* SPDX-License-Identifier: MIT
 *
 * A sample library of painted pictures, as a photographer's folders are: years of JPEGs from a few
 * cameras and places, some turned by their orientation tag, some in other formats, some twice over.
 *
 *   DIR/2021/iceland/IMG_0412.jpg     the pictures
 *   DIR/captions.jsonl                what is in each: the truth, for tests and for the curious
 */
#ifndef FOVEA_LIBRARY_PAINTED_H
#define FOVEA_LIBRARY_PAINTED_H

#include "base/status.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum { PAINTED_MAX = 100000, PAINTED_SIDE_MAX = 4096 };

struct painted_options {
    const char *dir;
    size_t count; /* pictures, 1 to PAINTED_MAX */
    uint64_t seed;
    int side;    /* of the shorter side, in pixels */
    int threads; /* 0: one per core */
    /* The part that shows two categories at once, and the part that nearly repeats an earlier
     * picture (smaller, recompressed, or taken a moment later), 0..1. */
    float mixed, repeated;
    const atomic_bool *cancel;         /* set from elsewhere: ERR_CANCELLED; or NULL */
    void (*on_picture)(void *context); /* after each, on any thread; or NULL */
    void *context;
};

/* The same options, the same pictures. What is in the folder already stays, files of the same names
 * are replaced. The image room is open. */
MUST_USE enum status painted_make(const struct painted_options *, struct err *err);

#endif
