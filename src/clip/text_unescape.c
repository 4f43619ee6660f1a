/* SPDX-License-Identifier: MIT
 *
 * Both functions copy the text and, at each '&', ask for the reference that starts there. A
 * reference is at most 33 characters or a number; numbers may be long, but each of their digits is
 * read once, so all of it is linear.
 */
#include "clip/text_unescape.h"
#include "clip/vocabulary.h"

#include <string.h>

enum {
    LOOSE_MAX = 32,  /* characters of a name in html.unescape(), without the semicolon */
    STRICT_MAX = 24, /* characters of a name or number in ftfy */
    NAME_MAX_SIZE = 31,
};

static const struct html_entity *find_name(const char *name, size_t size)
{
    int low = 0, high = html_entity_count;
    while (low < high) {
        int middle = (low + high) / 2;
        const struct html_entity *e = &html_entities[middle];
        size_t common = size < e->name_size ? size : e->name_size;
        int order = memcmp(name, html_entity_names + e->name_at, common);
        if (!order && size == e->name_size)
            return e;
        if (order < 0 || (!order && size < e->name_size))
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* The longest legacy name, of two characters or more, that `name` begins with. */
static const struct html_entity *find_prefix(const char *name, size_t size)
{
    for (; size >= 2; size--) {
        const struct html_entity *e = find_name(name, size);
        if (e && e->legacy)
            return e;
    }
    return NULL;
}

static void put_entity(struct runes *out, const struct html_entity *e)
{
    runes_put(out, e->first);
    if (e->second)
        runes_put(out, e->second);
}

/* What a number stands for: html.unescape()'s tables, which are those of HTML 5. Nothing for the
 * numbers that it drops. */
static void put_number(struct runes *out, uint32_t number)
{
    static const uint16_t windows_1252[32] = {
        0x20AC, 0x81,   0x201A, 0x192,  0x201E, 0x2026, 0x2020, 0x2021, 0x2C6,  0x2030, 0x160,
        0x2039, 0x152,  0x8D,   0x17D,  0x8F,   0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
        0x2013, 0x2014, 0x2DC,  0x2122, 0x161,  0x203A, 0x153,  0x9D,   0x17E,  0x178,
    };
    if (number >= 0x80 && number <= 0x9F)
        runes_put(out, windows_1252[number - 0x80]);
    else if (!number || number > 0x10FFFF || (number >= 0xD800 && number <= 0xDFFF))
        runes_put(out, RUNE_REPLACEMENT);
    else if (number == 0x7F || (number < 0x20 && (number < 9 || number == 11 || number > 13)))
        return;
    else if ((number >= 0xFDD0 && number <= 0xFDEF) || (number & 0xFFFE) == 0xFFFE)
        return;
    else
        runes_put(out, number);
}

static int digit_value(uint32_t rune, int base)
{
    int value = rune >= '0' && rune <= '9'   ? (int)(rune - '0')
                : rune >= 'a' && rune <= 'f' ? (int)(rune - 'a') + 10
                : rune >= 'A' && rune <= 'F' ? (int)(rune - 'A') + 10
                                             : 16;
    return value < base ? value : -1;
}

/* "&#123", "&#x1F600;": text begins at the '&'. Returns the length of the reference, its semicolon
 * included, 0 if there is none. */
static size_t read_number(uint32_t *number, const uint32_t *text, size_t size)
{
    size_t at = 2, start;
    int base = 10, digit;
    if (size > 2 && (text[2] == 'x' || text[2] == 'X')) {
        base = 16;
        at = 3;
    }
    *number = 0;
    for (start = at; at < size && (digit = digit_value(text[at], base)) >= 0; at++)
        if (*number <= 0x10FFFF)
            *number = *number * (uint32_t)base + (uint32_t)digit;
    if (at == start)
        return 0;
    return at + (at < size && text[at] == ';');
}

static bool ends_name(uint32_t rune)
{
    return rune == '\t' || rune == '\n' || rune == '\f' || rune == ' ' || rune == '<' ||
           rune == '&' || rune == '#' || rune == ';';
}

/* Resolves the reference at the '&' that text begins with; returns how much of text it took. */
static size_t put_loose(struct runes *out, const uint32_t *text, size_t size)
{
    char name[LOOSE_MAX];
    size_t length = 0, ascii = 0;
    uint32_t number;
    if (size > 1 && text[1] == '#') {
        size_t taken = read_number(&number, text, size);
        if (!taken) {
            runes_put(out, '&');
            return 1;
        }
        put_number(out, number);
        return taken;
    }
    for (; length < LOOSE_MAX && length + 1 < size && !ends_name(text[length + 1]); length++)
        if (ascii == length && text[length + 1] < 0x80)
            name[ascii++] = (char)text[length + 1];
    bool closed = length && length + 1 < size && text[length + 1] == ';';
    const struct html_entity *e = closed && ascii == length ? find_name(name, length) : NULL;
    if (e) {
        put_entity(out, e);
        return length + 2;
    }
    e = find_prefix(name, ascii);
    if (e)
        put_entity(out, e);
    else
        runes_put(out, '&');
    return 1 + (e ? e->name_size : 0u);
}

void text_unescape(struct runes *out, const uint32_t *text, size_t size)
{
    for (size_t at = 0; at < size;) {
        if (text[at] == '&')
            at += put_loose(out, text + at, size - at);
        else
            runes_put(out, text[at++]);
    }
}

/* "EACUTE" for "eacute": the name in capitals of a reference whose own name has none, as long as
 * HTML would not read it as something else. */
static const struct html_entity *find_capitals(const char *name, size_t size)
{
    char lower[NAME_MAX_SIZE];
    if (size > sizeof lower || find_prefix(name, size))
        return NULL;
    for (size_t i = 0; i < size; i++) {
        if (name[i] >= 'a' && name[i] <= 'z')
            return NULL;
        lower[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] - 'A' + 'a') : name[i];
    }
    return find_name(lower, size);
}

static size_t put_strict(struct runes *out, const uint32_t *text, size_t size)
{
    char name[STRICT_MAX];
    size_t start = size > 1 && text[1] == '#' ? 2 : 1, length = 0;
    const struct html_entity *e;
    uint32_t number;
    for (; length < STRICT_MAX && start + length < size; length++) {
        uint32_t c = text[start + length];
        if (!(c < 0x80 && ((c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z'))))
            break;
        name[length] = (char)c;
    }
    size_t taken = start + length + 1;
    if (!length || taken > size || text[taken - 1] != ';')
        goto none;
    if (start == 2) {
        if (read_number(&number, text, taken) != taken || number == ';')
            goto none;
        put_number(out, number);
    } else if ((e = find_name(name, length))) {
        put_entity(out, e);
    } else if ((e = find_capitals(name, length))) {
        runes_put_upper(out, e->first);
        if (e->second)
            runes_put_upper(out, e->second);
    } else {
        goto none;
    }
    return taken;
none:
    runes_put(out, '&');
    return 1;
}

void text_unescape_strict(struct runes *out, const uint32_t *text, size_t size)
{
    for (size_t at = 0; at < size;) {
        if (text[at] == '&')
            at += put_strict(out, text + at, size - at);
        else
            runes_put(out, text[at++]);
    }
}
