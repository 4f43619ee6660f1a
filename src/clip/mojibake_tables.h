/* SPDX-License-Identifier: MIT
 *
 * The single-byte encodings that mojibake is made with, and what the heuristic that recognises it
 * knows of their few hundred characters.
 */
#ifndef FOVEA_CLIP_MOJIBAKE_TABLES_H
#define FOVEA_CLIP_MOJIBAKE_TABLES_H

#include <stdbool.h>
#include <stdint.h>

/* In the order in which they are tried. */
enum codepage {
    PAGE_LATIN_1,
    PAGE_WINDOWS_1252,
    PAGE_WINDOWS_1251,
    PAGE_WINDOWS_1250,
    PAGE_WINDOWS_1253,
    PAGE_WINDOWS_1254,
    PAGE_WINDOWS_1257,
    PAGE_ISO_8859_2,
    PAGE_MACROMAN,
    PAGE_CP437,
    PAGE_COUNT,
};

enum { PAGES_ALL = (1 << PAGE_COUNT) - 1 };

/* The Windows pages are the sloppy ones that browsers use: a byte that a page leaves undefined is
 * the control character of its number, and U+FFFD counts as byte 1A, which no character has. */
static inline bool page_is_sloppy(int page)
{
    return page >= PAGE_WINDOWS_1252 && page <= PAGE_WINDOWS_1257;
}

/* What a character is to the heuristic. Most belong to one of the first group at most. */
enum rune_class {
    CLASS_COMMON = 1 << 0, /* in so many contexts that they prove nothing */
    CLASS_C1 = 1 << 1,     /* control characters 80..9F */
    CLASS_BAD = 1 << 2,    /* hardly ever but in mojibake */
    CLASS_LAW = 1 << 3,    /* pilcrow, section */
    CLASS_CURRENCY = 1 << 4,
    CLASS_START = 1 << 5, /* punctuation in front of words */
    CLASS_END = 1 << 6,   /* punctuation after words */
    CLASS_NUMERIC = 1 << 7,
    CLASS_KAOMOJI = 1 << 8,       /* letters that are eyes and mouths of emoticons */
    CLASS_UPPER = 1 << 9,         /* accented capitals, and what behaves like them */
    CLASS_LOWER = 1 << 10,        /* accented small letters */
    CLASS_UPPER_COMMON = 1 << 11, /* Greek and Cyrillic capitals */
    CLASS_LOWER_COMMON = 1 << 12,
    CLASS_BOX = 1 << 13, /* box drawing */

    CLASS_AZ_SMALL = 1 << 14,
    CLASS_AZ_CAPITAL = 1 << 15,
    CLASS_SPACE = 1 << 16,
    CLASS_WORD = 1 << 17, /* letter, number or low line */

    /* What byte of UTF-8 a character may have been, in any page from Latin-1 to Windows-1257. */
    CLASS_LEAD_2 = 1 << 18,              /* C2..DF */
    CLASS_LEAD_3 = 1 << 19,              /* E0..EF */
    CLASS_LEAD_4 = 1 << 20,              /* F0 or F3; the others lead to nothing that is assigned */
    CLASS_CONTINUATION = 1 << 21,        /* 80..BF, or the space that A0 has become */
    CLASS_CONTINUATION_STRICT = 1 << 22, /* those that do not stand for themselves in prose */
};

uint32_t rune_class(uint32_t rune);

/* The pages that have the character, as bits 1 << enum codepage. */
uint32_t rune_pages(uint32_t rune);

/* The character's byte in a page that has it. */
uint8_t rune_byte(uint32_t rune, int page);

/* What Windows-1252 (sloppy) makes of byte 80..9F. */
uint32_t windows_1252_rune(uint8_t byte);

#endif
