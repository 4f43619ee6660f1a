/* SPDX-License-Identifier: MIT
 *
 * See tiff.h.
 */
#include "meta/tiff.h"

#include <string.h>

enum { ENTRY_BYTES = 12, INLINE_BYTES = 4 };

static const uint8_t type_bytes[TIFF_TYPES] = {
    [TIFF_BYTE] = 1,     [TIFF_ASCII] = 1,     [TIFF_SHORT] = 2,     [TIFF_LONG] = 4,
    [TIFF_RATIONAL] = 8, [TIFF_SBYTE] = 1,     [TIFF_UNDEFINED] = 1, [TIFF_SSHORT] = 2,
    [TIFF_SLONG] = 4,    [TIFF_SRATIONAL] = 8, [TIFF_FLOAT] = 4,     [TIFF_DOUBLE] = 8,
    [TIFF_IFD] = 4,
};

static uint32_t get16(const struct tiff *t, const uint8_t *p)
{
    return t->big_endian ? (uint32_t)p[0] << 8 | p[1] : (uint32_t)p[1] << 8 | p[0];
}

static uint32_t get32(const struct tiff *t, const uint8_t *p)
{
    return t->big_endian ? get16(t, p) << 16 | get16(t, p + 2)
                         : get16(t, p + 2) << 16 | get16(t, p);
}

bool tiff_open(struct tiff *t, const uint8_t *data, size_t size)
{
    *t = (struct tiff){.data = data, .size = size};
    if (size < 8 || data[0] != data[1] || (data[0] != 'I' && data[0] != 'M'))
        return false;
    t->big_endian = data[0] == 'M';
    t->magic = get16(t, data + 2);
    t->first = get32(t, data + 4);
    return t->magic == 42 || t->magic == 0x55 || t->magic == 0x4f52 || t->magic == 0x5352;
}

bool tiff_ifd_open(struct tiff_ifd *ifd, const struct tiff *t, uint32_t offset)
{
    *ifd = (struct tiff_ifd){.tiff = t};
    if (offset < 8 || offset > t->size || t->size - offset < 2)
        return false;
    uint32_t count = get16(t, t->data + offset);
    ifd->at = (size_t)offset + 2;
    size_t room = (t->size - ifd->at) / ENTRY_BYTES;
    ifd->count = count < room ? count : (uint32_t)room;
    size_t end = ifd->at + (size_t)count * ENTRY_BYTES;
    if (count <= room && t->size - end >= 4)
        ifd->next = get32(t, t->data + end);
    return ifd->count > 0;
}

bool tiff_entry(struct tiff_entry *e, const struct tiff_ifd *ifd, uint32_t index)
{
    const struct tiff *t = ifd->tiff;
    const uint8_t *p = t->data + ifd->at + (size_t)index * ENTRY_BYTES;
    *e = (struct tiff_entry){.tiff = t, .tag = get16(t, p), .type = get16(t, p + 2)};
    e->count = get32(t, p + 4);
    if (e->type >= TIFF_TYPES || type_bytes[e->type] == 0 || e->count == 0)
        return false;
    uint64_t size = (uint64_t)e->count * type_bytes[e->type];
    uint64_t at = size <= INLINE_BYTES ? (uint64_t)(p + 8 - t->data) : get32(t, p + 8);
    if (at > t->size || size > t->size - at)
        return false;
    e->value = t->data + at;
    e->size = (size_t)size;
    return true;
}

bool tiff_find(struct tiff_entry *e, const struct tiff_ifd *ifd, uint32_t tag)
{
    for (uint32_t i = 0; i < ifd->count; i++)
        if (tiff_entry(e, ifd, i) && e->tag == tag)
            return true;
    return false;
}

bool tiff_uint(const struct tiff_entry *e, uint32_t index, uint32_t *value)
{
    if (!e->value || index >= e->count)
        return false;
    const uint8_t *p = e->value + (size_t)index * type_bytes[e->type];
    switch (e->type) {
    case TIFF_BYTE:
    case TIFF_UNDEFINED:
        *value = *p;
        return true;
    case TIFF_SHORT:
        *value = get16(e->tiff, p);
        return true;
    case TIFF_LONG:
    case TIFF_IFD:
        *value = get32(e->tiff, p);
        return true;
    default:
        return false;
    }
}

static bool quotient(double above, double below, double *value)
{
    if (below == 0)
        return false;
    *value = above / below;
    return true;
}

bool tiff_real(const struct tiff_entry *e, uint32_t index, double *value)
{
    uint32_t whole;
    if (tiff_uint(e, index, &whole)) {
        *value = whole;
        return true;
    }
    if (!e->value || index >= e->count || type_bytes[e->type] < 4)
        return false;
    const uint8_t *p = e->value + (size_t)index * type_bytes[e->type];
    uint32_t low = get32(e->tiff, p), high = type_bytes[e->type] == 8 ? get32(e->tiff, p + 4) : 0;
    uint64_t both = e->tiff->big_endian ? (uint64_t)low << 32 | high : (uint64_t)high << 32 | low;
    float single;
    switch (e->type) {
    case TIFF_RATIONAL:
        return quotient(low, high, value);
    case TIFF_SRATIONAL:
        return quotient((int32_t)low, (int32_t)high, value);
    case TIFF_SLONG:
        *value = (int32_t)low;
        return true;
    case TIFF_FLOAT:
        memcpy(&single, &low, sizeof single);
        *value = (double)single;
        return true;
    case TIFF_DOUBLE:
        memcpy(value, &both, sizeof *value);
        return true;
    default:
        return false;
    }
}
