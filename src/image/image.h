/* SPDX-License-Identifier: MIT
 *
 * Decoding photographs, through libvips. The only room that includes vips.h.
 *
 * What comes out is always upright, sRGB, 8-bit, three channels: EXIF orientation applied, an
 * embedded ICC profile converted, alpha dropped (not blended) as Pillow's convert("RGB") does,
 * 16-bit, grayscale, CMYK and palettes brought to RGB, the first frame of an animation. Of a RAW
 * file it is the largest usable preview that the camera put into it, turned as the RAW file says.
 *
 * A caller that will shrink the picture anyway can ask for fewer pixels than the file has
 * (image_options.enough_*): a JPEG is then decoded at a half, a quarter or an eighth of its size,
 * each pixel the mean of a block of the file's pixels, and a WebP likewise. Other formats, and
 * pictures that are not large enough for it, come out whole, with the bytes they always had.
 *
 * Safe to call from several threads at once after image_room_open().
 */
#ifndef FOVEA_IMAGE_IMAGE_H
#define FOVEA_IMAGE_IMAGE_H

#include "base/status.h"
#include "meta/photo_meta.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image_span {
    double begin, end;
};

struct image {
    uint8_t *pixels;   /* [height, width, 3], rows width * 3 bytes apart; freed by image_free() */
    int width, height; /* upright */
    int full_width, full_height; /* upright, of the picture in the file: at least width, height */
    /* Upright, of the photograph: as full_* but for RAW files, where that is of the preview and
     * this of what was taken. */
    int taken_width, taken_height;
    /* Where the picture lies among the pixels, in pixels: 0 to width and 0 to height, but for a
     * smaller decode of a size that its blocks do not divide, where an edge of the picture is less
     * than one pixel away from the edge of the pixels. */
    struct image_span across, down;
    char format[12]; /* "jpeg", "png", "raw", … as found in the content, whatever its name says */

    /* For preprocessing, which resizes as Pillow does by kind of picture (clip/preprocess.h,
     * struct preprocess_source has the same fields); everybody else can leave these alone. */
    uint8_t *alpha;  /* [height, width], or NULL where every pixel is opaque; image_free() */
    bool indexed;    /* was a palette or two-level picture */
    uint8_t zero[3]; /* colour of sample value 0: black; white for CMYK; a palette's first entry */

    struct decoder *lender; /* whose memory the pixels are, if another process decoded them */
};

struct image_options {
    double max_megapixels; /* refused with ERR_LIMIT before any pixel is decoded; 0: the default */
    /* So many pixels along the shorter and along the longer side are enough, and fewer are not:
     * the picture may come out smaller than it is in the file. Both 0: whole. */
    int enough_shorter, enough_longer;
};

#define IMAGE_MAX_MEGAPIXELS 500.0
#define IMAGE_MAX_FILE_BYTES ((size_t)2 << 30) /* of image_decode_file() */

/* Once per process (libvips cannot be started again), before any thread decodes. Decodes run on the
 * calling thread alone, or in a child that it waits for (decoder.h; the caller brings the
 * parallelism; libheif's decoders alone have threads of their own); libvips' operation cache is
 * off, and of its loaders only those named in spec §2 can run. Loads libvips (vips_library.h):
 * ERR_NOT_FOUND or ERR_UNSUPPORTED where it cannot be had. */
MUST_USE enum status image_room_open(struct err *err);
void image_room_close(void);

/* Decodes a file's content. Errors: ERR_FORMAT (not an image, truncated, damaged), ERR_UNSUPPORTED
 * (a format this libvips cannot read, or that fovea does not take), ERR_LIMIT, ERR_MEMORY. The text
 * does not name the file: callers do with err_prefix(). */
MUST_USE enum status image_decode(struct image *out, const void *content, size_t size,
                                  const struct image_options *, struct err *err);
/* The same, and what the content says about the photograph (meta/read.h): also where the pixels
 * cannot be decoded. meta may be NULL. */
MUST_USE enum status image_read(struct image *out, struct photo_meta *meta, const void *content,
                                size_t size, const struct image_options *, struct err *err);
/* The same in this very process, whatever decoder.h says: for that process. */
MUST_USE enum status image_read_here(struct image *out, struct photo_meta *meta,
                                     const void *content, size_t size, const struct image_options *,
                                     struct err *err);
/* meta_read_sidecar(), where pictures are decoded. */
MUST_USE enum status image_read_sidecar(struct photo_meta *out, const void *bytes, size_t size,
                                        struct err *err);
/* file_read() and image_decode(); the text names the file. */
MUST_USE enum status image_decode_file(struct image *out, const char *path,
                                       const struct image_options *, struct err *err);
void image_free(struct image *); /* NULL-safe, leaves it empty */

/* True for the names that an index takes: by extension, in any case. */
bool image_name_is_photo(const char *name);

/* rgb: [height, width, 3] → an 8-bit RGB PNG, written atomically. The same pixels give the same
 * bytes. */
MUST_USE enum status image_write_png(const char *path, const uint8_t *rgb, int width, int height,
                                     struct err *err);

/* "8.14.1" and the formats (of those in spec §2) that this libvips reads, for doctor and errors;
 * after image_room_open(). extension: "jpg" or ".jpg", in any case. */
const char *image_library_version(void);
bool image_format_supported(const char *extension);

#endif
