/* SPDX-License-Identifier: MIT
 *
 * A growable, bounded byte string. The bound is given at creation and is not negotiable: an append
 * past it, or a failed allocation, marks the string as failed; from then on appends do nothing and
 * str_ok() is false. So a run of appends needs one check at its end.
 *
 *     struct str s = str_new(1 << 20);
 *     str_put(&s, "a");
 *     str_format(&s, "%d", 1);
 *     if (!str_ok(&s)) ...
 *     str_free(&s);
 */
#ifndef FOVEA_BASE_STR_H
#define FOVEA_BASE_STR_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

struct str {
    char *data;  /* always NUL-terminated once something was appended; may be NULL while empty */
    size_t size; /* bytes, without the terminating NUL */
    size_t capacity;
    size_t limit; /* bytes at the most, without the NUL */
    bool failed;
};

struct str str_new(size_t limit);
void str_free(struct str *);  /* leaves an empty string with the same limit */
void str_clear(struct str *); /* empties, keeps the memory, forgets a failure */

void str_append(struct str *, const void *bytes, size_t size);
void str_put(struct str *, const char *text);
void str_putc(struct str *, char c);
/* `bytes` as UTF-8: each byte that is part of no character becomes U+FFFD. For names of files,
 * which may hold anything, where the reader expects text. */
void str_put_utf8(struct str *, const char *bytes);
void str_format(struct str *, const char *format, ...) PRINTF_LIKE(2, 3);

/* Names of files and words of pictures, on their way to a terminal or into a line of a log.
 *
 * The size of the character that the text begins with (1 for a byte that is part of none), and
 * whether a terminal shows it: not control characters (C0, DEL, C1; also C1 as single bytes, which
 * some terminals still obey), line and paragraph separators, and what changes the direction of the
 * text after it. */
size_t text_next(const char *text, bool *shown);
/* Each character that is not shown becomes '?', in place. */
void text_disarm(char *text);

static inline bool str_ok(const struct str *s)
{
    return !s->failed;
}

/* The bytes with a terminating NUL; "" while empty. Valid until the next change. */
static inline const char *str_text(const struct str *s)
{
    return s->data ? s->data : "";
}

#endif
