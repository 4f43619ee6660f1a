/* SPDX-License-Identifier: MIT
 *
 * See failing_memory.h.
 */
#include "failing_memory.h"

#include <sqlite3.h>
#include <stdlib.h>

/* The linker makes these names. */
void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__real_realloc(void *, size_t);
void *__real_aligned_alloc(size_t, size_t);
char *__real_strdup(const char *);
char *__real_strndup(const char *, size_t);
void *__wrap_malloc(size_t);
void *__wrap_calloc(size_t, size_t);
void *__wrap_realloc(void *, size_t);
void *__wrap_aligned_alloc(size_t, size_t);
char *__wrap_strdup(const char *);
char *__wrap_strndup(const char *, size_t);

void *__wrap_malloc(size_t size)
{
    return failing_memory() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return failing_memory() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return failing_memory() ? NULL : __real_realloc(old, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return failing_memory() ? NULL : __real_aligned_alloc(alignment, size);
}

char *__wrap_strdup(const char *text)
{
    return failing_memory() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t size)
{
    return failing_memory() ? NULL : __real_strndup(text, size);
}

static sqlite3_mem_methods below;

static void *sqlite_malloc(int size)
{
    return failing_memory() ? NULL : below.xMalloc(size);
}

static void *sqlite_realloc(void *old, int size)
{
    return failing_memory() ? NULL : below.xRealloc(old, size);
}

void failing_memory_wrap_sqlite(void)
{
    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &below) != SQLITE_OK)
        abort();
    sqlite3_mem_methods wrapped = below;
    wrapped.xMalloc = sqlite_malloc;
    wrapped.xRealloc = sqlite_realloc;
    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &wrapped) != SQLITE_OK)
        abort();
}
