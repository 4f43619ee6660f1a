/* SPDX-License-Identifier: MIT
 *
 * The functions of libvips that this room calls, found in the library when the room is opened and
 * not when the program starts: libvips brings sixty libraries along, whose loading takes longer
 * than most commands do (docs/performance.md), and most commands open no picture.
 *
 *     vips.cast(in, &out, VIPS_FORMAT_UCHAR, NULL)        what vips.h has as vips_cast()
 *
 * Types are those of vips.h, so the compiler checks the calls. The program is not linked with
 * libvips: a vips_cast() that was written, or that one of vips.h's macros hides, does not link
 * (VIPS_OBJECT() and VIPS_REGION_ADDR() are such). GLib and GObject are linked as ever. Internal to
 * the image room.
 */
#ifndef FOVEA_IMAGE_VIPS_LIBRARY_H
#define FOVEA_IMAGE_VIPS_LIBRARY_H

#include "base/status.h"

#include <vips/vips.h>

#define VIPS_FUNCTIONS(X)                                                                          \
    X(LabQ2Lab)                                                                                    \
    X(band_format_isint)                                                                           \
    X(bandjoin2)                                                                                   \
    X(block_untrusted_set)                                                                         \
    X(cache_set_max)                                                                               \
    X(cast)                                                                                        \
    X(colourspace)                                                                                 \
    X(concurrency_set)                                                                             \
    X(copy)                                                                                        \
    X(error_buffer)                                                                                \
    X(error_clear)                                                                                 \
    X(extract_band)                                                                                \
    X(gifload_buffer)                                                                              \
    X(heifload_buffer)                                                                             \
    X(icc_transform)                                                                               \
    X(image_get_blob)                                                                              \
    X(image_get_n_pages)                                                                           \
    X(image_get_orientation)                                                                       \
    X(image_get_typeof)                                                                            \
    X(image_new)                                                                                   \
    X(image_new_from_memory)                                                                       \
    X(image_set_blob_copy)                                                                         \
    X(image_set_int)                                                                               \
    X(image_set_string)                                                                            \
    X(image_write_to_memory)                                                                       \
    X(init)                                                                                        \
    X(jpegload_buffer)                                                                             \
    X(jpegsave_buffer)                                                                             \
    X(jxlload_buffer)                                                                              \
    X(object_local_array)                                                                          \
    X(operation_block_set)                                                                         \
    X(pngload_buffer)                                                                              \
    X(pngsave_buffer)                                                                              \
    X(region_new)                                                                                  \
    X(region_prepare)                                                                              \
    X(rot)                                                                                         \
    X(shutdown)                                                                                    \
    X(text)                                                                                        \
    X(tiffload_buffer)                                                                             \
    X(tiffsave_buffer)                                                                             \
    X(type_find)                                                                                   \
    X(version_string)                                                                              \
    X(webpload_buffer)                                                                             \
    X(webpsave_buffer)

struct vips_functions {
#define X(name) __typeof__(vips_##name) *name;
    VIPS_FUNCTIONS(X)
#undef X
};

/* All NULL until vips_library_open() has succeeded, and never changed after. */
extern struct vips_functions vips;

/* Loads the libvips whose headers this was compiled with. Once per process, before any thread
 * decodes; it stays loaded to the end, as GObject's types cannot be taken back. ERR_NOT_FOUND: it,
 * or a library that it needs, is not there or cannot be loaded; ERR_UNSUPPORTED: it has not all of
 * the functions. */
MUST_USE enum status vips_library_open(struct err *err);

/* The same into *out from the library of this name: the former's one step, for tests. */
MUST_USE enum status vips_library_load(struct vips_functions *out, const char *name,
                                       struct err *err);

#endif
