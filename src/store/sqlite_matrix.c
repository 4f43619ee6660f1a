/* SPDX-License-Identifier: MIT
 *
 * Loading every vector of a model, in the order of paths, at the speed of the disk.
 *
 * The vectors lie in the order of photo ids, the rows are wanted in the order of paths, so the load
 * reads three times, each sequentially, and none of them sorts:
 *
 *   1. the ids of the photos that have a vector, from the index: a list, ascending
 *   2. the files, by path: the first path of each of those photos is the next row
 *   3. the vectors, by photo id, in step with the list: each is copied to its row
 *
 * All within one transaction, so that a run that writes meanwhile cannot come between.
 *
 * An update has most vectors in memory already: those are copied, in step with the list as well
 * (the old rows sorted by photo id), and only the others are looked up. A photo's vector never
 * changes, and neither its id nor the model's is ever used again.
 *
 * Measured with 100,000 x 1,024 (205 MB) in the page cache, the load takes about twice as long as
 * read() of the file; the copy to the row is the smaller part of it.
 */
#include "store/matrix_build.h"
#include "store/sqlite.h"

#include <stdlib.h>
#include <string.h>

struct load {
    struct sqlite_store *store;
    int64_t model_id;
    struct matrix_build build;
};

/* --- 1: which photos ---------------------------------------------------------------------- */

static enum status list_ids(struct load *load, struct err *err)
{
    struct sql q = sql_start(load->store, SQL_EMBEDDING_IDS,
                             "SELECT photo_id FROM embeddings INDEXED BY embeddings_by_photo"
                             " WHERE model_id = ? ORDER BY photo_id");
    sql_int(&q, load->model_id);
    bool row;
    enum status status = sql_row(&q, &row, err);
    while (status == OK && row) {
        status = matrix_build_id(&load->build, sqlite3_column_int64(q.stmt, 0), err);
        if (status == OK)
            status = sql_row(&q, &row, err);
    }
    sql_end(&q);
    return status;
}

/* --- 2: which rows ------------------------------------------------------------------------ */

static enum status assign_rows(struct load *load, struct err *err)
{
    enum status status = matrix_build_rows(&load->build, err);
    if (status != OK)
        return status;
    struct sql q = sql_start(load->store, SQL_FILE_ALL,
                             "SELECT photo_id, path FROM files WHERE photo_id IS NOT NULL"
                             " ORDER BY path");
    bool row;
    status = sql_row(&q, &row, err);
    while (status == OK && row) {
        struct str *path;
        status = matrix_build_file(&load->build, sqlite3_column_int64(q.stmt, 0), &path, err);
        if (status == OK && path)
            status = sql_column_path(&q, 1, path, err);
        if (status == OK)
            status = sql_row(&q, &row, err);
    }
    sql_end(&q);
    return status;
}

/* --- 3: the vectors ----------------------------------------------------------------------- */

static enum status take_vector(struct load *load, const struct sql *q, struct err *err)
{
    bool known;
    size_t size = load->build.dim * sizeof(uint16_t);
    uint16_t *out = matrix_build_vector(&load->build, sqlite3_column_int64(q->stmt, 0), &known);
    if (!known)
        return sql_damaged(load->store, "an index disagrees with its table", err);
    if (!out)
        return OK;
    const void *vector = sqlite3_column_blob(q->stmt, 1);
    if (!vector || (size_t)sqlite3_column_bytes(q->stmt, 1) != size)
        return sql_damaged(load->store, "a vector has the wrong size", err);
    memcpy(out, vector, size);
    return OK;
}

static enum status copy_vectors(struct load *load, struct err *err)
{
    struct sql q = sql_start(load->store, SQL_EMBEDDING_ALL,
                             "SELECT photo_id, vector FROM embeddings WHERE model_id = ?"
                             " ORDER BY photo_id");
    sql_int(&q, load->model_id);
    bool row;
    size_t i = 0;
    enum status status = sql_row(&q, &row, err);
    for (; status == OK && row; i++) {
        status = take_vector(load, &q, err);
        if (status == OK)
            status = sql_row(&q, &row, err);
    }
    if (status == OK && i != load->build.id_count)
        status = sql_damaged(load->store, "an index disagrees with its table", err);
    sql_end(&q);
    return status;
}

/* --- 3, when most are in memory ----------------------------------------------------------- */

static enum status look_up(struct load *load, int64_t photo_id, struct err *err)
{
    struct sql q = sql_start(load->store, SQL_EMBEDDING_ONE,
                             "SELECT photo_id, vector FROM embeddings"
                             " WHERE model_id = ? AND photo_id = ?");
    sql_int(&q, load->model_id);
    sql_int(&q, photo_id);
    bool row;
    enum status status = sql_row(&q, &row, err);
    if (status == OK)
        status = row ? take_vector(load, &q, err)
                     : sql_damaged(load->store, "an index disagrees with its table", err);
    sql_end(&q);
    return status;
}

static enum status reuse_vectors(struct load *load, const struct store_matrix *old, struct err *err)
{
    int64_t *missing = NULL;
    size_t count;
    enum status status = matrix_build_reuse(&load->build, old, &missing, &count, err);
    for (size_t i = 0; status == OK && i < count; i++)
        status = look_up(load, missing[i], err);
    free(missing);
    return status;
}

enum status sqlite_matrix_load(struct store *store, int64_t model_id,
                               const struct store_matrix *old, struct store_matrix *out,
                               struct err *err)
{
    struct sqlite_store *s = sqlite_store(store);
    struct load load = {.store = s, .model_id = model_id};
    int dim;
    enum status status = sql_begin_read(s, err);
    if (status != OK)
        return status;
    matrix_build_start(&load.build, out);
    status = sqlite_model_dim(s, model_id, &dim, err);
    load.build.dim = (size_t)dim;
    if (status == OK)
        status = list_ids(&load, err);
    if (status == OK)
        status = assign_rows(&load, err);
    if (status == OK)
        status = matrix_build_arrays(&load.build, s->path, err);
    if (status == OK)
        status = old && old->count > 0 && old->dim == dim ? reuse_vectors(&load, old, err)
                                                          : copy_vectors(&load, err);
    status = sql_finish(s, status, err);
    matrix_build_free(&load.build);
    return status;
}

/* --- some of them ------------------------------------------------------------------------- */

static enum status vector_of(struct sqlite_store *s, int64_t model_id, int64_t photo_id,
                             size_t size_bytes, uint16_t *vector, bool *has, struct err *err)
{
    struct sql q = sql_start(s, SQL_EMBEDDING_OF,
                             "SELECT vector FROM embeddings WHERE model_id = ?1 AND photo_id = ?2"
                             " AND EXISTS (SELECT 1 FROM files WHERE files.photo_id = ?2)");
    sql_int(&q, model_id);
    sql_int(&q, photo_id);
    enum status status = sql_row(&q, has, err);
    const void *bytes = *has ? sqlite3_column_blob(q.stmt, 0) : NULL;
    if (*has && (!bytes || (size_t)sqlite3_column_bytes(q.stmt, 0) != size_bytes))
        status = sql_damaged(s, "a vector has the wrong size", err);
    else if (*has)
        memcpy(vector, bytes, size_bytes);
    else
        memset(vector, 0, size_bytes);
    sql_end(&q);
    return status;
}

enum status sqlite_vectors_load(struct store *store, int64_t model_id, const int64_t *photo_ids,
                                size_t count, uint16_t *vectors, bool *has, struct err *err)
{
    struct sqlite_store *s = sqlite_store(store);
    int dim;
    enum status status = sql_begin_read(s, err);
    if (status != OK)
        return status;
    status = sqlite_model_dim(s, model_id, &dim, err);
    for (size_t i = 0; status == OK && i < count; i++)
        status = vector_of(s, model_id, photo_ids[i], (size_t)dim * sizeof *vectors,
                           vectors + i * (size_t)dim, &has[i], err);
    return sql_finish(s, status, err);
}
