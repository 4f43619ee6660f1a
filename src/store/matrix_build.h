/* SPDX-License-Identifier: MIT
 *
 * Private to store/: a store_matrix put together from a library's rows as a kind of store reads
 * them: first the photos that have a vector, then the files by path, then the vectors, in whatever
 * order they come.
 */
#ifndef FOVEA_STORE_MATRIX_BUILD_H
#define FOVEA_STORE_MATRIX_BUILD_H

#include "base/str.h"
#include "store/store_ops.h"

struct matrix_build {
    size_t dim;
    int64_t *ids; /* [id_count] photos with a vector, ascending after matrix_build_rows() */
    size_t *rows; /* [id_count] the row of each, or none */
    size_t id_count, id_capacity;
    size_t next;       /* the index that is likely asked for next */
    struct str paths;  /* of the rows in order, each with its NUL */
    struct str copies; /* likewise the further paths */
    size_t copy_capacity;
    bool rows_only; /* without 3, and without room for it */
    struct store_matrix *out;
};

void matrix_build_start(struct matrix_build *, struct store_matrix *out);
void matrix_build_free(struct matrix_build *);

/* 1. A photo that has a vector, each once. */
MUST_USE enum status matrix_build_id(struct matrix_build *, int64_t photo_id, struct err *err);
/* 2. No more of them; then each file, by path. *path is where its path has to be appended, with its
 * NUL; NULL for one whose photo has no vector. */
MUST_USE enum status matrix_build_rows(struct matrix_build *, struct err *err);
MUST_USE enum status matrix_build_file(struct matrix_build *, int64_t photo_id, struct str **path,
                                       struct err *err);
/* 3. No more of them; then the vectors. label: the library's place, for messages. */
MUST_USE enum status matrix_build_arrays(struct matrix_build *, const char *label, struct err *err);
/* Where a photo's vector goes: [dim]; NULL if it has no row. *known: whether it was named in 1. */
uint16_t *matrix_build_vector(struct matrix_build *, int64_t photo_id, bool *known);
/* Takes what `old` has from there. *missing: the photos whose vectors are still to come, ascending,
 * to be freed with free(). */
MUST_USE enum status matrix_build_reuse(struct matrix_build *, const struct store_matrix *old,
                                        int64_t **missing, size_t *count, struct err *err);

#endif
