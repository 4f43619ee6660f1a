/* SPDX-License-Identifier: MIT
 *
 * What was said about photos: by a model and a set of categories (labels), and by a person about
 * two of them (decisions).
 *
 * A model has any number of sets, each under a name of 1 to 64 bytes, each with one label per photo
 * at most. A label names one category, or none of these, and may name more beside it (a picture of
 * several things).
 */
#ifndef FOVEA_STORE_STORE_LABELS_H
#define FOVEA_STORE_STORE_LABELS_H

#include "base/status.h"
#include "store/store_photos.h"

struct store;

#define STORE_SET_MAX 64 /* bytes of a set's name, without the NUL */
/* The name of a set that was not given one. */
#define STORE_SET_DEFAULT "default"

/* --- labels ------------------------------------------------------------------------------- */

struct store_label {
    int64_t photo_id;
    const char *category; /* NULL: none of these */
    double confidence, margin;
    bool uncertain;
    const float *probabilities; /* [category count] in the set's order */
    const int *also; /* [also_count] indices of further categories in the set's order; not the main
                        one again, none twice */
    size_t also_count;
};

/* The set of categories: the JSON text as the user gave it, names in order. */
struct store_set {
    const char *name;
    const char *json;
    const char *const *categories; /* [category_count] */
    size_t category_count;
    int64_t made_at; /* seconds since 1970, UTC; 0: now */
};

/* Replaces the set of this name with its labels. Labels of photos that another process has removed
 * meanwhile are left out. */
MUST_USE enum status store_labels_replace(struct store *, int64_t model_id,
                                          const struct store_set *, const struct store_label *,
                                          size_t count, struct err *err);

/* Labels of further photos, or others in their place, into the set of this name as it is: its
 * categories are `set`'s (ERR_ARGUMENT, where their number is another one; ERR_NOT_FOUND, where
 * there is no such set). For sets that are too large to be replaced in one piece. */
MUST_USE enum status store_labels_add(struct store *, int64_t model_id, const struct store_set *,
                                      const struct store_label *, size_t count, struct err *err);

/* The label of each of the matrix's rows. Arrays have `count` entries; strings live until
 * store_labels_free(). */
struct store_labels {
    size_t count;
    char set[STORE_SET_MAX + 1]; /* "": the model has no labels; then nothing is labelled */
    const char **names;          /* [name_count] the set's categories in order */
    size_t name_count;
    const char **categories; /* NULL: no label, or "none of these" */
    int *positions;          /* index into names; -1: none of these, -2: no label */
    double *confidences;     /* 0 where there is no label; so the margin */
    double *margins;
    bool *uncertain;
    /* Every category of row i, the main one first: also[also_start[i] .. also_start[i + 1]),
     * indices into names; empty where there is none. */
    size_t *also_start; /* [count + 1] */
    int *also;
    char *strings;
};
/* set: NULL for the one written last; ERR_NOT_FOUND if the model has none of this name (with NULL
 * it is fine to have none at all). */
MUST_USE enum status store_labels_load(struct store *, int64_t model_id, const char *set,
                                       const struct store_matrix *, struct store_labels *out,
                                       struct err *err);
void store_labels_free(struct store_labels *);

struct store_label_set {
    char name[STORE_SET_MAX + 1];
    char *json;
    char **categories; /* [category_count] */
    size_t category_count;
    int64_t made_at; /* seconds since 1970, UTC */
    int64_t labels;  /* photos that have one */
};
/* The model's sets, the one written last first. */
MUST_USE enum status store_label_sets(struct store *, int64_t model_id,
                                      struct store_label_set **sets, size_t *count,
                                      struct err *err);
void store_label_sets_free(struct store_label_set *, size_t count);

/* Removes a set with its labels; fine if there is none. */
MUST_USE enum status store_labels_drop(struct store *, int64_t model_id, const char *set,
                                       struct err *err);

/* A set of categories as a person wrote it, to be labelled with by any model or none. */
struct store_saved_set {
    char name[STORE_SET_MAX + 1];
    char *json;
};
/* In the place of one of the same name; json NULL removes it (fine if there is none). */
MUST_USE enum status store_saved_set_put(struct store *, const char *name, const char *json,
                                         struct err *err);
/* All of them, by name, bytewise. */
MUST_USE enum status store_saved_sets(struct store *, struct store_saved_set **sets, size_t *count,
                                      struct err *err);
void store_saved_sets_free(struct store_saved_set *, size_t count);

/* --- decisions ---------------------------------------------------------------------------- */

/* What a person said about two contents. Kept by hash: it outlives the photos, and holds again when
 * they come back. */
enum decision {
    DECISION_NONE, /* takes an earlier one back */
    DECISION_DUPLICATE,
    DECISION_NOT_DUPLICATE,
};

struct store_decision {
    struct photo_hash a, b; /* a < b, bytewise */
    enum decision decision;
    int64_t made_at; /* seconds since 1970, UTC */
};
/* In either order; ERR_ARGUMENT if both are the same. */
MUST_USE enum status store_decision_put(struct store *, const struct photo_hash *a,
                                        const struct photo_hash *b, enum decision, struct err *err);
/* Several in one transaction, with their times (0: now). */
MUST_USE enum status store_decisions_put(struct store *, const struct store_decision *,
                                         size_t count, struct err *err);
/* All of them, ascending by a and b; freed with free(). */
MUST_USE enum status store_decisions(struct store *, struct store_decision **decisions,
                                     size_t *count, struct err *err);

#endif
