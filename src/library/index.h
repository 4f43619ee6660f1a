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
#include "library/walk.h"
#include "store/store.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct thumbs;

enum index_event_kind {
    INDEX_BEGIN, /* the walk is over: found, todo are known */
    INDEX_PHOTO, /* a photo was embedded, recognised by its content, or its metadata read again */
    INDEX_ELSEWHERE, /* `done` has grown by what others did; it waits for what they have in hand */
    INDEX_FAILED,    /* path and reason of a file or folder that could not be used */
};

struct index_event {
    enum index_event_kind kind;
    const char *path;   /* of INDEX_PHOTO and INDEX_FAILED */
    const char *reason; /* of INDEX_FAILED */
    bool known;         /* of INDEX_PHOTO: content known already, not embedded again */
    size_t found, todo, done;
};

/* What somebody who watches the folders (watch.h) wants to know of a walk, and tells it. */
struct index_hooks {
    void (*on_dir)(void *context, const char *path);  /* before a folder is listed */
    bool (*is_busy)(void *context, const char *path); /* whether a file is being written */
    void *context;
};

struct index_options {
    const char *const *roots; /* folders, or single photographs; none: those of earlier runs */
    size_t root_count;
    const char *const *exclude; /* patterns of ignore.h, relative to each root */
    size_t exclude_count;
    const struct walk_scope *scopes; /* only these parts of the roots; none: all of them */
    size_t scope_count;
    int threads;           /* workers, each decoding or running the network; 0: one per core */
    int batch;             /* photographs per forward pass; 0: chosen from the model */
    double max_megapixels; /* 0: the default of image.h */
    bool fast_decode;      /* decode large pictures smaller than they are; picture.h */
    struct thumbs *thumbs; /* where thumbnails of what is decoded are put; NULL: none are made */
    bool large_thumbs;     /* the large ones, too; else they are made when asked for */
    bool keep_missing;     /* keep photos whose files are gone */
    bool prune;            /* what is not there is gone; plan.h */
    bool verify;           /* read and hash every file, whatever its size and mtime say */
    bool retry_failed;     /* also try files that failed before and have not changed */
    bool missing_ok;       /* roots that are not there are reported, and not refused */
    bool activate;         /* the model answers from now on, even if it lacks vectors yet */
    const atomic_bool *cancel; /* set from elsewhere: finish what is begun and return; or NULL */
    void (*on_event)(void *context, const struct index_event *); /* on the caller's thread */
    void *context;
    struct index_hooks hooks; /* functions may be NULL */
};

struct index_report {
    size_t found;                    /* photographs below the roots */
    size_t unchanged, failed_before; /* not touched */
    size_t embedded, known, failed;  /* looked at in this run; known = recognised by content */
    size_t elsewhere;                /* done meanwhile by others who index the same library */
    size_t metadata;                 /* whose metadata alone was read again */
    size_t forgotten;                /* paths that are gone, or left out by a rule now */
    size_t kept_missing;   /* paths that are gone but kept: keep_missing, or an empty place */
    size_t bad_dirs;       /* folders and files that could not be looked at */
    size_t busy;           /* files left for later because they are being written */
    size_t missing_roots;  /* that are not there; with missing_ok */
    char empty_root[1024]; /* a place that is empty though the library knows photos there, or "" */
    char missing_root[1024]; /* the first of the missing, or "" */
    bool cancelled;
    bool activated;        /* this model took over from another: it has every vector now */
    size_t lacking;        /* photos without a vector of this model while another one answers */
    char active_name[256]; /* the model that answers; with `activated`, the one that did before */
    double seconds;
};

/* What an index run would refuse its roots for: to be asked before a library is made for them. */
MUST_USE enum status index_check_roots(const struct index_options *, struct err *err);

/* Joins the library's indexers for the run (store_claims.h). When it fails in the middle (disk
 * full, …), what was committed stays, and the next run goes on from there; *report is filled in any
 * case.
 *
 * A run with a model that is not the library's active one builds its vectors beside the others and
 * can be interrupted and taken up as any run; when no photo lacks one, the model becomes active.
 * Until then the old one answers. ERR_NOT_FOUND if there are no roots, neither given nor known. */
MUST_USE enum status index_run(struct store *, const struct model *, const struct index_options *,
                               struct index_report *report, struct err *err);

#endif
