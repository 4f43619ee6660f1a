/* SPDX-License-Identifier: MIT
 *
 * Conformance: libraries in a PostgreSQL server that the test was given, each in a schema of its
 * own. They stay: the server is as temporary as the test.
 */
#include "conformance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void place_postgres(const char *dir, char *location, size_t size)
{
    static int number;
    const char *url = getenv("FOVEA_TEST_POSTGRES");
    assert_non_null(url);
    int length = snprintf(location, size, "%s%cschema=test_%ld_%d", url,
                          strchr(url, '?') ? '&' : '?', (long)getpid(), ++number);
    assert_in_range(length, 1, size - 1);
}

const struct kind postgres_kind = {"postgres", place_postgres};
