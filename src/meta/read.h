/* SPDX-License-Identifier: MIT
 *
 * From the bytes of a picture file, or of a sidecar, to what they say of the photograph. No decoder
 * and no library for files takes part: containers are walked here (JPEG, PNG, WebP, TIFF, HEIF and
 * AVIF, JPEG XL, and the RAW formats: those made like TIFF, RAF, CR3) for their EXIF, XMP and IPTC
 * blocks, which are read and brought together by the precedence that docs/metadata.md states.
 *
 * The bytes may be hostile. What is damaged, cut or nonsensical tells nothing, and what could still
 * be read counts: reading a picture's metadata cannot fail. Time is linear in the size, memory is
 * bounded (XMP is parsed by expat, everything else in place). Any thread.
 */
#ifndef FOVEA_META_READ_H
#define FOVEA_META_READ_H

#include "base/status.h"
#include "meta/photo_meta.h"

#include <stddef.h>
#include <stdint.h>

#define META_MAX_XMP_BYTES ((size_t)16 << 20) /* a larger packet or sidecar is not read */

struct meta_bytes {
    const uint8_t *data; /* NULL: there is none */
    size_t size;
};

/* Blocks of metadata; they borrow from the file's content. */
struct meta_blocks {
    struct meta_bytes exif; /* a TIFF structure */
    /* CR3 has the directories of the exposure and of the place as structures of their own. */
    struct meta_bytes exif_exposure, exif_place;
    struct meta_bytes xmp;
    struct meta_bytes iptc; /* IIM records */
};

enum meta_colour {
    META_COLOUR_UNKNOWN,
    META_COLOUR_SRGB,
    META_COLOUR_ADOBE_RGB,
    META_COLOUR_PROPHOTO,
};

/* What the pixels' decoder wants to know. */
struct meta_hints {
    int orientation;         /* EXIF's 1 to 8; 0: not told */
    enum meta_colour colour; /* of pixels without an ICC profile, as the camera was set */
};

/* Where the blocks lie in a file's content. */
void meta_find_blocks(struct meta_blocks *out, const void *content, size_t size);

/* hints may be NULL. */
void meta_read_blocks(struct photo_meta *out, struct meta_hints *hints, const struct meta_blocks *);

/* Both. hints may be NULL. */
void meta_read(struct photo_meta *out, struct meta_hints *hints, const void *content, size_t size);

/* The hints alone. */
void meta_read_hints(struct meta_hints *, const void *content, size_t size);

/* An .xmp file. ERR_FORMAT: not XML, or no XMP in it; ERR_LIMIT. The text does not name the file.
 * Of dates only those of the taking count: a sidecar wins over what the picture says. */
MUST_USE enum status meta_read_sidecar(struct photo_meta *out, const void *bytes, size_t size,
                                       struct err *err);

#endif
