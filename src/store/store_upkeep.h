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

/* "SQLite 3.40.1" */
const char *store_library_version(void);

/* --- health ------------------------------------------------------------------------------- */

struct store_health {
    int64_t problems; /* 0: sound */
    char first[256];  /* the first of them */
    int schema_version;
    char server[160]; /* in a database: "PostgreSQL 15.4, pgvector 0.8.0, over TLS" */
    bool read_only;   /* in a database: this user may not write */
};
/* Looks through the whole library at `path`, which need not be one that can be opened. */
MUST_USE enum status store_check(const char *path, struct store_health *out, struct err *err);

enum store_kept {
    STORE_KEPT_PHOTOS,
    STORE_KEPT_FILES,
    STORE_KEPT_VECTORS,
    STORE_KEPT_LABELS,
    STORE_KEPT_DECISIONS,
    STORE_KEPT_OTHER, /* models, sets, saved sets, sidecars, artifacts */
    STORE_KEPT_KINDS,
};

struct store_repair {
    bool needed; /* false: the library is sound, and was left as it is */
    char *kept;  /* path of the damaged file */
    int64_t saved[STORE_KEPT_KINDS];
    int64_t lost[STORE_KEPT_KINDS]; /* as far as can be told: rows whose key is known */
};
/* Makes a damaged library anew from what can be read of it; the damaged file is kept beside it.
 * ERR_BUSY while another process works on it; ERR_FORMAT if nothing can be read. */
MUST_USE enum status store_repair(const char *path, struct store_repair *out, struct err *err);
void store_repair_free(struct store_repair *);

#endif
