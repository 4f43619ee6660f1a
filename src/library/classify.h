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
#include "search/row_set.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>

#define UNCERTAIN_MARGIN 0.05
#define NONE_OF_THESE "None of these"

struct classify_options {
    double uncertain_margin; /* a margin below it is uncertain */
    double none_below;       /* a best cosine below it is none of these; NAN: never */
    bool several;            /* a photograph may have more than one category: */
    double several_from;     /* all whose cosine is at least this, beside the best */
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
    /* Categories beside the best of row i, by cosine: also[also_start[i] .. also_start[i + 1]).
     * NULL unless a photograph may have several. */
    size_t *also_start; /* [count + 1] */
    int *also;
};

/* How many categories a row has beside the best; *also: which. */
static inline size_t classification_also(const struct classification *c, size_t row,
                                         const int **also)
{
    *also = c->also ? c->also + c->also_start[row] : NULL;
    return c->also ? c->also_start[row + 1] - c->also_start[row] : 0;
}

/* vectors: [categories, D] of categories_encode(). */
MUST_USE enum status classify_run(struct classification *out, const struct kernels *,
                                  const struct store_matrix *, const float *vectors,
                                  size_t category_count, double logit_scale,
                                  const struct classify_options *, struct err *err);
void classification_free(struct classification *); /* NULL-safe */

/* Stores the verdicts as the model's labels under the name of a set, in the place of older ones. If
 * just these are there already, nothing is written, and *written is false (NULL: not asked). */
MUST_USE enum status classification_keep(const struct classification *, struct store *,
                                         int64_t model_id, const char *set,
                                         const struct store_matrix *, const struct categories *,
                                         bool *written, struct err *err);
/* The same for the set "default". */
MUST_USE enum status classification_store(const struct classification *, struct store *,
                                          int64_t model_id, const struct store_matrix *,
                                          const struct categories *, struct err *err);

/* What categories_encode() gives, kept with the model's vectors in the library: prompts are encoded
 * once, and again when they, or the precision, have changed. Classifying again after new
 * photographs came gives the same as classifying all of them anew. ERR_NOT_FOUND: not kept, encode
 * them. */
MUST_USE enum status category_vectors_load(struct store *, int64_t model_id, const char *set,
                                           const struct categories *, const struct model_info *,
                                           float *vectors, struct err *err);
MUST_USE enum status category_vectors_keep(struct store *, int64_t model_id, const char *set,
                                           const struct categories *, const struct model_info *,
                                           const float *vectors, struct err *err);
/* Forgets a set: its labels and its vectors. ERR_NOT_FOUND if there is none, with those that are.
 */
MUST_USE enum status classification_drop(struct store *, int64_t model_id, const char *set,
                                         struct err *err);

/* The name of a set: the categories file's without its ending, cut to what the store takes;
 * "default" without a file. */
void classification_set_name(char name[STORE_SET_MAX + 1], const char *categories_file);

/* Name of the verdict of a row. */
const char *classification_name(const struct classification *, const struct categories *,
                                size_t row);

/* The CSV of the specification: RFC 4180, UTF-8, CRLF;
 * path,category,confidence,margin,uncertain,<each category>. Several categories are joined by "; ".
 * `rows`: only these (NULL: all). Paths that begin with `base` and "/"
 * lose both (base may be NULL). ERR_MEMORY when the text outgrows the string's limit. */
MUST_USE enum status classification_csv(const struct classification *, const struct store_matrix *,
                                        const struct categories *, const struct row_set *rows,
                                        const char *base, struct str *out, struct err *err);

/* A number as Python prints round(x, 4): "0.83", "1.0", "0.0". */
void csv_number(struct str *out, double x);
/* A field, quoted where RFC 4180 asks for it. What a spreadsheet would run as a formula has an
 * apostrophe in front, and as a path "./", which is the same path. */
void csv_field(struct str *out, const char *text);
void csv_path(struct str *out, const char *path);

#endif
