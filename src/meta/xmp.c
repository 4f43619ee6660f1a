/* SPDX-License-Identifier: MIT
 *
 * XMP (ISO 16684-1): RDF in XML. A property stands as an attribute of rdf:Description, as an
 * element with text, or as an element with a list (rdf:Bag, rdf:Seq, rdf:Alt of rdf:li):
 *
 *     x:xmpmeta / rdf:RDF / rdf:Description exif:FNumber="28/10"
 *                             / dc:subject / rdf:Bag / rdf:li   one keyword
 *                             / xmp:Rating                      "4"
 *
 * Only properties of the picture are looked at, that is: children of a Description right below
 * rdf:RDF; what is inside structures belongs to something else (a crop's settings, a history).
 * Expat finds the elements; a document type, which XMP never has and entity bombs need, ends the
 * reading, and so does nesting without end.
 */
#include "meta/expat_place.h"
#include "meta/text.h"

#include <expat.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEPARATOR "\n" /* between a name's namespace and itself; in neither */
#define NS_RDF "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
#define NS_DC "http://purl.org/dc/elements/1.1/"
#define NS_XMP "http://ns.adobe.com/xap/1.0/"
#define NS_EXIF "http://ns.adobe.com/exif/1.0/"
#define NS_EXIF_EX "http://cipa.jp/exif/1.0/"
#define NS_AUX "http://ns.adobe.com/exif/1.0/aux/"
#define NS_TIFF "http://ns.adobe.com/tiff/1.0/"
#define NS_PHOTOSHOP "http://ns.adobe.com/photoshop/1.0/"

enum { MAX_DEPTH = 256, VALUE_MAX = 1024 };

enum property {
    P_NONE,
    P_SUBJECT,
    P_RATING,
    P_CREATED, /* photoshop:DateCreated: the picture's */
    P_TAKEN,
    P_DIGITIZED,
    P_MAKE,
    P_MODEL,
    P_LENS,
    P_EXPOSURE,
    P_F_NUMBER,
    P_FOCAL,
    P_FOCAL35,
    P_ISO,
    P_LATITUDE,
    P_LONGITUDE,
    P_ALTITUDE,
    P_ALTITUDE_REF,
    P_COUNT
};

static const struct {
    const char *name;
    enum property property;
} properties[] = {
    {NS_DC SEPARATOR "subject", P_SUBJECT},
    {NS_XMP SEPARATOR "Rating", P_RATING},
    {NS_XMP SEPARATOR "CreateDate", P_DIGITIZED},
    {NS_PHOTOSHOP SEPARATOR "DateCreated", P_CREATED},
    {NS_EXIF SEPARATOR "DateTimeOriginal", P_TAKEN},
    {NS_EXIF SEPARATOR "DateTimeDigitized", P_DIGITIZED},
    {NS_TIFF SEPARATOR "Make", P_MAKE},
    {NS_TIFF SEPARATOR "Model", P_MODEL},
    {NS_AUX SEPARATOR "Lens", P_LENS},
    {NS_EXIF_EX SEPARATOR "LensModel", P_LENS},
    {NS_EXIF SEPARATOR "ExposureTime", P_EXPOSURE},
    {NS_EXIF SEPARATOR "FNumber", P_F_NUMBER},
    {NS_EXIF SEPARATOR "FocalLength", P_FOCAL},
    {NS_EXIF SEPARATOR "FocalLengthIn35mmFilm", P_FOCAL35},
    {NS_EXIF SEPARATOR "ISOSpeedRatings", P_ISO},
    {NS_EXIF_EX SEPARATOR "PhotographicSensitivity", P_ISO},
    {NS_EXIF SEPARATOR "GPSLatitude", P_LATITUDE},
    {NS_EXIF SEPARATOR "GPSLongitude", P_LONGITUDE},
    {NS_EXIF SEPARATOR "GPSAltitude", P_ALTITUDE},
    {NS_EXIF SEPARATOR "GPSAltitudeRef", P_ALTITUDE_REF},
};

struct reader {
    XML_Parser parser;
    struct meta_part *part;
    int depth;
    int rdf_depth; /* of rdf:RDF; 0 outside */
    bool in_description;
    enum property property; /* the element that is open below the Description */
    bool in_list;
    bool in_item; /* text is taken: of the property itself, or of an rdf:li */
    char value[VALUE_MAX];
    size_t value_size;
    bool found_rdf, refused;
    char values[P_COUNT][VALUE_MAX]; /* of the properties with one value; the first counts */
};

static enum property property_of(const char *name)
{
    for (size_t i = 0; i < sizeof properties / sizeof *properties; i++)
        if (strcmp(name, properties[i].name) == 0)
            return properties[i].property;
    return P_NONE;
}

static void take_value(struct reader *r, enum property property, const char *text, size_t size)
{
    char clean[VALUE_MAX];
    if (property == P_NONE || meta_text_clean(clean, sizeof clean, text, size, TEXT_GUESS) == 0)
        return;
    if (property == P_SUBJECT)
        photo_meta_add_keyword(&r->part->meta, clean);
    else if (!r->values[property][0])
        memcpy(r->values[property], clean, sizeof clean);
}

static void begin_item(struct reader *r)
{
    r->in_item = true;
    r->value_size = 0;
}

static void end_item(struct reader *r)
{
    if (r->in_item)
        take_value(r, r->property, r->value, r->value_size);
    r->in_item = false;
}

static bool is_list(const char *name)
{
    return strcmp(name, NS_RDF SEPARATOR "Bag") == 0 || strcmp(name, NS_RDF SEPARATOR "Seq") == 0 ||
           strcmp(name, NS_RDF SEPARATOR "Alt") == 0;
}

static void XMLCALL on_start(void *context, const char *name, const char **attributes)
{
    struct reader *r = context;
    if (++r->depth > MAX_DEPTH) {
        r->refused = true;
        XML_StopParser(r->parser, XML_FALSE);
        return;
    }
    int level = r->rdf_depth ? r->depth - r->rdf_depth : 0;
    if (!r->rdf_depth && strcmp(name, NS_RDF SEPARATOR "RDF") == 0) {
        r->rdf_depth = r->depth;
        r->found_rdf = true;
    } else if (level == 1) {
        r->in_description = strcmp(name, NS_RDF SEPARATOR "Description") == 0;
        for (; r->in_description && *attributes; attributes += 2)
            take_value(r, property_of(attributes[0]), attributes[1], strlen(attributes[1]));
    } else if (level == 2 && r->in_description) {
        r->property = property_of(name);
        if (r->property != P_NONE)
            begin_item(r);
    } else if (level == 3) {
        r->in_item = false; /* the text around a list is layout */
        r->in_list = r->property != P_NONE && is_list(name);
    } else if (level == 4 && r->in_list && strcmp(name, NS_RDF SEPARATOR "li") == 0) {
        begin_item(r);
    } else if (level > 4) {
        r->in_item = false;
    }
}

static void XMLCALL on_end(void *context, const char *name)
{
    struct reader *r = context;
    int level = r->rdf_depth ? r->depth - r->rdf_depth : 0;
    if (level == 4 || level == 2)
        end_item(r);
    if (level == 3)
        r->in_list = false;
    if (level == 2)
        r->property = P_NONE;
    if (r->depth == r->rdf_depth)
        r->rdf_depth = 0;
    r->depth--;
}

static void XMLCALL on_text(void *context, const char *text, int length)
{
    struct reader *r = context;
    size_t size = (size_t)length, room = sizeof r->value - r->value_size;
    if (!r->in_item)
        return;
    size = size < room ? size : room;
    memcpy(r->value + r->value_size, text, size);
    r->value_size += size;
}

static void XMLCALL on_doctype(void *context, const char *name, const char *system_id,
                               const char *public_id, int internal)
{
    struct reader *r = context;
    r->refused = true;
    XML_StopParser(r->parser, XML_FALSE);
}

/* --- values -------------------------------------------------------------------------------- */

/* "28/10", "2.8" */
static double value_number(const char *text)
{
    char *end;
    double above = strtod(text, &end), below = 1;
    if (end == text)
        return (double)NAN;
    if (*end == '/')
        below = strtod(end + 1, NULL);
    return below != 0 && isfinite(above) && isfinite(below) ? above / below : (double)NAN;
}

static void take_positive(double *out, const char *text, double most)
{
    double value = value_number(text);
    if (value > 0 && value <= most)
        *out = value;
}

/* "52,31.125N", "52,31,7.5N": degrees and minutes, without or with seconds. */
static double value_angle(const char *text, double most)
{
    double sum = 0, unit = 1;
    char *end = NULL;
    const char *p = text;
    for (int i = 0; i < 3; i++, unit *= 60, p = end + 1) {
        double part = strtod(p, &end);
        if (end == p || !(part >= 0 && part <= 180))
            return (double)NAN;
        sum += part / unit;
        if (*end != ',')
            break;
    }
    if (!(sum <= most))
        return (double)NAN;
    return strchr("SsWw", *end) && *end ? -sum : sum;
}

static void take_times(struct reader *r)
{
    struct meta_time *times = r->part->times;
    if (!meta_parse_time(&times[META_TAKEN], r->values[P_TAKEN]))
        (void)meta_parse_time(&times[META_TAKEN], r->values[P_CREATED]);
    (void)meta_parse_time(&times[META_DIGITIZED], r->values[P_DIGITIZED]);
}

static void take_place(struct reader *r)
{
    struct photo_meta *meta = &r->part->meta;
    double latitude = value_angle(r->values[P_LATITUDE], 90);
    double longitude = value_angle(r->values[P_LONGITUDE], 180);
    double altitude = value_number(r->values[P_ALTITUDE]);
    if (!isnan(latitude) && !isnan(longitude)) {
        meta->latitude = latitude;
        meta->longitude = longitude;
    }
    if (altitude >= 0 && altitude < 1e5)
        meta->altitude_m = r->values[P_ALTITUDE_REF][0] == '1' ? -altitude : altitude;
}

static void take_values(struct reader *r)
{
    struct photo_meta *meta = &r->part->meta;
    double rating = value_number(r->values[P_RATING]), iso = value_number(r->values[P_ISO]);
    if (rating >= -1 && rating <= 5)
        meta->rating = (int)lround(rating);
    if (iso > 0 && iso < 1e8)
        meta->iso = (int)lround(iso);
    if (r->values[P_MAKE][0] || r->values[P_MODEL][0])
        meta_camera_name(meta->camera, r->values[P_MAKE], r->values[P_MODEL]);
    meta_text_clean(meta->lens, sizeof meta->lens, r->values[P_LENS], VALUE_MAX, TEXT_GUESS);
    take_positive(&meta->exposure_s, r->values[P_EXPOSURE], 1e6);
    take_positive(&meta->f_number, r->values[P_F_NUMBER], 1000);
    take_positive(&meta->focal_mm, r->values[P_FOCAL], 1e5);
    take_positive(&meta->focal35_mm, r->values[P_FOCAL35], 1e5);
    take_times(r);
    take_place(r);
}

/* ISO 16684 pads a packet with white space; some writers pad with NULs behind it. */
static size_t without_padding(struct meta_bytes xmp)
{
    size_t size = xmp.size;
    while (size > 0 && xmp.data[size - 1] == 0)
        size--;
    /* UTF-16 ends with a NUL byte that belongs to it. */
    return size < xmp.size && size % 2 == 1 && xmp.size >= 2 &&
                   ((xmp.data[0] == 0xff && xmp.data[1] == 0xfe) || xmp.data[1] == 0)
               ? size + 1
               : size;
}

enum status meta_xmp_read(struct meta_part *part, struct meta_bytes xmp, struct err *err)
{
    if (xmp.size > META_MAX_XMP_BYTES)
        return err_set(err, ERR_LIMIT, "%zu MB of XMP, and the limit is %zu MB", xmp.size >> 20,
                       META_MAX_XMP_BYTES >> 20);
    struct reader *r = calloc(1, sizeof *r);
    XML_Parser parser = XML_ParserCreateNS(NULL, *SEPARATOR);
    if (!r || !parser) {
        free(r);
        XML_ParserFree(parser);
        return err_no_memory(err, "an XML parser", sizeof *r);
    }
    r->parser = parser;
    r->part = part;
    XML_SetUserData(parser, r);
    XML_SetElementHandler(parser, on_start, on_end);
    XML_SetCharacterDataHandler(parser, on_text);
    XML_SetStartDoctypeDeclHandler(parser, on_doctype);
    enum status status = OK;
    if (XML_Parse(parser, (const char *)xmp.data, (int)without_padding(xmp), XML_TRUE) !=
        XML_STATUS_OK)
        status = r->refused
                     ? err_set(err, ERR_FORMAT,
                               "XMP with a document type, or nested without end, is not read")
                     : err_set(err, ERR_FORMAT, "not well-formed XML: line %lu: %s",
                               expat_line(parser), XML_ErrorString(XML_GetErrorCode(parser)));
    else if (!r->found_rdf)
        status = err_set(err, ERR_FORMAT, "there is no XMP (no rdf:RDF) in this XML");
    take_values(r);
    XML_ParserFree(parser);
    free(r);
    return status;
}
