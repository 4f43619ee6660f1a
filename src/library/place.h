/* SPDX-License-Identifier: MIT
 *
 * Putting classified photographs into a folder per category, as copies or as symbolic links. The
 * originals are never touched, and nothing that is there already is overwritten: a second photo of
 * the same name gets " (2)" and so on; the same photo again is left as it is.
 */
#ifndef FOVEA_LIBRARY_PLACE_H
#define FOVEA_LIBRARY_PLACE_H

#include "library/classify.h"

enum place_how { PLACE_COPY, PLACE_LINK };

struct place_report {
    size_t placed, already_there, failed;
    char first_failure[ERR_TEXT_MAX];
};

/* Fails only if a category's folder cannot be made; photographs that cannot be placed are counted.
 */
MUST_USE enum status place_by_category(const struct classification *, const struct store_matrix *,
                                       const struct categories *, const char *dir, enum place_how,
                                       struct place_report *report, struct err *err);

#endif
