/* SPDX-License-Identifier: MIT
 *
 * A contact sheet: pictures in a grid, each with a title and a note below, under a heading; for
 * looking at on a screen, for printing, for sending along.
 */
#ifndef FOVEA_IMAGE_SHEET_H
#define FOVEA_IMAGE_SHEET_H

#include "base/status.h"

#include <stddef.h>

enum { SHEET_CELLS_MAX = 500 };

struct sheet_cell {
    const char *title, *note; /* UTF-8 */
};

struct sheet {
    const char *heading;
    const struct sheet_cell *cells; /* [count] */
    size_t count;
    size_t strong;       /* the cells from here on come below a divider; count: none do */
    const char *divider; /* what it says */
    /* Gives the picture of a cell as a file's content: *bytes is not kept beyond the next call.
     * A status other than OK leaves the cell grey. */
    enum status (*picture)(void *context, size_t cell, const void **bytes, size_t *size,
                           struct err *err);
    void *context;
};

/* The format is told by the extension of `path`: jpg, png, webp or tif. Written atomically.
 * ERR_LIMIT for more than SHEET_CELLS_MAX cells; ERR_ARGUMENT, ERR_IO, ERR_MEMORY. The image room
 * is open. */
MUST_USE enum status sheet_write(const char *path, const struct sheet *, struct err *err);

#endif
