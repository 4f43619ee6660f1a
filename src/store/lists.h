/* SPDX-License-Identifier: MIT
 *
 * Private to store/: the lists that verbs return, put together from a library's rows as a kind of
 * store reads them. What is added belongs to the list, also after a failure.
 */
#ifndef FOVEA_STORE_LISTS_H
#define FOVEA_STORE_LISTS_H

#include "base/str.h"
#include "store/store_ops.h"

/* Room for one more in an array that grows at powers of two; NULL without memory, then the array is
 * as it was. */
void *room_for(void *array, size_t count, size_t size);

/* `strings`: each with its NUL, one after the other. One block for free(): `count` pointers, then
 * what they point to; NULL without memory. */
char **strings_block(const struct str *strings, size_t count);

/* kinds: one byte each. */
MUST_USE enum status places_block(const struct str *kinds, const struct str *paths,
                                  struct store_place **places, struct err *err);

/* The caller has appended the path to `strings` before; here the reason follows. */
MUST_USE enum status failures_add(struct store_failure **failures, size_t *count,
                                  int64_t size_bytes, int64_t mtime_ns, struct str *strings,
                                  const void *reason, size_t reason_size, struct err *err);
/* Array and strings as one block; after a failure (status, or here) there is nothing. */
MUST_USE enum status failures_join(struct store_failure **failures, size_t *count,
                                   const struct str *strings, enum status status, struct err *err);

struct list_hash {
    const void *bytes;
    size_t size;
};
MUST_USE enum status decisions_add(const struct store *, struct store_decision **decisions,
                                   size_t *count, const struct list_hash hashes[2], int decision,
                                   int64_t made_at, struct err *err);

MUST_USE enum status saved_sets_add(const struct store *, struct store_saved_set **sets,
                                    size_t *count, const char *name, const char *json,
                                    struct err *err);

/* In `set`: made_at and labels. */
MUST_USE enum status label_sets_add(const struct store *, struct store_label_set **sets,
                                    size_t *count, struct store_label_set set, const char *name,
                                    const char *json, struct err *err);
MUST_USE enum status label_set_add_category(struct store_label_set *, const char *name,
                                            struct err *err);

#endif
