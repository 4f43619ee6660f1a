/* SPDX-License-Identifier: MIT
 *
 * Taking folders out of a library.
 */
#ifndef FOVEA_LIBRARY_FORGET_H
#define FOVEA_LIBRARY_FORGET_H

#include "store/store.h"

/* Drops what the library knows below these folders (or of these files), and takes the folders from
 * those that an index run without any looks at. The files themselves are not touched, and need not
 * be there. Takes the index lock. ERR_NOT_FOUND, with nothing dropped, for a folder of which the
 * library knows nothing. *forgotten: how many paths. */
MUST_USE enum status forget_folders(struct store *, const char *const *folders, size_t count,
                                    size_t *forgotten, struct err *err);

#endif
