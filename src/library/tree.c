/* SPDX-License-Identifier: MIT
 *
 * See tree.h.
 */
#include "library/tree.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    return remove(path);
}

enum status tree_remove(const char *dir, struct err *err)
{
    if (nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) != 0)
        return err_errno(err, errno, "cannot remove %s", dir);
    return OK;
}
