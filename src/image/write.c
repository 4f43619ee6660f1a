/* SPDX-License-Identifier: MIT
 *
 * See write.h. libvips writes EXIF from fields of the image, "exif-ifd0-Make" and the like; ifd0 is
 * about the picture, ifd2 about the exposure, ifd3 about the place.
 */
#include "image/write.h"
#include "image/format.h"
#include "image/vips_library.h"

#include "base/file.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void set_text(VipsImage *im, const char *field, const char *text)
{
    if (text)
        vips.image_set_string(im, field, text);
}

/* A number as the fraction that EXIF wants. */
static void set_number(VipsImage *im, const char *field, double x)
{
    char text[48];
    if (!(x > 0))
        return;
    snprintf(text, sizeof text, "%ld/10", lround(x * 10));
    vips.image_set_string(im, field, text);
}

static void set_angle(VipsImage *im, const char *field, const char *side_field, double degrees,
                      const char *sides)
{
    char text[80], side[2] = {sides[degrees < 0], '\0'};
    double whole = floor(fabs(degrees)), minutes = (fabs(degrees) - whole) * 60;
    double seconds = (minutes - floor(minutes)) * 60;
    snprintf(text, sizeof text, "%d/1 %d/1 %d/100", (int)whole, (int)minutes, (int)(seconds * 100));
    vips.image_set_string(im, field, text);
    vips.image_set_string(im, side_field, side);
}

static void set_exif(VipsImage *im, const struct image_exif *e)
{
    char iso[16];
    set_text(im, "exif-ifd0-Make", e->make);
    set_text(im, "exif-ifd0-Model", e->model);
    set_text(im, "exif-ifd0-DateTime", e->taken_at);
    set_text(im, "exif-ifd2-DateTimeOriginal", e->taken_at);
    set_text(im, "exif-ifd2-LensModel", e->lens);
    set_text(im, "exif-ifd2-ExposureTime", e->exposure_time);
    set_number(im, "exif-ifd2-FNumber", e->f_number);
    set_number(im, "exif-ifd2-FocalLength", e->focal_mm);
    if (e->iso > 0) {
        snprintf(iso, sizeof iso, "%d", e->iso);
        set_text(im, "exif-ifd2-ISOSpeedRatings", iso);
    }
    if (!e->has_gps)
        return;
    set_angle(im, "exif-ifd3-GPSLatitude", "exif-ifd3-GPSLatitudeRef", e->latitude, "NS");
    set_angle(im, "exif-ifd3-GPSLongitude", "exif-ifd3-GPSLongitudeRef", e->longitude, "EW");
}

/* *out: turned so that the orientation brings it back. 0, or -1 as libvips has it. */
static int turn_away(VipsImage *in, VipsImage **out, int orientation)
{
    VipsAngle angle = orientation == 6   ? VIPS_ANGLE_D270
                      : orientation == 8 ? VIPS_ANGLE_D90
                      : orientation == 3 ? VIPS_ANGLE_D180
                                         : VIPS_ANGLE_D0;
    return vips.rot(in, out, angle, NULL);
}

static int save(VipsImage *im, enum image_format format, int quality, void **bytes, size_t *size)
{
    switch (format) {
    case FORMAT_JPEG:
        return vips.jpegsave_buffer(im, bytes, size, "Q", quality, "optimize_coding", TRUE, NULL);
    case FORMAT_PNG:
        return vips.pngsave_buffer(im, bytes, size, NULL);
    case FORMAT_WEBP:
        return vips.webpsave_buffer(im, bytes, size, "Q", quality, NULL);
    case FORMAT_TIFF:
        return vips.tiffsave_buffer(im, bytes, size, "compression",
                                    VIPS_FOREIGN_TIFF_COMPRESSION_DEFLATE, NULL);
    default:
        return -1;
    }
}

enum status image_write(const char *path, const uint8_t *rgb, int width, int height,
                        const struct image_write_options *how, struct err *err)
{
    const char *dot = strrchr(path, '.');
    enum image_format format = dot ? format_of_extension(dot + 1) : FORMAT_COUNT;
    void *bytes = NULL;
    size_t size = 0;
    VipsImage *turned = NULL, *own = NULL;
    VipsImage *im = vips.image_new_from_memory(rgb, (size_t)width * (size_t)height * 3, width,
                                               height, 3, VIPS_FORMAT_UCHAR);
    bool made = false;
    if (im)
        im->Type = VIPS_INTERPRETATION_sRGB;
    if (im && turn_away(im, &turned, how->orientation) == 0 && vips.copy(turned, &own, NULL) == 0) {
        if (how->exif)
            set_exif(own, how->exif);
        vips.image_set_int(own, VIPS_META_ORIENTATION, how->orientation ? how->orientation : 1);
        made = save(own, format, how->quality, &bytes, &size) == 0;
    }
    VIPS_UNREF(own);
    VIPS_UNREF(turned);
    VIPS_UNREF(im);
    if (!made)
        return err_set(err, ERR_INTERNAL, "cannot write %s: libvips could not make it (%d x %d)",
                       path, width, height);
    enum status status = file_write(path, bytes, size, err);
    g_free(bytes);
    return status;
}
