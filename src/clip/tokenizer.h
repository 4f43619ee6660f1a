/* SPDX-License-Identifier: MIT
 *
 * The CLIP tokenizer: text cleaning (text_clean.h), the word pattern, byte-level BPE.
 * Source: open_clip's SimpleTokenizer (tokenizer.py); the merges are those of OpenAI's CLIP.
 *
 * A tokenizer is read-only after opening and may be used by any number of threads at once.
 */
#ifndef FOVEA_CLIP_TOKENIZER_H
#define FOVEA_CLIP_TOKENIZER_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

struct tokenizer;

struct tokenizer_files {
    const char *vocab; /* [vocab_size] vocab.json */
    size_t vocab_size;
    const char *merges; /* [merges_size] merges.txt */
    size_t merges_size;
};

/* The CLIP vocabulary that ships with the program: 49,408 tokens. */
MUST_USE enum status tokenizer_open_default(struct tokenizer **out, struct err *err);
/* A vocabulary by its merges: text as in CLIP's bpe_simple_vocab or a hub's merges.txt, one
 * "left right" a line, an optional first line that starts with '#', 'bpe_simple_vocab' or
 * '"bpe_simple_vocab'. Ids are 256 bytes, 256 bytes with </w>, one per merge, start, end.
 * ERR_FORMAT names the damaged line; ERR_LIMIT past 1,048,576 merges. */
MUST_USE enum status tokenizer_open_merges(struct tokenizer **out, const char *text, size_t size,
                                           struct err *err);
/* The files of a Hugging Face tokenizer: merges as above, ids by vocab.json, {"token": id}.
 * ERR_FORMAT names a token that the merges make and the vocabulary does not have. */
MUST_USE enum status tokenizer_open_vocab(struct tokenizer **out, const struct tokenizer_files *,
                                          struct err *err);
/* tokenizer.json: a byte-level BPE with CLIP's pattern. ERR_UNSUPPORTED names what it is instead,
 * or the step that CLIP's tokenizer does not have. Added tokens count where they start, end or fill
 * up a text; fovea does not look for them within a text. */
MUST_USE enum status tokenizer_open_json(struct tokenizer **out, const char *json, size_t size,
                                         struct err *err);
void tokenizer_close(struct tokenizer *); /* NULL-safe */

int tokenizer_vocab_size(const struct tokenizer *); /* the highest id and one */
int32_t tokenizer_start_id(const struct tokenizer *);
int32_t tokenizer_end_id(const struct tokenizer *);

/* ids: [context]; start, the text's tokens, end, then zeros (or what tokenizer.json fills up
 * with); a text that is too long is cut and the
 * last id set to end. *used, when not NULL, is the count up to and including end. `text` is UTF-8;
 * invalid bytes are taken as U+FFFD. ERR_ARGUMENT if context < 2, ERR_LIMIT past 1 MiB of text.
 * docs/tokenizer.md says how far this is the reference's answer. */
MUST_USE enum status tokenizer_encode(const struct tokenizer *, const char *text, size_t size,
                                      int32_t *ids, int context, int *used, struct err *err);

#endif
