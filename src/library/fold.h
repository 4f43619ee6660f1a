/* SPDX-License-Identifier: MIT
 *
 * Comparing names as people write them: without regard to case, and to how Unicode happens to spell
 * a character (NFKC_Casefold: compatibility composition, full case folding, ignorable characters
 * gone). Accents count. Bytes that are not UTF-8 compare as they are, but for ASCII's case.
 */
#ifndef FOVEA_LIBRARY_FOLD_H
#define FOVEA_LIBRARY_FOLD_H

#include <stdbool.h>
#include <stddef.h>

/* The folded text, to be freed with free(); NULL: no memory. */
char *fold_text(const char *text, size_t size);

/* folded: of fold_text(). Whether text[0 .. size) is the same; false without memory. Allocates only
 * where the text is not ASCII. */
bool fold_equal(const char *folded, const char *text, size_t size);
/* Whether it is part of the text. */
bool fold_contains(const char *text, const char *folded);

#endif
