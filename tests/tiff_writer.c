/* SPDX-License-Identifier: MIT
 *
 * See tiff_writer.h.
 */
#include "tiff_writer.h"

#include <assert.h>
#include <string.h>

static void put16(const struct tiff_writer *w, uint8_t *p, uint32_t v)
{
    p[w->big_endian ? 0 : 1] = (uint8_t)(v >> 8);
    p[w->big_endian ? 1 : 0] = (uint8_t)v;
}

static void put32(const struct tiff_writer *w, uint8_t *p, uint32_t v)
{
    put16(w, p + (w->big_endian ? 0 : 2), v >> 16);
    put16(w, p + (w->big_endian ? 2 : 0), v & 0xffff);
}

void tiff_begin(struct tiff_writer *w, bool big_endian)
{
    w->big_endian = big_endian;
    w->size = 8;
    memcpy(w->data, big_endian ? "MM\0*" : "II*\0", 4);
}

uint32_t tiff_put(struct tiff_writer *w, const void *bytes, size_t size)
{
    size_t at = (w->size + 1) & ~(size_t)1;
    assert(at + size <= sizeof w->data);
    memcpy(w->data + at, bytes, size);
    w->size = at + size;
    return (uint32_t)at;
}

/* The bytes of a field's values. */
static size_t encode(const struct tiff_writer *w, uint8_t out[512], const struct tiff_field *f,
                     uint32_t *count)
{
    *count = f->count;
    if (f->text || f->bytes) {
        size_t n = f->text ? strlen(f->text) + 1 : f->count;
        assert(n <= 512);
        memcpy(out, f->text ? (const void *)f->text : f->bytes, n);
        *count = (uint32_t)n;
        return n;
    }
    size_t numbers = f->type == 5 || f->type == 10 ? 2 * (size_t)f->count : f->count,
           each = f->type == 3 ? 2 : 4;
    for (size_t i = 0; i < numbers; i++)
        if (each == 2)
            put16(w, out + 2 * i, f->numbers[i]);
        else
            put32(w, out + 4 * i, f->numbers[i]);
    return numbers * each;
}

uint32_t tiff_directory(struct tiff_writer *w, const struct tiff_field *fields, size_t count,
                        uint32_t next)
{
    uint8_t directory[2 + 64 * 12 + 4] = {0};
    assert(count <= 64);
    put16(w, directory, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        uint8_t values[512] = {0}, *entry = directory + 2 + 12 * i;
        uint32_t n;
        size_t size = encode(w, values, &fields[i], &n);
        put16(w, entry, fields[i].tag);
        put16(w, entry + 2, fields[i].type);
        put32(w, entry + 4, n);
        if (size <= 4)
            memcpy(entry + 8, values, size);
        else
            put32(w, entry + 8, tiff_put(w, values, size));
    }
    put32(w, directory + 2 + 12 * count, next);
    return tiff_put(w, directory, 2 + 12 * count + 4);
}

void tiff_end(struct tiff_writer *w, uint32_t first)
{
    put32(w, w->data + 4, first);
}

/* --- a RAW file ---------------------------------------------------------------------------- */

static uint32_t sensor_directory(struct tiff_writer *w, const struct raw_file *f)
{
    static uint8_t samples[256 * 256 * 2];
    size_t bytes = (size_t)f->width * (size_t)f->height * 2;
    assert(bytes <= sizeof samples);
    for (size_t i = 0; i < bytes; i++)
        samples[i] = (uint8_t)(i * 7 / 3);
    uint32_t at = tiff_put(w, samples, bytes);
    const struct tiff_field fields[] = {
        TIFF_F_LONG(254, 0),
        TIFF_F_LONG(256, (uint32_t)f->width),
        TIFF_F_LONG(257, (uint32_t)f->height),
        TIFF_F_SHORT(258, 16),
        TIFF_F_SHORT(259, 1),
        TIFF_F_SHORT(262, 32803), /* a colour filter array */
        TIFF_F_LONG(273, at),
        TIFF_F_SHORT(277, 1),
        TIFF_F_LONG(278, (uint32_t)f->height),
        TIFF_F_LONG(279, (uint32_t)bytes),
        {.tag = 33421, .type = 3, .count = 2, .numbers = {2, 2}},
        {.tag = 33422, .type = 1, .count = 4, .bytes = "\0\1\1\2"},
    };
    return tiff_directory(w, fields, sizeof fields / sizeof *fields, 0);
}

static uint32_t preview_directory(struct tiff_writer *w, const struct raw_file *f, const void *jpeg,
                                  size_t bytes)
{
    uint32_t at = tiff_put(w, jpeg, bytes);
    struct tiff_field fields[8] = {TIFF_F_LONG(254, 1), TIFF_F_SHORT(259, f->dng ? 7 : 6)};
    size_t n = 2;
    if (f->dng) {
        fields[n++] = (struct tiff_field)TIFF_F_SHORT(262, 6);
        fields[n++] = (struct tiff_field)TIFF_F_LONG(273, at);
        fields[n++] = (struct tiff_field)TIFF_F_LONG(279, (uint32_t)bytes);
        if (f->preview_colour)
            fields[n++] = (struct tiff_field)TIFF_F_LONG(50970, f->preview_colour);
    } else {
        fields[n++] = (struct tiff_field)TIFF_F_LONG(513, at);
        fields[n++] = (struct tiff_field)TIFF_F_LONG(514, (uint32_t)bytes);
    }
    return tiff_directory(w, fields, n, 0);
}

static uint32_t exif_directory(struct tiff_writer *w, const struct raw_file *f)
{
    struct tiff_field fields[8] = {TIFF_F_TEXT(0x9003, "2021:07:04 18:22:10")};
    size_t n = 1;
    if (f->colour_space)
        fields[n++] = (struct tiff_field)TIFF_F_SHORT(0xa001, f->colour_space);
    if (f->interop) {
        const struct tiff_field index = TIFF_F_TEXT(1, f->interop);
        uint32_t at = tiff_directory(w, &index, 1, 0);
        fields[n++] = (struct tiff_field)TIFF_F_LONG(0xa005, at);
    }
    return tiff_directory(w, fields, n, 0);
}

void tiff_raw_file(struct tiff_writer *w, const struct raw_file *f)
{
    struct tiff_field below = {.tag = 330, .type = 4}, fields[16];
    tiff_begin(w, f->big_endian);
    below.numbers[below.count++] = sensor_directory(w, f);
    if (f->large)
        below.numbers[below.count++] = preview_directory(w, f, f->large, f->large_bytes);
    if (f->small)
        below.numbers[below.count++] = preview_directory(w, f, f->small, f->small_bytes);
    size_t n = 0;
    fields[n++] = (struct tiff_field)TIFF_F_LONG(254, 1);
    fields[n++] =
        (struct tiff_field)TIFF_F_TEXT(271, f->dng ? "Leica Camera AG" : "NIKON CORPORATION");
    fields[n++] = (struct tiff_field)TIFF_F_TEXT(272, f->dng ? "LEICA Q2" : "NIKON D850");
    if (f->orientation)
        fields[n++] = (struct tiff_field)TIFF_F_SHORT(274, (uint32_t)f->orientation);
    fields[n++] = below;
    fields[n++] = (struct tiff_field)TIFF_F_LONG(0x8769, exif_directory(w, f));
    if (f->dng) {
        static const struct tiff_field dng[] = {
            {.tag = 50706, .type = 1, .count = 4, .bytes = "\1\4\0\0"},
            {.tag = 50707, .type = 1, .count = 4, .bytes = "\1\1\0\0"},
            TIFF_F_TEXT(50708, "LEICA Q2"),
        };
        for (size_t i = 0; i < 3; i++)
            fields[n++] = dng[i];
    }
    tiff_end(w, tiff_directory(w, fields, n, 0));
}
