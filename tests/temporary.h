/* SPDX-License-Identifier: MIT
 *
 * A new, empty folder for a test's files.
 */
#ifndef FOVEA_TESTS_TEMPORARY_H
#define FOVEA_TESTS_TEMPORARY_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Makes it below $TMPDIR, or below /tmp where that is not set or too long for `path` (of `size`
 * bytes). Returns 0, or -1 if it cannot be made. */
static inline int temporary_make(char *path, size_t size)
{
    static const char name[] = "fovea-test-XXXXXX";
    const char *base = getenv("TMPDIR");
    if (!base || !*base || strlen(base) + 1 + sizeof name > size)
        base = "/tmp";
    snprintf(path, size, "%s/%s", base, name);
    return mkdtemp(path) ? 0 : -1;
}

#endif
