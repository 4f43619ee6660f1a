/* SPDX-License-Identifier: MIT
 *
 * See thumbnail.h. Quality and effort: docs/performance.md has what they cost and give.
 */
#include "image/thumbnail.h"
#include "image/area.h"
#include "image/vips_library.h"

#include <math.h>
#include <stdlib.h>

enum { QUALITY = 80, EFFORT = 2, LARGEST_SIDE = 16383 /* of a WebP */ };

static int longer(int width, int height)
{
    return width > height ? width : height;
}

bool thumbnail_possible(const struct image *image, int longer_side)
{
    return longer(image->width, image->height) >= longer_side ||
           longer(image->width, image->height) >= longer(image->full_width, image->full_height);
}

static int scaled(int side, double scale)
{
    long length = lround(side * scale);
    return length < 1 ? 1 : (int)length;
}

static enum status encode(struct thumbnail *out, const uint8_t *rgb, struct err *err)
{
    void *data = NULL;
    size_t size = 0, pixels = (size_t)out->width * (size_t)out->height;
    VipsImage *im =
        vips.image_new_from_memory(rgb, pixels * 3, out->width, out->height, 3, VIPS_FORMAT_UCHAR);
    int failed = -1;
    if (im) {
        im->Type = VIPS_INTERPRETATION_sRGB;
        failed = vips.webpsave_buffer(im, &data, &size, "Q", QUALITY, "effort", EFFORT, "strip",
                                      TRUE, NULL);
        g_object_unref(im);
    }
    if (failed)
        return err_set(err, ERR_INTERNAL, "libvips could not make a WebP of %d x %d", out->width,
                       out->height);
    out->data = data;
    out->size = size;
    return OK;
}

enum status thumbnail_make(struct thumbnail *out, const struct image *image, int longer_side,
                           struct err *err)
{
    *out = (struct thumbnail){0};
    int full = longer(image->full_width, image->full_height);
    if (!thumbnail_possible(image, longer_side) || longer_side < 1 || longer_side > LARGEST_SIDE)
        return err_set(err, ERR_LIMIT, "%d x %d pixels are too few for a thumbnail of %d",
                       image->width, image->height, longer_side);
    double scale = full > longer_side ? (double)longer_side / full : 1;
    out->width = scaled(image->full_width, scale);
    out->height = scaled(image->full_height, scale);
    size_t size = (size_t)out->width * (size_t)out->height * 3;
    uint8_t *rgb = malloc(size);
    if (!rgb)
        return err_no_memory(err, "a thumbnail", size);
    enum status status = area_mean(rgb, out->width, out->height, image, err);
    if (status == OK)
        status = encode(out, rgb, err);
    free(rgb);
    return status;
}

void thumbnail_free(struct thumbnail *thumbnail)
{
    if (!thumbnail)
        return;
    g_free(thumbnail->data);
    *thumbnail = (struct thumbnail){0};
}
