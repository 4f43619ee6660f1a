/* SPDX-License-Identifier: MIT
 *
 * A file that is being downloaded: NAME.part beside its final name, and NAME.part.json, which says
 * what it is a part of. It survives the process: whoever opens it next goes on at its end, after
 * hashing again what is there, if it is a part of the same thing; else it begins anew.
 *
 * One process at a time: the part is locked while it is open. A lock ends with its process, however
 * that ends.
 *
 * The final name appears by renaming, after the size and the hash have been found right and the
 * bytes are on the disk. So a file that has its final name is whole.
 */
#ifndef FOVEA_HUB_PART_H
#define FOVEA_HUB_PART_H

#include "base/status.h"

#include <nettle/sha2.h>
#include <stdbool.h>
#include <stdint.h>

/* What tells one content from another, as far as it is known. */
struct part_identity {
    int64_t size;    /* -1: not known */
    char sha256[65]; /* lower-case hex; "": not known */
    char etag[160];  /* as the server says it; "" */
    char
        git_blob[41]; /* SHA-1 of the file as git stores it, by which a hub names small files; "" */
};

struct part {
    char *final, *path, *note; /* NAME, NAME.part, NAME.part.json */
    int fd;                    /* -1: not open */
    int64_t size;              /* bytes that are there and in the hash */
    struct sha256_ctx hash;
    struct part_identity identity;
};

/* Waits for another process that has the part (after calling `waits`, unless NULL). *done: that one
 * has finished the file meanwhile; then nothing is open. What is known about the content decides
 * whether a part that is there is kept. */
MUST_USE enum status part_open(struct part *, const char *final, const struct part_identity *known,
                               void (*waits)(void *context), void *context, bool *done,
                               struct err *err);
/* Closes and keeps what is there for the next one. Safe to call at any time. */
void part_close(struct part *);

MUST_USE enum status part_append(struct part *, const void *data, size_t size, struct err *err);
/* Back to no bytes. */
MUST_USE enum status part_restart(struct part *, struct err *err);
/* What is now known about the content; written down before the first byte of it. */
MUST_USE enum status part_identify(struct part *, const struct part_identity *, struct err *err);
/* ERR_IO if the disk has no room for `more` bytes and some to spare. */
MUST_USE enum status part_check_space(const struct part *, int64_t more, struct err *err);

/* Checks the size and the hash: `sha256` is the identity's, or the first digits of one (at least
 * 8), or NULL for none; a known git_blob is checked too. Right: the file gets its final name, hex
 * is its hash. Wrong: the part is removed and the error says what was expected. */
MUST_USE enum status part_finish(struct part *, const char *sha256, char hex[65], struct err *err);

#endif
