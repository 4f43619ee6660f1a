/* SPDX-License-Identifier: MIT
 *
 * Mojibake: UTF-8 that was read as a single-byte encoding ("cafÃ©", "â€œ"), recognised and undone
 * as ftfy 6.3's fix_encoding() does it.
 */
#ifndef FOVEA_CLIP_MOJIBAKE_H
#define FOVEA_CLIP_MOJIBAKE_H

#include "clip/runes.h"

/* True if some sequence in the text is much likelier to be mojibake than meant. */
bool mojibake_is_bad(const uint32_t *text, size_t size);

/* Repairs *text as long as it is bad and a repair changes it, at most MOJIBAKE_ROUNDS times. */
void mojibake_fix(struct runes *text);

enum { MOJIBAKE_ROUNDS = 32 }; /* each round undoes one layer; text read wrongly twice needs two */

#endif
