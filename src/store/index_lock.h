/* SPDX-License-Identifier: MIT
 *
 * Private to store/: the right to index a library kept in a file, as an flock() on a file beside it
 * (LIBRARY.lock). A backup holds the same on the file it makes. The kernel takes the lock back when
 * the process ends, however it ends. The file holds the holder's process id, for the message to the
 * others, and is removed on release.
 */
#ifndef FOVEA_STORE_INDEX_LOCK_H
#define FOVEA_STORE_INDEX_LOCK_H

#include "base/status.h"

#include <stdbool.h>

struct index_lock;

/* library: the library's own path, symbolic links resolved. doing: "indexing", for the message.
 * ERR_BUSY names the holder's pid. */
MUST_USE enum status index_lock_open(struct index_lock **out, const char *library,
                                     const char *doing, struct err *err);
void index_lock_close(struct index_lock *); /* NULL-safe */
/* Whether a process holds it just now. */
bool index_lock_is_held(const char *library);

#endif
