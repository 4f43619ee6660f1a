/* SPDX-License-Identifier: MIT
 *
 * What a file's content is, by its first bytes; and what can be learned from a header without
 * decoding. Reads bytes only: no libvips here.
 */
#ifndef FOVEA_IMAGE_FORMAT_H
#define FOVEA_IMAGE_FORMAT_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum image_format {
    FORMAT_JPEG,
    FORMAT_PNG,
    FORMAT_WEBP,
    FORMAT_TIFF,
    FORMAT_GIF,
    FORMAT_HEIF,
    FORMAT_AVIF,
    FORMAT_JXL,
    FORMAT_BMP,
    FORMAT_RAW, /* of any camera */
    FORMAT_COUNT
};

/* "jpeg", "png", … */
const char *format_name(enum image_format);

/* The format that a file extension stands for, or FORMAT_COUNT. extension: without the dot */
enum image_format format_of_extension(const char *extension);

/* ERR_FORMAT: empty, or no image that is known here; ERR_UNSUPPORTED: recognised, but not taken. */
MUST_USE enum status format_sniff(enum image_format *out, const uint8_t *content, size_t size,
                                  struct err *err);

/* What a header says, as far as it can be told without a decoder. */
struct format_header {
    int64_t width, height; /* 0: not told */
    bool indexed;          /* a palette, or black and white at one bit */
    bool no_alpha;         /* what a decoder makes of its transparency is no alpha for Pillow */
    uint8_t zero[3];       /* the palette's first colour */
};
void format_read_header(struct format_header *out, enum image_format, const uint8_t *content,
                        size_t size);

/* ERR_LIMIT, in the words that name the size, the limit and the option. */
MUST_USE enum status format_check_size(int64_t width, int64_t height, double max_megapixels,
                                       struct err *err);

/* Where a GIF's first frame has its transparency flag: the offset of the byte whose bit 0 it is;
 * 0 if that frame is opaque. (An offset of 0 is inside the signature.) */
size_t format_gif_transparency(const uint8_t *content, size_t size);

#endif
