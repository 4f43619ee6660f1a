/* SPDX-License-Identifier: MIT
 *
 * The cache of thumbnails on the disk: one WebP file per picture's content and size, in
 * $XDG_CACHE_HOME/fovea/thumbs, shared by all libraries. Keyed by the content's hash, so that moved
 * and copied files have theirs, and a replaced one never another's.
 *
 *     thumbs/v1/3f/3fc0…9a.256.webp
 *
 * Bounded: each of the 256 folders has an equal share of the limit (hashes spread evenly), and one
 * that exceeds it loses what was used longest ago (a file's mtime is when it was last used, to the
 * day). Everything in it can be made again from the originals, so nothing is synced to the disk,
 * and a file that a lost power supply left incomplete counts as not there.
 *
 * Any number of threads (a struct thumbs has a lock of its own) and processes at the same time:
 * files appear by rename and vanish by unlink.
 */
#ifndef FOVEA_LIBRARY_THUMBS_H
#define FOVEA_LIBRARY_THUMBS_H

#include "base/file.h"
#include "base/status.h"
#include "image/image.h"
#include "image/thumbnail.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

#define THUMBS_DEFAULT_BYTES ((int64_t)4 << 30)
#define THUMBS_LEAST_BYTES ((int64_t)64 << 20) /* less could not hold a thumbnail per folder */

struct thumbs;

/* dir: where the cache is, made when the first thumbnail is put; NULL: the user's cache folder.
 * limit_bytes: 0: the default. ERR_ARGUMENT: less than the least; ERR_NOT_FOUND: no cache folder is
 * known (no $HOME); ERR_MEMORY. */
MUST_USE enum status thumbs_open(struct thumbs **out, const char *dir, int64_t limit_bytes,
                                 struct err *err);
void thumbs_close(struct thumbs *); /* NULL-safe */

/* size: THUMBNAIL_SMALL or THUMBNAIL_LARGE everywhere. */
bool thumbs_has(const struct thumbs *, const struct photo_hash *, int size);

/* ERR_NOT_FOUND: it is not there; ERR_IO. Free with file_bytes_free(). */
MUST_USE enum status thumbs_get(struct thumbs *, const struct photo_hash *, int size,
                                struct file_bytes *out, struct err *err);
/* bytes: a WebP. ERR_IO (disk full, …): a cache that cannot be written is no reason to stop. */
MUST_USE enum status thumbs_put(struct thumbs *, const struct photo_hash *, int size,
                                const void *bytes, size_t size_bytes, struct err *err);

/* thumbs_get(), or where it is not there: made from the original at `path`, put, and returned. The
 * original is decoded as small as its format allows. ERR_NOT_FOUND: the original is gone;
 * ERR_FORMAT also: it has other content now. Errors of putting are not errors of this. The image
 * room is open. */
MUST_USE enum status thumbs_make(struct thumbs *, const struct photo_hash *, const char *path,
                                 int size, struct file_bytes *out, struct err *err);

/* Makes the missing ones of `sizes` out of a picture that is decoded anyway, as far as it has the
 * pixels for them; what cannot be made or put is left for thumbs_make(). */
void thumbs_add(struct thumbs *, const struct photo_hash *, const struct image *, const int *sizes,
                size_t size_count);

#endif
