/* SPDX-License-Identifier: MIT
 *
 * Several programs, on one machine or on many, that index one library at the same time share the
 * work: a file is done by the one that has claimed it.
 *
 * An index run joins the library (store_index_join()). It offers the paths it would do, and takes
 * a few of them at a time; what it takes is its own until its result is put (store_put_results()
 * ends the claim in the same transaction), or it leaves (store_index_unlock(), store_close()), or
 * it is dead: one that has not been heard of for STORE_LEASE_SECONDS, or for STORE_GRACE_SECONDS
 * and has no connection any more. It is heard of while its process runs, however long a step takes.
 * Its claims are anybody's again then. One that was taken for dead and is not (a machine that was
 * asleep) does some work twice; what it puts is kept once all the same.
 *
 * Nothing that another run counts on is taken from it: photos that lose their last path while
 * anybody is joined stay for the sweep of the last one, and store_forget_paths() leaves alone what
 * was recorded since the caller joined.
 *
 * A kind of store that only one process can index (SQLite's file) is not shared: there joining is
 * store_index_lock(), and everything is the caller's.
 */
#ifndef FOVEA_STORE_STORE_CLAIMS_H
#define FOVEA_STORE_STORE_CLAIMS_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

enum { STORE_LEASE_SECONDS = 120, STORE_GRACE_SECONDS = 8 };

/* Most paths in one call of store_claims_offer() and store_claims_take(). */
enum { STORE_OFFER_MAX = 4096, STORE_TAKE_MAX = 256 };

/* Whether others may index this library at the same time. */
bool store_is_shared(const struct store *);

/* The right to index this library beside others of the same kind, until store_index_unlock() or
 * store_close(). ERR_BUSY while somebody holds it alone (store_index_lock()), who in turn gets
 * ERR_BUSY while anybody is joined; the text names the holder. */
MUST_USE enum status store_index_join(struct store *, struct err *err);

/* Says that these paths are to be done, by whoever takes them. Only while joined. */
MUST_USE enum status store_claims_offer(struct store *, int64_t model_id, const char *const *paths,
                                        size_t count, struct err *err);

enum claim {
    CLAIM_FREE,  /* not asked for: `most` was reached before it */
    CLAIM_MINE,  /* taken by this call: to be done */
    CLAIM_TAKEN, /* another one is at it */
    CLAIM_DONE,  /* another one has done it since it was offered */
    CLAIM_LOST,  /* this one was taken for dead meanwhile (every path is lost then): what is left
                    is to be offered anew */
};
/* Takes at most `most` of these paths, which the caller has offered and does not hold; claims[i]
 * says what paths[i] is. Only while joined. */
MUST_USE enum status store_claims_take(struct store *, int64_t model_id, const char *const *paths,
                                       size_t count, size_t most, enum claim *claims,
                                       struct err *err);

struct store_progress {
    int64_t found, todo, done, failed; /* files; `done` by this run, the failed among them */
};
/* What the others are to see of this run. Costs nothing: it is told from time to time. */
void store_claims_progress(struct store *, const struct store_progress *);

/* Somebody who indexes the library just now. */
struct store_indexer {
    char *host; /* name of the machine */
    int64_t pid;
    double since_s;               /* how long it has been at it */
    double silent_s;              /* since it was last heard of */
    int64_t in_hand;              /* files that it has claimed */
    struct store_progress so_far; /* as of when it was last heard of */
};
/* Those that are alive, longest at it first; freed with free() as one block. None in a library that
 * is not shared: store_is_indexing(). */
MUST_USE enum status store_indexers(struct store *, struct store_indexer **indexers, size_t *count,
                                    struct err *err);

#endif
