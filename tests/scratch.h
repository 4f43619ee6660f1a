/* SPDX-License-Identifier: MIT
 *
 * A folder for the files of a group of cmocka tests.
 */
#ifndef FOVEA_TESTS_SCRATCH_H
#define FOVEA_TESTS_SCRATCH_H

#include "temporary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char scratch[64];

static int make_scratch(void **state)
{
    return temporary_make(scratch, sizeof scratch);
}

static int remove_scratch(void **state)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", scratch);
    return system(command);
}

/* scratch/name, in one of four static buffers. */
static const char *in_scratch(const char *name)
{
    static char paths[4][512];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", scratch, name);
    return path;
}

#endif
