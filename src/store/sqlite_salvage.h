/* SPDX-License-Identifier: MIT
 *
 * Private to store/: what can be read of a damaged library, into a new one.
 */
#ifndef FOVEA_STORE_SQLITE_SALVAGE_H
#define FOVEA_STORE_SQLITE_SALVAGE_H

#include "store/sqlite.h"

#define SALVAGE_VALUE_LIMIT (64 << 20)

struct salvage {
    sqlite3 *old;     /* a library, perhaps damaged */
    sqlite3 *new;     /* an empty file */
    const char *path; /* of the old one, for messages */
    struct store_repair *report;
};

/* Makes `new` a library of the newest schema, sound and complete as far as `old` can be read. */
MUST_USE enum status salvage(const struct salvage *, struct err *err);

#endif
