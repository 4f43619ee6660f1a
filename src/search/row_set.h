/* SPDX-License-Identifier: MIT
 *
 * A set of rows of a matrix, one bit each: what a filter leaves, what a scan looks at.
 */
#ifndef FOVEA_SEARCH_ROW_SET_H
#define FOVEA_SEARCH_ROW_SET_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct row_set {
    uint64_t *words; /* [rows / 64 + 1]; bits beyond `rows` are 0 */
    size_t rows;
};

/* All rows, or none. */
MUST_USE enum status row_set_open(struct row_set *out, size_t rows, bool all, struct err *err);
void row_set_close(struct row_set *); /* leaves an empty set; zeroed is fine */

size_t row_set_count(const struct row_set *);

static inline bool row_set_has(const struct row_set *set, size_t row)
{
    return set->words[row / 64] >> row % 64 & 1;
}
static inline void row_set_add(struct row_set *set, size_t row)
{
    set->words[row / 64] |= (uint64_t)1 << row % 64;
}
static inline void row_set_remove(struct row_set *set, size_t row)
{
    set->words[row / 64] &= ~((uint64_t)1 << row % 64);
}

#endif
