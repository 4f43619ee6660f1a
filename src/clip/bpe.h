/* SPDX-License-Identifier: MIT
 *
 * Byte-pair encoding of one word: the pair of neighbouring symbols with the lowest rank is merged,
 * everywhere in the word and from left to right, until no pair has a rank (Sennrich et al. 2016,
 * algorithm 1, as CLIP applies it). Read-only after opening; any number of threads.
 */
#ifndef FOVEA_CLIP_BPE_H
#define FOVEA_CLIP_BPE_H

#include "base/status.h"
#include "clip/merges.h"

#include <stddef.h>
#include <stdint.h>

struct bpe;

/* Takes the merges over (and frees them, also on failure). */
MUST_USE enum status bpe_open(struct bpe **out, struct merges *merges, struct err *err);
void bpe_close(struct bpe *); /* NULL-safe */

size_t bpe_merge_count(const struct bpe *);

/* word: [size] bytes, size >= 1. ids: [capacity]; the word's first tokens, as many as fit. *count
 * is how many were written. Time n log n; memory 40 bytes a byte for words longer than 64 bytes. */
MUST_USE enum status bpe_encode(const struct bpe *, const char *word, size_t size, int32_t *ids,
                                size_t capacity, size_t *count, struct err *err);

#endif
