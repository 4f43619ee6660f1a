/* SPDX-License-Identifier: MIT
 *
 * See reduce.h. A JPEG decoder makes the mean of a block of 2, 4 or 8 pixels a side out of the
 * block's coefficients for less than the pixels themselves, and chroma that is stored at a lower
 * resolution needs less or no interpolation. Means of whole blocks: no pixel moves. libvips leaves
 * out the pixels of a block that the picture's edge cuts through (2047 pixels by 8 are 255), so the
 * picture reaches beyond the last pixel by what is missing: 255.875.
 *
 * A WebP decoder averages while it decodes, to a size that libvips rounds to the nearest; the whole
 * side is mapped to all pixels. Colours are weighted by alpha there, which is not what is wanted of
 * a picture with transparency, and frames of an animation take another way: both come out whole.
 *
 * Not used: thumbnails that TIFF, HEIF and EXIF may hold. They are whatever the camera or an editor
 * made of the picture, at some time, with its own colours and crop.
 */
#include "image/reduce.h"
#include "image/jpeg.h"
#include "image/vips_library.h"

#include <stdlib.h>
#include <string.h>

enum { SHRINK_MOST = 8 };

static bool can_be_smaller(enum image_format format, const VipsImage *loaded)
{
    if (format == FORMAT_JPEG)
        return true;
    return format == FORMAT_WEBP && loaded->Bands == 3 &&
           vips.image_get_n_pages((VipsImage *)loaded) == 1;
}

static int largest_shrink(const VipsImage *loaded, const struct image_options *options)
{
    int shorter = loaded->Xsize < loaded->Ysize ? loaded->Xsize : loaded->Ysize;
    int longer = loaded->Xsize < loaded->Ysize ? loaded->Ysize : loaded->Xsize;
    int shrink = SHRINK_MOST;
    while (shrink > 1 && (shorter / shrink < 1 || shorter / shrink < options->enough_shorter ||
                          longer / shrink < options->enough_longer))
        shrink /= 2;
    return shrink;
}

enum status reduction_choose(struct reduction *out, enum image_format format,
                             const uint8_t *content, size_t size, const VipsImage *loaded,
                             const struct image_options *options, struct err *err)
{
    *out = (struct reduction){.shrink = 1};
    bool wanted = options->enough_shorter > 0 || options->enough_longer > 0;
    if (!wanted || !can_be_smaller(format, loaded))
        return OK;
    out->shrink = largest_shrink(loaded, options);
    out->blocks = format == FORMAT_JPEG;
    if (out->shrink == 1 || format != FORMAT_JPEG)
        return OK;
    size_t needed = jpeg_needed_bytes(content, size, out->shrink);
    if (needed == 0)
        return OK;
    out->size = needed + 2;
    out->content = malloc(out->size);
    if (!out->content)
        return err_no_memory(err, "a JPEG", out->size);
    memcpy(out->content, content, needed);
    memcpy(out->content + needed, "\xff\xd9", 2); /* end of image */
    return OK;
}

void reduction_free(struct reduction *by)
{
    free(by->content);
    *by = (struct reduction){.shrink = 1};
}

double reduction_extent(const struct reduction *by, int full, int decoded)
{
    return by->blocks ? (double)full / by->shrink : decoded;
}
