/* SPDX-License-Identifier: MIT
 *
 * Metadata: EXIF in both byte orders, XMP in its forms, IPTC, their precedence, the containers they
 * stand in, and bytes that mean harm. Everything is made here, by hand.
 */
#include "meta/read.h"
#include "meta/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../tiff_writer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static struct tiff_writer file;

static struct photo_meta read_blocks(struct meta_blocks blocks, struct meta_hints *hints)
{
    struct photo_meta meta;
    meta_read_blocks(&meta, hints, &blocks);
    return meta;
}

static struct photo_meta read_exif(struct meta_hints *hints)
{
    return read_blocks((struct meta_blocks){.exif = {file.data, file.size}}, hints);
}

static struct photo_meta read_xmp(const char *xmp)
{
    return read_blocks((struct meta_blocks){.xmp = {(const uint8_t *)xmp, strlen(xmp)}}, NULL);
}

static void expect_near(double value, double wanted)
{
    if (!(fabs(value - wanted) <= 1e-6 * fabs(wanted) + 1e-9))
        fail_msg("%.9g, not %.9g", value, wanted);
}

static void expect_time(const struct photo_meta *meta, const char *wanted)
{
    char text[PHOTO_TIME_MAX];
    assert_string_equal(photo_meta_time(text, meta), wanted);
}

/* ---- texts, times, names ---- */

static void test_times(void **state)
{
    static const struct {
        const char *text, *wanted; /* NULL: no date */
    } cases[] = {
        {"2021:07:04 18:22:10", "2021-07-04T18:22:10"},
        {"2021-07-04T18:22:10.25+02:00", "2021-07-04T18:22:10.250+02:00"},
        {"2021-07-04T18:22:10Z", "2021-07-04T18:22:10+00:00"},
        {"2021-07-04T18:22-03:30", "2021-07-04T18:22:00-03:30"},
        {"2021-07-04T18:22:10-0800", "2021-07-04T18:22:10-08:00"},
        {"2021-07-04", "2021-07-04T00:00:00"},
        {"2021-07", "2021-07-01T00:00:00"},
        {"2021", "2021-01-01T00:00:00"},
        {"1969:12:31 23:59:59", "1969-12-31T23:59:59"},
        {"2000:02:29 00:00:00", "2000-02-29T00:00:00"},
        {"1900:02:29 00:00:00", NULL},
        {"2021:02:29 00:00:00", NULL},
        {"2021:00:04 18:22:10", NULL},
        {"2021:13:04 18:22:10", NULL},
        {"2021:07:04 24:22:10", NULL},
        {"2021:07:04 18:60:10", NULL},
        {"2021:07:04 18:22:60", "2021-07-04T18:22:59"}, /* a leap second */
        {"0000:00:00 00:00:00", NULL},
        {"    :  :     :  :  ", NULL},
        {"", NULL},
        {"yesterday", NULL},
        {"2021:07:04 noon", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct meta_time t = {PHOTO_NO_TIME, PHOTO_NO_OFFSET};
        bool parsed = meta_parse_time(&t, cases[i].text);
        if (parsed != (cases[i].wanted != NULL))
            fail_msg("'%s'", cases[i].text);
        struct photo_meta meta = {.taken_ms = t.ms, .offset_min = t.offset_min};
        expect_time(&meta, cases[i].wanted ? cases[i].wanted : "");
    }
    /* Against the C library, over four centuries. */
    for (int64_t day = -62091; day < 84006; day += 13) {
        struct photo_meta meta = {.taken_ms = day * 86400000, .offset_min = PHOTO_NO_OFFSET};
        char text[PHOTO_TIME_MAX];
        struct meta_time t;
        assert_true(meta_parse_time(&t, photo_meta_time(text, &meta)));
        assert_int_equal(t.ms, meta.taken_ms);
    }
}

static void test_names(void **state)
{
    static const char *const cases[][3] = {
        {"NIKON CORPORATION", "NIKON D850", "Nikon D850"},
        {"Canon", "Canon EOS R5", "Canon EOS R5"},
        {"Canon", "EOS R5", "Canon EOS R5"},
        {"SONY", "ILCE-7M3", "Sony ILCE-7M3"},
        {"OLYMPUS IMAGING CORP.", "E-M1", "Olympus E-M1"},
        {"OLYMPUS CORPORATION", "E-M1MarkII", "Olympus E-M1MarkII"},
        {"EASTMAN KODAK COMPANY", "KODAK DX6490 ZOOM DIGITAL CAMERA",
         "Kodak DX6490 ZOOM DIGITAL CAMERA"},
        {"RICOH IMAGING COMPANY, LTD.", "PENTAX K-1", "Ricoh PENTAX K-1"},
        {"LEICA CAMERA AG", "LEICA Q2", "Leica Q2"},
        {"FUJIFILM", "X-T4", "Fujifilm X-T4"},
        {"Apple", "iPhone 12 Pro", "Apple iPhone 12 Pro"},
        {"", "Canon EOS 5D", "Canon EOS 5D"},
        {"", "Pixel 6", "Pixel 6"},
        {"Holga", "", "Holga"},
        {"Acme Corp., Ltd.", "Acme Box", "Acme Box"},
        {"Inc.", "One", "Inc. One"},
        {"", "", ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char name[PHOTO_NAME_MAX];
        meta_camera_name(name, cases[i][0], cases[i][1]);
        assert_string_equal(name, cases[i][2]);
    }
    char name[PHOTO_NAME_MAX], make[2 * PHOTO_NAME_MAX];
    for (size_t i = 0; i + 1 < sizeof make; i++)
        make[i] = i % 2 ? '\xa9' : '\xc3'; /* é é é … */
    make[sizeof make - 1] = '\0';
    meta_camera_name(name, make, make);
    assert_in_range(strlen(name), 100, PHOTO_NAME_MAX - 1);
    assert_int_equal(strlen(name) % 2, 0); /* no half of a character */
}

static void test_texts(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        enum text_encoding how;
        const char *wanted;
    } cases[] = {
        {"  a \t\n b  ", 9, TEXT_GUESS, "a b"},
        {"a\0b", 3, TEXT_GUESS, "a"},
        {"M\xc3\xbcnchen", 8, TEXT_GUESS, "M\xc3\xbcnchen"},
        {"M\xfcnchen", 7, TEXT_GUESS, "M\xc3\xbcnchen"},
        {"M\xc3\xbcnchen", 8, TEXT_LATIN1, "M\xc3\x83\xc2\xbcnchen"},
        {"\xc2\x85x\x7f\x01y", 6, TEXT_GUESS, "x y"},
        {"\xed\xa0\x80", 3, TEXT_GUESS, "\xc3\xad\xc2\xa0"}, /* a surrogate is no UTF-8 */
        {"", 0, TEXT_GUESS, ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[32];
        meta_text_clean(text, sizeof text, cases[i].bytes, cases[i].size, cases[i].how);
        if (strcmp(text, cases[i].wanted) != 0)
            fail_msg("case %zu: '%s'", i, text);
    }
    char text[4];
    assert_int_equal(meta_text_clean(text, sizeof text, "ab\xc3\xbc", 4, TEXT_GUESS), 2);
    assert_string_equal(text, "ab");
}

/* ---- EXIF ---- */

static uint32_t put_place(void)
{
    static const struct tiff_field place[] = {
        {.tag = 1, .type = 2, .text = "S"},
        {.tag = 2, .type = 5, .count = 3, .numbers = {37, 1, 48, 1, 4950, 100}},
        {.tag = 3, .type = 2, .text = "E"},
        {.tag = 4, .type = 5, .count = 3, .numbers = {144, 1, 57, 1, 0, 1}},
        {.tag = 5, .type = 1, .count = 1, .bytes = "\1"},
        TIFF_F_RATIONAL(6, 35, 10),
    };
    return tiff_directory(&file, place, COUNT(place), 0);
}

static void put_exif(bool big_endian)
{
    tiff_begin(&file, big_endian);
    const struct tiff_field interop = TIFF_F_TEXT(1, "R03");
    const struct tiff_field exposure[] = {
        TIFF_F_RATIONAL(0x829a, 1, 250),
        TIFF_F_RATIONAL(0x829d, 28, 10),
        TIFF_F_SHORT(0x8827, 400),
        TIFF_F_TEXT(0x9003, "2021:07:04 18:22:10"),
        TIFF_F_TEXT(0x9004, "2021:07:05 00:00:00"),
        TIFF_F_TEXT(0x9011, "+10:00"),
        TIFF_F_TEXT(0x9291, "07"),
        TIFF_F_RATIONAL(0x920a, 350, 10),
        TIFF_F_SHORT(0xa001, 0xffff),
        TIFF_F_LONG(0xa005, tiff_directory(&file, &interop, 1, 0)),
        TIFF_F_SHORT(0xa405, 52),
        TIFF_F_TEXT(0xa434, "NIKKOR Z 35mm f/1.8 S"),
    };
    const struct tiff_field first[] = {
        TIFF_F_TEXT(0x010f, "NIKON CORPORATION"),
        TIFF_F_TEXT(0x0110, "NIKON Z 6"),
        TIFF_F_SHORT(0x0112, 6),
        TIFF_F_TEXT(0x0132, "2022:01:01 00:00:00"),
        TIFF_F_SHORT(0x4746, 4),
        TIFF_F_LONG(0x8769, tiff_directory(&file, exposure, COUNT(exposure), 0)),
        TIFF_F_LONG(0x8825, put_place()),
        TIFF_F_BYTES(0x9c9e, "s\0e\0a\0;\0\xfc\0b\0e\0r\0\0\0", 18),
    };
    tiff_end(&file, tiff_directory(&file, first, COUNT(first), 0));
}

static void expect_exif(const struct photo_meta *meta)
{
    expect_time(meta, "2021-07-04T18:22:10.070+10:00");
    assert_string_equal(meta->camera, "Nikon Z 6");
    assert_string_equal(meta->lens, "NIKKOR Z 35mm f/1.8 S");
    expect_near(meta->exposure_s, 1.0 / 250);
    expect_near(meta->f_number, 2.8);
    expect_near(meta->focal_mm, 35);
    expect_near(meta->focal35_mm, 52);
    assert_int_equal(meta->iso, 400);
    expect_near(meta->latitude, -(37 + 48 / 60.0 + 49.5 / 3600));
    expect_near(meta->longitude, 144.95);
    expect_near(meta->altitude_m, -3.5);
    assert_int_equal(meta->rating, 4);
    assert_string_equal(meta->keywords, "sea\n\xc3\xbc"
                                        "ber\n");
}

static void test_exif(void **state)
{
    for (int big_endian = 0; big_endian < 2; big_endian++) {
        struct meta_hints hints;
        put_exif(big_endian);
        struct photo_meta meta = read_exif(&hints);
        expect_exif(&meta);
        assert_int_equal(hints.orientation, 6);
        assert_int_equal(hints.colour, META_COLOUR_ADOBE_RGB);
    }
}

static void test_nothing_told(void **state)
{
    struct photo_meta meta, empty;
    struct meta_hints hints;
    photo_meta_clear(&empty);
    static const char *const contents[] = {
        "", "x", "\xff\xd8\xff", "II*", "\x89PNG\r\n\x1a\n", "RIFF\1\1\1\1WEBP", "FUJIFILMCCD-RAW"};
    for (size_t i = 0; i < COUNT(contents); i++) {
        meta_read(&meta, &hints, contents[i], strlen(contents[i]));
        assert_memory_equal(&meta, &empty, sizeof meta);
        assert_int_equal(hints.orientation, 0);
    }
}

/* Fields of an Exif directory, and what is made of them. */
static struct photo_meta read_fields(const struct tiff_field *fields, size_t count)
{
    tiff_begin(&file, true);
    tiff_end(&file, tiff_directory(&file, fields, count, 0));
    return read_exif(NULL);
}

static void test_fallbacks(void **state)
{
    static const struct tiff_field apex[] = {
        {.tag = 0x9201, .type = 10, .count = 1, .numbers = {8, 1}},
        TIFF_F_RATIONAL(0x9202, 4, 1),
        TIFF_F_SHORT(0x8827, 65535),
        TIFF_F_LONG(0x8832, 102400),
        {.tag = 0xa432, .type = 5, .count = 4, .numbers = {24, 1, 70, 1, 28, 10, 28, 10}},
        TIFF_F_TEXT(0x9004, "2019:01:02 03:04:05"),
        TIFF_F_TEXT(0x9003, "0000:00:00 00:00:00"),
    };
    struct photo_meta meta = read_fields(apex, COUNT(apex));
    expect_near(meta.exposure_s, 1.0 / 256);
    expect_near(meta.f_number, 4);
    assert_int_equal(meta.iso, 102400);
    assert_string_equal(meta.lens, "24-70mm f/2.8");
    expect_time(&meta, "2019-01-02T03:04:05");

    static const struct tiff_field zoom[] = {
        {.tag = 0xa432, .type = 5, .count = 4, .numbers = {18, 1, 55, 1, 35, 10, 56, 10}}};
    meta = read_fields(zoom, 1);
    assert_string_equal(meta.lens, "18-55mm f/3.5-5.6");
    static const struct tiff_field prime[] = {
        {.tag = 0xa432, .type = 5, .count = 4, .numbers = {50, 1, 50, 1, 0, 0, 0, 0}}};
    meta = read_fields(prime, 1);
    assert_string_equal(meta.lens, "50mm");
    static const struct tiff_field changed[] = {TIFF_F_TEXT(0x0132, "2018:01:02 03:04:05")};
    meta = read_fields(changed, 1);
    expect_time(&meta, "2018-01-02T03:04:05");

    /* Nonsense tells nothing. */
    static const struct tiff_field nonsense[] = {
        TIFF_F_RATIONAL(0x829a, 1, 0),
        TIFF_F_RATIONAL(0x829d, 0, 1),
        TIFF_F_SHORT(0x0112, 9),
        TIFF_F_SHORT(0x4746, 99),
        TIFF_F_TEXT(0x8827, "400"),
        TIFF_F_RATIONAL(0x920a, 0xffffffff, 1),
        TIFF_F_TEXT(0x9003, "next Tuesday"),
        {.tag = 0x010f, .type = 77, .count = 3},
    };
    struct photo_meta empty;
    photo_meta_clear(&empty);
    meta = read_fields(nonsense, COUNT(nonsense));
    assert_memory_equal(&meta, &empty, sizeof meta);
}

static void test_places(void **state)
{
    static const struct {
        uint32_t latitude[6], longitude[6];
        const char *south, *west;
        double wanted_latitude, wanted_longitude; /* NAN: none */
    } cases[] = {
        {{52, 1, 30, 1, 0, 1}, {13, 1, 15, 1, 0, 1}, "N", "E", 52.5, 13.25},
        {{52, 1, 30, 1, 0, 1}, {13, 1, 15, 1, 0, 1}, "S", "W", -52.5, -13.25},
        {{525, 10, 0, 0, 0, 0}, {1325, 100, 0, 0, 0, 0}, "N", "E", 52.5, 13.25},
        {{52, 1, 3000, 100, 0, 1}, {13, 1, 1500, 100, 0, 1}, "N", "E", 52.5, 13.25},
        {{0, 1, 0, 1, 0, 1}, {0, 1, 0, 1, 0, 1}, "N", "E", NAN, NAN},
        {{91, 1, 0, 1, 0, 1}, {13, 1, 0, 1, 0, 1}, "N", "E", NAN, NAN},
        {{52, 0, 0, 1, 0, 1}, {13, 1, 0, 1, 0, 1}, "N", "E", NAN, NAN},
        {{52, 1, 0, 1, 0, 1}, {181, 1, 0, 1, 0, 1}, "N", "E", NAN, NAN},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct tiff_field place[] = {TIFF_F_TEXT(1, cases[i].south),
                                     {.tag = 2, .type = 5, .count = 3},
                                     TIFF_F_TEXT(3, cases[i].west),
                                     {.tag = 4, .type = 5, .count = 3}};
        memcpy(place[1].numbers, cases[i].latitude, sizeof cases[i].latitude);
        memcpy(place[3].numbers, cases[i].longitude, sizeof cases[i].longitude);
        tiff_begin(&file, false);
        const struct tiff_field first = TIFF_F_LONG(0x8825, tiff_directory(&file, place, 4, 0));
        tiff_end(&file, tiff_directory(&file, &first, 1, 0));
        struct photo_meta meta = read_exif(NULL);
        if (isnan(cases[i].wanted_latitude)) {
            assert_true(isnan(meta.latitude) && isnan(meta.longitude));
            continue;
        }
        expect_near(meta.latitude, cases[i].wanted_latitude);
        expect_near(meta.longitude, cases[i].wanted_longitude);
    }
}

/* ---- XMP ---- */

#define XMP(attributes, inside)                                                                    \
    "<?xpacket begin='\xef\xbb\xbf' id='W5M0MpCehiHzreSzNTczkc9d'?>"                               \
    "<x:xmpmeta xmlns:x='adobe:ns:meta/'>"                                                         \
    "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>"                            \
    "<rdf:Description rdf:about='' xmlns:dc='http://purl.org/dc/elements/1.1/'"                    \
    " xmlns:xmp='http://ns.adobe.com/xap/1.0/' xmlns:exif='http://ns.adobe.com/exif/1.0/'"         \
    " xmlns:tiff='http://ns.adobe.com/tiff/1.0/' xmlns:aux='http://ns.adobe.com/exif/1.0/aux/'"    \
    " xmlns:photoshop='http://ns.adobe.com/photoshop/1.0/'"                                        \
    " xmlns:exifEX='http://cipa.jp/exif/1.0/' " attributes ">" inside                              \
    "</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end='w'?>"

static void test_xmp_forms(void **state)
{
    static const char *const forms[] = {
        /* attributes */
        XMP("tiff:Make='SONY' tiff:Model='ILCE-7M3' aux:Lens='FE 35mm' exif:FNumber='28/10' "
            "exif:ExposureTime='1/250' exif:FocalLength='35/1' exif:FocalLengthIn35mmFilm='35' "
            "exif:DateTimeOriginal='2021-07-04T18:22:10.5+02:00' xmp:Rating='3' "
            "exif:GPSLatitude='37,48.5S' exif:GPSLongitude='144,57,30E' exif:GPSAltitude='35/10' "
            "exif:GPSAltitudeRef='1' exifEX:PhotographicSensitivity='200'",
            "<dc:subject><rdf:Bag><rdf:li>sea</rdf:li><rdf:li>night &amp; fog</rdf:li>"
            "<rdf:li>sea</rdf:li></rdf:Bag></dc:subject>"),
        /* elements, lists where lists may be, and structures that are somebody else's */
        XMP("",
            "<tiff:Make>SONY</tiff:Make>\n<tiff:Model>ILCE-7M3</tiff:Model>"
            "<exifEX:LensModel> FE 35mm </exifEX:LensModel><exif:FNumber>2.8</exif:FNumber>"
            "<exif:ExposureTime>1/250</exif:ExposureTime><exif:FocalLength>35</exif:FocalLength>"
            "<exif:FocalLengthIn35mmFilm>35</exif:FocalLengthIn35mmFilm>"
            "<photoshop:DateCreated>2021-07-04T18:22:10.5+02:00</photoshop:DateCreated>"
            "<xmp:CreateDate>2022-01-01</xmp:CreateDate><xmp:Rating>3</xmp:Rating>"
            "<exif:ISOSpeedRatings><rdf:Seq><rdf:li>200</rdf:li><rdf:li>100</rdf:li></rdf:Seq>"
            "</exif:ISOSpeedRatings><exif:GPSLatitude>37,48.5S</exif:GPSLatitude>"
            "<exif:GPSLongitude>144,57.5E</exif:GPSLongitude><exif:GPSAltitude>3.5</"
            "exif:GPSAltitude>"
            "<exif:GPSAltitudeRef>1</exif:GPSAltitudeRef>"
            "<xmp:Other rdf:parseType='Resource'><xmp:Rating>5</xmp:Rating><dc:subject><rdf:Bag>"
            "<rdf:li>not this</rdf:li></rdf:Bag></dc:subject></xmp:Other>"
            "<dc:subject>\n <rdf:Bag>\n  <rdf:li>sea</rdf:li>\n  <rdf:li>night &amp; fog</rdf:li>\n"
            " </rdf:Bag>\n</dc:subject>"),
    };
    for (size_t i = 0; i < COUNT(forms); i++) {
        struct photo_meta meta = read_xmp(forms[i]), sidecar;
        struct err err;
        assert_int_equal(meta_read_sidecar(&sidecar, forms[i], strlen(forms[i]), &err), OK);
        assert_memory_equal(&meta, &sidecar, sizeof meta);
        expect_time(&meta, "2021-07-04T18:22:10.500+02:00");
        assert_string_equal(meta.camera, "Sony ILCE-7M3");
        assert_string_equal(meta.lens, "FE 35mm");
        expect_near(meta.f_number, 2.8);
        expect_near(meta.exposure_s, 1.0 / 250);
        expect_near(meta.focal_mm, 35);
        expect_near(meta.focal35_mm, 35);
        assert_int_equal(meta.iso, 200);
        assert_int_equal(meta.rating, 3);
        expect_near(meta.latitude, -(37 + 48.5 / 60));
        expect_near(meta.longitude, 144 + 57.5 / 60);
        expect_near(meta.altitude_m, -3.5);
        assert_string_equal(meta.keywords, "sea\nnight & fog\n");
    }
}

static void test_ratings(void **state)
{
    static const struct {
        const char *text;
        int rating;
    } cases[] = {{"-1", -1},
                 {"0", 0},
                 {"5", 5},
                 {"3.0", 3},
                 {"6", PHOTO_NO_RATING},
                 {"-2", PHOTO_NO_RATING},
                 {"good", PHOTO_NO_RATING},
                 {"", PHOTO_NO_RATING}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        char xmp[2048];
        snprintf(xmp, sizeof xmp, XMP("", "<xmp:Rating>%s</xmp:Rating>"), cases[i].text);
        struct photo_meta meta = read_xmp(xmp);
        assert_int_equal(meta.rating, cases[i].rating);
    }
}

static void test_sidecars_that_are_none(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", "empty"},
        {"not XML", "not well-formed XML: line 1"},
        {"<a/>", "no rdf:RDF"},
        {"<rdf:RDF/>", "not well-formed XML"}, /* a prefix that means nothing */
        {"<!DOCTYPE a [<!ENTITY b 'bbbb'>]><a>&b;</a>", "document type"},
        {"<x:xmpmeta xmlns:x='adobe:ns:meta/'>", "not well-formed XML"},
    };
    struct photo_meta meta;
    struct err err;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(meta_read_sidecar(&meta, cases[i].text, strlen(cases[i].text), &err),
                         ERR_FORMAT);
        if (!strstr(err.text, cases[i].words))
            fail_msg("%s", err.text);
    }
    assert_int_equal(meta_read_sidecar(&meta, "", META_MAX_XMP_BYTES + 1, &err), ERR_LIMIT);

    enum { DEPTH = 100000 };
    char *deep = malloc(3 * DEPTH);
    assert_non_null(deep);
    for (int i = 0; i < DEPTH; i++)
        memcpy(deep + 3 * (size_t)i, "<a>", 3);
    assert_int_equal(meta_read_sidecar(&meta, deep, 3 * DEPTH, &err), ERR_FORMAT);
    assert_non_null(strstr(err.text, "nested"));
    free(deep);
}

/* Embedded packets count up to where they break; a sidecar of a longer text than a value holds. */
static void test_xmp_damage(void **state)
{
    static const char good[] = XMP("xmp:Rating='4'", "<dc:subject><rdf:Bag><rdf:li>sea</rdf:li>"
                                                     "<rdf:li>sky</rdf:li></rdf:Bag></dc:subject>");
    for (size_t cut = 0; cut < sizeof good; cut++) {
        struct photo_meta meta =
            read_blocks((struct meta_blocks){.xmp = {(const uint8_t *)good, cut}}, NULL);
        assert_true(meta.rating == 4 || meta.rating == PHOTO_NO_RATING);
    }
    struct photo_meta meta =
        read_blocks((struct meta_blocks){.xmp = {(const uint8_t *)good, sizeof good - 70}}, NULL);
    assert_string_equal(meta.keywords, "sea\nsky\n");
    static char padded[sizeof good + 100]; /* NULs behind it */
    memcpy(padded, good, sizeof good - 1);
    struct err err;
    assert_int_equal(meta_read_sidecar(&meta, padded, sizeof padded, &err), OK);

    enum { LONG = 100000 };
    char *text = malloc(LONG + 4096);
    assert_non_null(text);
    int used = snprintf(text, 4096, "%.*s", (int)(strstr(good, "<rdf:li>") - good), good);
    used += snprintf(text + used, 64, "<rdf:li>");
    memset(text + used, 'k', LONG);
    strcpy(text + used + LONG,
           "</rdf:li></rdf:Bag></dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>");
    meta = read_xmp(text);
    assert_in_range(strlen(meta.keywords), 1000, 1025);
    free(text);
}

static void test_utf16(void **state)
{
    static const char text[] = XMP("", "<xmp:Rating>2</xmp:Rating>");
    const char *start = strstr(text, "<x:xmpmeta");
    uint8_t wide[4096] = {0xff, 0xfe};
    size_t n = 2;
    for (const char *p = start; *p && n + 2 < sizeof wide; p++, n += 2)
        wide[n] = (uint8_t)*p;
    struct photo_meta meta;
    struct err err;
    if (meta_read_sidecar(&meta, wide, n, &err) != OK)
        fail_msg("%s", err.text);
    assert_int_equal(meta.rating, 2);
}

/* ---- IPTC ---- */

static struct photo_meta read_iptc(const char *bytes, size_t size)
{
    return read_blocks((struct meta_blocks){.iptc = {(const uint8_t *)bytes, size}}, NULL);
}
#define READ_IPTC(literal) read_iptc(literal, sizeof(literal) - 1)

static void test_iptc(void **state)
{
    struct photo_meta meta = READ_IPTC("\x1c\1\x5a\0\3\x1b%G"
                                       "\x1c\2\0\0\2\0\4"
                                       "\x1c\2\x19\0\x08M\xc3\xbcnchen"
                                       "\x1c\2\x19\0\3sea"
                                       "\x1c\2\x37\0\x08"
                                       "20210704"
                                       "\x1c\2\x3c\0\x0b"
                                       "182210+0200");
    assert_string_equal(meta.keywords, "M\xc3\xbcnchen\nsea\n");
    expect_time(&meta, "2021-07-04T18:22:10+02:00");
    meta = READ_IPTC("\x1c\2\x19\0\7M\xfcnchen"); /* nothing announced */
    assert_string_equal(meta.keywords, "M\xc3\xbcnchen\n");
    meta = READ_IPTC("\x1c\1\x5a\0\3\x1b.A"
                     "\x1c\2\x19\0\2\xc3\xbc"); /* Latin-1 announced */
    assert_string_equal(meta.keywords, "\xc3\x83\xc2\xbc\n");
    meta = READ_IPTC("\x1c\2\x37\0\x08"
                     "20210704");
    expect_time(&meta, "2021-07-04T00:00:00");
    meta = READ_IPTC("\x1c\2\x37\0\x08"
                     "20210704"
                     "\x1c\2\x3c\0\6"
                     "xx2210");
    expect_time(&meta, "2021-07-04T00:00:00");
    meta = READ_IPTC("\x1c\2\x19\x80\4\0\0\0\3sea"); /* an extended length */
    assert_string_equal(meta.keywords, "sea\n");
    static const char *const bad[] = {"\x1c\2\x19\x80\x05\1\1\1\1\1", "\x1c\2\x19\x7f\377a",
                                      "\x1c\2\x19\x80\4\xff\xff\xff\xff", "\x1d\2\x19\1\1", "\x1c"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        meta = read_iptc(bad[i], strlen(bad[i]));
        assert_string_equal(meta.keywords, "");
    }
}

/* ---- precedence ---- */

static void test_precedence(void **state)
{
    static const char xmp[] =
        XMP("tiff:Make='Canon' tiff:Model='Canon EOS R5' xmp:Rating='2' exif:FNumber='8/1' "
            "exif:DateTimeOriginal='2020-01-01T00:00:00' aux:Lens='from XMP'",
            "<dc:subject><rdf:Bag><rdf:li>sky</rdf:li><rdf:li>sea</rdf:li></rdf:Bag></dc:subject>");
    static const char iptc[] = "\x1c\2\x19\0\3fog"
                               "\x1c\2\x19\0\3sky"
                               "\x1c\2\x37\0\x08"
                               "20190101";
    struct meta_blocks all = {.xmp = {(const uint8_t *)xmp, sizeof xmp - 1},
                              .iptc = {(const uint8_t *)iptc, sizeof iptc - 1}};
    struct photo_meta meta = read_blocks(all, NULL); /* no EXIF: XMP */
    expect_time(&meta, "2020-01-01T00:00:00");
    assert_string_equal(meta.keywords, "sky\nsea\nfog\n");
    put_exif(true);
    all.exif = (struct meta_bytes){file.data, file.size};
    meta = read_blocks(all, NULL);
    expect_time(&meta, "2021-07-04T18:22:10.070+10:00");
    assert_string_equal(meta.camera, "Nikon Z 6"); /* EXIF's */
    assert_string_equal(meta.lens, "NIKKOR Z 35mm f/1.8 S");
    expect_near(meta.f_number, 2.8);
    assert_int_equal(meta.rating, 2); /* XMP's */
    assert_string_equal(meta.keywords, "sky\nsea\nfog\n\xc3\xbc"
                                       "ber\n");

    /* A scan: the picture's date in XMP before the file's in EXIF. */
    static const struct tiff_field scanned[] = {TIFF_F_TEXT(0x9004, "2022:05:05 05:05:05"),
                                                TIFF_F_TEXT(0x0132, "2023:05:05 05:05:05")};
    tiff_begin(&file, true);
    tiff_end(&file, tiff_directory(&file, scanned, 2, 0));
    all.exif = (struct meta_bytes){file.data, file.size};
    meta = read_blocks(all, NULL);
    expect_time(&meta, "2020-01-01T00:00:00");
    all.xmp = (struct meta_bytes){0};
    meta = read_blocks(all, NULL);
    expect_time(&meta, "2019-01-01T00:00:00");
    all.iptc = (struct meta_bytes){0};
    meta = read_blocks(all, NULL);
    expect_time(&meta, "2022-05-05T05:05:05");

    /* EXIF's time without an offset gets that of the same time in XMP. */
    static const char same[] = XMP("exif:DateTimeOriginal='2021-07-04T18:22:10+03:00'", "");
    static const struct tiff_field taken[] = {TIFF_F_TEXT(0x9003, "2021:07:04 18:22:10")};
    tiff_begin(&file, true);
    tiff_end(&file, tiff_directory(&file, taken, 1, 0));
    all = (struct meta_blocks){.exif = {file.data, file.size},
                               .xmp = {(const uint8_t *)same, sizeof same - 1}};
    meta = read_blocks(all, NULL);
    expect_time(&meta, "2021-07-04T18:22:10+03:00");
}

/* A sidecar tells when the picture was taken, not when a file came into being. */
static void test_sidecar_dates(void **state)
{
    static const char created[] = XMP("xmp:CreateDate='2022-01-01T00:00:00'", "");
    struct photo_meta meta;
    struct err err;
    assert_int_equal(meta_read_sidecar(&meta, created, sizeof created - 1, &err), OK);
    assert_true(meta.taken_ms == PHOTO_NO_TIME);
}

/* ---- containers ---- */

struct bytes {
    uint8_t data[1 << 16];
    size_t size;
};

static void add(struct bytes *b, const void *data, size_t size)
{
    assert_true(size <= sizeof b->data - b->size);
    memcpy(b->data + b->size, data, size);
    b->size += size;
}
#define ADD(b, literal) add(b, literal, sizeof(literal) - 1)

static void add_be(struct bytes *b, uint64_t value, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--)
        add(b, &(uint8_t){(uint8_t)(value >> (8 * i))}, 1);
}

static const char xmp_packet[] =
    XMP("", "<dc:subject><rdf:Bag><rdf:li>xmp</rdf:li></rdf:Bag></dc:subject>");
static const char iptc_records[] = "\x1c\2\x19\0\4iptc";
#define XMP_BYTES (sizeof xmp_packet - 1)
#define IPTC_BYTES (sizeof iptc_records - 1)

static void add_resources(struct bytes *b)
{
    ADD(b, "8BIM\4\1\3abc\0\0\0\3xyz"); /* another one, of odd length, with a name */
    ADD(b, "\0");
    ADD(b, "8BIM\4\4\0\0");
    add_be(b, IPTC_BYTES, 4);
    add(b, iptc_records, IPTC_BYTES);
}

static void make_jpeg(struct bytes *b)
{
    struct bytes *r = calloc(1, sizeof *r);
    assert_non_null(r);
    ADD(b, "\xff\xd8\xff\xe0\0\4ab\xff\xff\xe1");
    add_be(b, 2 + 6 + file.size, 2);
    ADD(b, "Exif\0\0");
    add(b, file.data, file.size);
    ADD(b, "\xff\xe1");
    add_be(b, 2 + 29 + XMP_BYTES, 2);
    ADD(b, "http://ns.adobe.com/xap/1.0/\0");
    add(b, xmp_packet, XMP_BYTES);
    add_resources(r);
    ADD(b, "\xff\xed");
    add_be(b, 2 + 14 + r->size, 2);
    ADD(b, "Photoshop 3.0\0");
    add(b, r->data, r->size);
    ADD(b, "\xff\xda\0\2");
    free(r);
}

static void make_png(struct bytes *b)
{
    ADD(b, "\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR0123456789abcCRC.");
    add_be(b, file.size, 4);
    ADD(b, "eXIf");
    add(b, file.data, file.size);
    ADD(b, "CRC.");
    add_be(b, 22 + XMP_BYTES, 4);
    ADD(b, "iTXtXML:com.adobe.xmp\0\0\0\0\0");
    add(b, xmp_packet, XMP_BYTES);
    ADD(b, "CRC.\0\0\0\0IENDCRC.");
}

static void make_webp(struct bytes *b)
{
    ADD(b, "RIFF\0\0\0\0WEBPVP8X\3\0\0\0abc\0EXIF");
    size_t exif = 6 + file.size;
    for (int i = 0; i < 4; i++)
        add_be(b, exif >> (8 * i) & 0xff, 1);
    ADD(b, "Exif\0\0");
    add(b, file.data, file.size);
    if (exif % 2)
        ADD(b, "\0");
    ADD(b, "XMP ");
    for (int i = 0; i < 4; i++)
        add_be(b, XMP_BYTES >> (8 * i) & 0xff, 1);
    add(b, xmp_packet, XMP_BYTES);
}

static void add_box(struct bytes *b, const char *type, const void *data, size_t size)
{
    add_be(b, 8 + size, 4);
    add(b, type, 4);
    add(b, data, size);
}

static void make_jxl(struct bytes *b)
{
    struct bytes *exif = calloc(1, sizeof *exif);
    assert_non_null(exif);
    ADD(b, "\0\0\0\x0cJXL \r\n\x87\n");
    add_be(exif, 0, 4);
    add(exif, file.data, file.size);
    add_box(b, "Exif", exif->data, exif->size);
    add_box(b, "xml ", xmp_packet, XMP_BYTES);
    free(exif);
}

/* EXIF in the file by offset, XMP in the idat box. */
static void make_heif(struct bytes *b)
{
    struct bytes *meta = calloc(2, sizeof *meta), *box = meta + 1;
    assert_non_null(meta);
    ADD(b, "\0\0\0\x10"
           "ftypheic\0\0\0\0");
    size_t exif_at = b->size + 8;
    add_be(box, 0, 4);
    add(box, file.data, file.size);
    size_t exif_bytes = box->size;
    add_box(b, "mdat", box->data, box->size);
    add_be(meta, 0, 4); /* version and flags */
    box->size = 0;
    add_be(box, 0, 4);
    add_be(box, 2, 2);
    static const char exif_info[] = "\2\0\0\0\0\7\0\0Exif";
    static const char xmp_info[] = "\2\0\0\0\0\x09\0\0mime\0application/rdf+xml";
    add_box(box, "infe", exif_info, sizeof exif_info);
    add_box(box, "infe", xmp_info, sizeof xmp_info);
    add_box(meta, "iinf", box->data, box->size);
    box->size = 0;
    ADD(box, "\1\0\0\0\x44\0\0\2"); /* version 1, 4 bytes each, two items */
    add_be(box, 7, 2);
    add_be(box, 0, 4); /* in the file; this one */
    add_be(box, 1, 2);
    add_be(box, exif_at, 4);
    add_be(box, exif_bytes, 4);
    add_be(box, 9, 2);
    add_be(box, 1, 2); /* in idat */
    add_be(box, 0, 2);
    add_be(box, 1, 2);
    add_be(box, 5, 4);
    add_be(box, XMP_BYTES, 4);
    add_box(meta, "iloc", box->data, box->size);
    box->size = 0;
    ADD(box, "12345");
    add(box, xmp_packet, XMP_BYTES);
    add_box(meta, "idat", box->data, box->size);
    add_box(b, "meta", meta->data, meta->size);
    free(meta);
}

static void make_raf(struct bytes *b)
{
    struct bytes *jpeg = calloc(1, sizeof *jpeg);
    assert_non_null(jpeg);
    make_jpeg(jpeg);
    ADD(b, "FUJIFILMCCD-RAW 0201");
    while (b->size < 84)
        ADD(b, "\0");
    add_be(b, 100, 4);
    add_be(b, jpeg->size, 4);
    while (b->size < 100)
        ADD(b, "\0");
    add(b, jpeg->data, jpeg->size);
    free(jpeg);
}

/* As an input for the fuzzer, where FOVEA_WRITE_SEEDS names a folder (tests/fuzz). */
static void keep_seed(const char *name, const struct bytes *b)
{
    const char *folder = getenv("FOVEA_WRITE_SEEDS");
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder ? folder : "", name);
    FILE *out = folder ? fopen(path, "wb") : NULL;
    if (!out)
        return;
    assert_int_equal(fwrite(b->data, 1, b->size, out), b->size);
    assert_int_equal(fclose(out), 0);
}

static void test_containers(void **state)
{
    static const struct {
        const char *name;
        void (*make)(struct bytes *);
        const char *keywords;
    } containers[] = {
        {"JPEG", make_jpeg,
         "xmp\niptc\nsea\n\xc3\xbc"
         "ber\n"},
        {"PNG", make_png,
         "xmp\nsea\n\xc3\xbc"
         "ber\n"},
        {"WebP", make_webp,
         "xmp\nsea\n\xc3\xbc"
         "ber\n"},
        {"JPEG XL", make_jxl,
         "xmp\nsea\n\xc3\xbc"
         "ber\n"},
        {"HEIF", make_heif,
         "xmp\nsea\n\xc3\xbc"
         "ber\n"},
        {"RAF", make_raf,
         "xmp\niptc\nsea\n\xc3\xbc"
         "ber\n"},
    };
    struct bytes *b = malloc(sizeof *b);
    assert_non_null(b);
    for (size_t i = 0; i < COUNT(containers); i++) {
        put_exif(i % 2);
        b->size = 0;
        containers[i].make(b);
        keep_seed(containers[i].name, b);
        struct photo_meta meta;
        struct meta_hints hints;
        meta_read(&meta, &hints, b->data, b->size);
        if (strcmp(meta.keywords, containers[i].keywords) != 0)
            fail_msg("%s: '%s'", containers[i].name, meta.keywords);
        strcpy(meta.keywords, "sea\n\xc3\xbc"
                              "ber\n");
        expect_exif(&meta);
        assert_int_equal(hints.orientation, 6);
    }
    free(b);
}

static void test_tiff_file(void **state)
{
    struct bytes *resources = calloc(1, sizeof *resources);
    assert_non_null(resources);
    add_resources(resources);
    tiff_begin(&file, false);
    const struct tiff_field fields[] = {
        TIFF_F_TEXT(0x0110, "Scanner"),
        TIFF_F_BYTES(34377, resources->data, (uint32_t)resources->size),
    };
    tiff_end(&file, tiff_directory(&file, fields, COUNT(fields), 0));
    struct photo_meta meta;
    meta_read(&meta, NULL, file.data, file.size);
    assert_string_equal(meta.camera, "Scanner");
    assert_string_equal(meta.keywords, "iptc\n");
    free(resources);
}

static void test_cr3(void **state)
{
    struct bytes *b = calloc(3, sizeof *b), *canon = b + 1, *box = b + 2;
    assert_non_null(b);
    static const struct tiff_field first[] = {
        TIFF_F_TEXT(0x010f, "Canon"), TIFF_F_TEXT(0x0110, "Canon EOS R5"), TIFF_F_SHORT(0x0112, 8)};
    static const struct tiff_field exposure[] = {TIFF_F_TEXT(0x9003, "2021:07:04 18:22:10")};
    ADD(b, "\0\0\0\x10"
           "ftypcrx \0\0\0\0");
    ADD(canon, "\x85\xc0\xb6\x87\x82\x0f\x11\xe0\x81\x11\xf4\xce\x46\x2b\x6a\x48");
    tiff_begin(&file, false);
    tiff_end(&file, tiff_directory(&file, first, COUNT(first), 0));
    add_box(canon, "CMT1", file.data, file.size);
    tiff_begin(&file, false);
    tiff_end(&file, tiff_directory(&file, exposure, 1, 0));
    add_box(canon, "CMT2", file.data, file.size);
    tiff_begin(&file, false);
    tiff_end(&file, put_place());
    add_box(canon, "CMT4", file.data, file.size);
    add_box(box, "uuid", canon->data, canon->size);
    add_box(b, "moov", box->data, box->size);
    box->size = 0;
    ADD(box, "\xbe\x7a\xcf\xcb\x97\xa9\x42\xe8\x9c\x71\x99\x94\x91\xe3\xaf\xac");
    add(box, xmp_packet, XMP_BYTES);
    add_box(b, "uuid", box->data, box->size);
    keep_seed("CR3", b);
    struct photo_meta meta;
    struct meta_hints hints;
    meta_read(&meta, &hints, b->data, b->size);
    assert_string_equal(meta.camera, "Canon EOS R5");
    expect_time(&meta, "2021-07-04T18:22:10");
    expect_near(meta.longitude, 144.95);
    assert_string_equal(meta.keywords, "xmp\n");
    assert_int_equal(hints.orientation, 8);
    free(b);
}

/* ---- bytes that mean harm ---- */

static void read_copy(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1); /* so that a read past the end is one past the block */
    struct photo_meta meta;
    struct meta_hints hints;
    assert_non_null(copy);
    memcpy(copy, data, size);
    meta_read(&meta, &hints, copy, size);
    assert_true(memchr(meta.camera, 0, sizeof meta.camera) &&
                memchr(meta.lens, 0, sizeof meta.lens));
    assert_non_null(memchr(meta.keywords, 0, sizeof meta.keywords));
    assert_in_range(hints.orientation, 0, 8);
    assert_true(isnan(meta.latitude) || fabs(meta.latitude) <= 90);
    assert_true(isnan(meta.longitude) || fabs(meta.longitude) <= 180);
    assert_true(meta.exposure_s >= 0 && meta.f_number >= 0 && meta.iso >= 0);
    free(copy);
}

static void make_tiff(struct bytes *b)
{
    add(b, file.data, file.size);
}

static void test_hostile(void **state)
{
    static void (*const makers[])(struct bytes *) = {make_jpeg, make_png, make_webp, make_jxl,
                                                     make_heif, make_raf, make_tiff};
    enum { CHANGES = 2000 };
    unsigned seed = 4711;
    print_message("seed %u\n", seed);
    struct bytes *b = malloc(sizeof *b), *changed = malloc(sizeof *changed);
    assert_true(b && changed);
    for (size_t m = 0; m < COUNT(makers); m++) {
        put_exif(m % 2);
        b->size = 0;
        makers[m](b);
        for (size_t cut = 0; cut < b->size; cut++)
            read_copy(b->data, cut);
        for (int i = 0; i < CHANGES; i++) {
            memcpy(changed->data, b->data, b->size);
            for (int k = 0; k < 6; k++) {
                seed = seed * 1664525 + 1013904223;
                uint8_t *p = changed->data + (seed >> 8) % b->size;
                *p = seed & 1 ? (uint8_t)(seed >> 3) : seed & 2 ? 0xff : 0;
            }
            read_copy(changed->data, b->size);
        }
    }
    free(b);
    free(changed);
}

static void test_loops(void **state)
{
    /* Directories that are their own Exif, place and interoperability, and the next of themselves.
     */
    tiff_begin(&file, false);
    const uint32_t self = 8;
    const struct tiff_field fields[] = {TIFF_F_LONG(0x8769, self), TIFF_F_LONG(0x8825, self),
                                        TIFF_F_LONG(0xa005, self), TIFF_F_SHORT(0xa001, 0xffff),
                                        TIFF_F_TEXT(0x0110, "abc")};
    assert_int_equal(tiff_directory(&file, fields, COUNT(fields), self), self);
    tiff_end(&file, self);
    struct photo_meta meta = read_exif(NULL);
    assert_string_equal(meta.camera, "abc");
    /* A directory that promises 65535 entries, and values of 4 GB. */
    static const uint8_t huge[] = "II*\0\x08\0\0\0\xff\xff\x10\1\2\0\xff\xff\xff\xff\0\0\0\0";
    read_copy(huge, sizeof huge - 1);
    static const uint8_t rationals[] = "MM\0*\0\0\0\x08\0\1\x82\x9a\0\5\x20\0\0\1\0\0\0\x08\0\0";
    read_copy(rationals, sizeof rationals - 1);
    /* A table of items whose extents take no bytes, four thousand million of them. */
    static const uint8_t extents[] = "\0\0\0\x10"
                                     "ftypheic\0\0\0\0\0\0\0\x2c"
                                     "meta\0\0\0\0\0\0\0\x20"
                                     "iloc\2\0\0\0\0\0\xff\xff\xff\xff\0\0\0\1\0\0\0\0\xff\xff";
    read_copy(extents, sizeof extents - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times),         cmocka_unit_test(test_names),
        cmocka_unit_test(test_texts),         cmocka_unit_test(test_exif),
        cmocka_unit_test(test_nothing_told),  cmocka_unit_test(test_fallbacks),
        cmocka_unit_test(test_places),        cmocka_unit_test(test_xmp_forms),
        cmocka_unit_test(test_ratings),       cmocka_unit_test(test_sidecars_that_are_none),
        cmocka_unit_test(test_xmp_damage),    cmocka_unit_test(test_utf16),
        cmocka_unit_test(test_iptc),          cmocka_unit_test(test_precedence),
        cmocka_unit_test(test_sidecar_dates), cmocka_unit_test(test_containers),
        cmocka_unit_test(test_tiff_file),     cmocka_unit_test(test_cr3),
        cmocka_unit_test(test_hostile),       cmocka_unit_test(test_loops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
