/* SPDX-License-Identifier: MIT
 *
 * Writing pictures as a camera or a program would leave them: JPEG and others, with EXIF. Made for
 * the sample library of `fovea demo`.
 */
#ifndef FOVEA_IMAGE_WRITE_H
#define FOVEA_IMAGE_WRITE_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* What a camera notes. Texts may be NULL: not written. */
struct image_exif {
    const char *taken_at; /* "2021:07:04 18:22:10" */
    const char *make, *model, *lens;
    const char *exposure_time; /* seconds, as a fraction: "1/200", "20/1" */
    double f_number, focal_mm; /* 0: not written */
    int iso;
    bool has_gps;
    double latitude, longitude; /* degrees, north and east positive */
};

struct image_write_options {
    int quality; /* of JPEG and WebP, 1..100 */
    /* How the picture has to be turned to stand upright: 1, 3, 6 or 8, as EXIF has it. The pixels
     * are stored turned the other way, so that it shows as given. */
    int orientation;
    const struct image_exif *exif; /* NULL: none */
};

/* rgb: [height, width, 3], upright. The format is told by the extension of `path`: jpg, png, webp
 * or tif. Written atomically. On any thread, after image_room_open(). */
MUST_USE enum status image_write(const char *path, const uint8_t *rgb, int width, int height,
                                 const struct image_write_options *, struct err *err);

#endif
