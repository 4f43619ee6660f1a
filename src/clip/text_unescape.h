/* SPDX-License-Identifier: MIT
 *
 * Character references of HTML, in the two ways that CLIP's text cleaning resolves them.
 */
#ifndef FOVEA_CLIP_TEXT_UNESCAPE_H
#define FOVEA_CLIP_TEXT_UNESCAPE_H

#include "clip/runes.h"

/* Python's html.unescape(): every reference, legacy names without a semicolon by their longest
 * prefix ("&notit;" is "¬it;"), invalid numbers as HTML 5 prescribes. Appends to *out. */
void text_unescape(struct runes *out, const uint32_t *text, size_t size);

/* ftfy's unescape_html(): only whole references that end in a semicolon; names written in capitals
 * by mistake as well ("P&EACUTE;REZ"). Appends to *out. */
void text_unescape_strict(struct runes *out, const uint32_t *text, size_t size);

#endif
