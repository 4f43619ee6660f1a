/* SPDX-License-Identifier: MIT
 *
 * Windows bitmaps, read here because Debian's libvips reads them through ImageMagick only, which
 * is too large a door for files of unknown origin.
 *
 * Takes: headers of OS/2 1 (12 bytes), Windows 3 (40), and the longer ones of versions 4 and 5; 1,
 * 4, 8, 16, 24 and 32 bits; uncompressed, bit fields, RLE4, RLE8; bottom-up and top-down. Refuses
 * embedded JPEG and PNG. Values are widened to 8 bits as Pillow does: v * 255 / max.
 *
 * Reading goes row by row into rows of palette indices (up to 8 bits) or samples; every access is
 * behind a check against the content's size, made once per row.
 */
#include "image/bmp.h"
#include "image/decode.h"

#include <stdlib.h>
#include <string.h>

enum compression { BMP_RGB = 0, BMP_RLE8 = 1, BMP_RLE4 = 2, BMP_FIELDS = 3, BMP_ALPHA_FIELDS = 6 };

struct bmp {
    const uint8_t *content;
    size_t size;
    size_t header_size; /* of the information header, behind the 14 bytes of the file's */
    size_t pixels_at;
    int64_t width, height;
    bool top_down;
    uint32_t bits, compression;
    uint32_t masks[4]; /* red, green, blue, alpha; 0: none */
    uint8_t palette[256][3];
    uint32_t colors; /* entries of the palette that the file has */
};

static uint32_t le16(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8;
}

static uint32_t le32(const uint8_t *p)
{
    return le16(p) | le16(p + 2) << 16;
}

static enum status truncated(struct err *err)
{
    return err_set(err, ERR_FORMAT, "damaged or truncated bmp: the file ends too early");
}

static enum status read_dimensions(struct bmp *b, struct err *err)
{
    const uint8_t *p = b->content;
    if (b->size < 26)
        return truncated(err);
    b->pixels_at = le32(p + 10);
    b->header_size = le32(p + 14);
    if (b->header_size != 12 && (b->header_size < 40 || b->header_size > 1024))
        return err_set(err, ERR_FORMAT, "not an image: begins like a BMP, but has no BMP header");
    if (b->header_size > b->size - 14)
        return truncated(err);
    if (b->header_size == 12) {
        b->width = le16(p + 18);
        b->height = le16(p + 20);
        b->bits = le16(p + 24);
        return OK;
    }
    b->width = (int32_t)le32(p + 18);
    b->height = (int32_t)le32(p + 22);
    b->top_down = b->height < 0;
    if (b->top_down)
        b->height = -b->height;
    b->bits = le16(p + 28);
    b->compression = le32(p + 30);
    b->colors = le32(p + 46);
    return OK;
}

static enum status read_masks(struct bmp *b, struct err *err)
{
    static const uint32_t rgb555[4] = {0x7c00, 0x03e0, 0x001f, 0},
                          rgb888[4] = {0xff0000, 0x00ff00, 0x0000ff, 0};
    memcpy(b->masks, b->bits == 16 ? rgb555 : rgb888, sizeof b->masks);
    if (b->compression != BMP_FIELDS && b->compression != BMP_ALPHA_FIELDS)
        return OK;
    /* Behind a 40-byte header, or inside a longer one at the same place. */
    int count = b->header_size >= 56 || b->compression == BMP_ALPHA_FIELDS ? 4 : 3;
    if (b->size < 54 + 4 * (size_t)count)
        return truncated(err);
    for (int c = 0; c < count; c++)
        b->masks[c] = le32(b->content + 54 + 4 * c);
    return OK;
}

static void read_palette(struct bmp *b)
{
    uint32_t most = 1u << b->bits;
    size_t at = 14 + b->header_size, entry = b->header_size == 12 ? 3 : 4;
    if (b->colors == 0 || b->colors > most)
        b->colors = most;
    for (uint32_t i = 0; i < b->colors && at + entry <= b->size; i++, at += entry)
        for (int c = 0; c < 3; c++)
            b->palette[i][c] = b->content[at + 2 - (size_t)c];
}

static enum status read_header(struct bmp *b, struct err *err)
{
    enum status status = read_dimensions(b, err);
    if (status != OK)
        return status;
    uint32_t bits = b->bits, how = b->compression;
    bool fields = how == BMP_FIELDS || how == BMP_ALPHA_FIELDS;
    bool taken = how == BMP_RGB
                     ? bits == 1 || bits == 4 || bits == 8 || bits == 16 || bits == 24 || bits == 32
                 : fields          ? bits == 16 || bits == 32
                 : how == BMP_RLE8 ? bits == 8 && !b->top_down
                                   : how == BMP_RLE4 && bits == 4 && !b->top_down;
    if (!taken)
        return err_set(err, ERR_UNSUPPORTED,
                       "this kind of bmp is not supported: %u bits, compression %u", bits, how);
    if (bits <= 8)
        read_palette(b);
    else
        return read_masks(b, err);
    return OK;
}

/* Pillow's rule for what is a palette picture: not one whose palette is the grey ramp. */
static bool is_indexed(const struct bmp *b)
{
    if (b->bits > 8)
        return false;
    if (b->colors == 2)
        return true;
    for (uint32_t i = 0; i < b->colors; i++)
        for (int c = 0; c < 3; c++)
            if (b->palette[i][c] != i)
                return true;
    return false;
}

static uint8_t *row_of(const struct bmp *b, struct image *out, int64_t row)
{
    int64_t y = b->top_down ? row : b->height - 1 - row;
    return out->pixels + (size_t)y * (size_t)b->width * 3;
}

struct field {
    uint32_t mask, shift, max;
};

static struct field field_of(uint32_t mask)
{
    struct field f = {mask, 0, 0};
    if (mask) {
        f.shift = (uint32_t)__builtin_ctz(mask);
        f.max = mask >> f.shift;
    }
    return f;
}

static uint8_t field_get(const struct field *f, uint32_t pixel)
{
    return f->max ? (uint8_t)((uint64_t)((pixel & f->mask) >> f->shift) * 255 / f->max) : 0;
}

/* One row of 16, 24 or 32 bits. rgb: [width, 3]; alpha: [width] or NULL */
static void unpack_samples(const struct bmp *b, const struct field fields[4], uint8_t *rgb,
                           uint8_t *alpha, const uint8_t *from)
{
    size_t bytes = b->bits / 8;
    for (int64_t x = 0; x < b->width; x++, rgb += 3, from += bytes) {
        uint32_t pixel = le16(from);
        if (bytes > 2)
            pixel |= (uint32_t)from[2] << 16;
        if (bytes > 3)
            pixel |= (uint32_t)from[3] << 24;
        for (int c = 0; c < 3; c++)
            rgb[c] = field_get(&fields[c], pixel);
        if (alpha)
            alpha[x] = field_get(&fields[3], pixel);
    }
}

static void unpack_indices(const struct bmp *b, uint8_t *rgb, const uint8_t *from)
{
    uint32_t per_byte = 8 / b->bits, mask = (1u << b->bits) - 1;
    for (int64_t x = 0; x < b->width; x++, rgb += 3) {
        uint32_t shift = 8 - b->bits * ((uint32_t)(x % per_byte) + 1);
        memcpy(rgb, b->palette[from[x / per_byte] >> shift & mask], 3);
    }
}

static enum status read_rows(const struct bmp *b, struct image *out, struct err *err)
{
    struct field fields[4];
    for (int c = 0; c < 4; c++)
        fields[c] = field_of(b->masks[c]);
    size_t used = ((size_t)b->width * b->bits + 7) / 8, stride = (used + 3) & ~(size_t)3;
    size_t at = b->pixels_at;
    for (int64_t row = 0; row < b->height; row++, at += stride) {
        if (at > b->size || used > b->size - at)
            return truncated(err);
        uint8_t *rgb = row_of(b, out, row);
        uint8_t *alpha = out->alpha ? out->alpha + (rgb - out->pixels) / 3 : NULL;
        if (b->bits <= 8)
            unpack_indices(b, rgb, b->content + at);
        else
            unpack_samples(b, fields, rgb, alpha, b->content + at);
    }
    return OK;
}

/* Where the run-length decoder is. Pixels outside the picture are read and dropped. */
struct pen {
    int64_t x, row;
};

static void draw(const struct bmp *b, struct image *out, struct pen *pen, uint8_t index)
{
    if (pen->x < b->width && pen->row < b->height)
        memcpy(row_of(b, out, pen->row) + pen->x * 3, b->palette[index], 3);
    pen->x++;
}

/* The i-th index of a run that repeats `value` (RLE4: its two halves in turn), or of literals. */
static uint8_t nibble(uint8_t value, uint32_t i)
{
    return i & 1 ? value & 15 : value >> 4;
}

/* After a 0: the end of a row or of the picture (1), a jump, or literals. */
static enum status escape(const struct bmp *b, struct image *out, struct pen *pen, size_t *at,
                          uint8_t code, struct err *err)
{
    bool four = b->bits == 4;
    size_t literal = four ? ((size_t)code + 1) / 2 : code;
    size_t needs = code == 2 ? 2 : code < 2 ? 0 : literal;
    if (needs > b->size - *at)
        return truncated(err);
    const uint8_t *p = b->content + *at;
    if (code == 0)
        *pen = (struct pen){0, pen->row + 1};
    else if (code == 2)
        *pen = (struct pen){pen->x + p[0], pen->row + p[1]};
    else
        for (uint32_t i = 0; code > 2 && i < code; i++)
            draw(b, out, pen, four ? nibble(p[i / 2], i) : p[i]);
    *at += needs + (code > 2 ? needs & 1 : 0); /* literals are padded to words */
    return OK;
}

static enum status read_runs(const struct bmp *b, struct image *out, struct err *err)
{
    struct pen pen = {0, 0};
    size_t at = b->pixels_at;
    for (size_t i = 0; i < (size_t)b->width * (size_t)b->height; i++)
        memcpy(out->pixels + i * 3, b->palette[0], 3); /* what jumps leave out */
    while (pen.row < b->height) {
        if (at > b->size || b->size - at < 2)
            return truncated(err);
        uint8_t count = b->content[at], value = b->content[at + 1];
        at += 2;
        if (count == 0 && value == 1)
            break;
        enum status status = OK;
        if (count == 0)
            status = escape(b, out, &pen, &at, value, err);
        for (uint32_t i = 0; i < count; i++)
            draw(b, out, &pen, b->bits == 4 ? nibble(value, i) : value);
        if (status != OK)
            return status;
    }
    return OK;
}

enum status bmp_decode(struct image *out, const uint8_t *content, size_t size,
                       double max_megapixels, struct err *err)
{
    struct bmp b = {.content = content, .size = size};
    enum status status = read_header(&b, err);
    if (status == OK)
        status = format_check_size(b.width, b.height, max_megapixels, err);
    if (status == OK)
        status = decode_allocate(out, b.width, b.height, b.bits == 32 && b.masks[3] != 0, err);
    if (status == OK)
        status = b.compression == BMP_RLE8 || b.compression == BMP_RLE4 ? read_runs(&b, out, err)
                                                                        : read_rows(&b, out, err);
    if (status != OK)
        return status;
    decode_drop_opaque_alpha(out);
    out->indexed = is_indexed(&b);
    if (out->indexed)
        memcpy(out->zero, b.palette[0], 3);
    return OK;
}
