/* SPDX-License-Identifier: MIT
 *
 * Putting classified photographs into a folder per category, as copies or as symbolic links. The
 * originals are never touched, and nothing that is there already is overwritten: a second photo of
 * the same name gets " (2)" and so on; the same photo again is left as it is, so that a second run
 * does nothing. A photograph with several categories is put into the folder of each.
 *
 * Folders are named as their categories, with '_' for '/', for control characters and for a '.' at
 * the beginning. Names that would then be the same folder, also where upper and lower case are the
 * same, get a number.
 */
#ifndef FOVEA_LIBRARY_PLACE_H
#define FOVEA_LIBRARY_PLACE_H

#include "library/classify.h"

enum place_how { PLACE_COPY, PLACE_LINK };

struct place_to {
    const char *dir;
    enum place_how how;
};

struct place_report {
    size_t placed, already_there, failed; /* copies or links: more than photographs with several */
    char first_failure[ERR_TEXT_MAX];
};

/* rows: only these; NULL: all. Fails only if a category's folder cannot be made, or when the disk
 * is full or read-only; photographs that cannot be placed for another reason are counted. */
MUST_USE enum status place_by_category(const struct classification *, const struct store_matrix *,
                                       const struct categories *, const struct row_set *rows,
                                       const struct place_to *, struct place_report *report,
                                       struct err *err);

#endif
