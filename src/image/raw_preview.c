/* SPDX-License-Identifier: MIT
 *
 * Where a RAW file keeps its previews. Most RAW formats are TIFF structures: a chain of
 * directories, each with more below it (SubIFDs), of which one describes the sensor's data and the
 * others previews, as JPEGs in one piece:
 *
 *     tags 513, 514        an old-style JPEG: NEF, ARW, and thumbnails
 *     tags 273, 279        one strip, compressed as JPEG: CR2, DNG
 *     tag 0x2e             the JPEG itself: RW2
 *
 * What counts is what stands there: a JPEG of 8 bits that is no lossless one (which is how DNG and
 * CR2 keep the sensor's data).
 */
#include "image/raw.h"
#include "image/jpeg.h"

#include "meta/tiff.h"

#include <string.h>

enum {
    TAG_RW2_JPEG = 0x2e,
    TAG_WIDTH = 256,
    TAG_HEIGHT = 257,
    TAG_COMPRESSION = 259,
    TAG_PHOTOMETRIC = 262,
    TAG_STRIP_OFFSETS = 273,
    TAG_STRIP_BYTES = 279,
    TAG_SUB_IFDS = 330,
    TAG_JPEG_OFFSET = 513,
    TAG_JPEG_BYTES = 514,
    TAG_DNG_VERSION = 50706,
    TAG_PREVIEW_COLOUR = 50970,

    PHOTOMETRIC_CFA = 32803,
    PHOTOMETRIC_LINEAR_RAW = 34892,
    COMPRESSION_OLD_JPEG = 6,
    COMPRESSION_JPEG = 7,

    DIRECTORIES_MAX = 64 /* cameras write up to a dozen; also ends loops */
};

void raw_add_preview(struct raw_previews *p, const uint8_t *data, size_t size,
                     enum meta_colour colour)
{
    struct raw_preview found = {.data = data, .size = size, .colour = colour};
    if (!jpeg_dimensions(data, size, &found.width, &found.height))
        return;
    int64_t pixels = (int64_t)found.width * found.height;
    size_t at = 0;
    for (; at < p->count; at++) {
        const struct raw_preview *other = &p->list[at];
        if (other->data == data)
            return;
        if ((int64_t)other->width * other->height < pixels)
            break;
    }
    if (at == RAW_PREVIEWS_MAX)
        return;
    if (p->count < RAW_PREVIEWS_MAX)
        p->count++;
    memmove(&p->list[at + 1], &p->list[at], (p->count - 1 - at) * sizeof found);
    p->list[at] = found;
}

/* What a directory says, as far as it matters here. */
struct directory {
    uint32_t width, height, compression, photometric;
    uint32_t strip_at, strip_bytes, strips, jpeg_at, jpeg_bytes, preview_colour;
    bool dng;
    struct tiff_entry below, jpeg;
};

static void read_directory(struct directory *d, const struct tiff_ifd *ifd)
{
    struct tiff_entry e;
    *d = (struct directory){0};
    for (uint32_t i = 0; i < ifd->count; i++) {
        if (!tiff_entry(&e, ifd, i))
            continue;
        uint32_t *value = e.tag == TAG_WIDTH            ? &d->width
                          : e.tag == TAG_HEIGHT         ? &d->height
                          : e.tag == TAG_COMPRESSION    ? &d->compression
                          : e.tag == TAG_PHOTOMETRIC    ? &d->photometric
                          : e.tag == TAG_STRIP_OFFSETS  ? &d->strip_at
                          : e.tag == TAG_STRIP_BYTES    ? &d->strip_bytes
                          : e.tag == TAG_JPEG_OFFSET    ? &d->jpeg_at
                          : e.tag == TAG_JPEG_BYTES     ? &d->jpeg_bytes
                          : e.tag == TAG_PREVIEW_COLOUR ? &d->preview_colour
                                                        : NULL;
        if (value)
            (void)tiff_uint(&e, 0, value);
        if (e.tag == TAG_STRIP_OFFSETS)
            d->strips = e.count;
        else if (e.tag == TAG_SUB_IFDS)
            d->below = e;
        else if (e.tag == TAG_RW2_JPEG)
            d->jpeg = e;
        else if (e.tag == TAG_DNG_VERSION)
            d->dng = true;
    }
}

/* Calls visit() for each directory of a TIFF structure, until it returns false. */
static void visit_directories(const struct tiff *t, bool (*visit)(void *, const struct directory *),
                              void *context)
{
    uint32_t queue[DIRECTORIES_MAX] = {t->first};
    size_t queued = 1;
    for (size_t i = 0; i < queued; i++) {
        struct tiff_ifd ifd;
        struct directory d;
        if (!tiff_ifd_open(&ifd, t, queue[i]))
            continue;
        read_directory(&d, &ifd);
        if (!visit(context, &d))
            return;
        for (uint32_t k = 0, below; queued < DIRECTORIES_MAX && tiff_uint(&d.below, k, &below); k++)
            queue[queued++] = below;
        if (ifd.next && queued < DIRECTORIES_MAX)
            queue[queued++] = ifd.next;
    }
}

static bool is_sensor(const struct directory *d)
{
    return d->photometric == PHOTOMETRIC_CFA || d->photometric == PHOTOMETRIC_LINEAR_RAW;
}

static bool note_raw(void *context, const struct directory *d)
{
    bool *raw = context;
    *raw = *raw || d->dng || is_sensor(d);
    return !*raw;
}

bool raw_is_tiff_raw(const uint8_t *content, size_t size)
{
    struct tiff t;
    bool raw = false;
    if (!tiff_open(&t, content, size))
        return false;
    if (t.magic != 42 || (size > 10 && memcmp(content + 8, "CR", 2) == 0))
        return true; /* Panasonic, Olympus; Canon's CR2 */
    visit_directories(&t, note_raw, &raw);
    return raw;
}

struct search {
    struct raw_previews *out;
    const uint8_t *content;
    size_t size;
};

static enum meta_colour colour_of(uint32_t preview_colour) /* DNG 1.7, PreviewColorSpace */
{
    return preview_colour == 2   ? META_COLOUR_SRGB
           : preview_colour == 3 ? META_COLOUR_ADOBE_RGB
           : preview_colour == 4 ? META_COLOUR_PROPHOTO
                                 : META_COLOUR_UNKNOWN;
}

static void add_at(const struct search *s, uint32_t at, uint32_t bytes, enum meta_colour colour)
{
    if (at != 0 && at < s->size && bytes != 0) /* a length beyond the end: it is cut */
        raw_add_preview(s->out, s->content + at, bytes < s->size - at ? bytes : s->size - at,
                        colour);
}

static bool note_previews(void *context, const struct directory *d)
{
    const struct search *s = context;
    enum meta_colour colour = colour_of(d->preview_colour);
    if (is_sensor(d) && d->width <= 1 << 20 && d->height <= 1 << 20 &&
        (int)d->width > s->out->sensor_width) {
        s->out->sensor_width = (int)d->width;
        s->out->sensor_height = (int)d->height;
    }
    add_at(s, d->jpeg_at, d->jpeg_bytes, colour);
    if (d->strips == 1 &&
        (d->compression == COMPRESSION_OLD_JPEG || d->compression == COMPRESSION_JPEG))
        add_at(s, d->strip_at, d->strip_bytes, colour);
    if (d->jpeg.value)
        raw_add_preview(s->out, d->jpeg.value, d->jpeg.size, colour);
    return true;
}

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

void raw_find_previews(struct raw_previews *out, const uint8_t *content, size_t size)
{
    struct search search = {out, content, size};
    struct tiff t;
    *out = (struct raw_previews){0};
    if (size >= 92 && memcmp(content, "FUJIFILMCCD-RAW", 15) == 0)
        add_at(&search, be32(content + 84), be32(content + 88), META_COLOUR_UNKNOWN);
    else if (tiff_open(&t, content, size))
        visit_directories(&t, note_previews, &search);
}

void raw_scan_previews(struct raw_previews *out, const uint8_t *content, size_t size)
{
    enum { CANDIDATES_MAX = 4096 }; /* headers that are looked at: each may cost the whole file */
    *out = (struct raw_previews){0};
    size_t at = 0, looked_at = 0;
    while (at + 4 <= size && looked_at < CANDIDATES_MAX) {
        const uint8_t *found = memchr(content + at, 0xff, size - at - 3);
        if (!found)
            return;
        at = (size_t)(found - content) + 1;
        if (found[1] != 0xd8 || found[2] != 0xff)
            continue;
        looked_at++;
        raw_add_preview(out, found, size - at + 1, META_COLOUR_UNKNOWN);
    }
}
