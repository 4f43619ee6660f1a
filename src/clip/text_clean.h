/* SPDX-License-Identifier: MIT
 *
 * The text cleaning in front of CLIP's tokenizer: open_clip's default, which is
 *
 *     " ".join(html.unescape(html.unescape(ftfy.fix_text(text))).split()).lower()
 *
 * docs/tokenizer.md says what is reproduced exactly and what is not.
 */
#ifndef FOVEA_CLIP_TEXT_CLEAN_H
#define FOVEA_CLIP_TEXT_CLEAN_H

#include "base/status.h"
#include "base/str.h"

#include <stddef.h>

enum { TEXT_CLEAN_MAX = 1 << 20 }; /* bytes of text that are accepted */

/* Appends the clean text, valid UTF-8, to *out. `text` is UTF-8; invalid bytes are taken as U+FFFD.
 * ERR_LIMIT past TEXT_CLEAN_MAX. Thread-safe. */
MUST_USE enum status text_clean(struct str *out, const char *text, size_t size, struct err *err);

#endif
