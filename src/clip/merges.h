/* SPDX-License-Identifier: MIT
 *
 * The merges of a byte-pair encoding, read from their text form and resolved to symbol numbers.
 *
 * A symbol is a token's number. The first 512 are fixed by CLIP: 0..255 the bytes in the order of
 * the printable alphabet (merges_byte_symbol()), 256..511 the same bytes at the end of a word
 * ("</w>"); then one per merge. Also compiled into the tool that packs the built-in vocabulary, so
 * that it passes the same checks as any other.
 */
#ifndef FOVEA_CLIP_MERGES_H
#define FOVEA_CLIP_MERGES_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

enum {
    MERGES_FIRST_SYMBOL = 512,  /* the symbol that the first merge makes */
    MERGES_MAX = 1 << 20,       /* most merges of a vocabulary */
    MERGES_TEXT_MAX = 64 << 20, /* most bytes of their text */
    MERGES_END_OF_WORD = 256,   /* added to a byte's symbol at the end of a word */
};

/* left + right -> result; its place in the list is its rank. */
struct merge {
    uint32_t left, right, result;
};

struct merges {
    struct merge *items;
    size_t count;
};

/* text: one "left right" a line, an optional first line that starts with '#' or names
 * bpe_simple_vocab, an optional newline at the end. Both sides must be bytes or results of earlier
 * lines. Where two lines make the same token, the later number stands for both, as a Python
 * dictionary would have it. ERR_FORMAT names the line; ERR_LIMIT past MERGES_MAX. */
MUST_USE enum status merges_parse(struct merges *out, const char *text, size_t size,
                                  struct err *err);
void merges_free(struct merges *);

/* What each symbol stands for, in the printable alphabet and with "</w>": the keys of a vocabulary
 * that gives the tokens other ids than their symbols. */
struct merges_token {
    const char *text; /* in the arena, not terminated */
    size_t size;
};
struct merges_tokens {
    struct merges_token *items; /* [count], by symbol */
    size_t count;               /* MERGES_FIRST_SYMBOL and one per merge */
    char *arena;
};

/* merges_parse() that keeps the tokens' texts. */
MUST_USE enum status merges_parse_tokens(struct merges *out, struct merges_tokens *tokens,
                                         const char *text, size_t size, struct err *err);
void merges_tokens_free(struct merges_tokens *);

/* Symbol of a byte inside a word. CLIP numbers the bytes that are printable in Latin-1 first. */
static inline uint32_t merges_byte_symbol(uint8_t byte)
{
    if (byte >= '!' && byte <= '~')
        return byte - '!';
    if (byte >= 0xA1 && byte <= 0xAC)
        return 94u + (byte - 0xA1u);
    if (byte >= 0xAE)
        return 106u + (byte - 0xAEu);
    if (byte <= ' ')
        return 188u + byte;
    return byte == 0xAD ? 255u : 221u + (byte - 0x7Fu);
}

#endif
