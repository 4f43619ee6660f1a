/* SPDX-License-Identifier: MIT
 *
 * Reading merges. Tokens are compared as text here, in the printable alphabet of the file, because
 * that is what the reference does; numbers take over once everything is resolved.
 *
 * Two passes over the lines: the first numbers every token and insists that its parts exist
 * already; the second resolves the parts, so that a token made twice has one number everywhere.
 * The tokens' text lies in one arena that the lines' length bounds.
 */
#include "clip/merges.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char end_of_word[] = "</w>";

/* Token texts to symbols, open addressing; a slot holds symbol + 1, 0 is free. */
struct table {
    struct merges_token *tokens; /* [symbols] text of each, in arena */
    uint32_t *slots;             /* [mask + 1] */
    size_t mask;
    char *arena;
    size_t arena_used;
};

static uint64_t hash_text(const char *text, size_t size)
{
    uint64_t h = 0xCBF29CE484222325u; /* FNV-1a */
    for (size_t i = 0; i < size; i++)
        h = (h ^ (uint8_t)text[i]) * 0x100000001B3u;
    return h ^ h >> 32;
}

static uint32_t *table_slot(const struct table *t, const char *text, size_t size)
{
    size_t at = hash_text(text, size) & t->mask;
    for (; t->slots[at]; at = (at + 1) & t->mask) {
        const struct merges_token *token = &t->tokens[t->slots[at] - 1];
        if (token->size == size && !memcmp(token->text, text, size))
            break;
    }
    return &t->slots[at];
}

/* The text becomes the symbol's; an older symbol of the same text is forgotten. */
static void table_set(struct table *t, uint32_t symbol, struct merges_token left,
                      struct merges_token right)
{
    char *text = t->arena + t->arena_used;
    memcpy(text, left.text, left.size);
    memcpy(text + left.size, right.text, right.size);
    t->arena_used += left.size + right.size;
    uint32_t *slot = table_slot(t, text, left.size + right.size);
    t->tokens[symbol] = (struct merges_token){text, left.size + right.size};
    *slot = symbol + 1;
}

/* The character that stands for a byte in the file: itself when it is printable in Latin-1,
 * otherwise U+0100 and on, in the order of the bytes. */
static struct merges_token alphabet(char out[2], uint8_t byte)
{
    uint32_t symbol = merges_byte_symbol(byte);
    uint32_t cp = symbol < 188 ? byte : 0x100 + (symbol - 188);
    if (cp < 0x80) {
        out[0] = (char)cp;
        return (struct merges_token){out, 1};
    }
    out[0] = (char)(0xC0 | cp >> 6);
    out[1] = (char)(0x80 | (cp & 0x3F));
    return (struct merges_token){out, 2};
}

static enum status table_open(struct table *t, size_t lines, size_t text_size, struct err *err)
{
    size_t symbols = MERGES_FIRST_SYMBOL + lines, slots = 1024;
    while (slots < symbols * 2)
        slots *= 2;
    size_t arena = MERGES_FIRST_SYMBOL * (2 + sizeof end_of_word) + text_size;
    t->mask = slots - 1;
    t->tokens = calloc(symbols, sizeof *t->tokens);
    t->slots = calloc(slots, sizeof *t->slots);
    t->arena = malloc(arena);
    if (!t->tokens || !t->slots || !t->arena)
        return err_no_memory(err, "the table of tokens", arena + slots * sizeof *t->slots);
    for (int byte = 0; byte < 256; byte++) {
        char buffer[2];
        struct merges_token text = alphabet(buffer, (uint8_t)byte);
        uint32_t symbol = merges_byte_symbol((uint8_t)byte);
        table_set(t, symbol, text, (struct merges_token){"", 0});
        table_set(t, symbol + MERGES_END_OF_WORD, text,
                  (struct merges_token){end_of_word, sizeof end_of_word - 1});
    }
    return OK;
}

static void table_close(struct table *t)
{
    free(t->tokens);
    free(t->slots);
    free(t->arena);
}

/* Splits off the next line, without its end ("\n" or "\r\n"). */
static struct merges_token next_line(const char **at, const char *end)
{
    struct merges_token line = {*at, 0};
    const char *newline = memchr(*at, '\n', (size_t)(end - *at));
    line.size = (size_t)((newline ? newline : end) - *at);
    *at = newline ? newline + 1 : end;
    if (line.size && line.text[line.size - 1] == '\r')
        line.size--;
    return line;
}

static bool starts_with(struct merges_token line, const char *prefix)
{
    size_t size = strlen(prefix);
    return line.size >= size && !memcmp(line.text, prefix, size);
}

static bool is_title(struct merges_token line)
{
    return starts_with(line, "#") || starts_with(line, "bpe_simple_vocab") ||
           starts_with(line, "\"bpe_simple_vocab");
}

static enum status split_line(struct merges_token *left, struct merges_token *right,
                              struct merges_token line, size_t number, struct err *err)
{
    const char *space = memchr(line.text, ' ', line.size);
    size_t left_size = space ? (size_t)(space - line.text) : 0;
    *left = (struct merges_token){line.text, left_size};
    *right = (struct merges_token){line.text + left_size + 1, 0};
    if (space)
        right->size = line.size - left_size - 1;
    if (!left->size || !right->size || memchr(right->text, ' ', right->size))
        return err_set(err, ERR_FORMAT,
                       "merges, line %zu: not two tokens with one space between them", number);
    return OK;
}

static enum status unknown_token(struct merges_token token, size_t number, struct err *err)
{
    return err_set(err, ERR_FORMAT,
                   "merges, line %zu: '%.*s' is neither a byte nor made by an earlier line", number,
                   (int)(token.size < 64 ? token.size : 64), token.text);
}

/* First pass: a symbol for each line. */
static enum status number_tokens(struct table *t, const char *text, const char *end,
                                 size_t first_line, struct err *err)
{
    uint32_t symbol = MERGES_FIRST_SYMBOL;
    for (size_t number = first_line; text < end; number++, symbol++) {
        struct merges_token left, right;
        enum status status = split_line(&left, &right, next_line(&text, end), number, err);
        if (status)
            return status;
        if (!*table_slot(t, left.text, left.size))
            return unknown_token(left, number, err);
        if (!*table_slot(t, right.text, right.size))
            return unknown_token(right, number, err);
        table_set(t, symbol, left, right);
    }
    return OK;
}

/* Second pass, over lines that the first has accepted. */
static void resolve(struct merges *out, const struct table *t, const char *text, const char *end)
{
    for (size_t i = 0; i < out->count; i++) {
        struct merges_token line = next_line(&text, end), made = t->tokens[MERGES_FIRST_SYMBOL + i];
        size_t left_size = (size_t)((const char *)memchr(line.text, ' ', line.size) - line.text);
        const char *right = line.text + left_size + 1;
        out->items[i] = (struct merge){
            .left = *table_slot(t, line.text, left_size) - 1,
            .right = *table_slot(t, right, line.size - left_size - 1) - 1,
            .result = *table_slot(t, made.text, made.size) - 1,
        };
    }
}

static size_t count_lines(const char *text, const char *end)
{
    size_t lines = 0;
    while (text < end) {
        next_line(&text, end);
        lines++;
    }
    return lines;
}

enum status merges_parse(struct merges *out, const char *text, size_t size, struct err *err)
{
    return merges_parse_tokens(out, NULL, text, size, err);
}

enum status merges_parse_tokens(struct merges *out, struct merges_tokens *tokens, const char *text,
                                size_t size, struct err *err)
{
    struct table table = {0};
    struct merges merges = {0};
    enum status status;
    const char *end = text + size;
    size_t first_line = 1;

    *out = (struct merges){0};
    if (tokens)
        *tokens = (struct merges_tokens){0};
    if (size > MERGES_TEXT_MAX)
        return err_set(err, ERR_LIMIT, "merges: %zu bytes, more than the %d that are accepted",
                       size, (int)MERGES_TEXT_MAX);
    const char *after_title = text;
    if (size && is_title(next_line(&after_title, end))) {
        text = after_title;
        first_line = 2;
    }
    merges.count = count_lines(text, end);
    if (merges.count > MERGES_MAX)
        return err_set(err, ERR_LIMIT, "merges: %zu lines, more than the %d that are accepted",
                       merges.count, (int)MERGES_MAX);
    if ((status = table_open(&table, merges.count, size, err)))
        goto out;
    if ((status = number_tokens(&table, text, end, first_line, err)))
        goto out;
    merges.items = calloc(merges.count + 1, sizeof *merges.items);
    if (!merges.items) {
        status = err_no_memory(err, "the merges", merges.count * sizeof *merges.items);
        goto out;
    }
    resolve(&merges, &table, text, end);
    *out = merges;
    if (tokens) { /* they move out of the table */
        *tokens = (struct merges_tokens){.items = table.tokens,
                                         .count = MERGES_FIRST_SYMBOL + merges.count,
                                         .arena = table.arena};
        table.tokens = NULL;
        table.arena = NULL;
    }
out:
    table_close(&table);
    return status;
}

void merges_free(struct merges *merges)
{
    free(merges->items);
    *merges = (struct merges){0};
}

void merges_tokens_free(struct merges_tokens *tokens)
{
    free(tokens->items);
    free(tokens->arena);
    *tokens = (struct merges_tokens){0};
}
