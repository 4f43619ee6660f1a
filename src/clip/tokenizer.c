/* SPDX-License-Identifier: MIT
 *
 * A text becomes ids in three steps: text_clean(), the word pattern here, bpe_encode() of each
 * word. Words are cut until the ids are full: what follows cannot change what came before.
 *
 * The pattern, case-insensitive, in this order of preference at each place:
 *
 *     <start_of_text> | <end_of_text> | 's | 't | 're | 've | 'm | 'll | 'd
 *     | [\p{L}]+ | [\p{N}] | [^\s\p{L}\p{N}]+
 *
 * Case-insensitive on text that is lower-cased already leaves one thing to know: the long s
 * (U+017F) matches s, as "'ſ" and in "<ſtart_of_text>", which is a word of that spelling and not
 * the mark. And U+0345, a mark that is a case of the letter iota, matches no part of the pattern.
 */
#include "clip/tokenizer.h"
#include "clip/bpe.h"
#include "clip/runes.h"
#include "clip/text_clean.h"
#include "clip/tokenizer_ids.h"
#include "clip/vocabulary.h"

#include <stdlib.h>
#include <string.h>

enum { LONG_S = 0x17F, IOTA_MARK = 0x345, CLEAN_TEXT_MAX = 64 << 20 };

static const char start_mark[] = "<start_of_text>";
static const char end_mark[] = "<end_of_text>";

struct tokenizer {
    struct bpe *bpe;
    struct tokenizer_ids ids;
};

enum status tokenizer_open_with(struct tokenizer **out, struct merges *merges,
                                struct tokenizer_ids *ids, struct err *err)
{
    struct tokenizer *t = calloc(1, sizeof *t);
    *out = NULL;
    if (!t) {
        free(ids->of_symbol);
        merges_free(merges);
        return err_no_memory(err, "the tokenizer", sizeof *t);
    }
    t->ids = *ids;
    enum status status = bpe_open(&t->bpe, merges, err);
    if (status)
        tokenizer_close(t);
    else
        *out = t;
    return status;
}

/* With CLIP's numbers: symbols, start, end. */
static enum status open_plain(struct tokenizer **out, struct merges *merges, struct err *err)
{
    int32_t start = MERGES_FIRST_SYMBOL + (int32_t)merges->count;
    struct tokenizer_ids ids = {.start = start, .end = start + 1, .size = start + 2};
    return tokenizer_open_with(out, merges, &ids, err);
}

enum status tokenizer_open_default(struct tokenizer **out, struct err *err)
{
    struct merges merges = {.count = CLIP_MERGE_COUNT};
    *out = NULL;
    merges.items = malloc(CLIP_MERGE_COUNT * sizeof *merges.items);
    if (!merges.items)
        return err_no_memory(err, "the merges", CLIP_MERGE_COUNT * sizeof *merges.items);
    for (uint32_t i = 0; i < CLIP_MERGE_COUNT; i++)
        merges.items[i] = (struct merge){.left = clip_merges[i][0],
                                         .right = clip_merges[i][1],
                                         .result = MERGES_FIRST_SYMBOL + i};
    return open_plain(out, &merges, err);
}

enum status tokenizer_open_merges(struct tokenizer **out, const char *text, size_t size,
                                  struct err *err)
{
    struct merges merges;
    *out = NULL;
    enum status status = merges_parse(&merges, text, size, err);
    return status ? status : open_plain(out, &merges, err);
}

void tokenizer_close(struct tokenizer *t)
{
    if (!t)
        return;
    bpe_close(t->bpe);
    free(t->ids.of_symbol);
    free(t);
}

int tokenizer_vocab_size(const struct tokenizer *t)
{
    return t->ids.size;
}

int32_t tokenizer_start_id(const struct tokenizer *t)
{
    return t->ids.start;
}

int32_t tokenizer_end_id(const struct tokenizer *t)
{
    return t->ids.end;
}

/* What a place in the text is to the pattern. */
enum kind { KIND_SKIPPED, KIND_LETTER, KIND_NUMBER, KIND_OTHER };

static enum kind kind_at(const char *at, const char *end, size_t *length)
{
    uint32_t rune = 0;
    *length = rune_decode(&rune, at, (size_t)(end - at));
    if (rune_is_letter(rune))
        return KIND_LETTER;
    if (rune_is_number(rune))
        return KIND_NUMBER;
    return rune_is_space(rune) || rune == IOTA_MARK ? KIND_SKIPPED : KIND_OTHER;
}

/* Length of the text at `at` that matches `literal`, in which s stands for the long s too, or 0. */
static size_t match_literal(const char *at, const char *end, const char *literal)
{
    const char *start = at;
    for (; *literal; literal++) {
        uint32_t rune = 0;
        size_t length = rune_decode(&rune, at, (size_t)(end - at));
        if (!length || (rune != (uint8_t)*literal && !(rune == LONG_S && *literal == 's')))
            return 0;
        at += length;
    }
    return (size_t)(at - start);
}

/* Length of the word that the pattern finds at `at`; 0 if none begins there, and then *skip is the
 * length of what to pass over. */
static size_t word_length(const char *at, const char *end, size_t *skip)
{
    static const char *const literals[] = {start_mark, end_mark, "'s",  "'t", "'re",
                                           "'ve",      "'m",     "'ll", "'d"};
    size_t length, size = 0;
    if (*at == '<' || *at == '\'')
        for (size_t i = 0; i < sizeof literals / sizeof *literals; i++)
            if ((length = match_literal(at, end, literals[i])))
                return length;
    enum kind kind = kind_at(at, end, skip);
    if (kind == KIND_SKIPPED)
        return 0;
    for (length = *skip; kind != KIND_NUMBER && at + length < end; length += size)
        if (kind_at(at + length, end, &size) != kind)
            break;
    return length;
}

static enum status encode_word(const struct tokenizer *t, const char *word, size_t size,
                               int32_t *ids, size_t room, size_t *count, struct err *err)
{
    bool start = size == sizeof start_mark - 1 && !memcmp(word, start_mark, size);
    bool end = size == sizeof end_mark - 1 && !memcmp(word, end_mark, size);
    if (start || end) {
        ids[0] = start ? t->ids.start : t->ids.end;
        *count = 1;
        return OK;
    }
    enum status status = bpe_encode(t->bpe, word, size, ids, room, count, err);
    for (size_t i = 0; !status && t->ids.of_symbol && i < *count; i++)
        ids[i] = t->ids.of_symbol[ids[i]];
    return status;
}

/* ids: [room]; *count is how many the text has filled. */
static enum status encode_words(const struct tokenizer *t, const struct str *text, int32_t *ids,
                                size_t room, size_t *count, struct err *err)
{
    const char *at = str_text(text), *end = at + text->size;
    *count = 0;
    while (at < end && *count < room) {
        size_t skip, written, length = word_length(at, end, &skip);
        if (!length) {
            at += skip;
            continue;
        }
        enum status status = encode_word(t, at, length, ids + *count, room - *count, &written, err);
        if (status)
            return status;
        *count += written;
        at += length;
    }
    return OK;
}

enum status tokenizer_encode(const struct tokenizer *t, const char *text, size_t size, int32_t *ids,
                             int context, int *used, struct err *err)
{
    struct str clean = str_new(CLEAN_TEXT_MAX);
    size_t count = 0;
    if (context < 2)
        return err_set(err, ERR_ARGUMENT,
                       "a context of %d is too short: it needs room for the "
                       "start and the end of the text",
                       context);
    enum status status = text_clean(&clean, text, size, err);
    if (!status)
        status = encode_words(t, &clean, ids + 1, (size_t)context - 2, &count, err);
    str_free(&clean);
    if (status)
        return status;
    ids[0] = t->ids.start;
    ids[count + 1] = t->ids.end;
    for (size_t i = count + 2; i < (size_t)context; i++)
        ids[i] = t->ids.pad;
    if (used)
        *used = (int)count + 2;
    return OK;
}
