/* SPDX-License-Identifier: MIT
 *
 * Finding photographs below folders. Only names and stat() are looked at, no content.
 *
 * Rules: a root is resolved with realpath(); a root inside another is covered by that other. Names
 * that start with '.' are left alone (trash folders, thumbnails, "._" companions). Symbolic links
 * to files count as files at the link's path; symbolic links to folders are not followed, so there
 * are no loops. What is there and cannot be looked at (a folder without the right to read it, a
 * failing disk) does not stop the walk: it is listed, and nothing under it may be taken for gone.
 */
#ifndef FOVEA_LIBRARY_WALK_H
#define FOVEA_LIBRARY_WALK_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct found_file {
    char *path;
    int64_t size_bytes, mtime_ns; /* modulo 2^64 */
};

/* A folder that could not be read, or an entry that could not be looked at. */
struct unread_path {
    char *path, *reason;
};

struct walk {
    char **roots; /* [root_count], resolved, none inside another */
    size_t root_count;
    struct found_file *files; /* [file_count], sorted bytewise by path */
    size_t file_count;
    struct unread_path *unread; /* [unread_count] */
    size_t unread_count;
};

/* is_photo decides by name. ERR_NOT_FOUND or ERR_ARGUMENT for a root that is missing, or that is
 * neither a folder nor a photograph; nothing is walked then. A root may be a single photograph. */
MUST_USE enum status walk_run(struct walk *out, const char *const *roots, size_t root_count,
                              bool (*is_photo)(const char *name), struct err *err);
void walk_free(struct walk *);

/* What walk_run() would refuse the roots for, without walking. */
MUST_USE enum status walk_check_roots(const char *const *roots, size_t root_count,
                                      bool (*is_photo)(const char *name), struct err *err);

/* True if `path` is `dir` or below it. */
bool path_is_under(const char *path, const char *dir);

#endif
