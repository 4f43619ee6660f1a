/* SPDX-License-Identifier: MIT
 *
 * TIFF structures for tests: EXIF blocks and RAW files, in either byte order. Entries are values;
 * directories are written as they are asked for, so what they point to comes first:
 *
 *     struct tiff_writer w;
 *     tiff_begin(&w, true);
 *     uint32_t jpeg = tiff_put(&w, bytes, size);
 *     uint32_t below = tiff_directory(&w, (struct tiff_field[]){...}, n, 0);
 *     tiff_end(&w, tiff_directory(&w, fields, count, 0));
 */
#ifndef FOVEA_TESTS_TIFF_WRITER_H
#define FOVEA_TESTS_TIFF_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tiff_writer {
    uint8_t data[1 << 20];
    size_t size;
    bool big_endian;
};

/* type: as in the format. One of the three holds the values. */
struct tiff_field {
    uint16_t tag, type;
    uint32_t count;
    uint32_t numbers[8]; /* SHORT, LONG; pairs of RATIONAL */
    const char *text;    /* ASCII, with its NUL */
    const void *bytes;   /* [count] BYTE, UNDEFINED */
};

#define TIFF_F_SHORT(t, v)                                                                         \
    {                                                                                              \
        .tag = (t), .type = 3, .count = 1, .numbers = { v }                                        \
    }
#define TIFF_F_LONG(t, v)                                                                          \
    {                                                                                              \
        .tag = (t), .type = 4, .count = 1, .numbers = { v }                                        \
    }
#define TIFF_F_TEXT(t, s)                                                                          \
    {                                                                                              \
        .tag = (t), .type = 2, .text = (s)                                                         \
    }
#define TIFF_F_RATIONAL(t, a, b)                                                                   \
    {                                                                                              \
        .tag = (t), .type = 5, .count = 1, .numbers = { a, b }                                     \
    }
#define TIFF_F_BYTES(t, p, n)                                                                      \
    {                                                                                              \
        .tag = (t), .type = 7, .count = (n), .bytes = (p)                                          \
    }

void tiff_begin(struct tiff_writer *, bool big_endian);
/* Both return the offset of what they put. */
uint32_t tiff_put(struct tiff_writer *, const void *bytes, size_t size);
uint32_t tiff_directory(struct tiff_writer *, const struct tiff_field *, size_t count,
                        uint32_t next);
void tiff_end(struct tiff_writer *, uint32_t first);

/* A RAW file that LibRaw takes for a camera's: a sensor's data of width x height below the first
 * directory, and previews. */
struct raw_file {
    bool big_endian, dng;      /* else in the manner of a NEF */
    int width, height;         /* of the sensor */
    int orientation;           /* 0: not told */
    const void *large, *small; /* JPEGs; NULL: none */
    size_t large_bytes, small_bytes;
    uint32_t preview_colour; /* DNG's; 0: not told */
    uint32_t colour_space;   /* EXIF's; 0: not told */
    const char *interop;     /* "R03" */
};
void tiff_raw_file(struct tiff_writer *, const struct raw_file *);

#endif
