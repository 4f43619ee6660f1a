/* SPDX-License-Identifier: MIT
 *
 * Which preview, which way up, in which colours.
 *
 * Previews come from three places: the file's own directories (raw_preview.c), LibRaw, which also
 * knows makers' notes and Canon's boxes, and, when none of those can be decoded (a damaged file),
 * every JPEG that stands anywhere in it. The largest is tried first; one that is cut or damaged
 * makes room for the next. The sensor's data is never decoded.
 *
 * Orientation. Cameras store previews as the sensor read them, and the RAW file's orientation is
 * that of all of it. A preview's own EXIF, if it has any, mostly says the same once more, so only
 * one may be applied: the RAW file's; the preview's where the RAW file tells none. Programs that
 * write RAW files may have turned the preview's pixels, which shows where a quarter turn would be
 * due and the preview stands upright already, in contrast to the sensor: then none is applied.
 *
 * Colour: the preview's ICC profile; else what its EXIF, the RAW file's directory or the RAW file's
 * EXIF say, in this order (Adobe RGB is a setting of the camera and embedded nowhere); else sRGB.
 */
#include "image/raw.h"
#include "image/decode.h"

#include <libraw/libraw.h>
#include <stdio.h>
#include <string.h>

struct raw {
    const uint8_t *content;
    size_t size;
    const struct image_options *options;
    struct meta_hints hints; /* of the RAW file */
    libraw_data_t *lib;      /* NULL: LibRaw cannot read it, and here is why: */
    char lib_reason[80];
    int sensor_width, sensor_height; /* as stored; 0: unknown */
};

/* --- LibRaw -------------------------------------------------------------------------------- */

static void open_lib(struct raw *raw)
{
    enum { NO_CALLBACKS = 3 }; /* which would print to stderr; the names differ between versions */
    libraw_data_t *lib = libraw_init(NO_CALLBACKS);
    int failed = lib ? libraw_open_buffer(lib, (void *)(uintptr_t)raw->content, raw->size)
                     : LIBRAW_UNSUFFICIENT_MEMORY;
    if (failed) {
        snprintf(raw->lib_reason, sizeof raw->lib_reason, "%s", libraw_strerror(failed));
        if (lib)
            libraw_close(lib);
        return;
    }
    raw->lib = lib;
    if (lib->sizes.width > 0 && lib->sizes.height > 0) {
        raw->sensor_width = lib->sizes.width;
        raw->sensor_height = lib->sizes.height;
    }
    /* dcraw's numbers: 1 mirrored, 2 upside down, 4 rows and columns exchanged; and their sums. */
    static const uint8_t orientations[8] = {1, 2, 4, 3, 5, 8, 6, 7};
    if (raw->hints.orientation == 0 && lib->sizes.flip > 0 && lib->sizes.flip < 8)
        raw->hints.orientation = orientations[lib->sizes.flip];
}

/* LibRaw's choice, among the others by its size. */
static void add_lib_preview(struct raw *raw, struct raw_previews *previews)
{
    if (!raw->lib || libraw_unpack_thumb(raw->lib) != LIBRAW_SUCCESS ||
        raw->lib->thumbnail.tformat != LIBRAW_THUMBNAIL_JPEG)
        return;
    raw_add_preview(previews, (const uint8_t *)raw->lib->thumbnail.thumb,
                    raw->lib->thumbnail.tlength, META_COLOUR_UNKNOWN);
}

/* --- one preview --------------------------------------------------------------------------- */

static bool quarter_turn(int orientation)
{
    return orientation >= 5;
}

static int orientation_of(const struct raw *raw, const struct raw_preview *preview,
                          const struct meta_hints *own)
{
    int orientation = raw->hints.orientation ? raw->hints.orientation : own->orientation;
    bool sensor_lies = raw->sensor_width > raw->sensor_height;
    bool preview_lies = preview->width > preview->height;
    bool square = raw->sensor_width == raw->sensor_height || preview->width == preview->height;
    if (quarter_turn(orientation) && !square && sensor_lies != preview_lies)
        return 1;
    return orientation ? orientation : 1;
}

static enum status decode_preview(struct image *out, const struct raw *raw,
                                  const struct raw_preview *preview, struct err *err)
{
    struct meta_hints own;
    meta_read_hints(&own, preview->data, preview->size);
    enum meta_colour meant = own.colour        ? own.colour
                             : preview->colour ? preview->colour
                                               : raw->hints.colour;
    const struct decode_source source = {FORMAT_JPEG, preview->data, preview->size,
                                         orientation_of(raw, preview, &own), meant};
    *out = (struct image){0};
    enum status status = decode_with_vips(out, &source, raw->options, err);
    if (status != OK)
        return status;
    bool turned = quarter_turn(raw->hints.orientation);
    if ((int64_t)raw->sensor_width * raw->sensor_height >
        (int64_t)out->full_width * out->full_height) {
        out->taken_width = turned ? raw->sensor_height : raw->sensor_width;
        out->taken_height = turned ? raw->sensor_width : raw->sensor_height;
    }
    return OK;
}

/* The first one that can be decoded. *why: what was wrong with the largest. */
static enum status decode_first(struct image *out, const struct raw *raw,
                                const struct raw_previews *previews, struct err *why)
{
    enum status first = ERR_NOT_FOUND;
    for (size_t i = 0; i < previews->count; i++) {
        struct err err;
        enum status status = decode_preview(out, raw, &previews->list[i], &err);
        if (status == OK || status == ERR_MEMORY) {
            if (status != OK)
                *why = err;
            return status;
        }
        if (first == ERR_NOT_FOUND) {
            first = status;
            *why = err;
        }
    }
    return first;
}

enum status raw_decode(struct image *out, const uint8_t *content, size_t size,
                       const struct image_options *options, struct err *err)
{
    struct raw raw = {.content = content, .size = size, .options = options};
    struct raw_previews previews;
    struct err why = {0}, ignored;
    meta_read_hints(&raw.hints, content, size);
    raw_find_previews(&previews, content, size);
    raw.sensor_width = previews.sensor_width;
    raw.sensor_height = previews.sensor_height;
    open_lib(&raw);
    add_lib_preview(&raw, &previews);
    enum status status = decode_first(out, &raw, &previews, &why);
    if (status != OK && status != ERR_MEMORY) {
        raw_scan_previews(&previews, content, size);
        if (decode_first(out, &raw, &previews, status == ERR_NOT_FOUND ? &why : &ignored) == OK)
            status = OK;
        else if (status == ERR_NOT_FOUND && why.status != OK)
            status = why.status;
    }
    if (status == ERR_NOT_FOUND && raw.lib)
        status = err_set(err, ERR_UNSUPPORTED,
                         "this camera RAW holds no JPEG preview; have the program that made it "
                         "store one, or convert it to JPEG");
    else if (status == ERR_NOT_FOUND)
        status = err_set(err, ERR_FORMAT,
                         "damaged or unknown camera RAW, without a preview (LibRaw: %s)",
                         raw.lib_reason);
    else if (status != OK)
        status = err_set(err, status, "the preview in this camera RAW: %s", why.text);
    if (raw.lib)
        libraw_close(raw.lib);
    return status;
}
