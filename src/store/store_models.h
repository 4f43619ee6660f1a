/* SPDX-License-Identifier: MIT
 *
 * Models and what they made: vectors, loaded as one matrix, and artifacts. Several models lie side
 * by side; one of them is active, which means that it answers where none is named.
 */
#ifndef FOVEA_STORE_STORE_MODELS_H
#define FOVEA_STORE_STORE_MODELS_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

struct store_model {
    int64_t id;     /* never used again, also when the model is removed */
    char name[256]; /* as the user calls it */
    char fingerprint[33];
    bool active;
    int dim;
    int64_t embeddings; /* how many photos have one */
};

/* Finds the model by fingerprint, or adds it (STORE_WRITE; ERR_NOT_FOUND in STORE_READ). Two names
 * for the same fingerprint are one model; the newest name is kept. ERR_FORMAT if the dimension
 * differs from the stored one. Which model is active does not change. */
MUST_USE enum status store_model_use(struct store *, const char *name, const char *fingerprint,
                                     int dim, int64_t *model_id, struct err *err);
/* All models, the active one first, the others by newest use; *models is freed with free(). */
MUST_USE enum status store_models(struct store *, struct store_model **models, size_t *count,
                                  struct err *err);
/* *model_id is 0 when none is active. */
MUST_USE enum status store_model_active(struct store *, int64_t *model_id, struct err *err);
/* ERR_NOT_FOUND if there is no such model. */
MUST_USE enum status store_model_set_active(struct store *, int64_t model_id, struct err *err);
/* With its vectors, labels and artifacts. If it was the active one, none is. */
MUST_USE enum status store_model_remove(struct store *, int64_t model_id, struct err *err);

/* --- vectors ------------------------------------------------------------------------------ */

/* Every embedding of a model whose photo has at least one path. Rows are sorted by path; a photo
 * with several paths has one row, under the bytewise first. */
struct store_matrix {
    size_t count;
    int dim;
    uint16_t *vectors;  /* [count, dim] float16, 64-byte aligned */
    int64_t *photo_ids; /* [count] */
    char **paths;       /* [count] */
    void *block;        /* owns the path bytes */
    /* The further paths of photos that have several, ascending. */
    size_t copy_count;
    size_t *copy_rows; /* [copy_count] */
    char **copy_paths; /* [copy_count] */
    void *copy_block;  /* owns their bytes */
};
MUST_USE enum status store_matrix_load(struct store *, int64_t model_id, struct store_matrix *out,
                                       struct err *err);
/* The same result, but vectors that `old` (of the same model and library) has are copied from it,
 * and only the others are read. `old` is left as it is. */
MUST_USE enum status store_matrix_update(struct store *, int64_t model_id,
                                         const struct store_matrix *old, struct store_matrix *out,
                                         struct err *err);
void store_matrix_free(struct store_matrix *);

/* The vectors of some photos: vectors: [count, dim], has: [count], false for what has none (its
 * vector is zeros). `count` is at most STORE_BATCH_MAX (store_photos.h). */
MUST_USE enum status store_vectors_load(struct store *, int64_t model_id, const int64_t *photo_ids,
                                        size_t count, uint16_t *vectors, bool *has,
                                        struct err *err);

/* --- artifacts ---------------------------------------------------------------------------- */

/* Bytes made from a model's vectors (a neighbour graph, a map), under a name of 1 to 64 bytes of
 * the owner's choice. Whether they still fit the vectors is for the owner to tell: from what it has
 * put into them. */
#define STORE_ARTIFACT_MAX ((size_t)1 << 30) /* bytes */

#define STORE_ARTIFACT_NAME_MAX 64 /* bytes, without the NUL */
struct store_artifact {
    char name[STORE_ARTIFACT_NAME_MAX + 1];
    int64_t size_bytes;
};
/* What the model has, by name, bytewise; freed with free(). */
MUST_USE enum status store_artifacts(struct store *, int64_t model_id,
                                     struct store_artifact **artifacts, size_t *count,
                                     struct err *err);

/* Puts it in the place of an older one. */
MUST_USE enum status store_artifact_put(struct store *, int64_t model_id, const char *name,
                                        const void *bytes, size_t size_bytes, struct err *err);
/* *bytes is freed with free(). ERR_NOT_FOUND if there is none. */
MUST_USE enum status store_artifact_get(struct store *, int64_t model_id, const char *name,
                                        void **bytes, size_t *size_bytes, struct err *err);
/* Fine if there is none. */
MUST_USE enum status store_artifact_remove(struct store *, int64_t model_id, const char *name,
                                           struct err *err);

#endif
