/* SPDX-License-Identifier: MIT
 *
 * See decoder_check.h. Everything that code after a decode relies on is looked at here: sizes and
 * what they say about the memory, spans that fall within a pixel of the picture, a name of a format
 * that is one. Pixels need no check, any byte is a valid one.
 */
#include "image/decoder_check.h"
#include "image/format.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The smallest decode is an eighth (reduce.h); of 9 pixels that is 1. */
enum { SHRINK_MOST = 16 };

static bool is_size(int width, int height, double max_megapixels)
{
    return width > 0 && height > 0 && (double)width * height <= max_megapixels * 1e6;
}

static bool is_span(const struct image_span *span, int side)
{
    return isfinite(span->begin) && isfinite(span->end) && fabs(span->begin) < 1 &&
           fabs(span->end - side) < 1 && span->begin < span->end;
}

static bool is_reduced(int side, int full)
{
    return full >= side && full / SHRINK_MOST <= side;
}

static bool fits(const struct image *image, bool has_alpha, uint64_t output_bytes)
{
    const uint64_t pixels = (uint64_t)image->width * (uint64_t)image->height;
    const uint64_t alpha_at = decoder_alpha_at(pixels);
    return alpha_at <= output_bytes && (!has_alpha || pixels <= output_bytes - alpha_at);
}

static bool is_format(const struct image *image)
{
    for (int i = 0; i < FORMAT_COUNT; i++)
        if (memcmp(image->format, format_name((enum image_format)i),
                   strlen(format_name((enum image_format)i)) + 1) == 0)
            return true;
    return false;
}

/* A RAW file says itself how large its sensor was. */
static bool is_taken(const struct image *image)
{
    enum { SIDE_MOST = 1 << 20 };
    return image->taken_width > 0 && image->taken_height > 0 && image->taken_width <= SIDE_MOST &&
           image->taken_height <= SIDE_MOST;
}

bool decoder_image_is_sound(const struct decoder_reply *reply, double max_megapixels,
                            uint64_t output_bytes)
{
    const struct image *i = &reply->image;
    return is_size(i->width, i->height, max_megapixels) &&
           is_size(i->full_width, i->full_height, max_megapixels) &&
           fits(i, reply->has_alpha, output_bytes) && is_reduced(i->width, i->full_width) &&
           is_reduced(i->height, i->full_height) && is_span(&i->across, i->width) &&
           is_span(&i->down, i->height) && is_taken(i) && is_format(i);
}

bool decoder_status_is_sound(const struct decoder_reply *reply)
{
    switch (reply->status) {
    case OK:
        return true;
    case ERR_FORMAT:
    case ERR_UNSUPPORTED:
    case ERR_LIMIT:
    case ERR_MEMORY:
    case ERR_INTERNAL:
        return reply->text[0] != '\0' && memchr(reply->text, '\0', sizeof reply->text);
    default: /* nothing that reads bytes can mean these */
        return false;
    }
}
