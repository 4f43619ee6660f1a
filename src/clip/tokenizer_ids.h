/* SPDX-License-Identifier: MIT
 *
 * The ids of a vocabulary that does not number its tokens as CLIP does; for this room's tokenizer
 * files alone.
 */
#ifndef FOVEA_CLIP_TOKENIZER_IDS_H
#define FOVEA_CLIP_TOKENIZER_IDS_H

#include "base/status.h"
#include "clip/merges.h"
#include "clip/tokenizer.h"

#include <stdint.h>

struct tokenizer_ids {
    int32_t *of_symbol; /* [512 + merges]; NULL: the symbol is the id */
    int32_t start, end, pad;
    int32_t size; /* the highest id and one */
};

/* Takes the merges and the ids over (and frees them, also on failure). */
MUST_USE enum status tokenizer_open_with(struct tokenizer **out, struct merges *,
                                         struct tokenizer_ids *, struct err *err);

#endif
