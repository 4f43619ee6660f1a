/* SPDX-License-Identifier: MIT
 *
 * Finding photographs below folders, and the sidecars beside them. Only names and stat() are looked
 * at, and the files that say what to leave out.
 *
 * Rules: a root is resolved with realpath(); a root inside another, or the same folder by another
 * name, is covered by that other. Names that start with '.' are left alone (trash folders,
 * thumbnails, "._" companions). A folder with a `.nomedia` in it is left out with all below it;
 * `.foveaignore` and `exclude` are ignore.h's. Symbolic links to files count as files at the link's
 * path; symbolic links to folders are not followed, so there are no loops. What is there and cannot
 * be looked at (a folder without the right to read it, a failing disk) does not stop the walk: it
 * is listed, and nothing under it may be taken for gone.
 *
 * Sidecars: of "a/photo.jpg", "a/photo.jpg.xmp" or else "a/photo.xmp"; "xmp" in any case, lower
 * case first. So a RAW file and the JPEG beside it share "photo.xmp", unless one has a file of its
 * own.
 */
#ifndef FOVEA_LIBRARY_WALK_H
#define FOVEA_LIBRARY_WALK_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct found_file {
    char *path;
    int64_t size_bytes, mtime_ns;                 /* modulo 2^64 */
    char *sidecar;                                /* NULL: none */
    int64_t sidecar_size_bytes, sidecar_mtime_ns; /* -1, 0: none */
    /* Set by the index run: the vector is there, only what the photograph says about itself is to
     * be read again (FILE_NEEDS_META). */
    bool only_meta;
};

/* A folder that could not be read, an entry that could not be looked at, or a file that is being
 * written (busy): nothing is known about it just now. */
struct unread_path {
    char *path, *reason;
    bool busy;
};

/* A root, or a folder below one that lies on another device than the folder above it: where a disk
 * is mounted. If it is empty, its photographs are not gone but their disk is not there. */
struct walk_place {
    char *path;
    bool is_root;
    bool excluded; /* a rule left something out below it: it may be empty because of that */
};

/* A part of a root: a folder (resolved), with the folders below it or without. */
struct walk_scope {
    const char *path;
    bool deep;
};

struct walk {
    char **roots; /* [root_count], resolved, none inside another */
    size_t root_count;
    char **missing; /* [missing_count]: roots that are not there, as they were named */
    size_t missing_count;
    struct found_file *files; /* [file_count], sorted bytewise by path */
    size_t file_count;
    struct unread_path *unread; /* [unread_count], sorted bytewise by path */
    size_t unread_count;
    char **left_out; /* [left_out_count], sorted bytewise: folders that a rule leaves out */
    size_t left_out_count;
    struct walk_place *places; /* [place_count] */
    size_t place_count;
    struct walk_block *blocks; /* the bytes of the paths */
};

struct walk_options {
    const char *const *roots; /* [root_count] */
    size_t root_count;
    bool (*is_photo)(const char *name);
    const char *const *exclude; /* [exclude_count] patterns of ignore.h, relative to each root */
    size_t exclude_count;
    /* List missing roots in walk.missing instead of refusing them. */
    bool missing_ok;
    /* If there are any, only these are looked at, of the roots that are folders. None may be inside
     * a deep one. One that is not there has nothing in it. */
    const struct walk_scope *scopes; /* [scope_count] */
    size_t scope_count;
    /* Called with each folder before its names are read; NULL: nobody. */
    void (*on_dir)(void *context, const char *path);
    /* Whether a file is being written just now; it is listed as unread then. NULL: none is. */
    bool (*is_busy)(void *context, const char *path);
    void *context;
};

/* ERR_NOT_FOUND or ERR_ARGUMENT for a root that is missing, or that is neither a folder nor a
 * photograph; nothing is walked then. A root may be a single photograph. */
MUST_USE enum status walk_run(struct walk *out, const struct walk_options *, struct err *err);
void walk_free(struct walk *);

/* What walk_run() would refuse the roots for, without walking. */
MUST_USE enum status walk_check_roots(const struct walk_options *, struct err *err);

/* Whether a path is among the unread, or the folders left out, or below one of them. */
bool walk_is_unread(const struct walk *, const char *path);
bool walk_is_left_out(const struct walk *, const char *path);
/* The file of this path, or NULL. */
struct found_file *walk_find(const struct walk *, const char *path);
/* The files below `dir` (not `dir` itself, if that is one): files[*first .. *end). */
void walk_range(const struct walk *, const char *dir, size_t *first, size_t *end);

struct stat;
/* Whether a file still has the size and mtime with which it was found. */
bool walk_same_stat(const struct found_file *, const struct stat *);

/* True if `path` is `dir` or below it. */
bool path_is_under(const char *path, const char *dir);

#endif
