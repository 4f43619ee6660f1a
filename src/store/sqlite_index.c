/* SPDX-License-Identifier: MIT
 *
 * What an index run asks and records.
 *
 * Identity: a photo is its content, a path is where it was last seen. When a path's content
 * changes, the path names another photo; the old one may be at another path already, or be found
 * there later in the same run (renumbered files exchange their contents). So a photo that has lost
 * its last path stays for now, invisible to every reader, with the vector that would be dear to
 * compute again. The end of a run that was not cut short sweeps such photos out, with their
 * embeddings and labels.
 */
#include "store/sqlite.h"

#include <string.h>

/* --- questions ---------------------------------------------------------------------------- */

/* Columns of the question in sqlite_file_state(). */
enum {
    COL_SIZE,
    COL_MTIME,
    COL_FAILED,
    COL_EMBEDDED,
    COL_META,
    COL_SIDECAR_SIZE,
    COL_SIDECAR_MTIME
};

static bool same_sidecar(const struct sql *q, const struct store_file *file)
{
    if (sqlite3_column_type(q->stmt, COL_SIDECAR_SIZE) == SQLITE_NULL)
        return file->sidecar_size_bytes <= 0;
    return sqlite3_column_int64(q->stmt, COL_SIDECAR_SIZE) == file->sidecar_size_bytes &&
           sqlite3_column_int64(q->stmt, COL_SIDECAR_MTIME) == file->sidecar_mtime_ns;
}

static enum file_state state_of(const struct sql *q, const struct store_file *file)
{
    if (sqlite3_column_int64(q->stmt, COL_SIZE) != file->size_bytes ||
        sqlite3_column_int64(q->stmt, COL_MTIME) != file->mtime_ns)
        return FILE_NEW;
    if (sqlite3_column_int(q->stmt, COL_FAILED))
        return file->mtime_ns == FAILURE_NO_TIME ? FILE_NEW : FILE_FAILED_BEFORE;
    if (!sqlite3_column_int(q->stmt, COL_EMBEDDED))
        return FILE_NEEDS_EMBEDDING;
    if (!sqlite3_column_int(q->stmt, COL_META) || !same_sidecar(q, file))
        return FILE_NEEDS_META;
    return FILE_UNCHANGED;
}

enum status sqlite_file_state(struct store *store, int64_t model_id, const struct store_file *file,
                              enum file_state *state, struct err *err)
{
    struct sql q =
        sql_start(sqlite_store(store), SQL_FILE_STATE,
                  "SELECT files.size_bytes, files.mtime_ns, failure IS NOT NULL,"
                  "  EXISTS (SELECT 1 FROM embeddings INDEXED BY embeddings_by_photo"
                  "          WHERE photo_id = files.photo_id AND model_id = ?),"
                  "  photos.has_meta, sidecars.size_bytes, sidecars.mtime_ns"
                  " FROM files LEFT JOIN photos ON photos.id = files.photo_id"
                  "  LEFT JOIN sidecars ON sidecars.path = files.path WHERE files.path = ?");
    sql_int(&q, model_id);
    sql_path(&q, file->path);
    bool known;
    enum status status = sql_row(&q, &known, err);
    *state = known ? state_of(&q, file) : FILE_NEW;
    sql_end(&q);
    return status;
}

enum status sqlite_has_embedding(struct store *store, int64_t model_id,
                                 const struct photo_hash *hash, bool *has, struct err *err)
{
    struct sql q = sql_start(sqlite_store(store), SQL_EMBEDDING_HAS,
                             "SELECT 1 FROM photos JOIN embeddings INDEXED BY embeddings_by_photo"
                             "  ON embeddings.photo_id = photos.id AND embeddings.model_id = ?"
                             " WHERE photos.hash = ?");
    sql_int(&q, model_id);
    sql_blob(&q, hash->bytes, sizeof hash->bytes);
    enum status status = sql_row(&q, has, err);
    sql_end(&q);
    return status;
}

/* --- recording ---------------------------------------------------------------------------- */

static enum status find_photo(struct sqlite_store *s, const struct photo_hash *hash,
                              int64_t *photo_id, struct err *err)
{
    struct sql q = sql_start(s, SQL_PHOTO_FIND, "SELECT id FROM photos WHERE hash = ?");
    sql_blob(&q, hash->bytes, sizeof hash->bytes);
    bool known;
    enum status status = sql_row(&q, &known, err);
    *photo_id = known ? sqlite3_column_int64(q.stmt, 0) : 0;
    sql_end(&q);
    return status;
}

static enum status add_photo(struct sqlite_store *s, const struct store_result *result,
                             int64_t *photo_id, struct err *err)
{
    char format[sizeof result->format + 1] = "";
    memcpy(format, result->format, sizeof result->format);
    struct sql q = sql_start(
        s, SQL_PHOTO_ADD, "INSERT INTO photos (hash, width, height, format) VALUES (?, ?, ?, ?)");
    sql_blob(&q, result->hash.bytes, sizeof result->hash.bytes);
    sql_int(&q, result->width);
    sql_int(&q, result->height);
    sql_text(&q, format);
    enum status status = sql_run(&q, err);
    *photo_id = sqlite3_last_insert_rowid(s->db);
    return status;
}

static enum status add_embedding(struct sqlite_store *s, int64_t model_id, int64_t photo_id,
                                 const uint16_t *vector, int dim, struct err *err)
{
    struct sql q = sql_start(s, SQL_EMBEDDING_ADD,
                             "INSERT INTO embeddings (model_id, photo_id, vector)"
                             " VALUES (?, ?, ?) ON CONFLICT DO NOTHING");
    sql_int(&q, model_id);
    sql_int(&q, photo_id);
    sql_blob(&q, vector, (size_t)dim * sizeof *vector);
    return sql_run(&q, err);
}

/* What the content says about itself. Nothing of it is changed by a result that does not tell. */
static enum status put_meta(struct sqlite_store *s, int64_t photo_id,
                            const struct store_result *result, struct err *err)
{
    enum status status = OK;
    if (result->meta) {
        struct sql q = sql_start(s, SQL_PHOTO_META,
                                 "UPDATE photos SET has_meta = 1, (" META_COLUMNS ")"
                                 " = (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) WHERE id = ?");
        sql_meta(&q, result->meta);
        sql_int(&q, photo_id);
        status = sql_run(&q, err);
    }
    if (status == OK && result->has_phash) {
        struct sql q = sql_start(s, SQL_PHOTO_PHASH, "UPDATE photos SET phash = ? WHERE id = ?");
        sql_int(&q, (int64_t)result->phash);
        sql_int(&q, photo_id);
        status = sql_run(&q, err);
    }
    return status;
}

/* The photo of a result, added if need be; 0 for a failure. */
static enum status put_photo(struct sqlite_store *s, int64_t model_id, int dim,
                             const struct store_result *result, int64_t *photo_id, struct err *err)
{
    *photo_id = 0;
    if (result->failure)
        return OK;
    enum status status = find_photo(s, &result->hash, photo_id, err);
    if (status != OK)
        return status;
    if (*photo_id == 0 && !result->vector && model_id != 0)
        return err_set(err, ERR_ARGUMENT, "%s has no vector, and its content is not in the library",
                       result->file.path);
    if (*photo_id == 0)
        status = add_photo(s, result, photo_id, err);
    if (status == OK && result->vector)
        status = add_embedding(s, model_id, *photo_id, result->vector, dim, err);
    return status == OK ? put_meta(s, *photo_id, result, err) : status;
}

/* Whether the path names a photo that a failure does not take from it: one whose content it still
 * holds (another model could not use it), or may hold (it could not be read just now). */
static enum status keeps_photo(struct sqlite_store *s, const struct store_result *result,
                               bool *keeps, struct err *err)
{
    *keeps = false;
    if (!result->failure)
        return OK;
    struct sql q = sql_start(s, SQL_FILE_KEEPS,
                             "SELECT 1 FROM files JOIN photos ON photos.id = files.photo_id"
                             " WHERE files.path = ? AND (? OR photos.hash = ?)");
    sql_path(&q, result->file.path);
    sql_int(&q, result->transient);
    sql_blob(&q, result->hash.bytes, sizeof result->hash.bytes);
    enum status status = sql_row(&q, keeps, err);
    sql_end(&q);
    return status;
}

static enum status put_file(struct sqlite_store *s, const struct store_result *result,
                            int64_t photo_id, struct err *err)
{
    struct sql q = sql_start(s, SQL_FILE_PUT,
                             "INSERT INTO files (path, size_bytes, mtime_ns, photo_id, failure)"
                             " VALUES (?, ?, ?, ?, ?)"
                             " ON CONFLICT (path) DO UPDATE SET size_bytes = excluded.size_bytes,"
                             "  mtime_ns = excluded.mtime_ns, photo_id = excluded.photo_id,"
                             "  failure = excluded.failure");
    sql_path(&q, result->file.path);
    sql_int(&q, result->file.size_bytes);
    sql_int(&q, result->transient ? FAILURE_NO_TIME : result->file.mtime_ns);
    if (photo_id)
        sql_int(&q, photo_id);
    else
        sql_null(&q);
    sql_text(&q, result->failure);
    return sql_run(&q, err);
}

/* What lies beside the path now, in the place of what lay there. */
static enum status put_sidecar(struct sqlite_store *s, const struct store_result *result,
                               struct err *err)
{
    struct sql q = sql_start(s, SQL_SIDECAR_DROP, "DELETE FROM sidecars WHERE path = ?");
    sql_path(&q, result->file.path);
    enum status status = sql_run(&q, err);
    const struct store_sidecar *sidecar = result->sidecar;
    if (status != OK || result->failure || !sidecar || sidecar->size_bytes <= 0)
        return status;
    q = sql_start(s, SQL_SIDECAR_PUT,
                  "INSERT INTO sidecars (path, sidecar, size_bytes, mtime_ns, has_meta,"
                  " " META_COLUMNS
                  ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    sql_path(&q, result->file.path);
    sql_path(&q, sidecar->path);
    sql_int(&q, sidecar->size_bytes);
    sql_int(&q, sidecar->mtime_ns);
    sql_int(&q, sidecar->meta != NULL);
    sql_meta(&q, sidecar->meta);
    return sql_run(&q, err);
}

static enum status put_result(struct sqlite_store *s, int64_t model_id, int dim,
                              const struct store_result *result, struct err *err)
{
    int64_t photo_id;
    bool keeps;
    enum status status = keeps_photo(s, result, &keeps, err);
    if (status != OK || keeps)
        return status;
    status = put_photo(s, model_id, dim, result, &photo_id, err);
    if (status == OK)
        status = put_file(s, result, photo_id, err);
    return status == OK ? put_sidecar(s, result, err) : status;
}

enum status sqlite_put_results(struct store *store, int64_t model_id,
                               const struct store_result *results, size_t count, struct err *err)
{
    struct sqlite_store *s = sqlite_store(store);
    enum status status = sql_begin_write(s, err);
    if (status != OK)
        return status;
    int dim = 0;
    if (model_id != 0)
        status = sqlite_model_dim(s, model_id, &dim, err);
    for (size_t i = 0; status == OK && i < count; i++)
        status = put_result(s, model_id, dim, &results[i], err);
    return sql_finish(s, status, err);
}

/* --- forgetting --------------------------------------------------------------------------- */

static enum status forget_path(struct sqlite_store *s, const char *path, struct err *err)
{
    struct sql q =
        sql_start(s, SQL_FILE_FORGET, "DELETE FROM files WHERE path = ? RETURNING photo_id");
    sql_path(&q, path);
    bool known;
    enum status status = sql_row(&q, &known, err);
    int64_t photo_id = known ? sqlite3_column_int64(q.stmt, 0) : 0;
    if (known)
        status = sql_row(&q, &known, err);
    sql_end(&q);
    if (status != OK || photo_id == 0)
        return status;
    q = sql_start(s, SQL_PHOTO_DROP_UNSEEN,
                  "DELETE FROM photos WHERE id = ?1"
                  " AND NOT EXISTS (SELECT 1 FROM files WHERE photo_id = ?1)");
    sql_int(&q, photo_id);
    return sql_run(&q, err);
}

enum status sqlite_forget_paths(struct store *store, char *const *paths, size_t count,
                                struct err *err)
{
    struct sqlite_store *s = sqlite_store(store);
    enum status status = sql_begin_write(s, err);
    if (status != OK)
        return status;
    for (size_t i = 0; status == OK && i < count; i++)
        status = forget_path(s, paths[i], err);
    return sql_finish(s, status, err);
}

enum status sqlite_sweep(struct store *store, struct err *err)
{
    struct sqlite_store *s = sqlite_store(store);
    enum status status = sql_begin_write(s, err);
    if (status != OK)
        return status;
    struct sql q =
        sql_start(s, SQL_PHOTO_SWEEP,
                  "DELETE FROM photos"
                  " WHERE NOT EXISTS (SELECT 1 FROM files WHERE files.photo_id = photos.id)");
    return sql_finish(s, sql_run(&q, err), err);
}
