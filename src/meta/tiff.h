/* SPDX-License-Identifier: MIT
 *
 * Reading TIFF structures (TIFF 6.0, section 2): directories of tagged values, in which EXIF lies
 * wherever it is embedded, and most RAW files are. Made for hostile bytes: nothing is copied,
 * nothing is allocated, every offset is checked before it is followed, and a value that does not
 * lie wholly in the bytes is not there. Loops among directories are the caller's to bound: it
 * counts the directories that it opens.
 *
 * BigTIFF is not read.
 */
#ifndef FOVEA_META_TIFF_H
#define FOVEA_META_TIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tiff_type {
    TIFF_BYTE = 1,
    TIFF_ASCII,
    TIFF_SHORT,
    TIFF_LONG,
    TIFF_RATIONAL,
    TIFF_SBYTE,
    TIFF_UNDEFINED,
    TIFF_SSHORT,
    TIFF_SLONG,
    TIFF_SRATIONAL,
    TIFF_FLOAT,
    TIFF_DOUBLE,
    TIFF_IFD,
    TIFF_TYPES
};

struct tiff {
    const uint8_t *data;
    size_t size;
    bool big_endian;
    uint32_t magic; /* 42; Panasonic's 0x55, Olympus' 0x4f52 and 0x5352 are taken too */
    uint32_t first; /* offset of the first directory */
};

/* One directory. next: the offset of the one after it, 0 for none. */
struct tiff_ifd {
    const struct tiff *tiff;
    size_t at; /* of its first entry */
    uint32_t count, next;
};

struct tiff_entry {
    const struct tiff *tiff;
    uint32_t tag, type, count;
    const uint8_t *value; /* [size] within the bytes; NULL where the file does not hold all of it */
    size_t size;
};

/* False if the bytes do not begin as a TIFF structure does. */
bool tiff_open(struct tiff *, const uint8_t *data, size_t size);
/* A directory that reaches beyond the end has the entries that are there. False: none. */
bool tiff_ifd_open(struct tiff_ifd *, const struct tiff *, uint32_t offset);
/* index < ifd->count. False for an entry without a value: unknown type, or beyond the end. */
bool tiff_entry(struct tiff_entry *, const struct tiff_ifd *, uint32_t index);
bool tiff_find(struct tiff_entry *, const struct tiff_ifd *, uint32_t tag);

/* The index-th number of an entry. False where there is none: another type, too few, and for
 * tiff_real() also a denominator of 0. */
bool tiff_uint(const struct tiff_entry *, uint32_t index, uint32_t *value);
bool tiff_real(const struct tiff_entry *, uint32_t index, double *value);

#endif
