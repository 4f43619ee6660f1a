/* SPDX-License-Identifier: MIT
 *
 * Which tokenizer a model has: that of its folder, or CLIP's.
 */
#ifndef FOVEA_CLIP_MODEL_TOKENIZER_H
#define FOVEA_CLIP_MODEL_TOKENIZER_H

#include "base/status.h"
#include "clip/source.h"
#include "clip/tokenizer.h"

/* The first of: tokenizer.json; vocab.json with merges.txt; merges.txt alone, in CLIP's numbering;
 * the vocabulary that ships with the program. ERR_UNSUPPORTED where the model needs one that is not
 * there, or one that CLIP's tokenizer does not reproduce, or whose ids are not the model's. */
MUST_USE enum status model_tokenizer_open(struct tokenizer **out, const struct model_source *,
                                          const struct text_config *, struct err *err);

#endif
