/* SPDX-License-Identifier: MIT
 *
 * The indexing pipeline: workers that turn files into vectors, using every core all the time.
 *
 * There are no stages with threads of their own. Each worker takes, again and again, whatever is
 * most useful now: a forward pass if a batch of pictures is waiting, else the next file to read,
 * hash, decode and shrink (thumbnails, perceptual hash and metadata come from the same reading and
 * decoding). A forward pass runs on its worker alone, so decoding and the network
 * share the cores without ever wanting more threads than there are, and no barrier makes anybody
 * wait. Which pictures share a forward pass depends on timing; a vector does not depend on that
 * where the matrix products do not (tensor.h), and else in the last bits of float32 alone.
 *
 *     source ──decode──▶ slots (bounded) ──forward pass──▶ done queue (bounded) ──▶ caller's thread
 *
 * Pictures are held in slots of the network's input size; their number bounds the memory. Only the
 * caller's thread writes to the store; workers read from it under a lock.
 */
#ifndef FOVEA_LIBRARY_PIPELINE_H
#define FOVEA_LIBRARY_PIPELINE_H

#include "base/queue.h"
#include "clip/model.h"
#include "library/index.h"
#include "library/thumbs.h"
#include "library/walk.h"
#include "meta/photo_meta.h"
#include "store/store.h"

#include <pthread.h>

enum done_kind {
    DONE_VECTOR, /* embedded: `vector` holds it */
    DONE_KNOWN,  /* the library has this content and this model's vector */
    DONE_COPY,   /* the same content as another file of this run; the first one is on its way */
    DONE_FAILED, /* `failure` says why */
};

/* What became of one file. Made by a worker, one block, freed by the caller with free(). */
struct done {
    enum done_kind kind;
    const struct found_file *file;
    struct photo_hash hash;
    bool transient; /* of DONE_FAILED: the system's failure, not the content's; store.h */
    int width, height;
    char format[12];
    char failure[ERR_TEXT_MAX];
    const struct photo_meta *meta; /* embedded; NULL: not read */
    bool has_phash;                /* false: not made */
    uint64_t phash;
    /* The file's sidecar (its path is the file's); has_sidecar false: there is none. */
    struct store_sidecar sidecar;
    bool has_sidecar;
    uint16_t *vector; /* [embed_dim] float16, of DONE_VECTOR */
};

struct pipeline_options {
    const struct model *model;
    int workers, batch;                 /* >= 1 */
    double max_megapixels, fast_margin; /* of struct picture_options */
    struct thumbs *thumbs;              /* where thumbnails are put; NULL: none are made */
    bool large_thumbs;                  /* the large ones, too */
    const atomic_bool *cancel;          /* or NULL */
    struct store *store;
    pthread_mutex_t *store_lock; /* held around every use of the store */
    int64_t model_id;
};

enum { PIPELINE_HAND_MAX = 32 };

/* Where the workers get their files from. */
struct pipeline_source {
    /* The next files[0 .. *count), at most `most` <= PIPELINE_HAND_MAX; none: there are no more.
     * Called by one worker at a time; it may take its time, and may use the store under its lock.
     */
    enum status (*take)(void *context, const struct found_file **files, size_t most, size_t *count,
                        struct err *err);
    void *context;
    size_t count; /* at most, in all */
};

struct pipeline;

/* Starts the workers on the source's files, which must outlive the pipeline. */
MUST_USE enum status pipeline_open(struct pipeline **out, const struct pipeline_options *,
                                   const struct pipeline_source *, struct err *err);
/* The next finished file; NULL when there are no more: all done, cancelled, or failed. With
 * `wait` false, NULL also when there is none just now. */
struct done *pipeline_next(struct pipeline *, bool wait);
/* Tells the workers to stop early; pipeline_next() still has to be drained. */
void pipeline_stop(struct pipeline *);
/* Waits for the workers. The first failure that was not a photograph's own fault, if any. */
MUST_USE enum status pipeline_close(struct pipeline *, struct err *err);

/* Photographs in a forward pass on one core: enough rows for the matrix products to run at full
 * speed, few enough for progress to be seen, for the cores to finish together, and for the scratch
 * of many workers. pictures: how many there are to do. At least 1. */
int pipeline_default_batch(const struct model_info *, int workers, size_t pictures);

#endif
