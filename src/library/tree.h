/* SPDX-License-Identifier: MIT
 *
 * Removing a folder that the program itself has made.
 */
#ifndef FOVEA_LIBRARY_TREE_H
#define FOVEA_LIBRARY_TREE_H

#include "base/status.h"

/* Removes `dir` and everything in it; symbolic links are removed, not followed, and other file
 * systems that are mounted below it are left alone. */
MUST_USE enum status tree_remove(const char *dir, struct err *err);

#endif
