/* SPDX-License-Identifier: MIT
 *
 * The pages are written as the characters of their bytes 80..FF. From them and from the lists of
 * the classes one index over the characters is built, once per process: every question is then one
 * look-up. The characters all lie below U+2600 but for four.
 *
 * The classes are those by which ftfy 6.3 (Robyn Speer, Apache-2.0) tells mojibake; the lists say
 * which characters belong to them, so that both judge alike.
 */
#include "clip/mojibake_tables.h"
#include "clip/runes.h"

#include <pthread.h>
#include <uchar.h>

static const char16_t windows_1252[] = u"€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8DŽ\x8F\x90‘’“”•–—˜™š›œ\x9DžŸ"
                                       u"\xA0¡¢£¤¥¦§¨©ª«¬\xAD®¯°±²³´µ¶·¸¹º»¼½¾¿"
                                       u"ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞß"
                                       u"àáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ";

static const char16_t windows_1251[] = u"ЂЃ‚ѓ„…†‡€‰Љ‹ЊЌЋЏђ‘’“”•–—\x98™љ›њќћџ"
                                       u"\xA0ЎўЈ¤Ґ¦§Ё©Є«¬\xAD®Ї°±Ііґµ¶·ё№є»јЅѕї"
                                       u"АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ"
                                       u"абвгдежзийклмнопрстуфхцчшщъыьэюя";

static const char16_t windows_1250[] = u"€\x81‚\x83„…†‡\x88‰Š‹ŚŤŽŹ\x90‘’“”•–—\x98™š›śťžź"
                                       u"\xA0ˇ˘Ł¤Ą¦§¨©Ş«¬\xAD®Ż°±˛ł´µ¶·¸ąş»Ľ˝ľż"
                                       u"ŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢß"
                                       u"ŕáâăäĺćçčéęëěíîďđńňóôőö÷řůúűüýţ˙";

static const char16_t windows_1253[] =
    u"€\x81‚ƒ„…†‡\x88‰\x8A‹\x8C\x8D\x8E\x8F\x90‘’“”•–—\x98™\x9A›\x9C\x9D\x9E\x9F"
    u"\xA0΅Ά£¤¥¦§¨©ª«¬\xAD®―°±²³΄µ¶·ΈΉΊ»Ό½ΎΏ"
    u"ΐΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡÒΣΤΥΦΧΨΩΪΫάέήί"
    u"ΰαβγδεζηθικλμνξοπρςστυφχψωϊϋόύώÿ";

static const char16_t windows_1254[] = u"€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8D\x8E\x8F\x90‘’“”•–—˜™š›œ\x9D\x9EŸ"
                                       u"\xA0¡¢£¤¥¦§¨©ª«¬\xAD®¯°±²³´µ¶·¸¹º»¼½¾¿"
                                       u"ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏĞÑÒÓÔÕÖ×ØÙÚÛÜİŞß"
                                       u"àáâãäåæçèéêëìíîïğñòóôõö÷øùúûüışÿ";

static const char16_t windows_1257[] =
    u"€\x81‚\x83„…†‡\x88‰\x8A‹\x8C¨ˇ¸\x90‘’“”•–—\x98™\x9A›\x9C¯˛\x9F"
    u"\xA0¡¢£¤¥¦§Ø©Ŗ«¬\xAD®Æ°±²³´µ¶·ø¹ŗ»¼½¾æ"
    u"ĄĮĀĆÄÅĘĒČÉŹĖĢĶĪĻŠŃŅÓŌÕÖ×ŲŁŚŪÜŻŽß"
    u"ąįāćäåęēčéźėģķīļšńņóōõö÷ųłśūüżž˙";

static const char16_t iso_8859_2[] =
    u"\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8A\x8B\x8C\x8D\x8E\x8F\x90\x91\x92\x93\x94\x95\x96"
    u"\x97\x98\x99\x9A\x9B\x9C\x9D\x9E\x9F"
    u"\xA0Ą˘Ł¤ĽŚ§¨ŠŞŤŹ\xADŽŻ°ą˛ł´ľśˇ¸šşťź˝žż"
    u"ŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢß"
    u"ŕáâăäĺćçčéęëěíîďđńňóôőö÷řůúűüýţ˙";

static const char16_t macroman[] = u"ÄÅÇÉÑÖÜáàâäãåçéèêëíìîïñóòôöõúùûü"
                                   u"†°¢£§•¶ß®©™´¨≠ÆØ∞±≤≥¥µ∂∑∏π∫ªºΩæø"
                                   u"¿¡¬√ƒ≈∆«»…\xA0ÀÃÕŒœ–—“”‘’÷◊ÿŸ⁄€‹›ﬁﬂ"
                                   u"‡·‚„‰ÂÊÁËÈÍÎÏÌÓÔ\xF8FFÒÚÛÙıˆ˜¯˘˙˚¸˝˛ˇ";

static const char16_t cp437[] = u"ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒ"
                                u"áíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐"
                                u"└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀"
                                u"αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\xA0";

struct range {
    uint16_t first, last;
};

static const struct range common[] = {
    {0xA0, 0xA0},     {0xAD, 0xAD},     {0xB4, 0xB4},     {0xB7, 0xB7},
    {0x2013, 0x2015}, {0x2019, 0x2019}, {0x2026, 0x2026},
};

static const struct range bad[] = {
    {0xA4, 0xA4},     {0xA6, 0xA6},     {0xA8, 0xA8},     {0xAA, 0xAA},     {0xAC, 0xAC},
    {0xAF, 0xAF},     {0xB8, 0xB8},     {0xBA, 0xBA},     {0x192, 0x192},   {0x2C6, 0x2C7},
    {0x2D8, 0x2D8},   {0x2DB, 0x2DC},   {0x2020, 0x2021}, {0x2030, 0x2030}, {0x2310, 0x2310},
    {0x25CA, 0x25CA}, {0xFFFD, 0xFFFD},
};

static const struct range law[] = {
    {0xA7, 0xA7},
    {0xB6, 0xB6},
};

static const struct range currency[] = {
    {0xA2, 0xA3},
    {0xA5, 0xA5},
    {0x20A7, 0x20A7},
    {0x20AC, 0x20AC},
};

static const struct range start[] = {
    {0xA1, 0xA1},     {0xA9, 0xA9},     {0xAB, 0xAB},     {0xBF, 0xBF},
    {0x384, 0x385},   {0x2018, 0x2018}, {0x201A, 0x201A}, {0x201C, 0x201C},
    {0x201E, 0x201E}, {0x2022, 0x2022}, {0x2039, 0x2039}, {0xF8FF, 0xF8FF},
};

static const struct range end[] = {
    {0xAE, 0xAE},     {0xBB, 0xBB},     {0x2DD, 0x2DD},
    {0x201D, 0x201D}, {0x203A, 0x203A}, {0x2122, 0x2122},
};

static const struct range numeric[] = {
    {0xB1, 0xB3},     {0xB5, 0xB5},     {0xB9, 0xB9},     {0xBC, 0xBE},     {0xD7, 0xD7},
    {0xF7, 0xF7},     {0x2044, 0x2044}, {0x2116, 0x2116}, {0x2202, 0x2202}, {0x2206, 0x2206},
    {0x220F, 0x220F}, {0x2211, 0x2211}, {0x221A, 0x221A}, {0x221E, 0x221E}, {0x2229, 0x2229},
    {0x222B, 0x222B}, {0x2248, 0x2248}, {0x2260, 0x2261}, {0x2264, 0x2265},
};

static const struct range kaomoji[] = {
    {0xB0, 0xB0},   {0xD2, 0xD6},   {0xD9, 0xDC},   {0xF2, 0xF6},   {0xF8, 0xFC},
    {0x14C, 0x14C}, {0x150, 0x150}, {0x16A, 0x16A}, {0x172, 0x172},
};

static const struct range upper[] = {
    {0xC0, 0xD1},   {0xD8, 0xD8},   {0xDC, 0xDD},   {0x100, 0x100}, {0x102, 0x102}, {0x104, 0x104},
    {0x106, 0x106}, {0x10C, 0x10C}, {0x10E, 0x10E}, {0x110, 0x110}, {0x112, 0x112}, {0x116, 0x116},
    {0x118, 0x118}, {0x11A, 0x11A}, {0x11E, 0x11E}, {0x122, 0x122}, {0x12A, 0x12A}, {0x130, 0x130},
    {0x136, 0x136}, {0x139, 0x139}, {0x13B, 0x13B}, {0x13D, 0x13D}, {0x141, 0x141}, {0x143, 0x143},
    {0x145, 0x145}, {0x147, 0x147}, {0x152, 0x152}, {0x158, 0x158}, {0x15A, 0x15A}, {0x15E, 0x15E},
    {0x160, 0x160}, {0x162, 0x162}, {0x164, 0x164}, {0x16E, 0x16E}, {0x170, 0x170}, {0x178, 0x179},
    {0x17B, 0x17B}, {0x17D, 0x17D}, {0x490, 0x490},
};

static const struct range lower[] = {
    {0xDF, 0xF1},   {0xFC, 0xFC},   {0x101, 0x101},   {0x103, 0x103}, {0x105, 0x105},
    {0x107, 0x107}, {0x10D, 0x10D}, {0x10F, 0x10F},   {0x111, 0x111}, {0x113, 0x113},
    {0x117, 0x117}, {0x119, 0x119}, {0x11B, 0x11B},   {0x11F, 0x11F}, {0x123, 0x123},
    {0x12B, 0x12B}, {0x12F, 0x12F}, {0x137, 0x137},   {0x13A, 0x13A}, {0x13C, 0x13C},
    {0x13E, 0x13E}, {0x142, 0x142}, {0x153, 0x153},   {0x155, 0x155}, {0x15B, 0x15B},
    {0x15F, 0x15F}, {0x161, 0x161}, {0x165, 0x165},   {0x17A, 0x17A}, {0x17C, 0x17C},
    {0x17E, 0x17E}, {0x491, 0x491}, {0xFB01, 0xFB02},
};

static const struct range ucommon[] = {
    {0xDE, 0xDE},   {0x386, 0x386}, {0x388, 0x38A}, {0x38C, 0x38C},
    {0x38E, 0x38F}, {0x391, 0x3AB}, {0x401, 0x42F},
};

static const struct range lcommon[] = {
    {0x3AC, 0x3C9},
    {0x430, 0x45F},
};

static const struct range box[] = {
    {0x2502, 0x2502}, {0x250C, 0x250C}, {0x2510, 0x2510}, {0x2518, 0x2518}, {0x251C, 0x251C},
    {0x2524, 0x2524}, {0x252C, 0x252C}, {0x253C, 0x253C}, {0x2550, 0x256C}, {0x2580, 0x2580},
    {0x2584, 0x2584}, {0x2588, 0x2588}, {0x258C, 0x258C}, {0x2590, 0x2593},
};

/* Punctuation of 80..BF that often stands for itself beside mojibake. */
static const struct range prose[] = {
    {0x2013, 0x2015}, {0x2018, 0x201A}, {0x201C, 0x201E}, {0x2022, 0x2022}, {0x2026, 0x2026},
};

enum { INDEX_DENSE = 0x2600, INDEX_SIZE = INDEX_DENSE + 4, INDEX_NONE = INDEX_SIZE };

static struct {
    uint32_t class;
    uint16_t pages;
    uint8_t byte[PAGE_COUNT];
} tables[INDEX_SIZE];

static pthread_once_t once = PTHREAD_ONCE_INIT;

static int index_of(uint32_t rune)
{
    if (rune < INDEX_DENSE)
        return (int)rune;
    switch (rune) {
    case 0xF8FF: /* Apple's logo in MacRoman */
        return INDEX_DENSE;
    case 0xFB01:
        return INDEX_DENSE + 1;
    case 0xFB02:
        return INDEX_DENSE + 2;
    case RUNE_REPLACEMENT:
        return INDEX_DENSE + 3;
    default:
        return INDEX_NONE;
    }
}

static void add_class(const struct range *ranges, size_t count, uint32_t class)
{
    for (size_t i = 0; i < count; i++)
        for (uint32_t rune = ranges[i].first; rune <= ranges[i].last; rune++)
            tables[index_of(rune)].class |= class;
}

/* The class of a byte of UTF-8; 0 for those that lead nowhere. */
static uint32_t byte_class(uint8_t byte)
{
    if (byte >= 0x80 && byte <= 0xBF)
        return CLASS_CONTINUATION | CLASS_CONTINUATION_STRICT;
    if (byte >= 0xC2 && byte <= 0xDF)
        return CLASS_LEAD_2;
    if (byte >= 0xE0 && byte <= 0xEF)
        return CLASS_LEAD_3;
    return byte == 0xF0 || byte == 0xF3 ? CLASS_LEAD_4 : 0;
}

static void add_byte(int page, uint8_t byte, uint32_t rune)
{
    int at = index_of(rune);
    tables[at].pages |= (uint16_t)(1 << page);
    tables[at].byte[page] = byte;
    if (page <= PAGE_WINDOWS_1257)
        tables[at].class |= byte_class(byte);
}

static void add_page(int page, const char16_t *high)
{
    for (uint8_t byte = 0; byte < 0x80; byte++)
        if (byte != 0x1A || !page_is_sloppy(page))
            add_byte(page, byte, byte);
    for (int byte = 0x80; byte < 0x100; byte++)
        add_byte(page, (uint8_t)byte, high ? high[byte - 0x80] : (uint32_t)byte);
    if (page_is_sloppy(page))
        add_byte(page, 0x1A, RUNE_REPLACEMENT);
}

static void build(void)
{
    static const char16_t *const pages[PAGE_COUNT] = {
        NULL,         windows_1252, windows_1251, windows_1250, windows_1253,
        windows_1254, windows_1257, iso_8859_2,   macroman,     cp437,
    };
    for (int page = 0; page < PAGE_COUNT; page++)
        add_page(page, pages[page]);
    for (uint32_t rune = 0; rune < INDEX_DENSE; rune++) {
        if (rune_is_space(rune))
            tables[rune].class |= CLASS_SPACE;
        if (rune == '_' || rune_is_letter(rune) || rune_is_number(rune))
            tables[rune].class |= CLASS_WORD;
        if (rune >= 0x80 && rune <= 0x9F)
            tables[rune].class |= CLASS_C1;
    }
    for (int i = 0; i < 26; i++) {
        tables['a' + i].class |= CLASS_AZ_SMALL;
        tables['A' + i].class |= CLASS_AZ_CAPITAL;
    }
#define ADD(list, class) add_class(list, sizeof(list) / sizeof *(list), class)
    ADD(common, CLASS_COMMON);
    ADD(bad, CLASS_BAD);
    ADD(law, CLASS_LAW);
    ADD(currency, CLASS_CURRENCY);
    ADD(start, CLASS_START);
    ADD(end, CLASS_END);
    ADD(numeric, CLASS_NUMERIC);
    ADD(kaomoji, CLASS_KAOMOJI);
    ADD(upper, CLASS_UPPER);
    ADD(lower, CLASS_LOWER);
    ADD(ucommon, CLASS_UPPER_COMMON);
    ADD(lcommon, CLASS_LOWER_COMMON);
    ADD(box, CLASS_BOX);
#undef ADD
    tables[' '].class |= CLASS_CONTINUATION;
    for (size_t i = 0; i < sizeof prose / sizeof *prose; i++)
        for (uint32_t rune = prose[i].first; rune <= prose[i].last; rune++)
            tables[rune].class &= ~(uint32_t)CLASS_CONTINUATION_STRICT;
}

uint32_t rune_class(uint32_t rune)
{
    pthread_once(&once, build);
    int at = index_of(rune);
    if (at != INDEX_NONE)
        return tables[at].class;
    if (rune_is_letter(rune) || rune_is_number(rune))
        return CLASS_WORD;
    return rune_is_space(rune) ? CLASS_SPACE : 0;
}

uint32_t rune_pages(uint32_t rune)
{
    pthread_once(&once, build);
    int at = index_of(rune);
    return at == INDEX_NONE ? 0 : tables[at].pages;
}

uint8_t rune_byte(uint32_t rune, int page)
{
    return tables[index_of(rune)].byte[page];
}

uint32_t windows_1252_rune(uint8_t byte)
{
    return windows_1252[byte - 0x80];
}
