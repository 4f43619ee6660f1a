/* SPDX-License-Identifier: MIT
 *
 * From a photograph to the square of pixels that a network sees, and, from the same decode, to its
 * perceptual hash and thumbnails. The image room and the preprocessing do not know each other: this
 * is where what one leaves becomes what the other takes.
 */
#ifndef FOVEA_LIBRARY_PICTURE_H
#define FOVEA_LIBRARY_PICTURE_H

#include "base/status.h"
#include "clip/preprocess.h"
#include "image/image.h"
#include "library/thumbs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How much larger than the network's square a fast decode leaves a picture, at least. What 1, 1.5,
 * 2 and 3 save and cost is in docs/performance.md. */
#define PICTURE_FAST_MARGIN 1.5

struct picture_options {
    double max_megapixels; /* 0: the default of image.h */
    /* 0: the exact way. Else the picture may be decoded smaller than it is, as long as it keeps
     * this many times the pixels that the square needs: PICTURE_FAST_MARGIN. */
    double fast_margin;
    bool want_phash;
    /* Thumbnails that are not in the cache yet are made; NULL: none. */
    struct thumbs *thumbs;
    const struct photo_hash *hash; /* of the content, as their key */
    bool large_thumbs;             /* the large ones, too, not only the small ones */
    struct photo_meta *meta; /* what the content says of itself is put there; NULL: not read */
};

/* What is known of the photograph, whatever became of the pixels. */
struct picture_facts {
    int width, height; /* of the photograph, upright; 0 when it could not be decoded */
    char format[12];
    bool smaller; /* was decoded smaller than it is */
    bool has_phash;
    uint64_t phash;
};

/* A file's content. out: [S, S, 3]; NULL: only the facts and thumbnails are wanted, and the picture
 * is decoded as small as it may be for these. The options may be NULL, but not both. The error does
 * not name the file. */
MUST_USE enum status picture_square(uint8_t *out, struct picture_facts *, const void *content,
                                    size_t size, const struct preprocess *,
                                    const struct picture_options *, struct err *err);

/* A file. out: [S, S, 3]; the options may be NULL. The error names the file. */
MUST_USE enum status picture_square_file(uint8_t *out, const char *path, const struct preprocess *,
                                         const struct picture_options *, struct err *err);

#endif
