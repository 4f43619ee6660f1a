/* SPDX-License-Identifier: MIT
 *
 * EXIF (CIPA DC-008-2019), and the same tags as TIFF/EP and RAW files have them in their first
 * directory. At most five directories are opened (the first, the exposure's, its interoperability,
 * the place's), each once: there is nothing to loop in.
 *
 *     IFD0 ──▶ Exif IFD ──▶ Interoperability IFD
 *       └────▶ GPS IFD
 */
#include "meta/text.h"
#include "meta/tiff.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum tag {
    TAG_MAKE = 0x010f,
    TAG_MODEL = 0x0110,
    TAG_ORIENTATION = 0x0112,
    TAG_DATE_TIME = 0x0132,
    TAG_RATING = 0x4746, /* Windows and Adobe: 0 to 5 stars */
    TAG_EXPOSURE_TIME = 0x829a,
    TAG_F_NUMBER = 0x829d,
    TAG_EXIF_IFD = 0x8769,
    TAG_GPS_IFD = 0x8825,
    TAG_ISO = 0x8827,
    TAG_OUTPUT_SENSITIVITY = 0x8831,
    TAG_RECOMMENDED_INDEX = 0x8832,
    TAG_ISO_SPEED = 0x8833,
    TAG_DATE_TIME_ORIGINAL = 0x9003,
    TAG_DATE_TIME_DIGITIZED = 0x9004,
    TAG_OFFSET = 0x9010,
    TAG_OFFSET_ORIGINAL = 0x9011,
    TAG_OFFSET_DIGITIZED = 0x9012,
    TAG_SHUTTER_SPEED = 0x9201, /* APEX */
    TAG_APERTURE = 0x9202,      /* APEX */
    TAG_FOCAL_LENGTH = 0x920a,
    TAG_SUBSEC = 0x9290,
    TAG_SUBSEC_ORIGINAL = 0x9291,
    TAG_SUBSEC_DIGITIZED = 0x9292,
    TAG_XP_KEYWORDS = 0x9c9e, /* Windows: UTF-16LE, ';' between */
    TAG_COLOR_SPACE = 0xa001,
    TAG_INTEROP_IFD = 0xa005,
    TAG_FOCAL_LENGTH_35 = 0xa405,
    TAG_LENS_SPECIFICATION = 0xa432,
    TAG_LENS_MODEL = 0xa434,
    TAG_DNG_LENS_INFO = 0xc630,

    GPS_LATITUDE_REF = 1,
    GPS_LATITUDE,
    GPS_LONGITUDE_REF,
    GPS_LONGITUDE,
    GPS_ALTITUDE_REF,
    GPS_ALTITUDE,

    INTEROP_INDEX = 1,
};

enum { SHORT_TEXT = 64 };

/* What is put together from several entries. */
struct gathered {
    struct meta_part *part;
    char make[PHOTO_NAME_MAX], model[PHOTO_NAME_MAX];
    char subsec[META_EVENTS][SHORT_TEXT], offset[META_EVENTS][SHORT_TEXT];
    double shutter, aperture; /* APEX; NAN */
    double lens[4];           /* shortest, longest mm; f-numbers there; 0: unknown */
    uint32_t iso_index;       /* where the ISO tag is too small for it */
    uint32_t exif_ifd, gps_ifd, interop_ifd;
    bool uncalibrated;
};

/* A directory may name one large value thousands of times: each time only so much is looked at. */
static size_t at_most(size_t size, size_t most)
{
    return size < most ? size : most;
}

static void read_text(char *out, size_t max, const struct tiff_entry *e)
{
    if (e->type == TIFF_ASCII || e->type == TIFF_BYTE || e->type == TIFF_UNDEFINED)
        meta_text_clean(out, max, e->value, at_most(e->size, 4 * max), TEXT_GUESS);
}

static void read_positive(double *out, const struct tiff_entry *e, double most)
{
    double value;
    if (*out == 0 && tiff_real(e, 0, &value) && value > 0 && value <= most)
        *out = value;
}

static void read_time(struct gathered *g, enum meta_event event, const struct tiff_entry *e)
{
    char text[SHORT_TEXT] = "";
    read_text(text, sizeof text, e);
    if (g->part->times[event].ms == PHOTO_NO_TIME)
        (void)meta_parse_time(&g->part->times[event], text);
}

/* UTF-16LE with ';' between, to keywords. Characters beyond the BMP become '?'. */
static void read_xp_keywords(struct meta_part *part, const struct tiff_entry *e)
{
    char word[256], clean[256];
    size_t used = 0, size = at_most(e->size, 2 * PHOTO_KEYWORDS_MAX);
    for (size_t i = 0; i + 2 <= size + 2; i += 2) {
        unsigned c = i + 2 <= size ? e->value[i] | (unsigned)e->value[i + 1] << 8 : 0;
        if (c == 0 || c == ';') {
            meta_text_clean(clean, sizeof clean, word, used, TEXT_GUESS);
            photo_meta_add_keyword(&part->meta, clean);
            used = 0;
            if (c == 0)
                return;
            continue;
        }
        if (c >= 0xd800 && c < 0xe000)
            c = '?';
        if (used + 3 > sizeof word)
            continue;
        if (c < 0x80) {
            word[used++] = (char)c;
        } else if (c < 0x800) {
            word[used++] = (char)(0xc0 | c >> 6);
            word[used++] = (char)(0x80 | (c & 63));
        } else {
            word[used++] = (char)(0xe0 | c >> 12);
            word[used++] = (char)(0x80 | (c >> 6 & 63));
            word[used++] = (char)(0x80 | (c & 63));
        }
    }
}

static void read_lens_specification(struct gathered *g, const struct tiff_entry *e)
{
    for (uint32_t i = 0; i < 4; i++)
        if (g->lens[i] == 0)
            (void)tiff_real(e, i, &g->lens[i]);
}

static void read_time_entry(struct gathered *g, const struct tiff_entry *e)
{
    switch (e->tag) {
    case TAG_DATE_TIME:
        read_time(g, META_CHANGED, e);
        break;
    case TAG_DATE_TIME_ORIGINAL:
        read_time(g, META_TAKEN, e);
        break;
    case TAG_DATE_TIME_DIGITIZED:
        read_time(g, META_DIGITIZED, e);
        break;
    case TAG_OFFSET:
        read_text(g->offset[META_CHANGED], SHORT_TEXT, e);
        break;
    case TAG_OFFSET_ORIGINAL:
        read_text(g->offset[META_TAKEN], SHORT_TEXT, e);
        break;
    case TAG_OFFSET_DIGITIZED:
        read_text(g->offset[META_DIGITIZED], SHORT_TEXT, e);
        break;
    case TAG_SUBSEC:
        read_text(g->subsec[META_CHANGED], SHORT_TEXT, e);
        break;
    case TAG_SUBSEC_ORIGINAL:
        read_text(g->subsec[META_TAKEN], SHORT_TEXT, e);
        break;
    case TAG_SUBSEC_DIGITIZED:
        read_text(g->subsec[META_DIGITIZED], SHORT_TEXT, e);
        break;
    default:
        break;
    }
}

static void read_exposure_entry(struct gathered *g, const struct tiff_entry *e)
{
    struct photo_meta *meta = &g->part->meta;
    uint32_t whole;
    switch (e->tag) {
    case TAG_EXPOSURE_TIME:
        read_positive(&meta->exposure_s, e, 1e6);
        break;
    case TAG_F_NUMBER:
        read_positive(&meta->f_number, e, 1000);
        break;
    case TAG_SHUTTER_SPEED:
        (void)tiff_real(e, 0, &g->shutter);
        break;
    case TAG_APERTURE:
        (void)tiff_real(e, 0, &g->aperture);
        break;
    case TAG_ISO:
        if (meta->iso == 0 && tiff_uint(e, 0, &whole) && whole > 0 && whole < 100000000)
            meta->iso = (int)whole;
        break;
    case TAG_OUTPUT_SENSITIVITY:
    case TAG_RECOMMENDED_INDEX:
    case TAG_ISO_SPEED:
        if (tiff_uint(e, 0, &whole) && whole < 100000000)
            g->iso_index = whole;
        break;
    case TAG_FOCAL_LENGTH:
        read_positive(&meta->focal_mm, e, 1e5);
        break;
    case TAG_FOCAL_LENGTH_35:
        read_positive(&meta->focal35_mm, e, 1e5);
        break;
    case TAG_LENS_MODEL:
        read_text(meta->lens, sizeof meta->lens, e);
        break;
    case TAG_LENS_SPECIFICATION:
    case TAG_DNG_LENS_INFO:
        read_lens_specification(g, e);
        break;
    default:
        break;
    }
}

static void read_entry(struct gathered *g, const struct tiff_entry *e)
{
    struct meta_part *part = g->part;
    uint32_t whole;
    switch (e->tag) {
    case TAG_MAKE:
        read_text(g->make, sizeof g->make, e);
        break;
    case TAG_MODEL:
        read_text(g->model, sizeof g->model, e);
        break;
    case TAG_ORIENTATION:
        if (tiff_uint(e, 0, &whole) && whole >= 1 && whole <= 8)
            part->hints.orientation = (int)whole;
        break;
    case TAG_RATING:
        if (tiff_uint(e, 0, &whole) && whole <= 5)
            part->meta.rating = (int)whole;
        break;
    case TAG_XP_KEYWORDS:
        read_xp_keywords(part, e);
        break;
    case TAG_COLOR_SPACE: /* 2 is not in the standard, but in files */
        if (tiff_uint(e, 0, &whole) && (whole == 1 || whole == 2))
            part->hints.colour = whole == 1 ? META_COLOUR_SRGB : META_COLOUR_ADOBE_RGB;
        g->uncalibrated = tiff_uint(e, 0, &whole) && whole == 0xffff;
        break;
    case TAG_EXIF_IFD:
        (void)tiff_uint(e, 0, &g->exif_ifd);
        break;
    case TAG_GPS_IFD:
        (void)tiff_uint(e, 0, &g->gps_ifd);
        break;
    case TAG_INTEROP_IFD:
        (void)tiff_uint(e, 0, &g->interop_ifd);
        break;
    default:
        read_time_entry(g, e);
        read_exposure_entry(g, e);
    }
}

static void read_directory(struct gathered *g, const struct tiff *t, uint32_t offset)
{
    struct tiff_ifd ifd;
    struct tiff_entry e;
    if (!tiff_ifd_open(&ifd, t, offset))
        return;
    for (uint32_t i = 0; i < ifd.count; i++)
        if (tiff_entry(&e, &ifd, i))
            read_entry(g, &e);
}

/* "R03" says Adobe RGB, where the colour space may only say that it is not sRGB. (DCF 2.0, 5.2) */
static void read_interoperability(struct gathered *g, const struct tiff *t)
{
    struct tiff_ifd ifd;
    struct tiff_entry e;
    char index[8] = "";
    if (g->part->hints.colour != META_COLOUR_UNKNOWN || !g->uncalibrated ||
        !tiff_ifd_open(&ifd, t, g->interop_ifd) || !tiff_find(&e, &ifd, INTEROP_INDEX))
        return;
    read_text(index, sizeof index, &e);
    if (strcmp(index, "R03") == 0)
        g->part->hints.colour = META_COLOUR_ADOBE_RGB;
}

/* --- the place ----------------------------------------------------------------------------- */

static bool read_angle(double *degrees, const struct tiff_entry *e, double most)
{
    double sum = 0, part, unit = 1;
    for (uint32_t i = 0; i < 3; i++, unit *= 60) {
        if (!tiff_real(e, i, &part))
            break; /* cameras that write degrees with a fraction may leave out the rest: 0/0 */
        sum += part / unit;
    }
    *degrees = sum;
    return tiff_real(e, 0, &part) && sum >= 0 && sum <= most;
}

static void read_place(struct meta_part *part, const struct tiff *t, uint32_t offset)
{
    struct tiff_ifd ifd;
    struct tiff_entry e;
    double latitude = (double)NAN, longitude = (double)NAN, altitude = (double)NAN;
    char south[4] = "", west[4] = "";
    uint32_t below = 0;
    if (!tiff_ifd_open(&ifd, t, offset))
        return;
    for (uint32_t i = 0; i < ifd.count; i++) {
        if (!tiff_entry(&e, &ifd, i))
            continue;
        if (e.tag == GPS_LATITUDE_REF)
            read_text(south, sizeof south, &e);
        else if (e.tag == GPS_LONGITUDE_REF)
            read_text(west, sizeof west, &e);
        else if (e.tag == GPS_LATITUDE && !read_angle(&latitude, &e, 90))
            return;
        else if (e.tag == GPS_LONGITUDE && !read_angle(&longitude, &e, 180))
            return;
        else if (e.tag == GPS_ALTITUDE_REF)
            (void)tiff_uint(&e, 0, &below);
        else if (e.tag == GPS_ALTITUDE)
            (void)tiff_real(&e, 0, &altitude);
    }
    if (isnan(latitude) || isnan(longitude) || (latitude == 0 && longitude == 0))
        return; /* 0, 0: a receiver without a fix */
    part->meta.latitude = south[0] == 'S' || south[0] == 's' ? -latitude : latitude;
    part->meta.longitude = west[0] == 'W' || west[0] == 'w' ? -longitude : longitude;
    if (altitude >= 0 && altitude < 1e5)
        part->meta.altitude_m = below == 1 ? -altitude : altitude;
}

/* --- what is put together ------------------------------------------------------------------ */

/* "24-70mm f/2.8", of lenses that tell their range but not their name. */
static void name_lens(struct gathered *g)
{
    char *out = g->part->meta.lens;
    const double *l = g->lens;
    if (out[0] || !(l[0] > 0 && l[0] < 1e5) || !(l[1] < 1e5))
        return;
    int used = l[1] > l[0] ? snprintf(out, PHOTO_NAME_MAX, "%g-%gmm", l[0], l[1])
                           : snprintf(out, PHOTO_NAME_MAX, "%gmm", l[0]);
    if (!(l[2] > 0 && l[2] < 1000) || !(l[3] < 1000))
        return;
    if (l[3] > l[2])
        snprintf(out + used, (size_t)(PHOTO_NAME_MAX - used), " f/%g-%g", l[2], l[3]);
    else
        snprintf(out + used, (size_t)(PHOTO_NAME_MAX - used), " f/%g", l[2]);
}

static void put_together(struct gathered *g)
{
    struct photo_meta *meta = &g->part->meta;
    for (int i = 0; i < META_EVENTS; i++) {
        struct meta_time *t = &g->part->times[i];
        if (t->ms == PHOTO_NO_TIME)
            continue;
        meta_add_fraction(t, g->subsec[i]);
        (void)meta_parse_offset(&t->offset_min, g->offset[i]);
    }
    if (g->make[0] || g->model[0])
        meta_camera_name(meta->camera, g->make, g->model);
    name_lens(g);
    if (meta->exposure_s == 0 && g->shutter > -20 && g->shutter < 20)
        meta->exposure_s = exp2(-g->shutter);
    if (meta->f_number == 0 && g->aperture > 0 && g->aperture < 20)
        meta->f_number = exp2(g->aperture / 2);
    if ((meta->iso == 0 || meta->iso == 65535) && g->iso_index > 0)
        meta->iso = (int)g->iso_index;
}

void meta_exif_read(struct meta_part *part, const struct meta_blocks *blocks)
{
    struct gathered g = {.part = part, .shutter = (double)NAN, .aperture = (double)NAN};
    struct tiff t, exposure, place;
    if (tiff_open(&t, blocks->exif.data, blocks->exif.size)) {
        read_directory(&g, &t, t.first);
        if (g.exif_ifd && g.exif_ifd != t.first)
            read_directory(&g, &t, g.exif_ifd);
        read_interoperability(&g, &t);
        read_place(part, &t, g.gps_ifd);
    }
    if (tiff_open(&exposure, blocks->exif_exposure.data, blocks->exif_exposure.size))
        read_directory(&g, &exposure, exposure.first);
    if (tiff_open(&place, blocks->exif_place.data, blocks->exif_place.size))
        read_place(part, &place, place.first);
    put_together(&g);
}
