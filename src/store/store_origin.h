/* SPDX-License-Identifier: MIT
 *
 * Reading a table image_embeddings that another program keeps in PostgreSQL: a path or a file name,
 * a vector, and, where it has these columns, a category and how sure it is. Nothing is written
 * there.
 */
#ifndef FOVEA_STORE_STORE_ORIGIN_H
#define FOVEA_STORE_STORE_ORIGIN_H

#include "base/status.h"

#include <stdint.h>

struct store_origin_row {
    const char *path;     /* as it stands there; the file's name, where there is no path; or NULL */
    const float *vector;  /* [dim] */
    int dim;              /* 0: there is no vector */
    const char *category; /* NULL: none is told */
    double confidence;    /* 0: none is told */
};

typedef enum status store_origin_visitor(void *context, const struct store_origin_row *,
                                         struct err *err);

/* Calls visit() with each row, in no order; the row lives until it returns, and what it returns
 * ends the visits unless it is OK. The URL may name the table's schema (schema=NAME; "public"
 * without). *total: how many rows there are, before the first visit. */
MUST_USE enum status store_origin_visit(const char *url, int64_t *total,
                                        store_origin_visitor *visit, void *context,
                                        struct err *err);

#endif
