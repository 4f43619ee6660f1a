/* SPDX-License-Identifier: MIT
 *
 * Indexing: bring the library up to date with folders of photographs. The run is incremental: a
 * file whose size and mtime are as before costs a stat(), one whose content is known under another
 * path costs reading and hashing it, everything else is decoded and embedded.
 */
#ifndef FOVEA_LIBRARY_INDEX_H
#define FOVEA_LIBRARY_INDEX_H

#include "base/status.h"
#include "clip/model.h"
#include "store/store.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum index_event_kind {
    INDEX_BEGIN,  /* the walk is over: found, todo are known */
    INDEX_PHOTO,  /* a photo was embedded, or recognised by its content */
    INDEX_FAILED, /* path and reason of a file or folder that could not be used */
};

struct index_event {
    enum index_event_kind kind;
    const char *path;   /* of INDEX_PHOTO and INDEX_FAILED */
    const char *reason; /* of INDEX_FAILED */
    bool known;         /* of INDEX_PHOTO: content known already, not embedded again */
    size_t found, todo, done;
};

struct index_options {
    const char *const *roots; /* folders, or single photographs */
    size_t root_count;
    int threads;               /* workers, each decoding or running the network; 0: one per core */
    int batch;                 /* photographs per forward pass; 0: chosen from the model */
    double max_megapixels;     /* 0: the default of image.h */
    bool fast_decode;          /* decode large pictures smaller than they are; picture.h */
    bool keep_missing;         /* keep photos whose files are gone */
    bool retry_failed;         /* also try files that failed before and have not changed */
    const atomic_bool *cancel; /* set from elsewhere: finish what is begun and return; or NULL */
    void (*on_event)(void *context, const struct index_event *); /* on the caller's thread */
    void *context;
};

struct index_report {
    size_t found;                    /* photographs below the roots */
    size_t unchanged, failed_before; /* not touched */
    size_t embedded, known, failed;  /* looked at in this run; known = recognised by content */
    size_t forgotten;                /* paths that are gone */
    size_t kept_missing;   /* paths that are gone but kept: keep_missing, or an empty root */
    size_t bad_dirs;       /* folders and files that could not be looked at */
    char empty_root[1024]; /* a root that is empty though the library knows photos there, or "" */
    bool cancelled;
    double seconds;
};

/* What an index run would refuse these roots for: to be asked before a library is made for them. */
MUST_USE enum status index_check_roots(const char *const *roots, size_t root_count,
                                       struct err *err);

/* Takes the library's index lock for the run. When it fails in the middle (disk full, …), what was
 * committed stays, and the next run goes on from there; *report is filled in any case. */
MUST_USE enum status index_run(struct store *, const struct model *, const struct index_options *,
                               struct index_report *report, struct err *err);

#endif
