/* SPDX-License-Identifier: MIT
 *
 * Files and folders, with errors that name the path. Paths are byte strings as the kernel has them;
 * nothing here assumes UTF-8.
 */
#ifndef FOVEA_BASE_FILE_H
#define FOVEA_BASE_FILE_H

#include "base/status.h"
#include "base/str.h"

#include <stddef.h>
#include <stdint.h>

struct file_bytes {
    uint8_t *data;
    size_t size;
};

/* Reads a whole regular file. ERR_LIMIT if it is larger than limit_bytes, ERR_ARGUMENT if it is a
 * folder, a device or a pipe. */
MUST_USE enum status file_read(struct file_bytes *out, const char *path, size_t limit_bytes,
                               struct err *err);
void file_bytes_free(struct file_bytes *);

/* A read-only mapping of a whole file; an empty file has data == NULL, size 0. */
struct file_map {
    const uint8_t *data;
    size_t size;
};
MUST_USE enum status file_map_open(struct file_map *out, const char *path, struct err *err);
void file_map_close(struct file_map *);

/* mkdir -p. Missing folders are made with mode 0777 less the umask. */
MUST_USE enum status dir_make(const char *path, struct err *err);
/* dir_make() for the folder that `path` lies in. */
MUST_USE enum status dir_make_parent(const char *path, struct err *err);

/* Writes atomically: beside the target, fsync, then rename over it. */
MUST_USE enum status file_write(const char *path, const void *data, size_t size, struct err *err);

/* Appends base, "/" (unless there) and name. */
void path_join(struct str *out, const char *base, const char *name);
/* The part after the last '/'. */
const char *path_basename(const char *path);

/* The user's folders, by the XDG rules: $XDG_CACHE_HOME or ~/.cache, $XDG_DATA_HOME or
 * ~/.local/share. ERR_NOT_FOUND when neither the variable nor $HOME is set. */
MUST_USE enum status dir_cache(struct str *out, struct err *err);
MUST_USE enum status dir_data(struct str *out, struct err *err);

#endif
