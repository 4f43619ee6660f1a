/* SPDX-License-Identifier: MIT
 *
 * What an index run has to do: what is on the disk (walk.h) beside what the library knows, both
 * sorted by path, read once. What both have alike costs nothing more; what only the disk has, or
 * has otherwise, is to be read; what only the library has is gone, unless
 *   - nobody could look (walk.unread), or the file is just being written;
 *   - it lies at a place that is empty as a whole: a root, or a folder at which a disk was mounted
 *     in this run or in the last. More likely the disk is not there than every photograph was
 *     deleted, so they are kept, and the report says so. A rule that leaves out what is there
 *     (.nomedia) does not make a place empty;
 *   - the caller keeps what is missing.
 * `prune` is the user's word that what is not there is not coming back: empty places count as
 * emptied, and paths outside the roots of this run are gone if no file of that name is there.
 */
#ifndef FOVEA_LIBRARY_PLAN_H
#define FOVEA_LIBRARY_PLAN_H

#include "library/index.h"
#include "library/walk.h"
#include "store/store_known.h"

struct path_list {
    char **paths; /* [count], each owned */
    size_t count, capacity;
};

struct plan {
    struct walk walk;
    const struct found_file **todo; /* [todo_count] into walk.files */
    size_t todo_count;
    struct path_list gone;      /* to be forgotten when everything else has been recorded */
    struct path_list readable;  /* folders that could not be read once, and can: no photographs */
    struct store_place *places; /* [place_count] as of the last run; one block */
    size_t place_count;
};

/* Walks and compares; fills in the report's counts of what needs no work. Records nothing. */
MUST_USE enum status plan_make(struct plan *out, struct store *, int64_t model_id,
                               const struct index_options *, struct index_report *report,
                               struct err *err);
void plan_free(struct plan *);

/* The roots and mount points for the next run. For a run over whole roots, after plan_make(). */
MUST_USE enum status plan_note_places(struct plan *, struct store *, const struct index_options *,
                                      struct err *err);

/* Appends a copy. */
MUST_USE enum status path_list_add(struct path_list *, const char *path, struct err *err);
void path_list_free(struct path_list *);

/* realpath(), also of what is not there: through the folder above it, if that is; then any absolute
 * path stays as it is. Freed by the caller; NULL if there is no telling. */
char *path_resolve(const char *name);

/* The walk that an index run with these options makes. */
struct walk_options plan_walk_options(const struct index_options *);

#endif
