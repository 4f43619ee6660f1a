/* SPDX-License-Identifier: MIT
 *
 * Decoding through libvips. Internal to the image room.
 */
#ifndef FOVEA_IMAGE_DECODE_H
#define FOVEA_IMAGE_DECODE_H

#include "image/format.h"
#include "image/image.h"
#include "meta/read.h"

/* libvips' own start and end; only the loaders of formats in format.h are left usable. */
MUST_USE enum status decode_open(struct err *err);
void decode_close(void);

/* True if this libvips has a loader for it. */
bool decode_supports(enum image_format);

struct decode_source {
    enum image_format format; /* not FORMAT_RAW, FORMAT_BMP */
    const uint8_t *content;
    size_t size;
    int orientation;        /* EXIF's 1 to 8 in the place of the file's own; 0: the file's own */
    enum meta_colour meant; /* of a picture without an ICC profile */
};

/* *out is zeroed but for its format, indexed and zero fields; they are kept. The options' limit is
 * set. */
MUST_USE enum status decode_with_vips(struct image *out, const struct decode_source *,
                                      const struct image_options *, struct err *err);

/* As image_decode(), in this process. */
MUST_USE enum status image_decode_here(struct image *out, const void *content, size_t size,
                                       const struct image_options *, struct err *err);

/* Allocates pixels (and alpha, when wanted) for width and height; the picture is whole. */
MUST_USE enum status decode_allocate(struct image *out, int64_t width, int64_t height, bool alpha,
                                     struct err *err);
/* What the above gave. */
void decode_drop_pixels(struct image *);
void decode_drop_alpha(struct image *);
/* From now on pixels lie there, alpha behind them (decoder_wire.h), and the memory of the last
 * picture is that of the next: for a process that decodes one at a time and hands them on. */
void decode_put_pixels_at(void *memory, size_t bytes);
/* Frees an alpha that is opaque everywhere. */
void decode_drop_opaque_alpha(struct image *);

#endif
