/* SPDX-License-Identifier: MIT */
#include "store/intern.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/ */
static uint32_t hash_of(const char *text)
{
    uint32_t hash = 2166136261u;
    for (; *text; text++)
        hash = (hash ^ (uint8_t)*text) * 16777619u;
    return hash;
}

static bool is(const struct intern *in, size_t number, uint32_t hash, const char *text)
{
    return in->hashes[number] == hash && strcmp(in->bytes->data + in->offsets[number], text) == 0;
}

static void enter(struct intern *in, size_t number)
{
    size_t slot = in->hashes[number] & (in->slot_count - 1);
    while (in->slots[slot])
        slot = (slot + 1) & (in->slot_count - 1);
    in->slots[slot] = (uint32_t)number + 1;
}

static bool grow(struct intern *in)
{
    size_t capacity = in->capacity ? 2 * in->capacity : 16;
    size_t *offsets = realloc(in->offsets, capacity * sizeof *offsets);
    if (offsets)
        in->offsets = offsets;
    uint32_t *hashes = realloc(in->hashes, capacity * sizeof *hashes);
    if (hashes)
        in->hashes = hashes;
    uint32_t *slots = calloc(2 * capacity, sizeof *slots);
    if (!offsets || !hashes || !slots) {
        free(slots);
        return false;
    }
    free(in->slots);
    in->slots = slots;
    in->slot_count = 2 * capacity;
    in->capacity = capacity;
    for (size_t i = 0; i < in->count; i++)
        enter(in, i);
    return true;
}

static int find(struct intern *in, uint32_t hash, const char *text)
{
    if (in->count == 0)
        return -1;
    if (is(in, in->last, hash, text))
        return (int)in->last;
    size_t slot = hash & (in->slot_count - 1);
    for (; in->slots[slot]; slot = (slot + 1) & (in->slot_count - 1))
        if (is(in, in->slots[slot] - 1, hash, text)) {
            in->last = in->slots[slot] - 1;
            return (int)in->last;
        }
    return -1;
}

int intern(struct intern *in, const char *text)
{
    uint32_t hash = hash_of(text);
    int found = find(in, hash, text);
    if (found >= 0)
        return found;
    if (in->count == INT32_MAX || (in->count == in->capacity && !grow(in)))
        return -1;
    in->offsets[in->count] = in->bytes->size;
    in->hashes[in->count] = hash;
    str_append(in->bytes, text, strlen(text) + 1);
    if (!str_ok(in->bytes))
        return -1;
    enter(in, in->count);
    in->last = in->count;
    return (int)in->count++;
}

void intern_free(struct intern *in)
{
    free(in->offsets);
    free(in->hashes);
    free(in->slots);
}

const char **intern_names(const struct intern *in)
{
    const char **names = malloc((in->count ? in->count : 1) * sizeof *names);
    for (size_t i = 0; names && i < in->count; i++)
        names[i] = in->bytes->data + in->offsets[i];
    return names;
}
