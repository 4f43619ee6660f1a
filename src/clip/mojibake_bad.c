/* SPDX-License-Identifier: MIT
 *
 * Which sequences of characters are mojibake rather than meant: the heuristic of ftfy 6.3
 * (ftfy.badness, Robyn Speer), written anew. Characters fall into classes (mojibake_tables.h);
 * most rules are two or three classes in a row that people do not write, the rest name characters.
 * One place of the text is looked at at a time, with at most six characters after it, so all of it
 * is linear.
 */
#include "clip/mojibake.h"
#include "clip/mojibake_tables.h"

#include <uchar.h>

#define AZ (CLASS_AZ_SMALL | CLASS_AZ_CAPITAL)
#define ACCENTED (CLASS_LOWER | CLASS_UPPER)
#define SYMBOLS (CLASS_BOX | CLASS_START | CLASS_END | CLASS_CURRENCY | CLASS_NUMERIC | CLASS_LAW)
#define ANY UINT32_MAX

/* Neighbours that are bad together: classes of two or three characters in a row. */
static const struct {
    uint32_t first, second, third;
} bad_sequences[] = {
    {ACCENTED | SYMBOLS | CLASS_BAD, CLASS_BAD, ANY},
    {CLASS_BAD, ACCENTED | SYMBOLS, ANY},
    {AZ, CLASS_LOWER_COMMON | CLASS_UPPER_COMMON, CLASS_BAD},
    {CLASS_LOWER | CLASS_LOWER_COMMON | CLASS_BOX | CLASS_END | CLASS_CURRENCY | CLASS_NUMERIC,
     CLASS_UPPER, ANY},
    {CLASS_BOX | CLASS_END | CLASS_CURRENCY | CLASS_NUMERIC, CLASS_LOWER, ANY},
    {CLASS_LOWER | CLASS_BOX | CLASS_END, CLASS_CURRENCY, ANY},
    {CLASS_SPACE, CLASS_UPPER, CLASS_CURRENCY},
    {CLASS_UPPER | CLASS_BOX, CLASS_NUMERIC | CLASS_LAW, ANY},
    {ACCENTED | CLASS_BOX | CLASS_CURRENCY | CLASS_END, CLASS_START, CLASS_NUMERIC},
    {ACCENTED | CLASS_CURRENCY | CLASS_NUMERIC | CLASS_BOX | CLASS_LAW, CLASS_END, CLASS_START},
    {CLASS_CURRENCY | CLASS_NUMERIC | CLASS_BOX, CLASS_START, ANY},
    {CLASS_AZ_SMALL, CLASS_UPPER, CLASS_START | CLASS_CURRENCY},
    {CLASS_BOX, CLASS_KAOMOJI | CLASS_END, ANY},
    {ACCENTED | (SYMBOLS & ~(uint32_t)CLASS_BOX), CLASS_BOX, ANY},
    {ACCENTED, CLASS_START | CLASS_END, CLASS_WORD},
};

/* Part of the text around one place; reading outside of it gives 0, which is in no class. */
struct place {
    const uint32_t *text;
    size_t size, at;
};

static uint32_t rune_at(const struct place *p, size_t offset)
{
    return p->at + offset < p->size ? p->text[p->at + offset] : 0;
}

static uint32_t class_at(const struct place *p, size_t offset)
{
    return p->at + offset < p->size ? rune_class(p->text[p->at + offset]) : 0;
}

static bool is_one_of(uint32_t rune, const char16_t *set)
{
    if (!rune)
        return false;
    while (*set && *set != rune)
        set++;
    return *set;
}

static bool is_bad_sequence(const struct place *p, uint32_t class)
{
    uint32_t second = class_at(p, 1), third = class_at(p, 2);
    for (size_t i = 0; i < sizeof bad_sequences / sizeof *bad_sequences; i++)
        if ((class & bad_sequences[i].first) && (second & bad_sequences[i].second) &&
            (bad_sequences[i].third == ANY || (third & bad_sequences[i].third)))
            return true;
    return false;
}

/* The second of two characters that are UTF-8 of an Arabic letter in Windows-1252. */
static bool is_arabic_second(const struct place *p, size_t offset)
{
    return (class_at(p, offset) &
            (CLASS_COMMON | CLASS_CURRENCY | CLASS_BAD | CLASS_NUMERIC | CLASS_START)) ||
           is_one_of(rune_at(p, offset), u"ŸŠ®°µ»");
}

/* A capital of the page between whose like stands what its UTF-8 would have there. */
static bool is_between(const struct place *p, const char16_t *capitals, const char16_t *more)
{
    uint32_t middle = CLASS_C1 | CLASS_BAD | CLASS_START | CLASS_END | CLASS_CURRENCY;
    return is_one_of(rune_at(p, 0), capitals) && is_one_of(rune_at(p, 2), capitals) &&
           ((class_at(p, 1) & middle) || is_one_of(rune_at(p, 1), more));
}

/* Sequences that are told by the characters themselves and that begin with a letter of Latin. */
static bool is_bad_latin(const struct place *p, uint32_t class)
{
    uint32_t next = rune_at(p, 1), next_class = class_at(p, 1);
    switch (rune_at(p, 0)) {
    case 0x152: /* Œ and œ, unless a plain letter follows */
    case 0x153:
        return p->at + 1 < p->size && !(next_class & AZ);
    case 0xC3: /* Ã: UTF-8 of à and á, too */
        if (next == 0xA0 || next == 0xA1)
            return true;
        /* fall through */
    case 0xC2: /* Â */
        if (!p->at && next == ' ')
            return true;
        /* fall through */
    case 0xCE: /* Î */
    case 0xD0: /* Ð */
        if ((next_class & (CLASS_START | CLASS_END)) ||
            is_one_of(next, u"€œŠš¢£Ÿž\xA0\xAD®©°·»–—´"))
            return true;
        break;
    case 0xD8: /* Ø and Ù, Arabic: two letters in a row are needed */
    case 0xD9:
        if (is_arabic_second(p, 1) && is_one_of(rune_at(p, 2), u"ØÙ") && is_arabic_second(p, 3))
            return true;
        break;
    case 0xE0: /* à, scripts of South Asia */
        return is_one_of(next, u"²µ¹¼½¾");
    case 0x101: /* ā, punctuation in Windows-1257 */
        return next == 0x20AC;
    }
    return (class & CLASS_UPPER) && next == 0xB0; /* a degree sign after a capital */
}

/* The same, beginning with symbols, Greek and Cyrillic. */
static bool is_bad_other(const struct place *p)
{
    uint32_t next = rune_at(p, 1);
    switch (rune_at(p, 0)) {
    case 0xD7: /* × */
        return is_one_of(next, u"²³");
    case 0x221A: /* √, MacRoman from here */
        return is_one_of(next, u"±∂†≠®™´≤≥¥µø");
    case 0x2248: /* ≈ */
        return is_one_of(next, u"°¢");
    case 0x201A: /* ‚ */
        return (next == 0xC4 && is_one_of(rune_at(p, 2), u"ìîïòôúùû†°¢π")) ||
               (is_one_of(next, u"âó") && is_one_of(rune_at(p, 2), u"àä°ê"));
    case 0x432: /* в, punctuation in Windows-1251 */
        return next == 0x402;
    case 0x413: /* Г: Windows-1251 on top of Latin-1, if a plain letter is near */
        if (next == 0x45E && rune_at(p, 2) == 0x412 && rune_at(p, 3) == 0x402 &&
            rune_at(p, 4) == 0x412 && rune_at(p, 5) != '\n' &&
            ((class_at(p, 6) & AZ) || rune_at(p, 6) == ' '))
            return true;
        /* fall through */
    case 0x412: /* В */
    case 0x420: /* Р */
    case 0x421: /* С */
        return is_between(p, u"ВГРС", u"°µ");
    case 0x3B2: /* β, punctuation in Windows-1253 */
        return next == 0x20AC && is_one_of(rune_at(p, 2), u"™\xA0Ά\xAD®°");
    case 0x392: /* Β, Γ, Ξ, Ο */
    case 0x393:
    case 0x39E:
    case 0x39F:
        return is_between(p, u"ΒΓΞΟ", u"°");
    }
    return false;
}

/* Â or Ã with a space after it, behind a small letter; Â before punctuation, behind a word. */
static bool is_bad_tail(const struct place *p, uint32_t class)
{
    size_t skip = (class_at(p, 1) & CLASS_SPACE) ? 2 : 1;
    if ((class & CLASS_AZ_SMALL) &&
        ((is_one_of(rune_at(p, 1), u"ÂÃ") && rune_at(p, 2) == ' ') ||
         (is_one_of(rune_at(p, skip), u"ÂÃ") && rune_at(p, skip + 1) == ' ')))
        return true;
    return ((class & (CLASS_AZ_SMALL | CLASS_END)) || is_one_of(rune_at(p, 0), u".,?!")) &&
           rune_at(p, 1) == 0xC2 &&
           (rune_at(p, 2) == ' ' || (class_at(p, 2) & (CLASS_START | CLASS_END)));
}

bool mojibake_is_bad(const uint32_t *text, size_t size)
{
    struct place p = {.text = text, .size = size};
    for (; p.at < size; p.at++) {
        if (text[p.at] < 0x80 && rune_at(&p, 1) < 0x80 && rune_at(&p, 2) < 0x80)
            continue;
        uint32_t class = rune_class(text[p.at]);
        if ((class & CLASS_C1) || is_bad_sequence(&p, class) || is_bad_latin(&p, class) ||
            is_bad_other(&p) || is_bad_tail(&p, class))
            return true;
    }
    return false;
}
