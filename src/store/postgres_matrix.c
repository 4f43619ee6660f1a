/* SPDX-License-Identifier: MIT
 *
 * Loading every vector of a model, in the order of paths, as a stream: COPY TO sends rows as the
 * server reads them, each goes to its place, and nothing is held twice. As with SQLite there are
 * three passes (matrix_build.h), in one snapshot:
 *
 *   1. the ids of the photos that have a vector, in whatever order
 *   2. the files, by path
 *   3. the vectors, in the order in which they lie in the table
 *
 * Vectors travel as float16, also where the table has float32: half the bytes, and exact, since
 * fovea stores nothing else.
 */
#include "store/matrix_build.h"
#include "store/postgres.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOME 1000 /* vectors that are asked for at once */

struct load {
    struct postgres_store *store;
    int64_t model_id;
    struct matrix_build build;
};

/* halfvec as it travels: its dimension, 0, then each element, all int16 and big-endian. */
static bool read_halfvec(const uint8_t *bytes, size_t size, size_t dim, uint16_t *out)
{
    if (!bytes || size != 4 + 2 * dim)
        return false;
    bytes += 4;
    for (size_t i = 0; i < dim; i++)
        out[i] = (uint16_t)(bytes[2 * i] << 8 | bytes[2 * i + 1]);
    return true;
}

/* --- rows --------------------------------------------------------------------------------- */

static enum status take_id(struct load *load, struct pg_copy *c, struct err *err)
{
    size_t size;
    const uint8_t *id = pg_copy_field(c, &size);
    if (!id || size != 8)
        return pg_damaged(load->store, "a vector belongs to no photo", err);
    return matrix_build_id(&load->build, (int64_t)pg_get64(id), err);
}

static enum status take_file(struct load *load, struct pg_copy *c, struct err *err)
{
    size_t size, path_size;
    struct str *out;
    const uint8_t *id = pg_copy_field(c, &size);
    const uint8_t *path = id && size == 8 ? pg_copy_field(c, &path_size) : NULL;
    if (!path)
        return pg_damaged(load->store, "a file has no path", err);
    enum status status = matrix_build_file(&load->build, (int64_t)pg_get64(id), &out, err);
    return status == OK && out ? pg_append_path(load->store, path, path_size, out, err) : status;
}

static enum status take_vector(struct load *load, struct pg_copy *c, struct err *err)
{
    bool known;
    size_t size;
    const uint8_t *id = pg_copy_field(c, &size);
    if (!id || size != 8)
        return pg_damaged(load->store, "a vector belongs to no photo", err);
    uint16_t *out = matrix_build_vector(&load->build, (int64_t)pg_get64(id), &known);
    const uint8_t *vector = pg_copy_field(c, &size);
    if (out && !read_halfvec(vector, size, load->build.dim, out))
        return pg_damaged(load->store, "a vector has the wrong size", err);
    return OK;
}

/* Each row of the query, whose %lld is the model. */
static enum status copy_rows(struct load *load, const char *query,
                             enum status (*take)(struct load *, struct pg_copy *, struct err *),
                             struct err *err)
{
    struct pg_copy c;
    struct str sql = str_new(1024);
    pg_write_model(&sql, query, load->model_id);
    enum status status = str_ok(&sql) ? pg_copy_out(&c, load->store, str_text(&sql), err)
                                      : err_no_memory(err, "a statement", sql.size);
    str_free(&sql);
    if (status != OK)
        return status;
    bool row;
    status = pg_copy_next(&c, &row, err);
    while (status == OK && row) {
        status = take(load, &c, err);
        if (status == OK)
            status = pg_copy_next(&c, &row, err);
    }
    return pg_copy_out_end(&c, status, err);
}

/* --- vectors ------------------------------------------------------------------------------ */

static enum status copy_vectors(struct load *load, struct err *err)
{
    return copy_rows(load,
                     "COPY (SELECT photo_id, vector::halfvec FROM EMBEDDINGS)"
                     " TO STDOUT (FORMAT binary)",
                     take_vector, err);
}

static enum status look_up(struct load *load, const int64_t *ids, size_t count, struct err *err)
{
    struct pg_array scratch;
    struct pg q = pg_start_model(load->store, PG_VECTOR_SOME, load->model_id,
                                 "SELECT photo_id, vector::halfvec FROM EMBEDDINGS"
                                 " WHERE photo_id = ANY($1)");
    pg_ints(&q, &scratch, ids, count);
    bool row, known;
    enum status status = pg_row(&q, &row, err);
    while (status == OK && row) {
        size_t size;
        const void *vector = pg_column_blob(&q, 1, &size);
        uint16_t *out = matrix_build_vector(&load->build, pg_column_int(&q, 0), &known);
        if (out && !read_halfvec(vector, size, load->build.dim, out))
            status = pg_damaged(load->store, "a vector has the wrong size", err);
        else
            status = pg_row(&q, &row, err);
    }
    pg_end(&q);
    pg_array_free(&scratch);
    return status;
}

static enum status reuse_vectors(struct load *load, const struct store_matrix *old, struct err *err)
{
    int64_t *missing = NULL;
    size_t count;
    enum status status = matrix_build_reuse(&load->build, old, &missing, &count, err);
    if (status == OK && count > load->build.id_count / 2)
        status = copy_vectors(load, err);
    else
        for (size_t i = 0; status == OK && i < count; i += SOME)
            status = look_up(load, missing + i, count - i < SOME ? count - i : SOME, err);
    free(missing);
    return status;
}

static enum status fill(struct load *load, const struct store_matrix *old, struct err *err)
{
    int dim;
    struct matrix_build *b = &load->build;
    enum status status = postgres_model_dim(load->store, load->model_id, &dim, NULL, err);
    b->dim = (size_t)dim;
    if (status == OK)
        status = copy_rows(load, "COPY (SELECT photo_id FROM EMBEDDINGS) TO STDOUT (FORMAT binary)",
                           take_id, err);
    if (status == OK)
        status = matrix_build_rows(b, err);
    if (status == OK)
        status = copy_rows(load,
                           "COPY (SELECT photo_id, path FROM files WHERE photo_id IS NOT NULL"
                           " ORDER BY path) TO STDOUT (FORMAT binary)",
                           take_file, err);
    if (status == OK)
        status = matrix_build_arrays(b, load->store->label, err);
    if (status != OK || b->out->count == 0 || b->rows_only)
        return status;
    return old && old->count > 0 && old->dim == dim ? reuse_vectors(load, old, err)
                                                    : copy_vectors(load, err);
}

static enum status load_matrix(struct store *store, int64_t model_id,
                               const struct store_matrix *old, bool rows_only,
                               struct store_matrix *out, struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct load load = {.store = s, .model_id = model_id};
    struct pg_tries tries = {0};
    enum status status;
    do {
        store_matrix_free(out);
        matrix_build_start(&load.build, out);
        load.build.rows_only = rows_only;
        status = pg_begin_read(s, err);
        if (status == OK)
            status = pg_finish(s, fill(&load, old, err), err);
        matrix_build_free(&load.build);
    } while (pg_again(s, &tries, &status, err));
    return status;
}

enum status postgres_matrix_load(struct store *store, int64_t model_id,
                                 const struct store_matrix *old, struct store_matrix *out,
                                 struct err *err)
{
    return load_matrix(store, model_id, old, false, out, err);
}

enum status postgres_rows_load(struct store *store, int64_t model_id, struct store_matrix *out,
                               struct err *err)
{
    return load_matrix(store, model_id, NULL, true, out, err);
}

/* --- some of them ------------------------------------------------------------------------- */

static enum status load_some(struct postgres_store *s, int64_t model_id, size_t dim,
                             const int64_t *photo_ids, size_t count, uint16_t *vectors, bool *has,
                             struct err *err)
{
    struct pg_array scratch;
    struct pg q = pg_start_model(s, PG_VECTOR_OF, model_id,
                                 "SELECT u.at, e.vector::halfvec"
                                 " FROM unnest($1) WITH ORDINALITY AS u (id, at)"
                                 "  JOIN EMBEDDINGS AS e ON e.photo_id = u.id"
                                 /* said twice: shards are sent this, and no join */
                                 " WHERE e.photo_id = ANY ($1)"
                                 "  AND EXISTS (SELECT 1 FROM files WHERE files.photo_id = u.id)");
    pg_ints(&q, &scratch, photo_ids, count);
    memset(vectors, 0, count * dim * sizeof *vectors);
    memset(has, 0, count * sizeof *has);
    bool row;
    enum status status = pg_row(&q, &row, err);
    while (status == OK && row) {
        size_t size, at = (size_t)pg_column_int(&q, 0) - 1;
        const void *vector = pg_column_blob(&q, 1, &size);
        if (at >= count || !read_halfvec(vector, size, dim, vectors + at * dim)) {
            status = pg_damaged(s, "a vector has the wrong size", err);
            break;
        }
        has[at] = true;
        status = pg_row(&q, &row, err);
    }
    pg_end(&q);
    pg_array_free(&scratch);
    return status;
}

enum status postgres_vectors_load(struct store *store, int64_t model_id, const int64_t *photo_ids,
                                  size_t count, uint16_t *vectors, bool *has, struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_tries tries = {0};
    enum status status;
    do {
        int dim;
        status = postgres_model_dim(s, model_id, &dim, NULL, err);
        if (status == OK && count > 0)
            status = load_some(s, model_id, (size_t)dim, photo_ids, count, vectors, has, err);
    } while (pg_again(s, &tries, &status, err));
    return status;
}
