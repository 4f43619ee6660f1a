/* SPDX-License-Identifier: MIT
 *
 * The text goes through as runes. ftfy's part works on one line at a time and repeats its steps on
 * that line until nothing changes:
 *
 *     references -> mojibake -> characters (C1, ligatures, widths, quotes) -> line ends
 *                -> terminal escapes -> control characters -> NFC
 *
 * What it leaves is unescaped twice as Python does it, white space is collapsed, and the whole is
 * lower-cased at the end, so that a final sigma sees its neighbours.
 */
#include "clip/text_clean.h"
#include "clip/mojibake.h"
#include "clip/mojibake_tables.h"
#include "clip/runes.h"
#include "clip/text_unescape.h"

enum {
    LINE_MAX = 1000000, /* characters; ftfy cuts longer lines */
    ROUNDS_MAX = 32,    /* a bound that ftfy lacks: "&amp;amp;amp;..." takes a round for each amp */
    CLEAN_MAX = 64 << 20,
};

/* Two letters in one character, which stand there for reasons of old encodings or typography. */
static const struct {
    uint16_t from, to[3];
} ligatures[] = {
    {0x132, {'I', 'J'}},       {0x133, {'i', 'j'}},       {0x149, {0x2BC, 'n'}},
    {0x1C4, {'D', 0x17D}},     {0x1C5, {'D', 0x17E}},     {0x1C6, {'d', 0x17E}},
    {0x1C7, {'L', 'J'}},       {0x1C8, {'L', 'j'}},       {0x1C9, {'l', 'j'}},
    {0x1CA, {'N', 'J'}},       {0x1CB, {'N', 'j'}},       {0x1CC, {'n', 'j'}},
    {0x1F1, {'D', 'Z'}},       {0x1F2, {'D', 'z'}},       {0x1F3, {'d', 'z'}},
    {0xFB00, {'f', 'f'}},      {0xFB01, {'f', 'i'}},      {0xFB02, {'f', 'l'}},
    {0xFB03, {'f', 'f', 'i'}}, {0xFB04, {'f', 'f', 'l'}}, {0xFB05, {0x17F, 't'}},
    {0xFB06, {'s', 't'}},
};

static uint32_t straighten_quote(uint32_t rune)
{
    if (rune == 0x2BC || (rune >= 0x2018 && rune <= 0x201B))
        return '\'';
    return rune >= 0x201C && rune <= 0x201F ? '"' : rune;
}

static bool put_ligature(struct runes *out, uint32_t rune)
{
    if (rune < 0x132 || (rune > 0x1F3 && rune < 0xFB00) || rune > 0xFB06)
        return false;
    for (size_t i = 0; i < sizeof ligatures / sizeof *ligatures; i++) {
        if (ligatures[i].from != rune)
            continue;
        for (int k = 0; k < 3 && ligatures[i].to[k]; k++)
            runes_put(out, straighten_quote(ligatures[i].to[k]));
        return true;
    }
    return false;
}

/* C1 controls, ligatures, full and half widths, quotes. */
static void fix_characters(struct runes *out, const struct runes *text)
{
    for (size_t i = 0; i < text->size; i++) {
        uint32_t rune = text->data[i];
        if (rune >= 0x80 && rune <= 0x9F)
            rune = windows_1252_rune((uint8_t)rune);
        if (put_ligature(out, rune))
            continue;
        if (rune == 0x3000)
            runes_put(out, ' ');
        else if (rune >= 0xFF01 && rune <= 0xFFEF)
            runes_put_nfkc(out, rune);
        else
            runes_put(out, straighten_quote(rune));
    }
}

/* Every line end becomes '\n'. */
static void fix_line_ends(struct runes *out, const struct runes *text)
{
    for (size_t i = 0; i < text->size; i++) {
        uint32_t rune = text->data[i];
        if (rune == '\n' && i && text->data[i - 1] == '\r')
            continue;
        runes_put(out, rune == '\r' || rune == 0x2028 || rune == 0x2029 ? '\n' : rune);
    }
}

/* Length of "ESC [ 31;1 m" at `at`, or 0. */
static size_t terminal_escape(const struct runes *text, size_t at)
{
    size_t i = at + 2;
    if (i >= text->size || text->data[at] != 0x1B || text->data[at + 1] != '[')
        return 0;
    while (i < text->size && (text->data[i] == ';' || rune_is_decimal(text->data[i])))
        i++;
    bool letter = i < text->size && ((text->data[i] >= 'a' && text->data[i] <= 'z') ||
                                     (text->data[i] >= 'A' && text->data[i] <= 'Z'));
    return letter ? i + 1 - at : 0;
}

static void remove_escapes(struct runes *out, const struct runes *text)
{
    for (size_t at = 0; at < text->size;) {
        size_t length = terminal_escape(text, at);
        if (!length)
            runes_put(out, text->data[at]);
        at += length ? length : 1;
    }
}

static bool is_unwanted_control(uint32_t rune)
{
    if (rune < 0x20)
        return rune <= 0x08 || rune == 0x0B || rune >= 0x0E;
    return rune == 0x7F || (rune >= 0x206A && rune <= 0x206F) || rune == 0xFEFF ||
           (rune >= 0xFFF9 && rune <= 0xFFFC);
}

static void remove_controls(struct runes *out, const struct runes *text)
{
    for (size_t i = 0; i < text->size; i++)
        if (!is_unwanted_control(text->data[i]))
            runes_put(out, text->data[i]);
}

/* Runs one step that writes to *spare, which then takes *text's place. */
static void step(void (*run)(struct runes *, const struct runes *), struct runes *text,
                 struct runes *spare)
{
    runes_clear(spare);
    run(spare, text);
    runes_swap(text, spare);
    text->failed = text->failed || spare->failed;
}

static void unescape_strict(struct runes *out, const struct runes *text)
{
    text_unescape_strict(out, text->data, text->size);
}

static void unescape(struct runes *out, const struct runes *text)
{
    text_unescape(out, text->data, text->size);
}

/* No step changes printable ASCII but the one that resolves references. */
static bool is_settled(const struct runes *text, bool references)
{
    for (size_t i = 0; i < text->size; i++) {
        uint32_t rune = text->data[i];
        bool plain = (rune >= 0x20 && rune < 0x7F) || rune == '\t' || rune == '\n' || rune == '\f';
        if (!plain || (rune == '&' && references))
            return false;
    }
    return true;
}

/* ftfy's fix_text_segment(). */
static void fix_line(struct runes *line, bool references)
{
    struct runes before = {0}, spare = {0};
    for (int round = 0; round < ROUNDS_MAX && !line->failed; round++) {
        if (is_settled(line, references))
            break;
        runes_clear(&before);
        runes_append(&before, line->data, line->size);
        if (references)
            step(unescape_strict, line, &spare);
        mojibake_fix(line);
        step(fix_characters, line, &spare);
        step(fix_line_ends, line, &spare);
        step(remove_escapes, line, &spare);
        step(remove_controls, line, &spare);
        runes_nfc(line);
        line->failed = line->failed || before.failed;
        if (runes_equal(line, &before))
            break;
    }
    runes_free(&before);
    runes_free(&spare);
}

/* ftfy's fix_text(). From the first line with a '<' on, references are left alone: it may be HTML
 * that is meant to be seen. */
static void fix_text(struct runes *out, const struct runes *text)
{
    struct runes line = {0};
    bool references = true;
    for (size_t at = 0, end; at < text->size; at = end) {
        for (end = at; end < text->size && end - at < LINE_MAX;) {
            uint32_t rune = text->data[end++];
            references = references && rune != '<';
            if (rune == '\n')
                break;
        }
        runes_clear(&line);
        runes_append(&line, text->data + at, end - at);
        fix_line(&line, references);
        runes_append(out, line.data, line.size);
        out->failed = out->failed || line.failed;
    }
    runes_free(&line);
}

/* " ".join(text.split()) */
static void collapse_spaces(struct runes *out, const struct runes *text)
{
    for (size_t i = 0; i < text->size; i++) {
        bool space = rune_is_space(text->data[i]);
        if (!space && out->size && rune_is_space(text->data[i - 1]))
            runes_put(out, ' ');
        if (!space)
            runes_put(out, text->data[i]);
    }
}

static void lower(struct runes *out, const struct runes *text)
{
    runes_put_lower(out, text->data, text->size);
}

enum status text_clean(struct str *out, const char *bytes, size_t size, struct err *err)
{
    struct runes text = {0}, spare = {0};
    if (size > TEXT_CLEAN_MAX)
        return err_set(err, ERR_LIMIT, "a text of %zu bytes is too long: the limit is %d", size,
                       (int)TEXT_CLEAN_MAX);
    runes_put_utf8(&text, bytes, size);
    step(fix_text, &text, &spare);
    step(unescape, &text, &spare);
    step(unescape, &text, &spare);
    step(collapse_spaces, &text, &spare);
    step(lower, &text, &spare);
    enum status status = runes_check(&text, err);
    if (!status) {
        runes_to_utf8(out, text.data, text.size);
        if (!str_ok(out))
            status = err_no_memory(err, "the clean text", out->size);
    }
    runes_free(&text);
    runes_free(&spare);
    return status;
}
