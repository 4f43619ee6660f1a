/* SPDX-License-Identifier: MIT
 *
 * A library copied from one store to another, of whatever kinds: photographs with their paths,
 * metadata and sidecars, vectors of every model, labels, failures, saved sets, decisions, places,
 * and what is kept of the vectors (maps, groups). Numbers of photos differ between stores; a photo
 * is known by its content.
 *
 * What the target has already is not copied again: a copy that was cut off (killed, disconnected)
 * is finished by running it again. In a target that has something else in it, what is there under
 * the same path, content, set of categories or pair of photographs is replaced, everything else
 * stays, and a model that answers goes on answering.
 *
 * Memory: some bytes for each photograph, and one batch.
 */
#ifndef FOVEA_LIBRARY_COPY_H
#define FOVEA_LIBRARY_COPY_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

struct store;

enum copy_stage { COPY_PHOTOS, COPY_VERIFY };

struct copy_options {
    /* May be NULL. `done` of `total` photographs of this stage. */
    void (*progress)(void *user, enum copy_stage, size_t done, size_t total);
    void *user;
};

struct copy_count {
    int64_t total, copied; /* in the source; of these, what the target did not have */
};

struct copy_report {
    struct copy_count photos, vectors, labels, failures, decisions, saved_sets, places, artifacts;
    int64_t models, files;
    int64_t target_photos; /* in the target at the end, those among them that it alone has */
    /* Over everything that is said of the photographs, their order aside: the same for the same
     * library in any store. */
    uint64_t checksum[2];
};

/* `to` is open for writing and is held with its index lock meanwhile (ERR_BUSY: somebody indexes);
 * `from` is held for reading: the copy is of one moment. At the end both are read again and
 * compared; ERR_FORMAT if they differ, with what and where. */
MUST_USE enum status copy_run(struct store *from, struct store *to, const struct copy_options *,
                              struct copy_report *, struct err *err);

/* store_backup(), and where the store cannot copy itself, a copy into a library file that is made
 * beside `path` and takes its name when it has been verified. An older library there is replaced,
 * another file is not. */
MUST_USE enum status copy_backup(struct store *, const char *path, const struct copy_options *,
                                 struct err *err);

#endif
