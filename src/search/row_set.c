/* SPDX-License-Identifier: MIT
 *
 * See row_set.h.
 */
#include "search/row_set.h"

#include <stdlib.h>
#include <string.h>

enum { WORD = 64 };

enum status row_set_open(struct row_set *out, size_t rows, bool all, struct err *err)
{
    const size_t words = rows / WORD + 1;
    *out = (struct row_set){.words = malloc(words * sizeof *out->words), .rows = rows};
    if (!out->words)
        return err_no_memory(err, "a set of photographs", words * sizeof *out->words);
    memset(out->words, all ? 0xff : 0, words * sizeof *out->words);
    if (all) /* the last word always has room for what is beyond the rows */
        out->words[words - 1] = ((uint64_t)1 << rows % WORD) - 1;
    return OK;
}

void row_set_close(struct row_set *set)
{
    free(set->words);
    *set = (struct row_set){0};
}

size_t row_set_count(const struct row_set *set)
{
    size_t count = 0;
    for (size_t i = 0; set->words && i <= set->rows / WORD; i++)
        count += (size_t)__builtin_popcountll(set->words[i]);
    return count;
}
