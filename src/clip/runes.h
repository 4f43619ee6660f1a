/* SPDX-License-Identifier: MIT
 *
 * Text as an array of code points, and what Unicode says of them where the tokenizer must agree
 * with Python: white space, letters and numbers, lower case, NFC.
 *
 * The facts come from utf8proc, whatever version of Unicode it has (15.0 in Debian 12); letters and
 * numbers that came between 14.0 and 17.0 are in a table here, so that the split into words does
 * not depend on the machine.
 */
#ifndef FOVEA_CLIP_RUNES_H
#define FOVEA_CLIP_RUNES_H

#include "base/status.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RUNE_REPLACEMENT = 0xFFFD };

/* A growable array. A failed allocation marks it as failed; from then on additions do nothing, so
 * that a run of them needs one check at its end. Zero-initialised is empty. */
struct runes {
    uint32_t *data;
    size_t size, capacity;
    bool failed;
};

void runes_free(struct runes *);
void runes_clear(struct runes *); /* keeps the memory and the mark of failure */
void runes_put(struct runes *, uint32_t rune);
void runes_append(struct runes *, const uint32_t *runes, size_t size);
bool runes_equal(const struct runes *, const struct runes *);
void runes_swap(struct runes *, struct runes *);
MUST_USE enum status runes_check(const struct runes *, struct err *err);

/* Appends; each maximal part that is not UTF-8 becomes one U+FFFD, as in Python and the WHATWG's
 * Encoding Standard. */
void runes_put_utf8(struct runes *, const char *text, size_t size);
void runes_to_utf8(struct str *out, const uint32_t *runes, size_t size);

/* One rune from at most `size` bytes; returns its length, 0 if they do not begin with UTF-8. */
size_t rune_decode(uint32_t *rune, const char *text, size_t size);

bool rune_is_space(uint32_t);   /* str.isspace(); the regex module's \s is the same less 1C..1F */
bool rune_is_letter(uint32_t);  /* category L */
bool rune_is_number(uint32_t);  /* category N */
bool rune_is_decimal(uint32_t); /* category Nd, as far as utf8proc knows it */

/* Replaces *text by its canonical composition. Linear, whatever the marks in it. */
void runes_nfc(struct runes *text);
/* Appends the compatibility composition (NFKC) of one rune. */
void runes_put_nfkc(struct runes *out, uint32_t rune);
/* Appends the lower case of text as str.lower() has it: U+0130 becomes two, and a sigma that ends a
 * word the final sigma. */
void runes_put_lower(struct runes *out, const uint32_t *text, size_t size);
/* Appends the upper case of one rune, ligatures of Latin letters and the sharp s included. */
void runes_put_upper(struct runes *out, uint32_t rune);

#endif
