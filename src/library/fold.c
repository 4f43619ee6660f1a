/* SPDX-License-Identifier: MIT
 *
 * See fold.h.
 */
#include "library/fold.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

static char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool is_ascii(const char *text, size_t size)
{
    unsigned char all = 0;
    for (size_t i = 0; i < size; i++)
        all |= (unsigned char)text[i];
    return all < 0x80;
}

static char *fold_bytes(const char *text, size_t size)
{
    char *out = malloc(size + 1);
    for (size_t i = 0; out && i < size; i++)
        out[i] = ascii_lower(text[i]);
    if (out)
        out[size] = '\0';
    return out;
}

char *fold_text(const char *text, size_t size)
{
    if (is_ascii(text, size))
        return fold_bytes(text, size);
    utf8proc_uint8_t *out = NULL;
    utf8proc_ssize_t length = utf8proc_map(
        (const utf8proc_uint8_t *)text, (utf8proc_ssize_t)size, &out,
        UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE);
    if (length >= 0)
        return (char *)out; /* malloc'ed, with its NUL */
    return length == UTF8PROC_ERROR_NOMEM ? NULL : fold_bytes(text, size);
}

static bool equal_ascii(const char *folded, const char *text, size_t size)
{
    size_t i = 0;
    while (i < size && folded[i] && ascii_lower(text[i]) == folded[i])
        i++;
    return i == size && !folded[i];
}

bool fold_equal(const char *folded, const char *text, size_t size)
{
    if (is_ascii(text, size))
        return equal_ascii(folded, text, size);
    char *other = fold_text(text, size);
    bool same = other && strcmp(folded, other) == 0;
    free(other);
    return same;
}

bool fold_contains(const char *text, const char *folded)
{
    char *all = fold_text(text, strlen(text));
    bool found = all && strstr(all, folded);
    free(all);
    return found;
}
