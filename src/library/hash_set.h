/* SPDX-License-Identifier: MIT
 *
 * Content hashes, and a set of those met in one run. Not thread-safe.
 */
#ifndef FOVEA_LIBRARY_HASH_SET_H
#define FOVEA_LIBRARY_HASH_SET_H

#include "base/status.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>

/* XXH3-128 in its canonical (big-endian) form. */
struct photo_hash photo_hash_of(const void *content, size_t size);

struct hash_set;

/* For `count` hashes at the most. */
MUST_USE enum status hash_set_open(struct hash_set **out, size_t count, struct err *err);
void hash_set_close(struct hash_set *); /* NULL-safe */
/* True if the hash was not in the set before. */
bool hash_set_add(struct hash_set *, const struct photo_hash *);

#endif
