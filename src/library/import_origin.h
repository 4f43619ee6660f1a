/* SPDX-License-Identifier: MIT
 *
 * Taking over vectors that another program keeps in a table image_embeddings (store_origin.h). A
 * photograph is its content: each file that is still there is read, hashed, and recorded with its
 * vector; an index run then only reads what else is to be known of it. Categories come along as a
 * set of their own (import_labels.h).
 */
#ifndef FOVEA_LIBRARY_IMPORT_ORIGIN_H
#define FOVEA_LIBRARY_IMPORT_ORIGIN_H

#include "base/status.h"

#include <stdint.h>

struct store;

struct origin_report {
    int64_t rows, imported;
    int64_t known;    /* the library had them, or an earlier row names the same file */
    int64_t missing;  /* no such file, or it cannot be read */
    int64_t refused;  /* vectors that are none: of another dimension or length, not finite */
    int64_t labelled; /* photographs that have the category that the table gives them */
};

struct origin_options {
    const char *folder; /* for paths that are not absolute; NULL: the working directory */
    /* May be NULL: a row that was left out, and why. */
    void (*left_out)(void *user, const char *path, const char *why);
    void (*progress)(void *user, int64_t done, int64_t total);
    void *user;
};

/* As vectors of this model. Running it again goes on where it ended. */
MUST_USE enum status import_origin(struct store *, int64_t model_id, int dim, const char *url,
                                   const struct origin_options *, struct origin_report *,
                                   struct err *err);

#endif
