/* SPDX-License-Identifier: MIT
 *
 * What the tools in tools/ pack into the program at build time.
 */
#ifndef FOVEA_CLIP_VOCABULARY_H
#define FOVEA_CLIP_VOCABULARY_H

#include <stdint.h>

/* Vocabulary 49,152 less 256 bytes and the two marks that OpenAI left room for: the count that
 * open_clip cuts bpe_simple_vocab_16e6 to. */
enum { CLIP_MERGE_COUNT = 49152 - 256 - 2 };

/* The two symbols that merge i joins; it makes symbol 512 + i. */
extern const uint16_t clip_merges[CLIP_MERGE_COUNT][2];

/* A named character reference of HTML. `legacy` ones are also recognised without a semicolon. */
struct html_entity {
    uint16_t name_at; /* into html_entity_names, not terminated, without '&' and ';' */
    uint8_t name_size, legacy;
    uint32_t first, second; /* what it stands for; second is 0 where there is but one character */
};

extern const char html_entity_names[];
extern const struct html_entity html_entities[]; /* by name, in the order of memcmp */
extern const int html_entity_count;

#endif
