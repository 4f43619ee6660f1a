/* SPDX-License-Identifier: MIT
 *
 * Folders that the program makes for itself and removes again.
 */
#ifndef FOVEA_LIBRARY_TREE_H
#define FOVEA_LIBRARY_TREE_H

#include "base/status.h"
#include "base/str.h"

/* Makes a new, empty folder NAME.XXXXXX below $TMPDIR, or /tmp, and appends its path to `out`. */
MUST_USE enum status tree_make(struct str *out, const char *name, struct err *err);

/* Removes `dir` and everything in it; symbolic links are removed, not followed, and other file
 * systems that are mounted below it are left alone. */
MUST_USE enum status tree_remove(const char *dir, struct err *err);

#endif
