/* SPDX-License-Identifier: MIT
 *
 * From a photograph to the square of pixels that a network sees. The image room and the
 * preprocessing do not know each other: this is where what one leaves becomes what the other takes.
 */
#ifndef FOVEA_LIBRARY_PICTURE_H
#define FOVEA_LIBRARY_PICTURE_H

#include "base/status.h"
#include "clip/preprocess.h"
#include "image/image.h"

#include <stddef.h>
#include <stdint.h>

/* What is known of the photograph, whatever became of the pixels. */
struct picture_facts {
    int width, height; /* upright; 0 when it could not be decoded */
    char format[12];
};

/* A file's content. out: [S, S, 3]. The error does not name the file. */
MUST_USE enum status picture_square(uint8_t *out, struct picture_facts *, const void *content,
                                    size_t size, const struct preprocess *,
                                    const struct image_options *, struct err *err);

/* A file. out: [S, S, 3]; `limits` may be NULL. The error names the file. */
MUST_USE enum status picture_square_file(uint8_t *out, const char *path, const struct preprocess *,
                                         const struct image_options *limits, struct err *err);

#endif
