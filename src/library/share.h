/* SPDX-License-Identifier: MIT
 *
 * Which of the files of an index run this run does itself, when others index the same library
 * (store_claims.h). The source of a pipeline.
 *
 * All files are offered first. Then rounds: in the first the run goes through its files in order
 * and takes those that are free, a handful at a time, until it has looked at each; what others have
 * in hand it leaves. Then it waits for these: what comes back, because its indexer is gone, is done
 * in a further round. So when a run ends, each of its files has been done by somebody.
 *
 * In a library that is not shared there is one round, and nothing is asked of the store.
 */
#ifndef FOVEA_LIBRARY_SHARE_H
#define FOVEA_LIBRARY_SHARE_H

#include "library/pipeline.h"
#include "library/walk.h"
#include "store/store.h"

#include <pthread.h>
#include <stdatomic.h>

struct share {
    struct store *store;
    pthread_mutex_t *store_lock;
    int64_t model_id;
    const struct found_file *const *files; /* [count], sorted by path */
    size_t count;
    bool asks;                                        /* the library is shared */
    uint8_t *claims;                                  /* [count] enum claim */
    size_t at;                                        /* files[0 .. at) are not free */
    atomic_size_t elsewhere;                          /* done by others */
    const struct found_file *hand[PIPELINE_HAND_MAX]; /* taken while waiting */
    size_t hand_count;
};

/* The files must outlive it. store_lock is held around every use of the store. */
MUST_USE enum status share_open(struct share *, struct store *, pthread_mutex_t *store_lock,
                                int64_t model_id, const struct found_file *const *files,
                                size_t count, struct err *err);
void share_close(struct share *);

/* The rest of this round, for one pipeline. */
struct pipeline_source share_source(struct share *);

/* After a round, and after everything of it has been recorded (others wait for that as this one
 * waits for theirs): waits until something of what others had in hand has come back. *more false:
 * there is nothing left to do, or it was cancelled. tick() is called each time before it sleeps. */
MUST_USE enum status share_wait(struct share *, const atomic_bool *cancel,
                                void (*tick)(void *context), void *context, bool *more,
                                struct err *err);

#endif
