/* SPDX-License-Identifier: MIT
 *
 * An allocator that fails once, when a test says so. The linker puts these functions in the place
 * of malloc and its kin (--wrap, see unit/meson.build); included by one file of a test program.
 */
#ifndef FOVEA_TESTS_FAILING_ALLOC_H
#define FOVEA_TESTS_FAILING_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

enum { NEVER = -1 };

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static int until_failure = NEVER; /* this many allocations succeed, the next one fails */

static bool fails(void)
{
    return until_failure != NEVER && until_failure-- == 0;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

#endif
