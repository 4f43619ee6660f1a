/* SPDX-License-Identifier: MIT
 *
 * A picture file, as far as fovea reads it itself and hands nothing to a decoder: what it is, what
 * its header tells, a bitmap, a colour profile, the markers of a JPEG, the previews of a RAW file.
 * What is found lies in the file, in the order that is promised, within the limit.
 */
#include "fuzz.h"

#include "image/bmp.h"
#include "image/format.h"
#include "image/icc.h"
#include "image/jpeg.h"
#include "image/raw.h"

#include <stdlib.h>

#define MEGAPIXELS 0.25

static void check_previews(const struct raw_previews *p, const uint8_t *file, size_t size)
{
    int64_t before = INT64_MAX;
    FUZZ_CHECK(p->count <= RAW_PREVIEWS_MAX);
    FUZZ_CHECK(p->sensor_width >= 0 && p->sensor_height >= 0);
    for (size_t i = 0; i < p->count; i++) {
        const struct raw_preview *one = &p->list[i];
        FUZZ_CHECK(one->data >= file && one->size <= size && one->data + one->size <= file + size);
        FUZZ_CHECK(one->width > 0 && one->height > 0);
        int64_t pixels = (int64_t)one->width * one->height;
        FUZZ_CHECK(pixels <= before); /* the largest first */
        before = pixels;
    }
}

static void try_raw(const uint8_t *file, size_t size)
{
    struct raw_previews told, found;
    (void)raw_is_tiff_raw(file, size);
    raw_find_previews(&told, file, size);
    check_previews(&told, file, size);
    raw_scan_previews(&found, file, size);
    check_previews(&found, file, size);
}

static void try_jpeg(const uint8_t *file, size_t size)
{
    int width = 0, height = 0;
    if (jpeg_dimensions(file, size, &width, &height))
        FUZZ_CHECK(width > 0 && height > 0 && width < 1 << 16 && height < 1 << 16);
    for (int shrink = 2; shrink <= 8; shrink *= 2)
        FUZZ_CHECK(jpeg_needed_bytes(file, size, shrink) <= size);
}

static void try_bmp(const uint8_t *file, size_t size)
{
    struct image image = {0};
    struct err err = {0};
    enum status status = bmp_decode(&image, file, size, MEGAPIXELS, &err);
    if (status != OK) {
        fuzz_check_error(status, &err);
    } else {
        size_t pixels = (size_t)image.width * (size_t)image.height;
        FUZZ_CHECK(image.width > 0 && image.height > 0 && (double)pixels <= MEGAPIXELS * 1e6);
        fuzz_touch(image.pixels, pixels * 3);
        if (image.alpha)
            fuzz_touch(image.alpha, pixels);
    }
    image_free(&image);
}

static void try_header(const uint8_t *file, size_t size)
{
    enum image_format format;
    struct format_header header;
    struct err err = {0};
    enum status status = format_sniff(&format, file, size, &err);
    if (status != OK) {
        fuzz_check_error(status, &err);
        return;
    }
    FUZZ_CHECK(format < FORMAT_COUNT && *format_name(format));
    format_read_header(&header, format, file, size);
    FUZZ_CHECK(header.width >= 0 && header.height >= 0);
    if (format == FORMAT_GIF)
        FUZZ_CHECK(format_gif_transparency(file, size) < size);
    if (format == FORMAT_BMP)
        try_bmp(file, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    uint8_t *file = fuzz_take_rest(&in, &size);
    const struct icc icc = icc_read(file, size);
    FUZZ_CHECK(icc.channels == 0 || icc.channels == 1 || icc.channels == 3 || icc.channels == 4);
    FUZZ_CHECK(!icc.srgb || icc.channels == 1 || icc.channels == 3);
    try_header(file, size);
    try_jpeg(file, size);
    try_raw(file, size);
    free(file);
    return 0;
}
