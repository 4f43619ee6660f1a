/* SPDX-License-Identifier: MIT
 *
 * The image room's front: says what a file is, refuses what is too large or not taken, and hands
 * the rest to the decoder for it. Sizes are checked twice: here, where the header tells, before
 * any library sees the content; and in decode.c, from what the library reads.
 */
#include "image/image.h"
#include "image/bmp.h"
#include "image/decode.h"
#include "image/decoder.h"
#include "image/decoder_pool.h"
#include "image/format.h"
#include "image/raw.h"
#include "image/vips_library.h"

#include "base/file.h"
#include "meta/read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum status image_room_open(struct err *err)
{
    return decode_open(err);
}

void image_room_close(void)
{
    decoder_close();
    decode_close();
}

/* A transparent pixel of a GIF has a colour, its palette entry, which convert("RGB") shows and
 * libvips' decoder forgets. Without the transparency flag it is kept. *copy: to be freed */
static enum status without_gif_transparency(const uint8_t **content, uint8_t **copy, size_t size,
                                            struct err *err)
{
    size_t flag = format_gif_transparency(*content, size);
    if (flag == 0)
        return OK;
    *copy = malloc(size);
    if (!*copy)
        return err_no_memory(err, "a GIF", size);
    memcpy(*copy, *content, size);
    (*copy)[flag] &= (uint8_t)~1;
    *content = *copy;
    return OK;
}

static enum status decode_format(struct image *out, enum image_format format,
                                 const uint8_t *content, size_t size,
                                 const struct image_options *options, struct err *err)
{
    if (format == FORMAT_BMP)
        return bmp_decode(out, content, size, options->max_megapixels, err);
    if (format == FORMAT_RAW)
        return raw_decode(out, content, size, options, err);
    if (!decode_supports(format))
        return err_set(err, ERR_UNSUPPORTED, "%s is not supported by this libvips (%s)",
                       format_name(format), image_library_version());
    struct format_header header;
    format_read_header(&header, format, content, size);
    enum status status =
        format_check_size(header.width, header.height, options->max_megapixels, err);
    if (status != OK)
        return status;
    struct meta_hints hints = {0};
    if (format == FORMAT_JPEG)
        meta_read_hints(&hints, content, size);
    uint8_t *copy = NULL;
    if (format == FORMAT_GIF)
        status = without_gif_transparency(&content, &copy, size, err);
    const struct decode_source source = {format, content, size, 0, hints.colour};
    if (status == OK)
        status = decode_with_vips(out, &source, options, err);
    if (header.indexed || header.no_alpha)
        decode_drop_alpha(out);
    out->indexed = header.indexed;
    if (header.indexed)
        memcpy(out->zero, header.zero, sizeof out->zero);
    free(copy);
    return status;
}

enum status image_decode_here(struct image *out, const void *content, size_t size,
                              const struct image_options *given, struct err *err)
{
    *out = (struct image){0};
    struct image_options options = given ? *given : (struct image_options){0};
    if (!(options.max_megapixels > 0))
        options.max_megapixels = IMAGE_MAX_MEGAPIXELS;
    enum image_format format;
    enum status status = format_sniff(&format, content, size, err);
    if (status == OK)
        status = decode_format(out, format, content, size, &options, err);
    if (status != OK) {
        image_free(out);
        return status;
    }
    snprintf(out->format, sizeof out->format, "%s", format_name(format));
    if (out->taken_width == 0) {
        out->taken_width = out->full_width;
        out->taken_height = out->full_height;
    }
    return OK;
}

enum status image_read_here(struct image *out, struct photo_meta *meta, const void *content,
                            size_t size, const struct image_options *options, struct err *err)
{
    if (meta)
        meta_read(meta, NULL, content, size);
    return image_decode_here(out, content, size, options, err);
}

enum status image_read(struct image *out, struct photo_meta *meta, const void *content, size_t size,
                       const struct image_options *options, struct err *err)
{
    return decoder_elsewhere() ? decoder_read(out, meta, content, size, options, err)
                               : image_read_here(out, meta, content, size, options, err);
}

enum status image_decode(struct image *out, const void *content, size_t size,
                         const struct image_options *options, struct err *err)
{
    return image_read(out, NULL, content, size, options, err);
}

enum status image_read_sidecar(struct photo_meta *out, const void *bytes, size_t size,
                               struct err *err)
{
    return decoder_elsewhere() ? decoder_read_sidecar(out, bytes, size, err)
                               : meta_read_sidecar(out, bytes, size, err);
}

enum status image_decode_file(struct image *out, const char *path,
                              const struct image_options *options, struct err *err)
{
    *out = (struct image){0};
    struct file_bytes bytes;
    enum status status = file_read(&bytes, path, IMAGE_MAX_FILE_BYTES, err);
    if (status != OK)
        return status;
    status = image_decode(out, bytes.data, bytes.size, options, err);
    file_bytes_free(&bytes);
    return status == OK ? OK : err_prefix(err, "%s", path);
}

void image_free(struct image *image)
{
    if (!image)
        return;
    if (image->lender)
        decoder_give_back(image->lender);
    else
        decode_drop_pixels(image);
    *image = (struct image){0};
}

bool image_name_is_photo(const char *name)
{
    const char *base = path_basename(name), *dot = strrchr(base, '.');
    return dot && dot != base && format_of_extension(dot + 1) != FORMAT_COUNT;
}

const char *image_library_version(void)
{
    return vips.version_string();
}

bool image_format_supported(const char *extension)
{
    enum image_format format = format_of_extension(extension + (*extension == '.'));
    return format == FORMAT_BMP || format == FORMAT_RAW ||
           (format != FORMAT_COUNT && decode_supports(format));
}

enum status image_write_png(const char *path, const uint8_t *rgb, int width, int height,
                            struct err *err)
{
    void *png = NULL;
    size_t size = 0;
    VipsImage *im = vips.image_new_from_memory(rgb, (size_t)width * (size_t)height * 3, width,
                                               height, 3, VIPS_FORMAT_UCHAR);
    bool made = false;
    if (im) {
        im->Type = VIPS_INTERPRETATION_sRGB;
        made = vips.pngsave_buffer(im, &png, &size, "strip", TRUE, NULL) == 0;
        g_object_unref(im);
    }
    if (!made)
        return err_set(err, ERR_INTERNAL, "cannot write %s: libvips could not make a %d x %d PNG",
                       path, width, height);
    enum status status = file_write(path, png, size, err);
    g_free(png);
    return status;
}
