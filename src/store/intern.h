/* SPDX-License-Identifier: MIT
 *
 * Private to store/: strings that come again and again (formats, cameras, lenses), each kept once
 * and known by its number.
 */
#ifndef FOVEA_STORE_INTERN_H
#define FOVEA_STORE_INTERN_H

#include "base/str.h"

#include <stdint.h>

struct intern {
    struct str *bytes; /* the strings, each with its NUL; may be shared with others */
    size_t *offsets;   /* [count] into bytes */
    uint32_t *hashes;  /* [count] */
    size_t count, capacity;
    uint32_t *slots; /* [slot_count] number + 1, or 0: open addressing */
    size_t slot_count;
    size_t last; /* the number that was asked for last: it mostly is the next one, too */
};

/* The string's number; -1 without memory. */
int intern(struct intern *, const char *text);
void intern_free(struct intern *); /* not the bytes */
/* The strings as pointers, [count], to be freed with free(); NULL without memory. The bytes must
 * not grow any more. */
const char **intern_names(const struct intern *);

#endif
