/* SPDX-License-Identifier: MIT
 *
 * Zero-shot classification of every photograph that has a vector: softmax over the categories of
 * logit scale x cosine (CLIP, section 3.1).
 */
#ifndef FOVEA_LIBRARY_CLASSIFY_H
#define FOVEA_LIBRARY_CLASSIFY_H

#include "base/status.h"
#include "base/str.h"
#include "kern/kernels.h"
#include "library/categories.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>

#define UNCERTAIN_MARGIN 0.05
#define NONE_OF_THESE "None of these"

struct classify_options {
    double uncertain_margin; /* a margin below it is uncertain */
    double none_below;       /* a best cosine below it is none of these; NAN: never */
};

/* The answers for a matrix, row by row. */
struct classification {
    size_t count, category_count;
    float *cosines;       /* [count, category_count] */
    float *probabilities; /* [count, category_count] */
    struct verdict {
        int category;      /* index of the best; -1: none of these */
        double confidence; /* its probability (of the best, also when none of these) */
        double margin;     /* first minus second; the confidence itself with a single category */
        bool uncertain;
    } * verdicts; /* [count] */
};

/* vectors: [categories, D] of categories_encode(). */
MUST_USE enum status classify_run(struct classification *out, const struct kernels *,
                                  const struct store_matrix *, const float *vectors,
                                  size_t category_count, double logit_scale,
                                  const struct classify_options *, struct err *err);
void classification_free(struct classification *); /* NULL-safe */

/* Stores the verdicts as the model's current labels. */
MUST_USE enum status classification_store(const struct classification *, struct store *,
                                          int64_t model_id, const struct store_matrix *,
                                          const struct categories *, struct err *err);

/* Name of the verdict of a row. */
const char *classification_name(const struct classification *, const struct categories *,
                                size_t row);

/* The CSV of the specification: RFC 4180, UTF-8, CRLF;
 * path,category,confidence,margin,uncertain,<each category>. Paths that begin with `base` and "/"
 * lose both (base may be NULL). ERR_MEMORY when the text outgrows the string's limit. */
MUST_USE enum status classification_csv(const struct classification *, const struct store_matrix *,
                                        const struct categories *, const char *base,
                                        struct str *out, struct err *err);

/* A number as Python prints round(x, 4): "0.83", "1.0", "0.0". */
void csv_number(struct str *out, double x);
/* A field, quoted where RFC 4180 asks for it. */
void csv_field(struct str *out, const char *text);

#endif
