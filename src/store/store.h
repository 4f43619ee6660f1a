/* SPDX-License-Identifier: MIT
 *
 * A library: the verbs in which the rest of fovea speaks to wherever it is kept. Today that is one
 * SQLite file; the struct of function pointers behind it (store_ops.h) is private to the room. The
 * verbs are in headers by topic, all of which this one includes.
 *
 * The nouns:
 *   photo      content, identified by its hash; the same bytes in two places are one photo
 *   metadata   what the photo says about itself (store_photos.h)
 *   file       a path at which a photo was last seen, with the size and mtime it had then, and the
 *              sidecar that lay beside it
 *   failure    a path whose content could not be used, with the reason and the size and mtime
 *   model      name + fingerprint + dimension; owns embeddings, label sets and artifacts
 *   embedding  one L2-normalised vector (float16) per photo and model (store_models.h)
 *   labels     the result of one classification of the photos, by model and name of the category
 *              set (store_labels.h)
 *   decision   what a person said about two contents (store_labels.h)
 *   artifact   bytes made from a model's vectors, kept with them (store_models.h)
 *
 * A photo that no path names counts nowhere: no reader sees it. It is removed, with its embeddings
 * and labels, when its last path is forgotten, or else by store_sweep(); until then a path that is
 * found to hold its content takes it up again, vector and all.
 *
 * Paths are absolute byte strings. A store is used by one thread at a time; several processes may
 * have the same library open (after fork(), the child must not use or close what its parent has
 * open, nor open that library itself). Every verb that writes is one transaction: it happens wholly
 * or not. Strings and arrays that are handed in are not kept.
 * Errors: ERR_ARGUMENT (also: a verb that writes on a store opened for reading), ERR_NOT_FOUND,
 * ERR_IO (disk full, read-only), ERR_FORMAT (not a library, damaged), ERR_UNSUPPORTED (made by a
 * newer fovea), ERR_BUSY (another process holds it too long). The texts name the library file.
 */
#ifndef FOVEA_STORE_STORE_H
#define FOVEA_STORE_STORE_H

#include "base/str.h"
#include "store/store_claims.h"
#include "store/store_known.h"
#include "store/store_labels.h"
#include "store/store_models.h"
#include "store/store_nearest.h"
#include "store/store_photos.h"
#include "store/store_shards.h"
#include "store/store_upkeep.h"

enum store_mode {
    STORE_READ,  /* the library must exist; nothing is written, also on read-only media */
    STORE_WRITE, /* made if it is not there; migrated if it is older */
};

MUST_USE enum status store_open(struct store **out, const char *path, enum store_mode,
                                struct err *err);
/* Whether a location is a URL, and no file of the local disk. */
bool store_is_url(const char *location);
void store_close(struct store *); /* NULL-safe */

/* Appends what to call it: the path, or the URL without its password. ERR_ARGUMENT: a URL that
 * cannot be read. */
MUST_USE enum status store_location_name(const char *location, struct str *out, struct err *err);
/* How long verbs wait for a server that went away before they fail. */
void store_set_patience(struct store *, double seconds);

/* The vectors of models that this handle adds are kept in half precision where the store would keep
 * them in single (PostgreSQL: halfvec): half the size, and the same values, as vectors are float16
 * everywhere else. */
void store_keep_half(struct store *);

/* The right to change what is indexed, held by one process at a time until store_close() or
 * store_index_unlock() (or the process's end, however it ends). ERR_BUSY names the holder's pid.
 * Index runs join instead (store_claims.h), and hold the same right in a library that is not
 * shared. */
MUST_USE enum status store_index_lock(struct store *, struct err *err);
void store_index_unlock(struct store *);
/* Whether some process holds it just now. */
bool store_is_indexing(struct store *);

/* Between the two, every verb that reads sees the library as it is at the first of them, whatever
 * others commit; verbs that write are refused (ERR_ARGUMENT). Not nested. */
MUST_USE enum status store_read_begin(struct store *, struct err *err);
void store_read_end(struct store *);

/* A number that has risen whenever photos, vectors, metadata, labels, decisions or the active model
 * have changed, whichever process changed them. Artifacts do not count. */
MUST_USE enum status store_revision(struct store *, int64_t *revision, struct err *err);

#endif
