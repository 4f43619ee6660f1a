/* SPDX-License-Identifier: MIT
 *
 * Verbs that are not written yet: each moves to the file that postgres.h names.
 */
#include "store/postgres.h"

static enum status not_yet(struct store *store, struct err *err)
{
    return err_set(err, ERR_UNSUPPORTED,
                   "the library %s is in PostgreSQL, where this does not work yet",
                   postgres_store(store)->label);
}

enum status postgres_backup(struct store *store, const char *path, struct err *err)
{
    return not_yet(store, err);
}

const char *postgres_kept_copy(const struct store *store)
{
    return NULL; /* a server has backups of its own */
}
