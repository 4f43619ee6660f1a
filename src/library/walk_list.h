/* SPDX-License-Identifier: MIT
 *
 * Private to walk*.c: what a walk has found so far, growing. Strings lie in blocks that are freed
 * together: of a file, the walk holds its struct (64 bytes) and the bytes of its path.
 */
#ifndef FOVEA_LIBRARY_WALK_LIST_H
#define FOVEA_LIBRARY_WALK_LIST_H

#include "library/walk.h"

#define WALK_PATH_LIMIT (1 << 16)

struct walk_list {
    struct walk *out;
    size_t root_capacity, missing_capacity, file_capacity, unread_capacity, place_capacity,
        left_out_capacity;
    struct err *err;
};

/* Makes room for one more element of an array that doubles. */
MUST_USE enum status walk_grow(void **items, size_t *capacity, size_t count, size_t item_size,
                               struct err *err);

/* "dir/name", or `dir` alone where name is NULL; NULL without memory or beyond WALK_PATH_LIMIT. */
char *walk_text(struct walk_list *, const char *dir, const char *name);

/* Strings of walk_text(). `file` and `place` are copied. */
MUST_USE enum status walk_add_file(struct walk_list *, const struct found_file *file);
MUST_USE enum status walk_add_place(struct walk_list *, const struct walk_place *place);
MUST_USE enum status walk_add_left_out(struct walk_list *, char *path);
MUST_USE enum status walk_add_missing(struct walk_list *, const char *root);
/* path: copied. what: "read the folder". */
MUST_USE enum status walk_add_unread(struct walk_list *, const char *path, const char *what,
                                     int errno_value);
MUST_USE enum status walk_add_unread_because(struct walk_list *, const char *path,
                                             const char *reason);
MUST_USE enum status walk_add_busy(struct walk_list *, const char *path);

/* Sorts what was found. */
void walk_settle(struct walk *);

/* Resolves the roots and drops those that lie in another. */
MUST_USE enum status walk_resolve_roots(struct walk_list *, const struct walk_options *);

#endif
