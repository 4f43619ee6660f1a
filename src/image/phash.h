/* SPDX-License-Identifier: MIT
 *
 * A perceptual hash: 64 bits that stay (nearly) the same when a picture is resized, recompressed,
 * converted or a little lighter, and differ by about half between different pictures. The count of
 * differing bits tells how far two pictures are apart (phash_distance).
 *
 * Made as pHash does it (C. Zauner, Implementation and Benchmarking of Perceptual Image Hash
 * Functions, 2010, section 3.2.1): luma at 32 x 32, its discrete cosine transform, the 8 x 8
 * coefficients next to the lowest row and column (which hold brightness and plain gradients), a bit
 * for each: is it above their median? Row by row, the first in the most significant bit. Leaving
 * out the mean filter in front is the difference: averaging over whole areas is one.
 *
 * A picture without any detail has the hash 0, and all such pictures have it: it says nothing
 * there.
 */
#ifndef FOVEA_IMAGE_PHASH_H
#define FOVEA_IMAGE_PHASH_H

#include "image/image.h"

/* ERR_MEMORY. The same pixels give the same hash on every machine. */
MUST_USE enum status image_phash(uint64_t *hash, const struct image *, struct err *err);

static inline int phash_distance(uint64_t a, uint64_t b)
{
    return __builtin_popcountll(a ^ b);
}

#endif
