/* SPDX-License-Identifier: MIT
 *
 * The library as it is served: a snapshot in memory that a thread of its own replaces when the
 * library's revision rises (an index run, a classification, a decision, by whichever process). A
 * reader takes a view and gives it back; a newer one does not disturb it.
 *
 * When the library's file cannot be read (deleted, moved away, its disk gone) the last view goes on
 * answering, live_status() says why, and nothing can be written. When the file is back, or another
 * one is in its place that has vectors of this model, it is opened again.
 *
 * The store is one thread's at a time: the refreshing thread has a handle of its own, readers of
 * single photographs share another one under a lock, and writers open one for each change.
 */
#ifndef FOVEA_SERVER_LIVE_H
#define FOVEA_SERVER_LIVE_H

#include "base/status.h"
#include "clip/model.h"
#include "library/snapshot.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>

struct live;

/* Everything in it is constant; rows are the snapshot's. */
struct view {
    const struct snapshot *snapshot;
    const struct store_matrix *matrix; /* of the snapshot, for short */
    const struct store_facts *facts;
    const struct store_labels *labels;
    size_t *by_name; /* [count] rows by the last part of the path, then by row */
    size_t *by_date; /* [count] rows, the newest first, those without a date last, by row */
};

/* The first so many of those who index a shared library; a host's name is cut at 64 bytes. */
enum { LIVE_INDEXERS_MAX = 64 };
struct live_indexer {
    char host[65];
    struct store_indexer is; /* but for its host */
};

struct live_status {
    bool ok;
    char detail[ERR_TEXT_MAX]; /* why not; "" */
    struct store_summary summary;
    int64_t revision;
    size_t photos;       /* with a vector of the model */
    bool indexing;       /* a process holds the index lock */
    size_t added;        /* photos since it was first seen to */
    double indexing_for; /* seconds since then */
    double per_second;   /* photos, over the last seconds; negative: unknown */
    struct live_indexer indexers[LIVE_INDEXERS_MAX];
    size_t indexer_count;
};

struct live_options {
    const char *library;
    const struct model_info *model;
    /* Called by the live thread when the status has changed. */
    void (*changed)(void *user);
    void *user;
};

/* ERR_NOT_FOUND without a library, or when it has no vectors of the model. */
MUST_USE enum status live_open(struct live **out, const struct live_options *, struct err *err);
void live_close(struct live *); /* NULL-safe; every view has been given back */

const struct view *live_view(struct live *);
void live_release(struct live *, const struct view *); /* NULL-safe */

void live_status(struct live *, struct live_status *out);
/* Looks for changes now instead of in a while, and waits until they are in the view. */
void live_refresh(struct live *);
int64_t live_model_id(struct live *);

/* Runs `read` on a store, one caller at a time. ERR_BUSY: the library is not there at present. */
MUST_USE enum status live_read(struct live *,
                               enum status (*read)(struct store *, void *user, struct err *),
                               void *user, struct err *err);
/* Runs `work` on a store that is opened for it alone: what writes, and what takes long. */
MUST_USE enum status live_work(struct live *, enum store_mode,
                               enum status (*work)(struct store *, void *user, struct err *),
                               void *user, struct err *err);

/* --- views -------------------------------------------------------------------------------- */

/* The name by which the compatible endpoints know a row: the last part of its path; where an
 * earlier row has the same, with "~ID" before the extension. Freed with free(); NULL: no memory. */
char *view_name(const struct view *, size_t row);
/* The row of such a name, or SNAPSHOT_NO_ROW. */
size_t view_find(const struct view *, const char *name);

#endif
