/* SPDX-License-Identifier: MIT
 *
 * A word is a doubly linked list of symbols in arrays, and a heap of candidate pairs ordered by
 * (rank, place). A round takes every candidate of the lowest rank off the heap, in order of place,
 * and merges those that still are what they were; the pairs that come into being around a merged
 * symbol go onto the heap. So a word of n bytes costs n log n, where looking for the best pair
 * again after each round costs n squared.
 *
 * A round is closed before the next begins, even if a merge in it made a pair of lower rank: this
 * can only happen where a vocabulary makes a token twice, and is what the reference does.
 */
#include "clip/bpe.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

enum {
    SMALL_WORD = 64,         /* bytes; up to here the scratch lies on the stack */
    CANDIDATES_PER_BYTE = 3, /* n - 1 at first, and each of at most n - 1 merges adds two */
};

struct bpe {
    struct merges merges;
    uint32_t *slots; /* [mask + 1] rank + 1 of a pair, 0 is free */
    size_t mask;
};

/* [size] each but candidates: [CANDIDATES_PER_BYTE * size], rank << 32 | place, a binary heap */
struct word {
    uint32_t *symbol, *previous, *next, *round;
    uint64_t *candidates;
    size_t candidate_count;
};

static uint32_t *pair_slot(const struct bpe *bpe, uint32_t left, uint32_t right)
{
    uint64_t h = ((uint64_t)left << 32 | right) * 0x9E3779B97F4A7C15u;
    size_t at = (h >> 32 ^ h >> 13) & bpe->mask;
    for (; bpe->slots[at]; at = (at + 1) & bpe->mask) {
        const struct merge *m = &bpe->merges.items[bpe->slots[at] - 1];
        if (m->left == left && m->right == right)
            break;
    }
    return &bpe->slots[at];
}

enum status bpe_open(struct bpe **out, struct merges *merges, struct err *err)
{
    size_t slots = 1024;
    while (slots < merges->count * 2)
        slots *= 2;
    struct bpe *bpe = calloc(1, sizeof *bpe);
    uint32_t *table = calloc(slots, sizeof *table);
    *out = NULL;
    if (!bpe || !table) {
        free(bpe);
        free(table);
        merges_free(merges);
        return err_no_memory(err, "the table of merges", slots * sizeof *table);
    }
    *bpe = (struct bpe){.merges = *merges, .slots = table, .mask = slots - 1};
    *merges = (struct merges){0};
    for (size_t i = 0; i < bpe->merges.count; i++) {
        const struct merge *m = &bpe->merges.items[i];
        *pair_slot(bpe, m->left, m->right) = (uint32_t)i + 1; /* of two equal pairs, the later */
    }
    *out = bpe;
    return OK;
}

void bpe_close(struct bpe *bpe)
{
    if (!bpe)
        return;
    merges_free(&bpe->merges);
    free(bpe->slots);
    free(bpe);
}

size_t bpe_merge_count(const struct bpe *bpe)
{
    return bpe->merges.count;
}

static void heap_push(struct word *w, uint64_t item)
{
    size_t at = w->candidate_count++;
    for (; at && w->candidates[(at - 1) / 2] > item; at = (at - 1) / 2)
        w->candidates[at] = w->candidates[(at - 1) / 2];
    w->candidates[at] = item;
}

static uint64_t heap_pop(struct word *w)
{
    uint64_t top = w->candidates[0], last = w->candidates[--w->candidate_count];
    size_t at = 0, size = w->candidate_count;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < size && w->candidates[child + 1] < w->candidates[child])
            child++;
        if (child >= size || w->candidates[child] >= last)
            break;
        w->candidates[at] = w->candidates[child];
        at = child;
    }
    w->candidates[at] = last;
    return top;
}

/* Makes the pair that starts at `place` a candidate if it has a rank. */
static void consider(const struct bpe *bpe, struct word *w, uint32_t place)
{
    if (place == NONE || w->next[place] == NONE)
        return;
    uint32_t rank = *pair_slot(bpe, w->symbol[place], w->symbol[w->next[place]]);
    if (rank)
        heap_push(w, (uint64_t)(rank - 1) << 32 | place);
}

/* Merges the pair at `place` unless one of its symbols has been used meanwhile. */
static void merge_at(const struct bpe *bpe, struct word *w, const struct merge *m, uint32_t place)
{
    uint32_t right = w->next[place];
    if (w->symbol[place] != m->left || right == NONE || w->symbol[right] != m->right)
        return;
    w->symbol[place] = m->result;
    w->symbol[right] = NONE;
    w->next[place] = w->next[right];
    if (w->next[right] != NONE)
        w->previous[w->next[right]] = place;
    consider(bpe, w, w->previous[place]);
    consider(bpe, w, place);
}

static void merge_all(const struct bpe *bpe, struct word *w)
{
    while (w->candidate_count) {
        uint32_t rank = (uint32_t)(w->candidates[0] >> 32);
        size_t count = 0;
        while (w->candidate_count && w->candidates[0] >> 32 == rank)
            w->round[count++] = (uint32_t)heap_pop(w);
        for (size_t i = 0; i < count; i++)
            merge_at(bpe, w, &bpe->merges.items[rank], w->round[i]);
    }
}

static void word_fill(const struct bpe *bpe, struct word *w, const char *bytes, size_t size)
{
    for (uint32_t i = 0; i < size; i++) {
        bool last = i + 1 == size;
        w->symbol[i] = merges_byte_symbol((uint8_t)bytes[i]) + (last ? MERGES_END_OF_WORD : 0);
        w->previous[i] = i ? i - 1 : NONE;
        w->next[i] = last ? NONE : i + 1;
    }
    for (uint32_t i = 0; i < size; i++)
        consider(bpe, w, i);
}

enum status bpe_encode(const struct bpe *bpe, const char *word, size_t size, int32_t *ids,
                       size_t capacity, size_t *count, struct err *err)
{
    uint64_t small[SMALL_WORD * (CANDIDATES_PER_BYTE + 2)], *scratch = small;
    *count = 0;
    if (size > SMALL_WORD) {
        size_t bytes = size * (CANDIDATES_PER_BYTE + 2) * sizeof *scratch;
        if (size >= UINT32_MAX / 64)
            return err_set(err, ERR_LIMIT, "a word of %zu bytes is too long", size);
        if (!(scratch = malloc(bytes)))
            return err_no_memory(err, "a long word", bytes);
    }
    uint32_t *arrays = (uint32_t *)(scratch + CANDIDATES_PER_BYTE * size);
    struct word w = {.symbol = arrays,
                     .previous = arrays + size,
                     .next = arrays + 2 * size,
                     .round = arrays + 3 * size,
                     .candidates = scratch};
    word_fill(bpe, &w, word, size);
    merge_all(bpe, &w);
    for (uint32_t i = 0; i != NONE && *count < capacity; i = w.next[i])
        ids[(*count)++] = (int32_t)w.symbol[i];
    if (scratch != small)
        free(scratch);
    return OK;
}
