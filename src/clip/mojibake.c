/* SPDX-License-Identifier: MIT
 *
 * The idea is ftfy's (Robyn Speer, github.com/rspeer/python-ftfy, 6.3), written anew: a text is
 * touched only if it holds a sequence of characters that people do not write (mojibake_is_bad());
 * then the encodings are tried in order, and the first in which all of the text can be written and
 * in which its bytes are UTF-8 wins. Two kinds of damage to those bytes are undone first: A0 that
 * became a space, and bytes that became U+FFFD or '?'. If the text as a whole does not decode, the
 * stretches of it that look like UTF-8 are repaired on their own.
 *
 * Differences from ftfy: the number of rounds and the depth of stretches within stretches are
 * bounded (ftfy loops until nothing changes), and a text that ends in "À" and a newline is not
 * read as the NUL that ftfy's decoder makes of it.
 */
#include "clip/mojibake.h"
#include "clip/mojibake_tables.h"

#include <string.h>

enum {
    DEPTH_MAX = 8,         /* stretches within stretches; each level is shorter */
    BYTES_MAX = 256 << 20, /* far past three times the longest text */
};

/* --- Bytes --------------------------------------------------------------------------------- */

static bool is_tail(uint8_t byte)
{
    return byte >= 0x80 && byte <= 0xBF;
}

/* A byte that could have followed the lead E0..E3, less those that are punctuation when alone. */
static bool is_tail_of_3(uint8_t byte)
{
    return is_tail(byte) && byte != 0x85 && byte != 0xA0;
}

static uint8_t byte_at(const struct str *s, size_t at)
{
    return at < s->size ? (uint8_t)s->data[at] : 0;
}

/* Length of the sequence at `at` that is UTF-8 but for A0 having become a space, or 0. */
static size_t spaced_sequence(const struct str *s, size_t at)
{
    uint8_t lead = byte_at(s, at), a = byte_at(s, at + 1), b = byte_at(s, at + 2),
            c = byte_at(s, at + 3);
    if (lead == 0xC2 || lead == 0xC3 || lead == 0xC5 || lead == 0xCE || lead == 0xD0 ||
        lead == 0xD9)
        return a == ' ' ? 2 : 0;
    if (lead >= 0xE0 && lead <= 0xE3) {
        if (a == ' ')
            return lead >= 0xE2 && is_tail_of_3(b) ? 3 : 0;
        return is_tail_of_3(a) && b == ' ' ? 3 : 0;
    }
    if (lead != 0xF0)
        return 0;
    int spaces = (a == ' ') + (b == ' ') + (c == ' ');
    int tails = is_tail(a) + is_tail(b) + is_tail(c);
    return spaces == 1 && tails == 2 ? 4 : 0;
}

/* C3 and a space is "à " with its space, unless it continues a Portuguese word with à. */
static bool is_grave_word(const struct str *s, size_t at)
{
    static const char *const parts_of_words[] = {" ", "quele", "quela", "quilo", "s "};
    if (byte_at(s, at) != 0xC3 || byte_at(s, at + 1) != ' ')
        return false;
    for (size_t i = 0; i < sizeof parts_of_words / sizeof *parts_of_words; i++) {
        size_t length = strlen(parts_of_words[i]);
        if (s->size - (at + 2) >= length && !memcmp(s->data + at + 2, parts_of_words[i], length))
            return false;
    }
    return true;
}

/* Puts back the A0s that became spaces. */
static void restore_a0(struct str *out, const struct str *in)
{
    for (size_t at = 0; at < in->size;) {
        size_t length = spaced_sequence(in, at);
        if (is_grave_word(in, at))
            str_append(out, "\xC3\xA0 ", 3);
        else if (length)
            for (size_t i = 0; i < length; i++)
                str_putc(out, in->data[at + i] == ' ' ? '\xA0' : in->data[at + i]);
        else
            str_putc(out, in->data[at]);
        at += length ? length : 1;
    }
}

/* One of `count` bytes after the lead is lost ('?', or 1A for U+FFFD); the others are tails or lost
 * as U+FFFD. */
static bool has_lost_tail(const struct str *s, size_t at, size_t count)
{
    size_t lost = 0, marks = 0;
    for (size_t i = 1; i <= count; i++) {
        uint8_t byte = byte_at(s, at + i);
        if (byte != 0x1A && byte != '?' && !is_tail(byte))
            return false;
        lost += byte == 0x1A || byte == '?';
        marks += byte == '?';
    }
    return at + count < s->size && lost && marks <= 1;
}

/* Two surrogates in UTF-8 (CESU-8), of each of which the last byte may be lost. */
static bool is_lossy_pair(const struct str *s, size_t at)
{
    uint8_t high = byte_at(s, at + 1), high_end = byte_at(s, at + 2), low = byte_at(s, at + 4),
            low_end = byte_at(s, at + 5);
    bool lost_high = high_end == 0x1A || high_end == '?',
         lost_low = low_end == 0x1A || low_end == '?';
    return at + 5 < s->size && byte_at(s, at) == 0xED && byte_at(s, at + 3) == 0xED &&
           high >= 0xA0 && high <= 0xAF && low >= 0xB0 && low <= 0xBF &&
           (lost_high || is_tail(high_end)) && (lost_low || is_tail(low_end)) &&
           (lost_high || lost_low);
}

/* Length of the sequence of UTF-8 at `at` of which bytes are lost, or 0. */
static size_t lossy_sequence(const struct str *s, size_t at)
{
    uint8_t lead = byte_at(s, at), next = byte_at(s, at + 1);
    if (lead == 0x1A)
        return 1;
    if (lead >= 0xC2 && lead <= 0xDF)
        return at + 1 < s->size && (next == 0x1A || (next == '?' && lead <= 0xC3)) ? 2 : 0;
    if (is_lossy_pair(s, at))
        return 6;
    if (lead >= 0xE0 && lead <= 0xEF)
        return has_lost_tail(s, at, 2) ? 3 : 0;
    if (lead >= 0xF0 && lead <= 0xF4)
        return has_lost_tail(s, at, 3) ? 4 : 0;
    return 0;
}

/* Makes U+FFFD of each sequence that cannot be known any more. */
static void replace_lossy(struct str *out, const struct str *in)
{
    for (size_t at = 0; at < in->size;) {
        size_t length = lossy_sequence(in, at);
        if (length)
            str_append(out, "\xEF\xBF\xBD", 3);
        else
            str_putc(out, in->data[at]);
        at += length ? length : 1;
    }
}

/* A character that UTF-8 proper does not allow but that is written in the wild: C0 80 for NUL, and
 * two surrogates of three bytes each. Returns its length, or 0. */
static size_t variant_sequence(uint32_t *rune, const struct str *s, size_t at)
{
    uint8_t b[6];
    for (size_t i = 0; i < 6; i++)
        b[i] = byte_at(s, at + i);
    if (b[0] == 0xC0 && b[1] == 0x80) {
        *rune = 0;
        return 2;
    }
    if (b[0] != 0xED || b[1] < 0xA0 || b[1] > 0xAF || !is_tail(b[2]) || b[3] != 0xED ||
        b[4] < 0xB0 || b[4] > 0xBF || !is_tail(b[5]))
        return 0;
    *rune = 0x10000 + ((b[1] & 0x0Fu) << 16) + ((b[2] & 0x3Fu) << 10) + ((b[4] & 0x0Fu) << 6) +
            (b[5] & 0x3Fu);
    return 6;
}

/* Decodes UTF-8 and its variants; false if it is neither. */
static bool decode_strictly(struct runes *out, const struct str *s)
{
    for (size_t at = 0; at < s->size;) {
        uint32_t rune;
        size_t length = variant_sequence(&rune, s, at);
        if (!length && !(length = rune_decode(&rune, s->data + at, s->size - at)))
            return false;
        runes_put(out, rune);
        at += length;
    }
    return true;
}

/* --- Repair -------------------------------------------------------------------------------- */

static void fix(struct runes *text, int depth);

static uint32_t common_pages(const struct runes *text)
{
    uint32_t pages = PAGES_ALL;
    for (size_t i = 0; i < text->size && pages; i++)
        pages &= rune_pages(text->data[i]);
    return pages;
}

/* Replaces *bytes by what `run` makes of them. */
static void rewrite(void (*run)(struct str *, const struct str *), struct str *bytes)
{
    struct str out = str_new(BYTES_MAX);
    run(&out, bytes);
    out.failed = out.failed || bytes->failed;
    str_free(bytes);
    *bytes = out;
}

/* Writes the text in the page and reads its bytes as UTF-8. */
static bool reread(struct runes *out, const struct runes *text, int page)
{
    struct str bytes = str_new(BYTES_MAX);
    for (size_t i = 0; i < text->size; i++)
        str_putc(&bytes, (char)rune_byte(text->data[i], page));
    if (page != PAGE_MACROMAN) /* where it would take a dash before a space for mojibake */
        rewrite(restore_a0, &bytes);
    if (page_is_sloppy(page))
        rewrite(replace_lossy, &bytes);
    runes_clear(out);
    bool whole = str_ok(&bytes) && decode_strictly(out, &bytes);
    out->failed = out->failed || !str_ok(&bytes);
    str_free(&bytes);
    return whole;
}

/* Length of what looks like one character's UTF-8 at `at`, or 0. */
static size_t utf8_like(const struct runes *text, size_t at)
{
    uint32_t lead = rune_class(text->data[at]);
    size_t length = lead & CLASS_LEAD_2 ? 2 : lead & CLASS_LEAD_3 ? 3 : lead & CLASS_LEAD_4 ? 4 : 0;
    if (length > text->size - at)
        return 0;
    for (size_t i = 1; i < length; i++)
        if (!(rune_class(text->data[at + i]) & CLASS_CONTINUATION))
            return 0;
    return length;
}

/* Repairs the stretches that look like UTF-8 and are bad in themselves. */
static void fix_stretches(struct runes *out, const struct runes *text, int depth)
{
    runes_clear(out);
    for (size_t at = 0; at < text->size;) {
        size_t end = at, length;
        bool inside = at && (rune_class(text->data[at - 1]) & CLASS_CONTINUATION_STRICT);
        while (!inside && end < text->size && (length = utf8_like(text, end)))
            end += length;
        if (end == at) {
            runes_put(out, text->data[at++]);
            continue;
        }
        struct runes stretch = {0};
        runes_append(&stretch, text->data + at, end - at);
        if (depth < DEPTH_MAX && end - at < text->size &&
            mojibake_is_bad(stretch.data, stretch.size))
            fix(&stretch, depth + 1);
        runes_append(out, stretch.data, stretch.size);
        out->failed = out->failed || stretch.failed;
        runes_free(&stretch);
        at = end;
    }
}

/* Reads the characters 80..9F as Windows-1252. With `strict`, only if it defines them all. */
static bool read_c1(struct runes *out, const struct runes *text, bool strict)
{
    bool changed = false;
    runes_clear(out);
    for (size_t i = 0; i < text->size; i++) {
        uint32_t rune = text->data[i];
        if (rune >= 0x80 && rune <= 0x9F) {
            rune = windows_1252_rune((uint8_t)rune);
            if (strict && rune == text->data[i])
                return false;
            changed = true;
        }
        runes_put(out, rune);
    }
    return changed;
}

static void fix_once(struct runes *out, const struct runes *text, int depth)
{
    uint32_t pages = common_pages(text);
    for (int page = 0; page < PAGE_COUNT; page++)
        if ((pages & 1u << page) && reread(out, text, page))
            return;
    fix_stretches(out, text, depth);
    if (!runes_equal(out, text))
        return;
    if ((pages & 1u << PAGE_LATIN_1) && read_c1(out, text, true))
        return;
    read_c1(out, text, false);
}

static bool is_ascii(const struct runes *text)
{
    for (size_t i = 0; i < text->size; i++)
        if (text->data[i] >= 0x80)
            return false;
    return true;
}

static void fix(struct runes *text, int depth)
{
    struct runes fixed = {0};
    for (int round = 0; round < MOJIBAKE_ROUNDS && !text->failed; round++) {
        if (is_ascii(text) || !mojibake_is_bad(text->data, text->size))
            break;
        fix_once(&fixed, text, depth);
        text->failed = text->failed || fixed.failed;
        if (runes_equal(&fixed, text))
            break;
        runes_swap(&fixed, text);
    }
    runes_free(&fixed);
}

void mojibake_fix(struct runes *text)
{
    fix(text, 0);
}
