/* SPDX-License-Identifier: MIT
 *
 * See tree.h.
 */
#include "library/tree.h"

#include "base/file.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

enum status tree_make(struct str *out, const char *name, struct err *err)
{
    const char *below = getenv("TMPDIR");
    path_join(out, below && *below ? below : "/tmp", name);
    str_put(out, ".XXXXXX");
    if (!str_ok(out))
        return err_set(err, ERR_ARGUMENT, "the name of the folder for temporary files is too long");
    if (mkdtemp(out->data))
        return OK;
    enum status status = err_errno(err, errno, "cannot make the temporary folder %s", out->data);
    str_clear(out); /* there is nothing to remove */
    return status;
}

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
