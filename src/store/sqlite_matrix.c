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
#include "store/sqlite.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define NO_ROW SIZE_MAX
#define HUGE_PAGE ((size_t)2 << 20)

struct load {
    struct sqlite_store *store;
    int64_t model_id;
    size_t dim;
    int64_t *ids; /* [id_count] photos with a vector, ascending */
    size_t *rows; /* [id_count] the row of each, or NO_ROW */
    size_t id_count, id_capacity;
    struct str paths;  /* of the rows in order, each with its NUL */
    struct str copies; /* likewise the further paths */
    size_t copy_capacity;
    struct store_matrix *out;
};

/* --- 1: which photos ---------------------------------------------------------------------- */

static enum status append_id(struct load *load, int64_t id, struct err *err)
{
    if (load->id_count == load->id_capacity) {
        size_t capacity = load->id_capacity ? 2 * load->id_capacity : 1024;
        int64_t *grown = realloc(load->ids, capacity * sizeof *grown);
        if (!grown)
            return err_no_memory(err, "the library's photos", capacity * sizeof *grown);
        load->ids = grown;
        load->id_capacity = capacity;
    }
    load->ids[load->id_count++] = id;
    return OK;
}

static enum status list_ids(struct load *load, struct err *err)
{
    struct sql q = sql_start(load->store, SQL_EMBEDDING_IDS,
                             "SELECT photo_id FROM embeddings INDEXED BY embeddings_by_photo"
                             " WHERE model_id = ? ORDER BY photo_id");
    sql_int(&q, load->model_id);
    bool row;
    enum status status = sql_row(&q, &row, err);
    while (status == OK && row) {
        status = append_id(load, sqlite3_column_int64(q.stmt, 0), err);
        if (status == OK)
            status = sql_row(&q, &row, err);
    }
    sql_end(&q);
    return status;
}

/* --- 2: which rows ------------------------------------------------------------------------ */

static int compare_ids(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static enum status take_copy(struct load *load, const struct sql *q, size_t row, struct err *err)
{
    struct store_matrix *m = load->out;
    if (m->copy_count == load->copy_capacity) {
        size_t capacity = load->copy_capacity ? 2 * load->copy_capacity : 256;
        size_t *grown = realloc(m->copy_rows, capacity * sizeof *grown);
        if (!grown)
            return err_no_memory(err, "the library's paths", capacity * sizeof *grown);
        m->copy_rows = grown;
        load->copy_capacity = capacity;
    }
    m->copy_rows[m->copy_count++] = row;
    return sql_column_path(q, 1, &load->copies, err);
}

static enum status take_file(struct load *load, const struct sql *q, struct err *err)
{
    int64_t id = sqlite3_column_int64(q->stmt, 0);
    if (load->id_count == 0) /* and no array */
        return OK;
    const int64_t *found = bsearch(&id, load->ids, load->id_count, sizeof id, compare_ids);
    if (!found)
        return OK;
    if (load->rows[found - load->ids] != NO_ROW)
        return take_copy(load, q, load->rows[found - load->ids], err);
    load->rows[found - load->ids] = load->out->count++;
    return sql_column_path(q, 1, &load->paths, err);
}

static enum status assign_rows(struct load *load, struct err *err)
{
    size_t size = load->id_count * sizeof *load->rows;
    load->rows = malloc(size ? size : 1);
    if (!load->rows)
        return err_no_memory(err, "the library's photos", size);
    memset(load->rows, 0xff, size); /* NO_ROW */
    struct sql q = sql_start(load->store, SQL_FILE_ALL,
                             "SELECT photo_id, path FROM files WHERE photo_id IS NOT NULL"
                             " ORDER BY path");
    bool row;
    enum status status = sql_row(&q, &row, err);
    while (status == OK && row) {
        status = take_file(load, &q, err);
        if (status == OK)
            status = sql_row(&q, &row, err);
    }
    sql_end(&q);
    return status;
}

/* --- the arrays --------------------------------------------------------------------------- */

/* Huge pages spare a large matrix most of its page faults now and of its TLB misses at each scan.
 */
static void *alloc_vectors(size_t size_bytes)
{
    size_t alignment = size_bytes >= HUGE_PAGE ? HUGE_PAGE : 64;
    size_t rounded = (size_bytes + alignment - 1) / alignment * alignment;
    void *vectors = aligned_alloc(alignment, rounded);
#ifdef MADV_HUGEPAGE
    if (vectors && alignment == HUGE_PAGE)
        madvise(vectors, rounded, MADV_HUGEPAGE); /* a wish */
#endif
    return vectors;
}

static enum status point_to_copies(struct load *load, struct err *err)
{
    struct store_matrix *m = load->out;
    if (m->copy_count == 0)
        return OK;
    m->copy_paths = malloc(m->copy_count * sizeof *m->copy_paths);
    if (!m->copy_paths)
        return err_no_memory(err, "the library's paths", m->copy_count * sizeof *m->copy_paths);
    m->copy_block = load->copies.data;
    load->copies = str_new(0);
    char *p = m->copy_block;
    for (size_t i = 0; i < m->copy_count; i++, p += strlen(p) + 1)
        m->copy_paths[i] = p;
    return OK;
}

static enum status alloc_rows(struct load *load, struct err *err)
{
    struct store_matrix *m = load->out;
    m->dim = (int)load->dim;
    if (m->count == 0)
        return OK;
    size_t size;
    if (__builtin_mul_overflow(m->count, load->dim * sizeof *m->vectors, &size) ||
        size > SIZE_MAX / 2)
        return err_set(err, ERR_LIMIT, "the library %s is too large for this machine",
                       load->store->path);
    m->vectors = alloc_vectors(size);
    m->photo_ids = malloc(m->count * sizeof *m->photo_ids);
    m->paths = malloc(m->count * sizeof *m->paths);
    if (!m->vectors || !m->photo_ids || !m->paths)
        return err_no_memory(err, "the library's vectors", size);
    m->block = load->paths.data;
    load->paths = str_new(0);
    char *p = m->block;
    for (size_t i = 0; i < m->count; i++, p += strlen(p) + 1)
        m->paths[i] = p;
    for (size_t i = 0; i < load->id_count; i++)
        if (load->rows[i] != NO_ROW)
            m->photo_ids[load->rows[i]] = load->ids[i];
    return OK;
}

/* --- 3: the vectors ----------------------------------------------------------------------- */

static enum status take_vector(struct load *load, const struct sql *q, size_t i, struct err *err)
{
    size_t size = load->dim * sizeof *load->out->vectors;
    if (i >= load->id_count || sqlite3_column_int64(q->stmt, 0) != load->ids[i])
        return sql_damaged(load->store, "an index disagrees with its table", err);
    if (load->rows[i] == NO_ROW)
        return OK;
    const void *vector = sqlite3_column_blob(q->stmt, 1);
    if (!vector || (size_t)sqlite3_column_bytes(q->stmt, 1) != size)
        return sql_damaged(load->store, "a vector has the wrong size", err);
    memcpy(load->out->vectors + load->rows[i] * load->dim, vector, size);
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
        status = take_vector(load, &q, i, err);
        if (status == OK)
            status = sql_row(&q, &row, err);
    }
    if (status == OK && i != load->id_count)
        status = sql_damaged(load->store, "an index disagrees with its table", err);
    sql_end(&q);
    return status;
}

/* --- 3, when most are in memory ----------------------------------------------------------- */

struct old_row {
    int64_t photo_id;
    size_t row;
};

static int compare_old(const void *a, const void *b)
{
    return compare_ids(&((const struct old_row *)a)->photo_id,
                       &((const struct old_row *)b)->photo_id);
}

static enum status look_up(struct load *load, size_t i, struct err *err)
{
    struct sql q = sql_start(load->store, SQL_EMBEDDING_ONE,
                             "SELECT photo_id, vector FROM embeddings"
                             " WHERE model_id = ? AND photo_id = ?");
    sql_int(&q, load->model_id);
    sql_int(&q, load->ids[i]);
    bool row;
    enum status status = sql_row(&q, &row, err);
    if (status == OK)
        status = row ? take_vector(load, &q, i, err)
                     : sql_damaged(load->store, "an index disagrees with its table", err);
    sql_end(&q);
    return status;
}

static enum status reuse_vectors(struct load *load, const struct store_matrix *old, struct err *err)
{
    struct old_row *rows = malloc((old->count ? old->count : 1) * sizeof *rows);
    if (!rows)
        return err_no_memory(err, "the library's photos", old->count * sizeof *rows);
    for (size_t i = 0; i < old->count; i++)
        rows[i] = (struct old_row){old->photo_ids[i], i};
    qsort(rows, old->count, sizeof *rows, compare_old);
    enum status status = OK;
    size_t j = 0;
    for (size_t i = 0; status == OK && i < load->id_count; i++) {
        if (load->rows[i] == NO_ROW)
            continue;
        while (j < old->count && rows[j].photo_id < load->ids[i])
            j++;
        if (j < old->count && rows[j].photo_id == load->ids[i])
            memcpy(load->out->vectors + load->rows[i] * load->dim,
                   old->vectors + rows[j].row * load->dim, load->dim * sizeof *old->vectors);
        else
            status = look_up(load, i, err);
    }
    free(rows);
    return status;
}

enum status sqlite_matrix_load(struct store *store, int64_t model_id,
                               const struct store_matrix *old, struct store_matrix *out,
                               struct err *err)
{
    struct sqlite_store *s = sqlite_store(store);
    struct load load = {.store = s,
                        .model_id = model_id,
                        .paths = str_new(SIZE_MAX / 4),
                        .copies = str_new(SIZE_MAX / 4),
                        .out = out};
    enum status status = sql_begin_read(s, err);
    if (status != OK)
        return status;
    int dim;
    status = sqlite_model_dim(s, model_id, &dim, err);
    load.dim = (size_t)dim;
    if (status == OK)
        status = list_ids(&load, err);
    if (status == OK)
        status = assign_rows(&load, err);
    if (status == OK)
        status = alloc_rows(&load, err);
    if (status == OK)
        status = point_to_copies(&load, err);
    if (status == OK)
        status = old && old->count > 0 && old->dim == dim ? reuse_vectors(&load, old, err)
                                                          : copy_vectors(&load, err);
    status = sql_finish(s, status, err);
    free(load.ids);
    free(load.rows);
    str_free(&load.paths);
    str_free(&load.copies);
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
