/* SPDX-License-Identifier: MIT
 *
 * See runes.h. utf8proc gives categories, simple case mappings, decompositions and the composition;
 * the order of combining marks is sorted out here, because utf8proc's own exchange of neighbours
 * takes quadratic time on a long run of marks.
 */
#include "clip/runes.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

enum { RUNES_MAX = 64 << 20 }; /* far past what any text within the tokenizer's limit becomes */

void runes_free(struct runes *r)
{
    free(r->data);
    *r = (struct runes){0};
}

void runes_clear(struct runes *r)
{
    r->size = 0;
}

static bool reserve(struct runes *r, size_t more)
{
    if (r->failed)
        return false;
    if (more <= r->capacity - r->size)
        return true;
    size_t capacity = r->capacity ? r->capacity : 64;
    while (capacity - r->size < more && capacity < RUNES_MAX)
        capacity *= 2;
    uint32_t *data = capacity - r->size < more ? NULL : realloc(r->data, capacity * sizeof *data);
    if (!data) {
        r->failed = true;
        return false;
    }
    r->data = data;
    r->capacity = capacity;
    return true;
}

void runes_put(struct runes *r, uint32_t rune)
{
    if (reserve(r, 1))
        r->data[r->size++] = rune;
}

void runes_append(struct runes *r, const uint32_t *runes, size_t size)
{
    if (!size || !reserve(r, size))
        return;
    memcpy(r->data + r->size, runes, size * sizeof *runes);
    r->size += size;
}

bool runes_equal(const struct runes *a, const struct runes *b)
{
    return a->size == b->size && (!a->size || !memcmp(a->data, b->data, a->size * sizeof *a->data));
}

void runes_swap(struct runes *a, struct runes *b)
{
    struct runes c = *a;
    *a = *b;
    *b = c;
}

enum status runes_check(const struct runes *r, struct err *err)
{
    return r->failed ? err_no_memory(err, "the text", r->size * sizeof *r->data) : OK;
}

#define INVALID 0x110000u

/* Decodes one rune of at most `size` bytes. Returns how many bytes it takes, or the maximal part
 * that is not UTF-8 (then *rune is INVALID). */
static size_t decode(uint32_t *rune, const uint8_t *s, size_t size)
{
    uint8_t low = 0x80, high = 0xBF; /* bounds of the second byte */
    size_t length;
    *rune = s[0];
    if (s[0] < 0x80)
        return 1;
    if (s[0] >= 0xC2 && s[0] <= 0xDF)
        length = 2;
    else if (s[0] >= 0xE0 && s[0] <= 0xEF)
        length = 3;
    else if (s[0] >= 0xF0 && s[0] <= 0xF4)
        length = 4;
    else
        goto invalid;
    low = s[0] == 0xE0 ? 0xA0 : s[0] == 0xF0 ? 0x90 : low;
    high = s[0] == 0xED ? 0x9F : s[0] == 0xF4 ? 0x8F : high;
    *rune = s[0] & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++, low = 0x80, high = 0xBF) {
        if (i == size || s[i] < low || s[i] > high) {
            *rune = INVALID;
            return i;
        }
        *rune = *rune << 6 | (s[i] & 0x3F);
    }
    return length;
invalid:
    *rune = INVALID;
    return 1;
}

void runes_put_utf8(struct runes *r, const char *text, size_t size)
{
    if (!reserve(r, size)) /* never more runes than bytes */
        return;
    for (size_t at = 0; at < size;) {
        uint32_t rune;
        at += decode(&rune, (const uint8_t *)text + at, size - at);
        r->data[r->size++] = rune == INVALID ? RUNE_REPLACEMENT : rune;
    }
}

size_t rune_decode(uint32_t *rune, const char *text, size_t size)
{
    size_t length = size ? decode(rune, (const uint8_t *)text, size) : 0;
    return length && *rune != INVALID ? length : 0;
}

void runes_to_utf8(struct str *out, const uint32_t *runes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        uint8_t bytes[4];
        str_append(out, bytes, (size_t)utf8proc_encode_char((utf8proc_int32_t)runes[i], bytes));
    }
}

/* Letters and numbers of Unicode 15.0 to 17.0. */
static const struct {
    uint32_t first, last;
    char category;
} newer[] = {
    {0x88F, 0x88F, 'L'},     {0xC5C, 0xC5C, 'L'},     {0xCDC, 0xCDC, 'L'},
    {0x1C89, 0x1C8A, 'L'},   {0xA7CB, 0xA7CF, 'L'},   {0xA7D2, 0xA7D2, 'L'},
    {0xA7D4, 0xA7D4, 'L'},   {0xA7DA, 0xA7DC, 'L'},   {0xA7F1, 0xA7F1, 'L'},
    {0x105C0, 0x105F3, 'L'}, {0x10940, 0x10959, 'L'}, {0x10D40, 0x10D49, 'N'},
    {0x10D4A, 0x10D65, 'L'}, {0x10D6F, 0x10D85, 'L'}, {0x10EC2, 0x10EC7, 'L'},
    {0x1123F, 0x11240, 'L'}, {0x11380, 0x11389, 'L'}, {0x1138B, 0x1138B, 'L'},
    {0x1138E, 0x1138E, 'L'}, {0x11390, 0x113B5, 'L'}, {0x113B7, 0x113B7, 'L'},
    {0x113D1, 0x113D1, 'L'}, {0x113D3, 0x113D3, 'L'}, {0x116D0, 0x116E3, 'N'},
    {0x11BC0, 0x11BE0, 'L'}, {0x11BF0, 0x11BF9, 'N'}, {0x11DB0, 0x11DDB, 'L'},
    {0x11DE0, 0x11DE9, 'N'}, {0x11F02, 0x11F02, 'L'}, {0x11F04, 0x11F10, 'L'},
    {0x11F12, 0x11F33, 'L'}, {0x11F50, 0x11F59, 'N'}, {0x1342F, 0x1342F, 'L'},
    {0x13441, 0x13446, 'L'}, {0x13460, 0x143FA, 'L'}, {0x16100, 0x1611D, 'L'},
    {0x16130, 0x16139, 'N'}, {0x16D40, 0x16D6C, 'L'}, {0x16D70, 0x16D79, 'N'},
    {0x16EA0, 0x16EB8, 'L'}, {0x16EBB, 0x16ED3, 'L'}, {0x16FF2, 0x16FF3, 'L'},
    {0x16FF4, 0x16FF6, 'N'}, {0x187F8, 0x187FF, 'L'}, {0x18CFF, 0x18CFF, 'L'},
    {0x18D09, 0x18D1E, 'L'}, {0x18D80, 0x18DF2, 'L'}, {0x1B132, 0x1B132, 'L'},
    {0x1B155, 0x1B155, 'L'}, {0x1CCF0, 0x1CCF9, 'N'}, {0x1D2C0, 0x1D2D3, 'N'},
    {0x1DF25, 0x1DF2A, 'L'}, {0x1E030, 0x1E06D, 'L'}, {0x1E4D0, 0x1E4EB, 'L'},
    {0x1E4F0, 0x1E4F9, 'N'}, {0x1E5D0, 0x1E5ED, 'L'}, {0x1E5F0, 0x1E5F0, 'L'},
    {0x1E5F1, 0x1E5FA, 'N'}, {0x1E6C0, 0x1E6DE, 'L'}, {0x1E6E0, 0x1E6E2, 'L'},
    {0x1E6E4, 0x1E6E5, 'L'}, {0x1E6E7, 0x1E6ED, 'L'}, {0x1E6F0, 0x1E6F4, 'L'},
    {0x1E6FE, 0x1E6FF, 'L'}, {0x2B739, 0x2B73F, 'L'}, {0x2CEA2, 0x2CEAD, 'L'},
    {0x2EBF0, 0x2EE5D, 'L'}, {0x31350, 0x33479, 'L'},
};

static char newer_category(uint32_t rune)
{
    size_t low = 0, high = sizeof newer / sizeof *newer;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (rune > newer[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    bool inside = low < sizeof newer / sizeof *newer && rune >= newer[low].first;
    return inside ? newer[low].category : 0;
}

static utf8proc_category_t category(uint32_t rune)
{
    return utf8proc_category((utf8proc_int32_t)rune);
}

bool rune_is_letter(uint32_t rune)
{
    utf8proc_category_t c = category(rune);
    return (c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_LO) ||
           (c == UTF8PROC_CATEGORY_CN && newer_category(rune) == 'L');
}

bool rune_is_number(uint32_t rune)
{
    utf8proc_category_t c = category(rune);
    return (c >= UTF8PROC_CATEGORY_ND && c <= UTF8PROC_CATEGORY_NO) ||
           (c == UTF8PROC_CATEGORY_CN && newer_category(rune) == 'N');
}

bool rune_is_decimal(uint32_t rune)
{
    return category(rune) == UTF8PROC_CATEGORY_ND;
}

bool rune_is_space(uint32_t rune)
{
    if (rune < 0x80)
        return rune == ' ' || (rune >= 0x09 && rune <= 0x0D) || (rune >= 0x1C && rune <= 0x1F);
    return rune == 0x85 || rune == 0xA0 || rune == 0x1680 || (rune >= 0x2000 && rune <= 0x200A) ||
           rune == 0x2028 || rune == 0x2029 || rune == 0x202F || rune == 0x205F || rune == 0x3000;
}

static void put_decomposed(struct runes *out, uint32_t rune, utf8proc_option_t options)
{
    utf8proc_int32_t parts[32]; /* the longest decomposition is 18 */
    int boundary = 0;
    utf8proc_ssize_t n = utf8proc_decompose_char((utf8proc_int32_t)rune, parts,
                                                 sizeof parts / sizeof *parts, options, &boundary);
    if (n < 0 || (size_t)n > sizeof parts / sizeof *parts)
        runes_put(out, rune);
    else
        runes_append(out, (const uint32_t *)parts, (size_t)n);
}

static unsigned combining_class(uint32_t rune)
{
    return (unsigned)utf8proc_get_property((utf8proc_int32_t)rune)->combining_class;
}

/* Sorts a run of marks by class, keeping the order within a class: counting sort on 256 classes.
 * scratch: [size] */
static void sort_marks(uint32_t *marks, size_t size, uint32_t *scratch)
{
    size_t starts[257] = {0};
    for (size_t i = 0; i < size; i++)
        starts[combining_class(marks[i]) + 1]++;
    for (int c = 0; c < 256; c++)
        starts[c + 1] += starts[c];
    for (size_t i = 0; i < size; i++)
        scratch[starts[combining_class(marks[i])]++] = marks[i];
    memcpy(marks, scratch, size * sizeof *marks);
}

static void order_marks(struct runes *text)
{
    struct runes scratch = {0};
    for (size_t i = 0; i < text->size && !scratch.failed;) {
        size_t start = i;
        bool ordered = true;
        unsigned last = 0, class;
        for (; i < text->size && (class = combining_class(text->data[i])); i++) {
            ordered = ordered && class >= last;
            last = class;
        }
        if (!ordered && reserve(&scratch, i - start))
            sort_marks(text->data + start, i - start, scratch.data);
        i += i == start;
    }
    text->failed = text->failed || scratch.failed;
    runes_free(&scratch);
}

static void compose(struct runes *text)
{
    utf8proc_ssize_t n = text->size ? utf8proc_normalize_utf32((utf8proc_int32_t *)text->data,
                                                               (utf8proc_ssize_t)text->size,
                                                               UTF8PROC_COMPOSE | UTF8PROC_STABLE)
                                    : 0;
    if (n >= 0)
        text->size = (size_t)n;
}

void runes_nfc(struct runes *text)
{
    struct runes out = {0};
    size_t plain = 0;
    while (plain < text->size && text->data[plain] < 0x300) /* all of these are NFC already */
        plain++;
    if (plain == text->size || !reserve(&out, text->size))
        goto out;
    for (size_t i = 0; i < text->size; i++)
        put_decomposed(&out, text->data[i], UTF8PROC_DECOMPOSE | UTF8PROC_STABLE);
    order_marks(&out);
    compose(&out);
    runes_swap(text, &out);
    text->failed = text->failed || out.failed;
out:
    text->failed = text->failed || out.failed;
    runes_free(&out);
}

void runes_put_nfkc(struct runes *out, uint32_t rune)
{
    struct runes parts = {0};
    put_decomposed(&parts, rune, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_STABLE);
    compose(&parts);
    runes_append(out, parts.data, parts.size);
    out->failed = out->failed || parts.failed;
    runes_free(&parts);
}

static bool in_ranges(uint32_t rune, const uint32_t (*ranges)[2], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (rune >= ranges[i][0] && rune <= ranges[i][1])
            return true;
    return false;
}

/* Case_Ignorable: categories Mn, Me, Cf, Lm, Sk, and what Word_Break puts inside words. */
static bool is_case_ignorable(uint32_t rune)
{
    static const uint32_t inside_words[][2] = {
        {0x27, 0x27},     {0x2E, 0x2E},     {0x3A, 0x3A},     {0xB7, 0xB7},
        {0x387, 0x387},   {0x55F, 0x55F},   {0x5F4, 0x5F4},   {0x2018, 0x2019},
        {0x2024, 0x2024}, {0x2027, 0x2027}, {0xFE13, 0xFE13}, {0xFE52, 0xFE52},
        {0xFE55, 0xFE55}, {0xFF07, 0xFF07}, {0xFF0E, 0xFF0E}, {0xFF1A, 0xFF1A},
    };
    switch (category(rune)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
        return true;
    default:
        return in_ranges(rune, inside_words, sizeof inside_words / sizeof *inside_words);
    }
}

/* Cased, of runes that are not case-ignorable: Lu, Ll, Lt, Other_Uppercase, Other_Lowercase. */
static bool is_cased(uint32_t rune)
{
    static const uint32_t others[][2] = {
        {0xAA, 0xAA},       {0xBA, 0xBA},       {0x2160, 0x217F},   {0x24B6, 0x24E9},
        {0x1F130, 0x1F149}, {0x1F150, 0x1F169}, {0x1F170, 0x1F189},
    };
    utf8proc_category_t c = category(rune);
    return (c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_LT) ||
           in_ranges(rune, others, sizeof others / sizeof *others);
}

/* Final_Sigma of the Unicode Standard, table 3-17: a cased letter before, none after. */
static bool is_final_sigma(const uint32_t *text, size_t size, size_t at)
{
    size_t before = at, after = at + 1;
    while (before && is_case_ignorable(text[before - 1]))
        before--;
    if (!before || !is_cased(text[before - 1]))
        return false;
    while (after < size && is_case_ignorable(text[after]))
        after++;
    return after == size || !is_cased(text[after]);
}

void runes_put_lower(struct runes *out, const uint32_t *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] == 0x130) {
            runes_put(out, 'i');
            runes_put(out, 0x307);
        } else if (text[i] == 0x3A3) {
            runes_put(out, is_final_sigma(text, size, i) ? 0x3C2 : 0x3C3);
        } else {
            runes_put(out, (uint32_t)utf8proc_tolower((utf8proc_int32_t)text[i]));
        }
    }
}

void runes_put_upper(struct runes *out, uint32_t rune)
{
    static const struct {
        uint32_t from, to[3];
    } special[] = {
        {0xDF, {'S', 'S'}},        {0x149, {0x2BC, 'N'}}, {0xFB00, {'F', 'F'}},
        {0xFB01, {'F', 'I'}},      {0xFB02, {'F', 'L'}},  {0xFB03, {'F', 'F', 'I'}},
        {0xFB04, {'F', 'F', 'L'}},
    };
    for (size_t i = 0; i < sizeof special / sizeof *special; i++) {
        if (special[i].from != rune)
            continue;
        for (int k = 0; k < 3 && special[i].to[k]; k++)
            runes_put(out, special[i].to[k]);
        return;
    }
    runes_put(out, (uint32_t)utf8proc_toupper((utf8proc_int32_t)rune));
}
