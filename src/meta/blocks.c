/* SPDX-License-Identifier: MIT
 *
 * Where a file's blocks of metadata lie: one small walker per container, chosen by the content's
 * first bytes. Every walker moves forwards only, or is bounded by a count.
 *
 *     JPEG      APP1 "Exif", APP1 XMP, APP13 Photoshop resources with IPTC
 *     PNG       eXIf, iTXt "XML:com.adobe.xmp" (not compressed)
 *     WebP      EXIF, XMP
 *     TIFF, RAW made like it    the file itself; tags 700, 33723, 34377
 *     RAF       the JPEG that it holds
 *     CR3       CMT1, CMT2, CMT4 in Canon's box, XMP in a box
 *     HEIF, AVIF    items of the meta box; JPEG XL   boxes
 *
 * Not read: XMP beyond the first packet of a JPEG (ExtendedXMP), compressed text in PNG, items in
 * several extents.
 */
#include "meta/read.h"
#include "meta/tiff.h"

#include <string.h>

static uint32_t be16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t be32(const uint8_t *p)
{
    return be16(p) << 16 | be16(p + 2);
}

static uint32_t le32(const uint8_t *p)
{
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static bool starts(struct meta_bytes b, const char *with, size_t n)
{
    return b.size >= n && memcmp(b.data, with, n) == 0;
}
#define STARTS(bytes, literal) starts(bytes, literal, sizeof(literal) - 1)

/* b without its first n bytes; empty if it has fewer. */
static struct meta_bytes behind(struct meta_bytes b, size_t n)
{
    return n <= b.size && b.data ? (struct meta_bytes){b.data + n, b.size - n}
                                 : (struct meta_bytes){0};
}

/* The first n bytes of b, or all of it. */
static struct meta_bytes first(struct meta_bytes b, size_t n)
{
    return (struct meta_bytes){b.data, n < b.size ? n : b.size};
}

static void take(struct meta_bytes *block, struct meta_bytes found)
{
    if (!block->data && found.size > 0)
        *block = found;
}

/* A TIFF structure, with or without "Exif\0\0" in front. */
static void take_exif(struct meta_bytes *block, struct meta_bytes found)
{
    take(block, STARTS(found, "Exif\0") ? behind(found, 6) : found);
}

/* --- JPEG ---------------------------------------------------------------------------------- */

/* Photoshop's resources: "8BIM", number, name (padded to even), length, bytes (padded to even). */
static void read_resources(struct meta_blocks *out, struct meta_bytes b)
{
    enum { IPTC_RESOURCE = 0x0404 };
    while (b.size >= 12 && STARTS(b, "8BIM")) {
        uint32_t number = be16(b.data + 4);
        size_t name = ((size_t)b.data[6] + 2) & ~(size_t)1;
        b = behind(b, 6 + name);
        if (b.size < 4)
            return;
        size_t length = be32(b.data);
        b = behind(b, 4);
        if (length > b.size)
            return;
        if (number == IPTC_RESOURCE)
            take(&out->iptc, first(b, length));
        b = behind(b, length + (length & 1));
    }
}

static void read_segment(struct meta_blocks *out, int marker, struct meta_bytes b)
{
    enum { APP1 = 0xe1, APP13 = 0xed };
    static const char xmp[] = "http://ns.adobe.com/xap/1.0/";
    if (marker == APP1 && STARTS(b, "Exif\0"))
        take(&out->exif, behind(b, 6));
    else if (marker == APP1 && starts(b, xmp, sizeof xmp)) /* with its NUL */
        take(&out->xmp, behind(b, sizeof xmp));
    else if (marker == APP13 && STARTS(b, "Photoshop 3.0\0"))
        read_resources(out, behind(b, 14));
}

static void read_jpeg(struct meta_blocks *out, struct meta_bytes b)
{
    enum { RST0 = 0xd0, EOI = 0xd9, SOS = 0xda, TEM = 0x01 };
    for (b = behind(b, 2); b.size >= 4 && b.data[0] == 0xff;) {
        int marker = b.data[1];
        if (marker == 0xff) { /* fill */
            b = behind(b, 1);
            continue;
        }
        if (marker == TEM || (marker >= RST0 && marker <= EOI) || marker == SOS)
            return;
        size_t length = be16(b.data + 2);
        if (length < 2 || length > b.size - 2)
            return;
        read_segment(out, marker, first(behind(b, 4), length - 2));
        b = behind(b, 2 + length);
    }
}

/* --- PNG, WebP ----------------------------------------------------------------------------- */

static void read_png(struct meta_blocks *out, struct meta_bytes b)
{
    /* keyword, its NUL, compression flag and method, and two empty names */
    static const char xmp[] = "XML:com.adobe.xmp\0\0\0\0";
    for (b = behind(b, 8); b.size >= 12;) {
        size_t length = be32(b.data);
        if (length > b.size - 12)
            return;
        struct meta_bytes data = first(behind(b, 8), length);
        if (memcmp(b.data + 4, "eXIf", 4) == 0)
            take_exif(&out->exif, data);
        else if (memcmp(b.data + 4, "iTXt", 4) == 0 && starts(data, xmp, sizeof xmp))
            take(&out->xmp, behind(data, sizeof xmp));
        b = behind(b, 12 + length);
    }
}

static void read_webp(struct meta_blocks *out, struct meta_bytes b)
{
    for (b = behind(b, 12); b.size >= 8;) {
        size_t length = le32(b.data + 4);
        struct meta_bytes data = first(behind(b, 8), length);
        if (data.size < length)
            return;
        if (STARTS(b, "EXIF"))
            take_exif(&out->exif, data);
        else if (STARTS(b, "XMP "))
            take(&out->xmp, data);
        b = behind(b, 8 + length + (length & 1));
    }
}

/* --- TIFF, and RAW files made like it -------------------------------------------------------- */

static void read_tiff(struct meta_blocks *out, struct meta_bytes b)
{
    enum { XMP = 700, IPTC = 33723, PHOTOSHOP = 34377 };
    struct tiff t;
    struct tiff_ifd ifd;
    struct tiff_entry e;
    if (!tiff_open(&t, b.data, b.size))
        return;
    take(&out->exif, b);
    if (!tiff_ifd_open(&ifd, &t, t.first))
        return;
    if (tiff_find(&e, &ifd, XMP))
        take(&out->xmp, (struct meta_bytes){e.value, e.size});
    if (tiff_find(&e, &ifd, IPTC))
        take(&out->iptc, (struct meta_bytes){e.value, e.size});
    if (tiff_find(&e, &ifd, PHOTOSHOP))
        read_resources(out, (struct meta_bytes){e.value, e.size});
}

static void read_raf(struct meta_blocks *out, struct meta_bytes b)
{
    if (b.size < 92)
        return;
    struct meta_bytes jpeg = first(behind(b, be32(b.data + 84)), be32(b.data + 88));
    if (STARTS(jpeg, "\xff\xd8\xff"))
        read_jpeg(out, jpeg);
}

/* --- boxes: ISO base media files, JPEG XL ------------------------------------------------------
 */

struct box {
    uint8_t type[4];
    struct meta_bytes data;
};

/* The box at the start of *b, which is moved behind it. False: no whole box there. */
static bool next_box(struct box *box, struct meta_bytes *b)
{
    if (b->size < 8)
        return false;
    uint64_t size = be32(b->data), head = 8;
    memcpy(box->type, b->data + 4, 4);
    if (size == 1) {
        if (b->size < 16)
            return false;
        size = (uint64_t)be32(b->data + 8) << 32 | be32(b->data + 12);
        head = 16;
    } else if (size == 0) { /* to the end */
        size = b->size;
    }
    if (size < head || size > b->size)
        return false;
    box->data = first(behind(*b, (size_t)head), (size_t)(size - head));
    *b = behind(*b, (size_t)size);
    return true;
}

static bool is_type(const struct box *box, const char *type)
{
    return memcmp(box->type, type, 4) == 0;
}

/* How EXIF stands in a box or an item: behind the offset of its TIFF header. */
static void take_exif_item(struct meta_blocks *out, struct meta_bytes data)
{
    if (data.size >= 4)
        take_exif(&out->exif, behind(behind(data, 4), be32(data.data)));
}

static void read_jxl(struct meta_blocks *out, struct meta_bytes b)
{
    for (struct box box; next_box(&box, &b);) {
        if (is_type(&box, "Exif"))
            take_exif_item(out, box.data);
        else if (is_type(&box, "xml "))
            take(&out->xmp, box.data);
    }
}

static void read_canon_box(struct meta_blocks *out, struct meta_bytes b)
{
    for (struct box box; next_box(&box, &b);) {
        if (is_type(&box, "CMT1"))
            take(&out->exif, box.data);
        else if (is_type(&box, "CMT2"))
            take(&out->exif_exposure, box.data);
        else if (is_type(&box, "CMT4"))
            take(&out->exif_place, box.data);
    }
}

static void read_cr3(struct meta_blocks *out, struct meta_bytes b)
{
    static const char canon[] = "\x85\xc0\xb6\x87\x82\x0f\x11\xe0\x81\x11\xf4\xce\x46\x2b\x6a\x48";
    static const char xmp[] = "\xbe\x7a\xcf\xcb\x97\xa9\x42\xe8\x9c\x71\x99\x94\x91\xe3\xaf\xac";
    for (struct box box, inner; next_box(&box, &b);) {
        if (is_type(&box, "uuid") && starts(box.data, xmp, 16))
            take(&out->xmp, behind(box.data, 16));
        if (!is_type(&box, "moov"))
            continue;
        for (struct meta_bytes moov = box.data; next_box(&inner, &moov);)
            if (is_type(&inner, "uuid") && starts(inner.data, canon, 16))
                read_canon_box(out, behind(inner.data, 16));
    }
}

/* --- HEIF, AVIF (ISO/IEC 14496-12, 8.11) -------------------------------------------------------
 */

struct heif {
    struct meta_bytes file, idat, iloc;
    uint32_t exif_item, xmp_item; /* 0: none */
};

/* Moves *b behind an integer of 0, 2, 4 or 8 bytes. False: it ends before, or another width. */
static bool read_int(struct meta_bytes *b, unsigned bytes, uint64_t *value)
{
    *value = 0;
    if (b->size < bytes || (bytes != 0 && bytes != 2 && bytes != 4 && bytes != 8))
        return false;
    for (unsigned i = 0; i < bytes; i++)
        *value = *value << 8 | b->data[i];
    *b = behind(*b, bytes);
    return true;
}

/* 'infe': version and flags, item, protection, type, name, content type */
static void read_item_info(struct heif *h, struct meta_bytes b)
{
    if (b.size < 4 || b.data[0] < 2)
        return;
    uint64_t item, protection;
    bool wide = b.data[0] > 2;
    b = behind(b, 4);
    if (!read_int(&b, wide ? 4 : 2, &item) || !read_int(&b, 2, &protection) || b.size < 4)
        return;
    bool exif = STARTS(b, "Exif"), mime = STARTS(b, "mime");
    b = behind(b, 4);
    const uint8_t *nul = b.size ? memchr(b.data, 0, b.size) : NULL; /* of the name */
    if (exif && !h->exif_item)
        h->exif_item = (uint32_t)item;
    else if (mime && nul && !h->xmp_item &&
             STARTS(behind(b, (size_t)(nul - b.data) + 1), "application/rdf+xml"))
        h->xmp_item = (uint32_t)item;
}

static void read_item_infos(struct heif *h, struct meta_bytes b)
{
    if (b.size < 6)
        return;
    b = behind(b, b.data[0] == 0 ? 6 : 8); /* boxes end by themselves: the count is not needed */
    for (struct box box; next_box(&box, &b);)
        if (is_type(&box, "infe"))
            read_item_info(h, box.data);
}

struct extent_widths {
    unsigned offset, length, base, index;
};

/* One item's place. False: the table ends. *found: empty where it is not one extent in the file. */
static bool read_location(const struct heif *h, struct meta_bytes *b, unsigned version,
                          const struct extent_widths *w, uint32_t *item, struct meta_bytes *found)
{
    uint64_t id, method = 0, reference, base, extents, index, offset = 0, length = 0;
    *found = (struct meta_bytes){0};
    if (!read_int(b, version < 2 ? 2 : 4, &id) || (version > 0 && !read_int(b, 2, &method)) ||
        !read_int(b, 2, &reference) || !read_int(b, w->base, &base) || !read_int(b, 2, &extents))
        return false;
    if (extents > 1 && w->offset + w->length + (version > 0 ? w->index : 0) == 0)
        return false; /* extents that take no bytes, as many as one likes */
    for (uint64_t i = 0; i < extents; i++)
        if ((version > 0 && !read_int(b, w->index, &index)) || !read_int(b, w->offset, &offset) ||
            !read_int(b, w->length, &length))
            return false;
    *item = (uint32_t)id;
    struct meta_bytes in = (method & 15) == 0   ? h->file
                           : (method & 15) == 1 ? h->idat
                                                : (struct meta_bytes){0};
    if (extents != 1 || reference != 0 || base > in.size || offset > in.size - base)
        return true;
    *found = behind(in, (size_t)(base + offset));
    if (length != 0)
        *found = length <= found->size ? first(*found, (size_t)length) : (struct meta_bytes){0};
    return true;
}

static void read_locations(struct meta_blocks *out, const struct heif *h)
{
    struct meta_bytes b = h->iloc, found;
    if (b.size < 8)
        return;
    unsigned version = b.data[0];
    struct extent_widths w = {b.data[4] >> 4, b.data[4] & 15, b.data[5] >> 4, b.data[5] & 15};
    b = behind(b, 6);
    uint64_t count;
    if (version > 2 || !read_int(&b, version < 2 ? 2 : 4, &count))
        return;
    for (uint32_t item; count > 0 && read_location(h, &b, version, &w, &item, &found); count--) {
        if (item == h->exif_item && item)
            take_exif_item(out, found);
        else if (item == h->xmp_item && item)
            take(&out->xmp, found);
    }
}

static void read_heif(struct meta_blocks *out, struct meta_bytes b)
{
    struct heif h = {.file = b};
    for (struct box box, inner; next_box(&box, &b);) {
        if (!is_type(&box, "meta"))
            continue;
        for (struct meta_bytes meta = behind(box.data, 4); next_box(&inner, &meta);) {
            if (is_type(&inner, "iinf"))
                read_item_infos(&h, inner.data);
            else if (is_type(&inner, "iloc"))
                h.iloc = inner.data;
            else if (is_type(&inner, "idat"))
                h.idat = inner.data;
        }
        read_locations(out, &h);
        return;
    }
}

void meta_find_blocks(struct meta_blocks *out, const void *content, size_t size)
{
    struct meta_bytes b = {content, size};
    *out = (struct meta_blocks){0};
    if (STARTS(b, "\xff\xd8\xff"))
        read_jpeg(out, b);
    else if (STARTS(b, "\x89PNG\r\n\x1a\n"))
        read_png(out, b);
    else if (STARTS(b, "RIFF") && STARTS(behind(b, 8), "WEBP"))
        read_webp(out, b);
    else if (STARTS(b, "FUJIFILMCCD-RAW"))
        read_raf(out, b);
    else if (STARTS(b, "\0\0\0\x0cJXL "))
        read_jxl(out, b);
    else if (STARTS(behind(b, 4), "ftypcrx "))
        read_cr3(out, b);
    else if (STARTS(behind(b, 4), "ftyp"))
        read_heif(out, b);
    else
        read_tiff(out, b);
}
