/* SPDX-License-Identifier: MIT
 *
 * Which names an index run passes over: the patterns of `.foveaignore` files and of --exclude, in
 * the syntax of .gitignore.
 *
 * A pattern a line. Empty lines and lines that begin with '#' say nothing; spaces at the end count
 * only after a backslash. `*` and `?` match any bytes but '/', `[a-z]` one of a set, `[!a-z]` or
 * `[^a-z]` one that is not in it, a backslash takes the next byte as it is. A pattern without a
 * slash (but for one at its end) matches names at any depth below the folder that its file lies in;
 * one with a slash matches from that folder on. A slash at the end: folders only. A whole component
 * `**` matches any number of folders, none included; at the end, everything below. `!` in front
 * takes names in again that an earlier pattern left out. The last pattern that matches decides, a
 * deeper file before a higher one; what lies below a folder that is left out stays left out,
 * because nobody looks there.
 *
 * Bytes are compared as they are: upper and lower case differ, and names need not be UTF-8.
 * Matching takes no recursion, and at most (components x bytes) squared steps, whatever a file
 * says.
 */
#ifndef FOVEA_LIBRARY_IGNORE_H
#define FOVEA_LIBRARY_IGNORE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

#define IGNORE_FILE_NAME ".foveaignore"
#define IGNORE_FILE_MAX_BYTES (256 << 10)

/* One folder's patterns. Read-only once made. */
struct ignore_rules;

/* base: the folder that the patterns are relative to. above: the rules of the folders above, which
 * must outlive these, or NULL. `text` is not kept. ERR_MEMORY only. */
MUST_USE enum status ignore_rules_new(struct ignore_rules **out, const struct ignore_rules *above,
                                      const char *base, const char *text, size_t size,
                                      struct err *err);
void ignore_rules_free(struct ignore_rules *); /* NULL-safe; not those above */

/* Whether these rules, or else those above, leave out `path`, which lies below their bases. NULL
 * leaves out nothing. */
bool ignore_rules_exclude(const struct ignore_rules *, const char *path, bool is_dir);

#endif
