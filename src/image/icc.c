/* SPDX-License-Identifier: MIT
 *
 * Is this profile sRGB? There are dozens of profiles that all mean sRGB (HP's of 1998, the ICC's,
 * lcms' built-in one, the 500-byte ones of web sites), and running 8-bit pixels through any of them
 * changes bytes for nothing. So a profile made of primaries and curves is judged by its numbers,
 * whatever it calls itself: "sRGB" in its name is neither needed nor believed (there are linear
 * "sRGB" profiles). Only a profile made of tables, which has no such numbers, is judged by name.
 *
 * Tolerances: primaries in D50 within 0.003 (profiles differ by their rounding and by how they
 * adapted D65 to D50: up to 0.001; the nearest other space in use, Display P3, is off by 0.08).
 * Curves within 2 of 255 (the smallest web profiles are off by 1; a pure gamma of 2.2 by 7).
 */
#include "image/icc.h"

#include <math.h>
#include <string.h>

#define MAX_TAGS 256

struct bytes {
    const uint8_t *data;
    size_t size;
};

static uint32_t be16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t be32(const uint8_t *p)
{
    return be16(p) << 16 | be16(p + 2);
}

static double s15_fixed16(const uint8_t *p)
{
    return (int32_t)be32(p) / 65536.0;
}

static struct bytes find_tag(const uint8_t *p, size_t size, const char name[4])
{
    uint32_t count = be32(p + 128);
    if (count > MAX_TAGS || 132 + (size_t)count * 12 > size)
        return (struct bytes){0};
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *entry = p + 132 + (size_t)i * 12;
        size_t at = be32(entry + 4), length = be32(entry + 8);
        if (memcmp(entry, name, 4) != 0)
            continue;
        if (at > size || length > size - at || length < 12)
            return (struct bytes){0};
        return (struct bytes){p + at, length};
    }
    return (struct bytes){0};
}

static bool primary_is(const uint8_t *p, size_t size, const char name[4], const double xyz[3])
{
    const double tolerance = 0.003;
    struct bytes tag = find_tag(p, size, name);
    if (tag.size < 20 || memcmp(tag.data, "XYZ ", 4) != 0)
        return false;
    for (int i = 0; i < 3; i++)
        if (fabs(s15_fixed16(tag.data + 8 + 4 * i) - xyz[i]) > tolerance)
            return false;
    return true;
}

/* 'curv': 0 entries: identity; 1: a gamma; else a table over [0, 1]. */
static double curve_table(const struct bytes *tag, double v)
{
    uint32_t n = be32(tag->data + 8);
    const uint8_t *entries = tag->data + 12;
    if (n > (tag->size - 12) / 2)
        return -1;
    if (n == 0)
        return v;
    if (n == 1)
        return pow(v, be16(entries) / 256.0);
    double at = v * (n - 1);
    uint32_t i = at < n - 2 ? (uint32_t)at : n - 2;
    double low = be16(entries + 2 * (size_t)i), high = be16(entries + 2 * ((size_t)i + 1));
    return (low + (high - low) * (at - i)) / 65535.0;
}

/* 'para': Y = (aX + b)^g + e for X >= d, cX + f below; types 0 to 4 leave out what is zero. */
static double curve_parametric(const struct bytes *tag, double v)
{
    static const int counts[5] = {1, 3, 4, 5, 7};
    uint32_t type = be16(tag->data + 8);
    if (type > 4 || tag->size < 12 + 4 * (size_t)counts[type])
        return -1;
    double k[7] = {0}; /* g a b c d e f */
    for (int i = 0; i < counts[type]; i++)
        k[i] = s15_fixed16(tag->data + 12 + 4 * i);
    if (type == 0)
        return pow(v, k[0]);
    double from = k[4], below = k[3] * v + k[6], offset = k[5];
    if (type <= 2) { /* Y = (aX + b)^g + c for X >= -b/a, else c */
        if (k[1] == 0)
            return -1;
        from = -k[2] / k[1];
        below = offset = k[3];
    }
    double base = k[1] * v + k[2];
    return v >= from ? pow(base < 0 ? 0 : base, k[0]) + offset : below;
}

static bool curve_is_srgb(const uint8_t *p, size_t size, const char name[4])
{
    const double tolerance = 2.0 / 255.0;
    struct bytes tag = find_tag(p, size, name);
    if (tag.size < 12)
        return false;
    bool table = memcmp(tag.data, "curv", 4) == 0;
    if (!table && memcmp(tag.data, "para", 4) != 0)
        return false;
    for (int i = 0; i <= 255; i++) {
        double v = i / 255.0;
        double y = table ? curve_table(&tag, v) : curve_parametric(&tag, v);
        double back = y <= 0.0031308 ? 12.92 * y : 1.055 * pow(y, 1 / 2.4) - 0.055;
        if (!(fabs(back - v) <= tolerance)) /* so that a NaN is no match either */
            return false;
    }
    return true;
}

/* "sRGB" in the description, in ASCII (version 2) or UTF-16 (version 4). */
static bool name_has_srgb(const uint8_t *p, size_t size)
{
    struct bytes tag = find_tag(p, size, "desc");
    for (size_t i = 0; i + 4 <= tag.size; i++) {
        if (memcmp(tag.data + i, "sRGB", 4) == 0)
            return true;
        if (i + 8 <= tag.size && memcmp(tag.data + i, "\0s\0R\0G\0B", 8) == 0)
            return true;
    }
    return false;
}

static bool rgb_is_srgb(const uint8_t *p, size_t size)
{
    /* sRGB's primaries adapted to D50, as in the ICC's own sRGB profiles. */
    static const double red[3] = {0.4361, 0.2225, 0.0139}, green[3] = {0.3851, 0.7169, 0.0971},
                        blue[3] = {0.1431, 0.0606, 0.7141};
    if (find_tag(p, size, "A2B0").size)
        return name_has_srgb(p, size);
    return primary_is(p, size, "rXYZ", red) && primary_is(p, size, "gXYZ", green) &&
           primary_is(p, size, "bXYZ", blue) && curve_is_srgb(p, size, "rTRC") &&
           curve_is_srgb(p, size, "gTRC") && curve_is_srgb(p, size, "bTRC");
}

struct icc icc_read(const uint8_t *p, size_t size)
{
    struct icc icc = {0};
    if (size < 132 || memcmp(p + 36, "acsp", 4) != 0)
        return icc;
    if (memcmp(p + 16, "RGB ", 4) == 0) {
        icc.channels = 3;
        icc.srgb = rgb_is_srgb(p, size);
    } else if (memcmp(p + 16, "GRAY", 4) == 0) {
        icc.channels = 1;
        icc.srgb = curve_is_srgb(p, size, "kTRC");
    } else if (memcmp(p + 16, "CMYK", 4) == 0) {
        icc.channels = 4;
    }
    icc.perceptual = find_tag(p, size, "A2B0").size && !find_tag(p, size, "A2B1").size &&
                     !find_tag(p, size, "rXYZ").size;
    return icc;
}

/* --- making -------------------------------------------------------------------------------- */

static void put_be32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* Signatures are bytes, not strings. */
static void put_bytes(uint8_t *p, const char *text)
{
    while (*text)
        *p++ = (uint8_t)*text++;
}

static size_t put_xyz(uint8_t *out, const double xyz[3])
{
    put_bytes(out, "XYZ ");
    for (int i = 0; i < 3; i++)
        put_be32(out + 8 + 4 * (size_t)i, (uint32_t)(int32_t)lround(xyz[i] * 65536));
    return 20;
}

size_t icc_make(uint8_t out[ICC_MADE_BYTES], enum icc_space space)
{
    /* Primaries adapted to D50, rows X Y Z, and the gamma in 256ths: Adobe RGB (1998), 4.3.1 and
     * 4.3.4 (563/256), adapted by Bradford; ROMM RGB (ISO 22028-2), whose white is D50. */
    static const struct {
        double xyz[3][3];
        uint8_t gamma[2];
    } spaces[] = {
        [ICC_ADOBE_RGB] = {{{0.60974, 0.31111, 0.01947},
                            {0.20528, 0.62567, 0.06087},
                            {0.14919, 0.06322, 0.74457}},
                           {2, 51}},
        [ICC_PROPHOTO] = {{{0.79767, 0.28804, 0.00000},
                           {0.13519, 0.71188, 0.00000},
                           {0.03134, 0.00009, 0.82491}},
                          {1, 205}},
    };
    static const char names[7][5] = {"rXYZ", "gXYZ", "bXYZ", "wtpt", "rTRC", "gTRC", "bTRC"};
    static const double d50[3] = {0.9642, 1.0, 0.8249};
    const size_t curve = 132 + 7 * 12, curve_bytes = 14;
    size_t at = curve + 16;
    memset(out, 0, ICC_MADE_BYTES);
    put_be32(out + 8, 0x02400000);
    put_bytes(out + 12, "mntrRGB XYZ ");
    put_bytes(out + 36, "acsp");
    put_xyz(out + 60, d50); /* the illuminant at 68; its type is overwritten */
    memset(out + 60, 0, 4);
    put_be32(out + 128, 7);
    put_bytes(out + curve, "curv");
    put_be32(out + curve + 8, 1);
    memcpy(out + curve + 12, spaces[space].gamma, 2);
    for (size_t i = 0; i < 7; i++) {
        uint8_t *entry = out + 132 + 12 * i;
        put_bytes(entry, names[i]);
        put_be32(entry + 4, (uint32_t)(i < 4 ? at : curve));
        put_be32(entry + 8, (uint32_t)(i < 4 ? 20 : curve_bytes));
        if (i < 4)
            at += put_xyz(out + at, i < 3 ? spaces[space].xyz[i] : d50);
    }
    put_be32(out, (uint32_t)at);
    return at;
}
