/* SPDX-License-Identifier: MIT
 *
 * Pictures as far as fovea reads them itself: headers, bitmaps of every kind, profiles, RAW files
 * around JPEGs that have markers only; and what a decoding child would say.
 */
#include "../tiff_writer.h"
#include "image/decoder_wire.h"
#include "image/icc.h"
#include "make_seeds.h"

#include <stdint.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static void put_number(uint8_t *at, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

/* ---- bitmaps ------------------------------------------------------------------------------ */

struct bitmap {
    const char *name;
    int width, height;
    uint32_t header, bits, compression, colors;
    const char *pixels;
    size_t size;
};

/* A palette of four colours, or masks of 5, 6 and 5 bits or of bytes, where they belong. */
static void put_bitmap(seed_put *put, const struct bitmap *b)
{
    uint8_t file[512] = "BM", *info = file + 14;
    size_t at = 14 + b->header, entry = b->header == 12 ? 3 : 4;
    put_number(info, b->header, 4);
    put_number(info + 4, (uint32_t)b->width, b->header == 12 ? 2 : 4);
    put_number(info + (b->header == 12 ? 6 : 8), (uint32_t)b->height, b->header == 12 ? 2 : 4);
    put_number(info + (b->header == 12 ? 10 : 14), b->bits, 2);
    if (b->header > 12) {
        put_number(info + 16, b->compression, 4);
        put_number(info + 32, b->colors, 4);
    }
    if (b->compression == 3) {
        static const uint32_t masks[2][4] = {{0xf800, 0x7e0, 0x1f, 0},
                                             {0xff, 0xff00, 0xff0000, 0xff000000}};
        for (size_t i = 0; i < 4; i++)
            put_number(file + 54 + 4 * i, masks[b->bits == 32][i], 4);
        at = at < 70 ? 70 : at;
    }
    for (uint32_t i = 0; i < b->colors; i++, at += entry)
        memset(file + at, (int)(i * 80 + 3), 3);
    put_number(file + 10, (uint32_t)at, 4);
    memcpy(file + at, b->pixels, b->size);
    put_number(file + 2, (uint32_t)(at + b->size), 4);
    put("picture", b->name, file, at + b->size);
}

static void make_bitmaps(seed_put *put)
{
    static const struct bitmap all[] = {
        {"bmp-1", 9, 2, 40, 1, 0, 2, "\xaa\x80\0\0\x55\0\0\0", 8},
        {"bmp-4", 3, -2, 40, 4, 0, 4, "\x01\x20\0\0\x32\x10\0\0", 8},
        {"bmp-8", 3, 2, 12, 8, 0, 0, "\0\1\2\0\3\2\1\0", 8},
        {"bmp-16", 2, 1, 40, 16, 0, 0, "\xff\x7f\x1f\0", 4},
        {"bmp-16-fields", 2, 1, 40, 16, 3, 0, "\xff\xff\xe0\7", 4},
        {"bmp-24", 2, 2, 40, 24, 0, 0, "abcdef\0\0ghijkl\0\0", 16},
        {"bmp-32", 2, 1, 40, 32, 0, 0, "abc\0def\0", 8},
        {"bmp-32-alpha", 2, 1, 108, 32, 3, 0,
         "abc\x80"
         "def\xff",
         8},
        {"bmp-rle8", 4, 3, 40, 8, 1, 4, "\4\1\0\0\0\3\1\2\3\0\0\2\1\1\1\2\0\1", 18},
        {"bmp-rle4", 5, 2, 40, 4, 2, 4, "\5\x12\0\0\0\5\x12\x30\x10\0\0\1", 12},
        {"bmp-large", 30000, 30000, 40, 24, 0, 0, "", 0},
    };
    for (size_t i = 0; i < COUNT(all); i++)
        put_bitmap(put, &all[i]);
}

/* ---- headers ------------------------------------------------------------------------------ */

#define BYTES(literal) literal, sizeof(literal) - 1

/* Two scans of a progressive JPEG of 16 x 16: what is below half its size needs the first alone. */
#define PROGRESSIVE                                                                                \
    "\xff\xd8\xff\xc2\0\x11\x08\0\x10\0\x10\3\1\x22\0\2\x11\0\3\x11\0"                             \
    "\xff\xda\0\x0c\3\1\0\2\0\3\0\0\0\0ab\xff\0c\xff\xda\0\x08\1\1\0\1\x3f\0de\xff\xd9"
/* A sequential one of 32 x 24. */
#define SEQUENTIAL                                                                                 \
    "\xff\xd8\xff\xe0\0\4JF\xff\xc0\0\x11\x08\0\x18\0\x20\3\1\x22\0\2\x11\0\3\x11\0"               \
    "\xff\xda\0\x0c\3\1\0\2\0\3\0\0\x3f\0abc\xff\xd0xyz\xff\xd9"

static void make_headers(seed_put *put)
{
    static const struct {
        const char *name, *data;
        size_t size;
    } all[] = {
        {"jpeg", BYTES(SEQUENTIAL)},
        {"jpeg-progressive", BYTES(PROGRESSIVE)},
        {"png-palette", BYTES("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\3\0\0\0\2\x08\3\0\0\0crc_"
                              "\0\0\0\3tEXtabccrc_\0\0\0\6PLTE\1\2\3\4\5\6crc_\0\0\0\0IDATcrc_")},
        {"webp-x", BYTES("RIFF\x20\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\4\0\0\5\0\0")},
        {"webp-l", BYTES("RIFF\x20\0\0\0WEBPVP8L\x0a\0\0\0\x2f\4\x40\1\0\0")},
        {"webp", BYTES("RIFF\x20\0\0\0WEBPVP8 \x0a\0\0\0\0\0\0\x9d\1\x2a\x10\0\x10\0")},
        {"gif", BYTES("GIF89a\3\0\2\0\x80\0\0abcdef\x21\xf9\4\1\0\0\0\0\x2c\0\0\0\0\3\0\2\0\x80"
                      "ghijkl\2\2\x4c\1\0;")},
        {"gif-gray", BYTES("GIF87a\3\0\2\0\x80\0\0\0\0\0\1\1\1\x21\xfe\3abc\0\x2c\0\0\0\0\3\0\2\0\0"
                           "\2\2\x4c\1\0;")},
        {"heic", BYTES("\0\0\0\x18"
                       "ftypmif1\0\0\0\0mif1heic")},
        {"avif", BYTES("\0\0\0\x1c"
                       "ftypmif1\0\0\0\0mif1avifmiaf")},
        {"jxl", BYTES("\xff\x0a\xfa\x10")},
        {"tiff-palette",
         BYTES("II*\0\x08\0\0\0\4\0\2\1\3\0\1\0\0\0\4\0\0\0\6\1\3\0\1\0\0\0\3\0\0\0\x15\1\3\0\1\0\0"
               "\0\1\0\0\0\x40\1\3\0\x30\0\0\0\x3e\0\0\0\0\0\0\0abcdefghijkl")},
        {"raf", BYTES("FUJIFILMCCD-RAW 0201FF383501X-T2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                      "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x5c\0\0\0"
                      "\x31" SEQUENTIAL)},
        {"pdf", BYTES("%PDF-1.4")},
        {"video", BYTES("\0\0\0\x14"
                        "ftypisom\0\0\0\0isom")},
    };
    for (size_t i = 0; i < COUNT(all); i++)
        put("picture", all[i].name, all[i].data, all[i].size);
}

/* ---- RAW files, profiles ------------------------------------------------------------------ */

static void make_raw(seed_put *put)
{
    static struct tiff_writer w;
    static const char large[] = SEQUENTIAL, small[] = PROGRESSIVE;
    struct raw_file file = {.width = 8,
                            .height = 6,
                            .orientation = 6,
                            .large = large,
                            .large_bytes = sizeof large - 1,
                            .small = small,
                            .small_bytes = sizeof small - 1,
                            .colour_space = 1};
    tiff_raw_file(&w, &file);
    put("picture", "raw-nef", w.data, w.size);
    file.dng = file.big_endian = true;
    file.preview_colour = 3;
    file.interop = "R03";
    tiff_raw_file(&w, &file);
    put("picture", "raw-dng", w.data, w.size);
}

static void put_be(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* kind: 'c' a table, 'g' a gamma, 'p' sRGB's parameters; of a gray device, or of three colours. */
static void put_profile(seed_put *put, const char *name, const char *device, char kind)
{
    static const char tags[7][5] = {"kTRC", "rTRC", "gTRC", "bTRC", "rXYZ", "gXYZ", "bXYZ"};
    static const uint32_t xyz[3][3] = {{0x6fa2, 0x38f5, 0x390}, /* 0.4361, 0.2225, 0.0139 */
                                       {0x6295, 0xb785, 0x18da},
                                       {0x24a2, 0x0f84, 0xb6ce}};
    static const uint32_t srgb[5] = {0x26666, 0xf2a7, 0xd59, 0x13d0, 0xa5b};
    uint8_t p[420] = {0};
    const size_t curve = 132 + 7 * 12, curve_bytes = 40, colours = curve + curve_bytes;
    memcpy(p + 12, "mntr", 4);
    memcpy(p + 16, device, 4);
    memcpy(p + 20, "XYZ acsp", 4);
    memcpy(p + 36, "acsp", 4);
    put_be(p + 128, 7);
    for (size_t i = 0; i < 7; i++) {
        memcpy(p + 132 + 12 * i, tags[i], 4);
        put_be(p + 136 + 12 * i, (uint32_t)(i < 4 ? curve : colours + 20 * (i - 4)));
        put_be(p + 140 + 12 * i, (uint32_t)(i < 4 ? curve_bytes : 20));
    }
    memcpy(p + curve, kind == 'p' ? "para" : "curv", 4);
    put_be(p + curve + 8, kind == 'p' ? 3u << 16 : kind == 'g' ? 1 : 4);
    if (kind == 'p')
        for (size_t i = 0; i < 5; i++)
            put_be(p + curve + 12 + 4 * i, srgb[i]);
    else
        memcpy(p + curve + 12, kind == 'g' ? "\2\x33" : "\0\0\x10\0\x60\0\xff\xff",
               kind == 'g' ? 2 : 8);
    for (size_t i = 0; i < 3; i++) {
        memcpy(p + colours + 20 * i, "XYZ ", 4);
        for (size_t c = 0; c < 3; c++)
            put_be(p + colours + 20 * i + 8 + 4 * c, xyz[i][c]);
    }
    put_be(p, (uint32_t)(colours + 60));
    put("picture", name, p, colours + 60);
}

static void make_profiles(seed_put *put)
{
    uint8_t made[ICC_MADE_BYTES];
    put("picture", "icc-adobe", made, icc_make(made, ICC_ADOBE_RGB));
    put_profile(put, "icc-srgb", "RGB ", 'p');
    put_profile(put, "icc-table", "RGB ", 'c');
    put_profile(put, "icc-gray", "GRAY", 'g');
    put_profile(put, "icc-cmyk", "CMYK", 'g');
}

/* ---- IPTC --------------------------------------------------------------------------------- */

/* In a JPEG, as Photoshop writes it. latin1: announced. */
static void put_iptc(seed_put *put, const char *name, bool latin1)
{
    static const char sets[] = "\x1c\2\x19\0\3sea\x1c\2\x19\x80\4\0\0\0\3sky\x1c\2\x37\0\x08"
                               "20210704\x1c\2\x3c\0\x0b"
                               "182210+0200\x1c\2\x3e\0\x08"
                               "20210705\x1c\2\x3f\0\6"
                               "092210\x1c\2\x19\0\5\xfc"
                               "ber";
    static const char announced[] = "\x1c\1\x5a\0\3\x1b.A";
    uint8_t file[256];
    size_t count = sizeof sets - 1, size = 2, more = latin1 ? sizeof announced - 1 : 0;
    memcpy(file,
           "\xff\xd8\xff\xed\0\0Photoshop 3.0\0"
           "8BIM\4\4\0\0\0\0\0\0",
           32);
    put_number(file + 31, (uint32_t)(count + more), 1);
    size = 32;
    memcpy(file + size, announced, more);
    memcpy(file + size + more, sets, count);
    size += count + more;
    file[5] = (uint8_t)(size - 4);
    memcpy(file + size, "\xff\xd9", 2);
    put("metadata", name, file, size + 2);
}

void make_picture_seeds(seed_put *put)
{
    make_bitmaps(put);
    make_headers(put);
    make_raw(put);
    make_profiles(put);
    put_iptc(put, "iptc", false);
    put_iptc(put, "iptc-latin1", true);
}

/* ---- decoders ----------------------------------------------------------------------------- */

static void put_reply(seed_put *put, const char *name, uint8_t what,
                      const struct decoder_reply *reply)
{
    static uint8_t file[1 + sizeof *reply];
    file[0] = what;
    memcpy(file + 1, reply, sizeof *reply);
    put("decoder", name, file, sizeof file);
}

/* Replies have the layout of the processor that they are made on: 64 bits, little-endian. */
void make_decoder_seeds(seed_put *put)
{
    static struct decoder_reply reply; /* its padding is zero */
    photo_meta_clear(&reply.meta);
    strcpy(reply.meta.camera, "Camera One");
    strcpy(reply.meta.keywords, "sea\nsky\n");
    put_reply(put, "sidecar", 1, &reply);
    reply.image.width = 9;
    reply.image.height = 5;
    reply.image.full_width = reply.image.taken_width = 70;
    reply.image.full_height = reply.image.taken_height = 40;
    reply.image.across.end = 8.75;
    reply.image.down.end = 5;
    strcpy(reply.image.format, "jpeg");
    put_reply(put, "picture", 0, &reply);
    reply.has_alpha = 1;
    reply.image.indexed = true;
    put_reply(put, "alpha", 0, &reply);
    struct decoder_reply narrow = reply; /* its picture ends before it begins */
    narrow.image.width = narrow.image.full_width = 1;
    narrow.image.across.begin = 0.9;
    narrow.image.across.end = 0.5;
    put_reply(put, "narrow", 0, &narrow);
    reply.image.width = reply.image.full_width = 10000;
    put_reply(put, "too-large", 0, &reply);
    reply.status = ERR_FORMAT;
    strcpy(reply.text, "damaged or truncated jpeg: so it is");
    put_reply(put, "failure", 0, &reply);
    reply.status = ERR_MEMORY;
    put_reply(put, "memory", 1, &reply);
    reply.status = ERR_BUSY;
    put_reply(put, "not-a-status", 0, &reply);
}
