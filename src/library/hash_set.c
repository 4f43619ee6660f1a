/* SPDX-License-Identifier: MIT
 *
 * Open addressing with linear probing over a table at most half full. The keys are hashes already:
 * their first bytes choose the place.
 */
#include "library/hash_set.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

struct hash_set {
    size_t mask;
    struct entry {
        struct photo_hash hash;
        bool used;
    } entries[]; /* [mask + 1] */
};

struct photo_hash photo_hash_of(const void *content, size_t size)
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(content, size));
    struct photo_hash hash;
    memcpy(hash.bytes, canonical.digest, sizeof hash.bytes);
    return hash;
}

enum status hash_set_open(struct hash_set **out, size_t count, struct err *err)
{
    size_t capacity = 16;
    while (capacity < 2 * count)
        capacity *= 2;
    struct hash_set *set = calloc(1, sizeof *set + capacity * sizeof(struct entry));
    *out = set;
    if (!set)
        return err_no_memory(err, "the set of contents", capacity * sizeof(struct entry));
    set->mask = capacity - 1;
    return OK;
}

void hash_set_close(struct hash_set *set)
{
    free(set);
}

bool hash_set_add(struct hash_set *set, const struct photo_hash *hash)
{
    uint64_t start;
    memcpy(&start, hash->bytes, sizeof start);
    for (size_t i = (size_t)start & set->mask;; i = (i + 1) & set->mask) {
        struct entry *entry = &set->entries[i];
        if (!entry->used) {
            *entry = (struct entry){*hash, true};
            return true;
        }
        if (memcmp(entry->hash.bytes, hash->bytes, sizeof hash->bytes) == 0)
            return false;
    }
}
