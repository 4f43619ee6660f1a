/* SPDX-License-Identifier: MIT
 *
 * The metadata of a picture, whatever its container: JPEG, PNG, WebP, TIFF, HEIF, JPEG XL, RAW. The
 * blocks lie in the file, and what they tell is possible: text is UTF-8 without control characters,
 * places are on Earth, numbers within their bounds.
 */
#include "fuzz.h"

#include "meta/read.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void check_block(struct meta_bytes block, const uint8_t *file, size_t size)
{
    if (!block.data)
        return;
    FUZZ_CHECK(block.data >= file && block.size <= size);
    FUZZ_CHECK(block.data + block.size <= file + size);
}

static void check_text(const char *text, size_t max, bool lines)
{
    FUZZ_CHECK(memchr(text, 0, max));
    FUZZ_CHECK(fuzz_is_utf8(text, strlen(text)));
    for (const char *c = text; *c; c++)
        FUZZ_CHECK((unsigned char)*c >= ' ' || (lines && *c == '\n'));
    FUZZ_CHECK(!lines || !*text || text[strlen(text) - 1] == '\n');
}

static void check_number(double value, double max)
{
    FUZZ_CHECK(value >= 0 && value <= max);
}

static void check_meta(const struct photo_meta *m)
{
    char time[PHOTO_TIME_MAX];
    check_text(m->camera, sizeof m->camera, false);
    check_text(m->lens, sizeof m->lens, false);
    check_text(m->keywords, sizeof m->keywords, true);
    check_text(photo_meta_time(time, m), sizeof time, false);
    FUZZ_CHECK(m->offset_min == PHOTO_NO_OFFSET ||
               (m->offset_min >= -1440 && m->offset_min <= 1440));
    FUZZ_CHECK(m->rating == PHOTO_NO_RATING || (m->rating >= -1 && m->rating <= 5));
    FUZZ_CHECK(isnan(m->latitude) == isnan(m->longitude));
    FUZZ_CHECK(isnan(m->latitude) || (fabs(m->latitude) <= 90 && fabs(m->longitude) <= 180));
    FUZZ_CHECK(!isinf(m->altitude_m));
    FUZZ_CHECK(m->iso >= 0);
    check_number(m->exposure_s, 1e9);
    check_number(m->f_number, 1e9);
    check_number(m->focal_mm, 1e9);
    check_number(m->focal35_mm, 1e9);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    struct meta_blocks blocks;
    struct photo_meta meta;
    struct meta_hints hints, alone;
    uint8_t *file = fuzz_take_rest(&in, &size);
    meta_find_blocks(&blocks, file, size);
    check_block(blocks.exif, file, size);
    check_block(blocks.exif_exposure, file, size);
    check_block(blocks.exif_place, file, size);
    check_block(blocks.xmp, file, size);
    check_block(blocks.iptc, file, size);
    meta_read(&meta, &hints, file, size);
    check_meta(&meta);
    meta_read_hints(&alone, file, size);
    FUZZ_CHECK(hints.orientation >= 0 && hints.orientation <= 8);
    FUZZ_CHECK(alone.orientation == hints.orientation && alone.colour == hints.colour);
    free(file);
    return 0;
}
