/* SPDX-License-Identifier: MIT
 *
 * What is in the library as a whole, and its health.
 */
#ifndef FOVEA_STORE_STORE_UPKEEP_H
#define FOVEA_STORE_STORE_UPKEEP_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

struct store_summary {
    int64_t photos, files, failures; /* `files` are the paths that name a photo */
    int64_t labelled;                /* photos with a label of any model */
    int64_t file_bytes;              /* of the files, copies counted each */
    int64_t library_bytes;           /* of the library itself */
    int schema_version;
};
MUST_USE enum status store_summarize(struct store *, struct store_summary *out, struct err *err);

struct store_failure {
    char *path, *reason;
    int64_t size_bytes, mtime_ns; /* as they were then */
    bool transient;               /* of the system, not of the content; mtime_ns is not known */
};
/* Sorted by path; freed with free() as one block. */
MUST_USE enum status store_failures(struct store *, struct store_failure **failures, size_t *count,
                                    struct err *err);

/* --- copies ------------------------------------------------------------------------------- */

/* Copies the library, as it is at one moment, to the file `path`; others may go on writing. The
 * file is there whole or not at all; an older backup of that name is replaced, any other file is
 * not (ERR_ARGUMENT). ERR_BUSY while another process backs up to the same file. */
MUST_USE enum status store_backup(struct store *, const char *path, struct err *err);

/* The path of a copy of the library as it was, when store_open() has just brought it up to date;
 * else NULL. Lives as long as the store. */
const char *store_kept_copy(const struct store *);

#endif
