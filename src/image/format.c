/* SPDX-License-Identifier: MIT
 *
 * Sniffing and header reading. Every read is behind a bounds check; a header that is cut or
 * nonsensical just tells nothing, and the decoder finds the words for what is wrong with it.
 *
 * Sizes are read here for those formats whose libvips loader allocates a canvas while it reads
 * the header, or gives up on a damaged file before it can tell the size.
 */
#include "image/format.h"
#include "image/raw.h"

#include <string.h>
#include <strings.h>

static const char *const names[FORMAT_COUNT] = {
    [FORMAT_JPEG] = "jpeg", [FORMAT_PNG] = "png",   [FORMAT_WEBP] = "webp", [FORMAT_TIFF] = "tiff",
    [FORMAT_GIF] = "gif",   [FORMAT_HEIF] = "heif", [FORMAT_AVIF] = "avif", [FORMAT_JXL] = "jxl",
    [FORMAT_BMP] = "bmp",   [FORMAT_RAW] = "raw",
};

const char *format_name(enum image_format format)
{
    return names[format];
}

enum image_format format_of_extension(const char *extension)
{
    static const struct {
        const char *extension;
        enum image_format format;
    } known[] = {
        {"jpg", FORMAT_JPEG},  {"jpeg", FORMAT_JPEG}, {"png", FORMAT_PNG},   {"webp", FORMAT_WEBP},
        {"tif", FORMAT_TIFF},  {"tiff", FORMAT_TIFF}, {"bmp", FORMAT_BMP},   {"gif", FORMAT_GIF},
        {"heic", FORMAT_HEIF}, {"heif", FORMAT_HEIF}, {"avif", FORMAT_AVIF}, {"jxl", FORMAT_JXL},
        {"cr2", FORMAT_RAW},   {"cr3", FORMAT_RAW},   {"nef", FORMAT_RAW},   {"arw", FORMAT_RAW},
        {"dng", FORMAT_RAW},   {"raf", FORMAT_RAW},   {"orf", FORMAT_RAW},   {"rw2", FORMAT_RAW},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcasecmp(extension, known[i].extension) == 0)
            return known[i].format;
    return FORMAT_COUNT;
}

/* ---- reading integers; 0 past the end ---- */

static uint32_t byte_at(const uint8_t *p, size_t size, size_t at)
{
    return at < size ? p[at] : 0;
}

static uint32_t le16(const uint8_t *p, size_t size, size_t at)
{
    return byte_at(p, size, at) | byte_at(p, size, at + 1) << 8;
}

static uint32_t le24(const uint8_t *p, size_t size, size_t at)
{
    return le16(p, size, at) | byte_at(p, size, at + 2) << 16;
}

static uint32_t le32(const uint8_t *p, size_t size, size_t at)
{
    return le16(p, size, at) | le16(p, size, at + 2) << 16;
}

static uint32_t be16(const uint8_t *p, size_t size, size_t at)
{
    return byte_at(p, size, at) << 8 | byte_at(p, size, at + 1);
}

static uint32_t be32(const uint8_t *p, size_t size, size_t at)
{
    return be16(p, size, at) << 16 | be16(p, size, at + 2);
}

static bool has(const uint8_t *p, size_t size, size_t at, const char *bytes, size_t n)
{
    return at <= size && n <= size - at && memcmp(p + at, bytes, n) == 0;
}
#define HAS(at, literal) has(p, size, at, literal, sizeof(literal) - 1)

/* ---- what it is ---- */

/* ISO base media files: the brands of the 'ftyp' box, the major one first. */
static enum image_format sniff_brands(const uint8_t *p, size_t size)
{
    size_t end = be32(p, size, 0);
    if (end > size)
        end = size;
    enum image_format found = FORMAT_COUNT;
    for (size_t at = 8; at + 4 <= end; at += at == 8 ? 8 : 4) {
        if (HAS(at, "avif") || HAS(at, "avis"))
            return FORMAT_AVIF;
        if (HAS(at, "heic") || HAS(at, "heix") || HAS(at, "hevc") || HAS(at, "hevx") ||
            HAS(at, "heim") || HAS(at, "heis") || HAS(at, "mif1") || HAS(at, "msf1"))
            found = FORMAT_HEIF; /* mif1 leads AVIF files too: go on looking */
    }
    return found;
}

static enum image_format sniff(const uint8_t *p, size_t size)
{
    if (HAS(0, "\xff\xd8\xff"))
        return FORMAT_JPEG;
    if (HAS(0, "\x89PNG\r\n\x1a\n"))
        return FORMAT_PNG;
    if (HAS(0, "RIFF") && HAS(8, "WEBP"))
        return FORMAT_WEBP;
    if (HAS(0, "FUJIFILMCCD-RAW") || HAS(4, "ftypcrx ") || raw_is_tiff_raw(p, size))
        return FORMAT_RAW;
    if (HAS(0, "II*\0") || HAS(0, "MM\0*") || HAS(0, "II+\0") || HAS(0, "MM\0+"))
        return FORMAT_TIFF;
    if (HAS(0, "GIF87a") || HAS(0, "GIF89a"))
        return FORMAT_GIF;
    if (HAS(0, "\xff\x0a") || HAS(0, "\0\0\0\x0cJXL \r\n\x87\n"))
        return FORMAT_JXL;
    if (HAS(4, "ftyp"))
        return sniff_brands(p, size);
    if (HAS(0, "BM"))
        return FORMAT_BMP;
    return FORMAT_COUNT;
}

/* Formats that people do call pictures, and that fovea does not take. */
static const char *sniff_refused(const uint8_t *p, size_t size)
{
    return HAS(0, "%PDF")                             ? "PDF"
           : HAS(0, "8BPS")                           ? "Photoshop (PSD)"
           : HAS(0, "\0\0\0\x0cjP  ")                 ? "JPEG 2000"
           : HAS(0, "\xff\x4f\xff\x51")               ? "JPEG 2000"
           : HAS(0, "v/1\x01")                        ? "OpenEXR"
           : HAS(0, "<svg")                           ? "SVG"
           : HAS(0, "\0\0\1\0")                       ? "icon (ICO)"
           : HAS(4, "ftypqt  ") || HAS(4, "ftypisom") ? "video"
           : HAS(4, "ftypmp4") || HAS(4, "ftypM4V")   ? "video"
                                                      : NULL;
}

enum status format_sniff(enum image_format *out, const uint8_t *content, size_t size,
                         struct err *err)
{
    if (size == 0)
        return err_set(err, ERR_FORMAT, "not an image: the file is empty");
    *out = sniff(content, size);
    if (*out != FORMAT_COUNT)
        return OK;
    const char *refused = sniff_refused(content, size);
    if (refused)
        return err_set(err, ERR_UNSUPPORTED,
                       "%s is not supported; convert it to JPEG, PNG, TIFF or WebP", refused);
    return err_set(err, ERR_FORMAT,
                   "not an image: its content is no JPEG, PNG, WebP, TIFF, GIF, HEIF, AVIF, "
                   "JPEG XL, BMP or camera RAW");
}

/* ---- headers ---- */

static void read_png(struct format_header *h, const uint8_t *p, size_t size)
{
    if (!HAS(12, "IHDR"))
        return;
    h->width = be32(p, size, 16);
    h->height = be32(p, size, 20);
    uint32_t depth = byte_at(p, size, 24), color = byte_at(p, size, 25);
    h->indexed = color == 3 || (color == 0 && depth == 1);
    h->no_alpha = (color & 4) == 0; /* a transparent palette entry or key colour */
    if (color != 3)
        return;
    for (size_t at = 33; at + 12 <= size;) { /* chunks: length, name, data, CRC */
        uint32_t length = be32(p, size, at);
        if (HAS(at + 4, "IDAT"))
            return;
        if (HAS(at + 4, "PLTE") && length >= 3 && size - at - 8 >= 3) {
            memcpy(h->zero, p + at + 8, 3);
            return;
        }
        if (length > size - at - 12)
            return;
        at += 12 + (size_t)length;
    }
}

static void read_webp(struct format_header *h, const uint8_t *p, size_t size)
{
    if (HAS(12, "VP8X")) {
        h->width = (int64_t)le24(p, size, 24) + 1;
        h->height = (int64_t)le24(p, size, 27) + 1;
    } else if (HAS(12, "VP8L") && byte_at(p, size, 20) == 0x2f) {
        uint32_t bits = le32(p, size, 21);
        h->width = (bits & 0x3fff) + 1;
        h->height = (bits >> 14 & 0x3fff) + 1;
    } else if (HAS(12, "VP8 ") && HAS(23, "\x9d\x01\x2a")) {
        h->width = le16(p, size, 26) & 0x3fff;
        h->height = le16(p, size, 28) & 0x3fff;
    }
}

/* Pillow takes a GIF whose palette is the grey ramp for a grayscale picture. */
static bool is_gray_ramp(const uint8_t *table, size_t colors)
{
    for (size_t i = 0; i < colors; i++)
        if (table[i * 3] != i || table[i * 3 + 1] != i || table[i * 3 + 2] != i)
            return false;
    return true;
}

static size_t gif_table_colors(uint32_t packed)
{
    return packed & 0x80 ? (size_t)2 << (packed & 7) : 0;
}

/* Walks a GIF's blocks up to the first picture. *transparency: as format_gif_transparency().
 * Returns the offset of the picture's descriptor, 0 if there is none. */
static size_t gif_first_picture(const uint8_t *p, size_t size, size_t *transparency)
{
    *transparency = 0;
    size_t at = 13 + 3 * gif_table_colors(byte_at(p, size, 10));
    while (at < size && p[at] == 0x21) {
        if (HAS(at, "\x21\xf9\x04") && at + 3 < size)
            *transparency = p[at + 3] & 1 ? at + 3 : 0;
        for (at += 2; at < size && p[at] != 0;) /* sub-blocks, each with its length in front */
            at += 1 + (size_t)p[at];
        at++;
    }
    return at < size && p[at] == 0x2c ? at : 0;
}

size_t format_gif_transparency(const uint8_t *content, size_t size)
{
    size_t transparency;
    return gif_first_picture(content, size, &transparency) ? transparency : 0;
}

static void read_gif(struct format_header *h, const uint8_t *p, size_t size)
{
    h->width = le16(p, size, 6);
    h->height = le16(p, size, 8);
    size_t transparency, table = 13, colors = gif_table_colors(byte_at(p, size, 10));
    size_t picture = gif_first_picture(p, size, &transparency);
    if (picture && byte_at(p, size, picture + 9) & 0x80) {
        table = picture + 10;
        colors = gif_table_colors(p[picture + 9]);
    }
    if (colors == 0 || table > size || 3 * colors > size - table)
        return;
    h->indexed = !is_gray_ramp(p + table, colors);
    if (h->indexed)
        memcpy(h->zero, p + table, 3);
}

/* TIFF 6.0, first directory. Big TIFF tells nothing: such pictures are no palettes. */
static void read_tiff(struct format_header *h, const uint8_t *p, size_t size)
{
    enum { BITS_PER_SAMPLE = 258, PHOTOMETRIC = 262, SAMPLES = 277, COLOR_MAP = 320 };
    bool big = p[0] == 'M';
    if (HAS(0, "II+\0") || HAS(0, "MM\0+"))
        return;
    size_t at = big ? be32(p, size, 4) : le32(p, size, 4);
    uint32_t count = big ? be16(p, size, at) : le16(p, size, at);
    uint32_t bits = 1, photometric = 0, samples = 1;
    size_t map = 0, entries = 0;
    for (at += 2; count-- > 0 && at + 12 <= size; at += 12) {
        uint32_t tag = big ? be16(p, size, at) : le16(p, size, at);
        uint32_t value = big ? be16(p, size, at + 8) : le16(p, size, at + 8);
        if (tag == BITS_PER_SAMPLE)
            bits = value;
        else if (tag == PHOTOMETRIC)
            photometric = value;
        else if (tag == SAMPLES)
            samples = value;
        else if (tag == COLOR_MAP) {
            entries = (big ? be32(p, size, at + 4) : le32(p, size, at + 4)) / 3;
            map = big ? be32(p, size, at + 8) : le32(p, size, at + 8);
        }
    }
    h->indexed = samples == 1 && (photometric == 3 || (photometric <= 1 && bits == 1));
    for (size_t c = 0; photometric == 3 && c < 3; c++) { /* all reds, greens, blues; 16 bits */
        size_t value = map + 2 * entries * c;
        h->zero[c] = (uint8_t)byte_at(p, size, big ? value : value + 1);
    }
}

void format_read_header(struct format_header *out, enum image_format format, const uint8_t *content,
                        size_t size)
{
    *out = (struct format_header){0};
    if (format == FORMAT_PNG)
        read_png(out, content, size);
    else if (format == FORMAT_WEBP)
        read_webp(out, content, size);
    else if (format == FORMAT_GIF)
        read_gif(out, content, size);
    else if (format == FORMAT_TIFF)
        read_tiff(out, content, size);
}

enum status format_check_size(int64_t width, int64_t height, double max_megapixels, struct err *err)
{
    double megapixels = (double)width * (double)height / 1e6;
    if (megapixels <= max_megapixels)
        return OK;
    return err_set(err, ERR_LIMIT,
                   "%lld x %lld pixels are %.0f megapixels and the limit is %g (if it is a "
                   "photograph: `fovea index --retry-failed --max-megapixels N` takes more)",
                   (long long)width, (long long)height, megapixels, max_megapixels);
}
