/* SPDX-License-Identifier: MIT
 *
 * Growth by doubling up to the string's limit; see str.h for the failure rule.
 */
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct str str_new(size_t limit)
{
    return (struct str){.limit = limit};
}

void str_free(struct str *s)
{
    free(s->data);
    *s = (struct str){.limit = s->limit};
}

void str_clear(struct str *s)
{
    s->size = 0;
    s->failed = false;
    if (s->data)
        s->data[0] = '\0';
}

/* Makes room for `more` bytes and the NUL. */
static bool reserve(struct str *s, size_t more)
{
    if (s->failed || more > s->limit || s->size > s->limit - more) {
        s->failed = true;
        return false;
    }
    size_t need = s->size + more + 1;
    if (need <= s->capacity)
        return true;
    size_t capacity = s->capacity ? s->capacity : 64;
    while (capacity < need)
        capacity *= 2;
    char *data = realloc(s->data, capacity);
    if (!data) {
        s->failed = true;
        return false;
    }
    s->data = data;
    s->capacity = capacity;
    return true;
}

void str_append(struct str *s, const void *bytes, size_t size)
{
    if (!reserve(s, size))
        return;
    if (size)
        memcpy(s->data + s->size, bytes, size);
    s->size += size;
    s->data[s->size] = '\0';
}

void str_put(struct str *s, const char *text)
{
    str_append(s, text, strlen(text));
}

void str_putc(struct str *s, char c)
{
    str_append(s, &c, 1);
}

/* Size of the character that `p` begins with, 0 if it is none (RFC 3629, section 4: nothing
 * overlong, no surrogates, nothing above U+10FFFF). The NUL at the end of a string continues no
 * character. */
static size_t utf8_size(const unsigned char *p)
{
    size_t size = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (p[0] > 0xf4)
        return 0;
    unsigned low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
    unsigned high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
    for (size_t i = 1; i < size; i++) {
        if (p[i] < low || p[i] > high)
            return 0;
        low = 0x80;
        high = 0xbf;
    }
    return size;
}

void str_put_utf8(struct str *s, const char *bytes)
{
    while (*bytes) {
        size_t size = utf8_size((const unsigned char *)bytes);
        if (size > 0)
            str_append(s, bytes, size);
        else
            str_put(s, "\xef\xbf\xbd");
        bytes += size > 0 ? size : 1;
    }
}

size_t text_next(const char *text, bool *shown)
{
    const unsigned char *p = (const unsigned char *)text;
    const size_t size = utf8_size(p);
    if (size == 0) /* Latin-1, most likely */
        *shown = p[0] >= 0xa0;
    else if (size == 1)
        *shown = p[0] >= 0x20 && p[0] != 0x7f;
    else if (size == 2)
        *shown = !(p[0] == 0xc2 && p[1] < 0xa0);
    else if (size == 3 && p[0] == 0xe2) /* U+2028 to 202E, U+2066 to 2069 */
        *shown = !(p[1] == 0x80 && p[2] >= 0xa8 && p[2] <= 0xae) &&
                 !(p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9);
    else
        *shown = true;
    return size == 0 ? 1 : size;
}

void text_disarm(char *text)
{
    char *to = text;
    while (*text) {
        bool shown;
        const size_t size = text_next(text, &shown);
        if (shown)
            memmove(to, text, size);
        else
            *to = '?';
        to += shown ? size : 1;
        text += size;
    }
    *to = '\0';
}

void str_format(struct str *s, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (size < 0)
        s->failed = true;
    else if (reserve(s, (size_t)size)) {
        vsnprintf(s->data + s->size, (size_t)size + 1, format, again);
        s->size += (size_t)size;
    }
    va_end(again);
}
