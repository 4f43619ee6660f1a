/* SPDX-License-Identifier: MIT
 *
 * Private to store/: the SQLite store's own struct, and the little layer (sql.c) through which its
 * files speak SQL. A statement is prepared once and kept in its slot:
 *
 *     struct sql q = sql_start(s, SQL_PHOTO_FIND, "SELECT id FROM photos WHERE hash = ?");
 *     sql_blob(&q, hash, 16);
 *     bool found;
 *     enum status status = sql_row(&q, &found, err);
 *     if (found)
 *         id = sqlite3_column_int64(q.stmt, 0);
 *     sql_end(&q);
 *
 * A failure to prepare or bind is kept in the struct and reported by the next sql_row() or
 * sql_run(). sql_end() makes the statement ready for its next use and lets go of its lock; columns
 * and bound memory must live until then. sql_run() ends the statement itself.
 */
#ifndef FOVEA_STORE_SQLITE_H
#define FOVEA_STORE_SQLITE_H

#include "base/str.h"
#include "store/index_lock.h"
#include "store/meta_columns.h"
#include "store/store_ops.h"

#include <sqlite3.h>

/* The mtime of a path whose failure is to be no answer at the next look. */
#define FAILURE_NO_TIME STORE_NO_MTIME

enum sql_slot {
    SQL_BEGIN_READ,
    SQL_BEGIN_WRITE,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_REVISION,
    SQL_REVISION_RAISE,
    SQL_MODEL_FIND,
    SQL_MODEL_ADD,
    SQL_MODEL_NUMBER,
    SQL_MODEL_TOUCH,
    SQL_MODEL_DIM,
    SQL_MODEL_LIST,
    SQL_MODEL_ACTIVE,
    SQL_MODEL_ACTIVATE,
    SQL_MODEL_REMOVE,
    SQL_ARTIFACT_FIND,
    SQL_ARTIFACT_ADD,
    SQL_ARTIFACT_DROP,
    SQL_ARTIFACT_LIST,
    SQL_CHUNK_ADD,
    SQL_CHUNK_LIST,
    SQL_FILE_STATE,
    SQL_FILE_KEEPS,
    SQL_FILE_PUT,
    SQL_FILE_FORGET,
    SQL_FILE_RANGE,
    SQL_FILE_KNOWN,
    SQL_FILE_KNOWN_BELOW,
    SQL_PLACE_LIST,
    SQL_PLACE_DROP,
    SQL_PLACE_ADD,
    SQL_FILE_ALL,
    SQL_FILE_FACTS,
    SQL_FAILURES,
    SQL_SIDECAR_DROP,
    SQL_SIDECAR_PUT,
    SQL_SIDECAR_ALL,
    SQL_PHOTO_FIND,
    SQL_PHOTO_ADD,
    SQL_PHOTO_META,
    SQL_PHOTO_PHASH,
    SQL_PHOTO_DROP_UNSEEN,
    SQL_PHOTO_SWEEP,
    SQL_PHOTO_ALL,
    SQL_PHOTO_ONE,
    SQL_PHOTO_PATHS,
    SQL_PHOTO_LABELS,
    SQL_PHOTO_AT,
    SQL_PHOTO_WITH_HASH,
    SQL_PHOTO_IDS,
    SQL_EMBEDDING_HAS,
    SQL_EMBEDDING_ADD,
    SQL_EMBEDDING_IDS,
    SQL_EMBEDDING_ALL,
    SQL_EMBEDDING_ONE,
    SQL_EMBEDDING_OF,
    SQL_SET_DROP,
    SQL_SET_ADD,
    SQL_SET_FIND,
    SQL_SET_SIZE,
    SQL_SET_LIST,
    SQL_SET_CATEGORY,
    SQL_CATEGORY_ADD,
    SQL_CATEGORY_LIST,
    SQL_LABEL_ADD,
    SQL_LABEL_DROP,
    SQL_LABEL_LIST,
    SQL_SAVED_SET_PUT,
    SQL_SAVED_SET_DROP,
    SQL_SAVED_SET_LIST,
    SQL_DECISION_PUT,
    SQL_DECISION_DROP,
    SQL_DECISION_LIST,
    SQL_SUMMARY,
    SQL_SLOTS,
};

struct sqlite_store {
    struct store base;
    sqlite3 *db;
    char *path; /* as the caller wrote it: for messages */
    char *kept; /* the copy of the library as it was before its migration, or NULL */
    sqlite3_stmt *statements[SQL_SLOTS];
    struct index_lock *index_lock;
    bool counts; /* the transaction that is open raises the revision, if it changes anything */
    int changes; /* sqlite3_total_changes() when it began */
};

static inline struct sqlite_store *sqlite_store(struct store *store)
{
    return (struct sqlite_store *)store;
}

struct sql {
    struct sqlite_store *store;
    sqlite3_stmt *stmt;
    int rc;    /* SQLITE_OK, or the first failure */
    int bound; /* parameters so far */
};

struct sql sql_start(struct sqlite_store *, enum sql_slot, const char *text);
/* Bind the next parameter, in the order of the question marks. */
void sql_int(struct sql *, int64_t);
void sql_real(struct sql *, double);
void sql_text(struct sql *, const char *); /* NULL is SQL's NULL */
void sql_blob(struct sql *, const void *, size_t size_bytes);
void sql_path(struct sql *, const char *);
void sql_null(struct sql *);

MUST_USE enum status sql_row(struct sql *, bool *row, struct err *err);
MUST_USE enum status sql_run(struct sql *, struct err *err);
void sql_end(struct sql *);

/* The path in a column, with its NUL, appended to `out`. */
MUST_USE enum status sql_column_path(const struct sql *, int column, struct str *out,
                                     struct err *err);

/* Transactions. A reading one keeps several statements on the same state of the library. finish
 * commits if `status` is OK and rolls back otherwise; it returns what became of it. A writing one
 * that has changed anything raises the library's revision, unless it was begun as a quiet one. */
MUST_USE enum status sql_begin_write(struct sqlite_store *, struct err *err);
MUST_USE enum status sql_begin_quiet_write(struct sqlite_store *, struct err *err);
MUST_USE enum status sql_begin_read(struct sqlite_store *, struct err *err);
MUST_USE enum status sql_finish(struct sqlite_store *, enum status status, struct err *err);

/* What an SQLite failure means to the user, in one line that names the library file. */
enum status sql_fail(sqlite3 *, const char *library, int rc, struct err *err);
enum status sql_damaged(const struct sqlite_store *, const char *what, struct err *err);

/* --- metadata (sqlite_meta.c) ------------------------------------------------------------- */

/* Columns (meta_columns.h). Binds them; NULL: nothing told. The strings are bound without a copy.
 */
void sql_meta(struct sql *, const struct photo_meta *);
/* Reads them, from the column `first` on. What no fovea would write is read as not told. */
void sql_column_meta(const struct sql *, int first, struct photo_meta *out);

/* --- the verbs, by file ------------------------------------------------------------------- */

/* sqlite_open.c */
enum status sqlite_open(struct store **, const char *path, enum store_mode, struct err *);
void sqlite_close(struct store *);
enum status sqlite_index_lock(struct store *, struct err *);
void sqlite_index_unlock(struct store *);
bool sqlite_is_indexing(struct store *);
enum status sqlite_read_begin(struct store *, struct err *);
void sqlite_read_end(struct store *);

/* sqlite_models.c */
enum status sqlite_model_use(struct store *, const char *name, const char *fingerprint, int dim,
                             int64_t *, struct err *);
enum status sqlite_models(struct store *, struct store_model **, size_t *, struct err *);
/* ERR_NOT_FOUND if there is no such model. */
MUST_USE enum status sqlite_model_dim(struct sqlite_store *, int64_t model_id, int *dim,
                                      struct err *err);
enum status sqlite_model_active(struct store *, int64_t *, struct err *);
enum status sqlite_model_set_active(struct store *, int64_t model_id, struct err *);
enum status sqlite_model_remove(struct store *, int64_t model_id, struct err *);

/* sqlite_known.c */
enum status sqlite_known_visit(struct store *, int64_t model_id, const char *root,
                               store_known_visitor *, void *context, struct err *);
enum status sqlite_places(struct store *, struct store_place **, size_t *, struct err *);
enum status sqlite_places_change(struct store *, const struct store_place *, size_t,
                                 const struct store_place *, size_t, struct err *);

/* sqlite_matrix.c */
enum status sqlite_matrix_load(struct store *, int64_t model_id, const struct store_matrix *old,
                               struct store_matrix *, struct err *);

enum status sqlite_vectors_load(struct store *, int64_t model_id, const int64_t *photo_ids, size_t,
                                uint16_t *vectors, bool *has, struct err *);

/* sqlite_artifacts.c */
enum status sqlite_artifacts(struct store *, int64_t model_id, struct store_artifact **, size_t *,
                             struct err *);
enum status sqlite_artifact_put(struct store *, int64_t model_id, const char *name, const void *,
                                size_t, struct err *);
enum status sqlite_artifact_get(struct store *, int64_t model_id, const char *name, void **,
                                size_t *, struct err *);
enum status sqlite_artifact_remove(struct store *, int64_t model_id, const char *name,
                                   struct err *);

/* sqlite_index.c */
enum status sqlite_file_state(struct store *, int64_t model_id, const struct store_file *,
                              enum file_state *, struct err *);
enum status sqlite_has_embedding(struct store *, int64_t model_id, const struct photo_hash *,
                                 bool *, struct err *);
enum status sqlite_put_results(struct store *, int64_t model_id, const struct store_result *,
                               size_t, struct err *);
enum status sqlite_forget_paths(struct store *, char *const *, size_t, struct err *);
enum status sqlite_sweep(struct store *, struct err *);

/* sqlite_facts.c */
enum status sqlite_facts_load(struct store *, const struct store_matrix *, struct store_facts *,
                              struct err *);

/* sqlite_photo.c */
enum status sqlite_photo_load(struct store *, int64_t photo_id, struct store_photo *, struct err *);
enum status sqlite_photo_find(struct store *, const char *path, int64_t *, struct err *);
enum status sqlite_photo_find_hash(struct store *, const struct photo_hash *, int64_t *,
                                   struct err *);
enum status sqlite_photo_ids(struct store *, int64_t **, size_t *, struct err *);

/* sqlite_labels.c */
enum status sqlite_labels_replace(struct store *, int64_t model_id, const struct store_set *,
                                  const struct store_label *, const int *positions, size_t count,
                                  struct err *);
enum status sqlite_labels_add(struct store *, int64_t model_id, const struct store_set *,
                              const struct store_label *, const int *positions, size_t count,
                              struct err *);
enum status sqlite_label_sets(struct store *, int64_t model_id, struct store_label_set **, size_t *,
                              struct err *);
enum status sqlite_labels_drop(struct store *, int64_t model_id, const char *set, struct err *);

/* sqlite_labels_load.c */
enum status sqlite_labels_load(struct store *, int64_t model_id, const char *set,
                               const struct store_matrix *, struct store_labels *, struct err *);

/* sqlite_saved_sets.c */
enum status sqlite_saved_set_put(struct store *, const char *name, const char *json, struct err *);
enum status sqlite_saved_sets(struct store *, struct store_saved_set **, size_t *, struct err *);

/* sqlite_decisions.c */
enum status sqlite_decisions_put(struct store *, const struct store_decision *, size_t,
                                 struct err *);
enum status sqlite_decisions(struct store *, struct store_decision **, size_t *, struct err *);

/* sqlite_backup.c */
enum status sqlite_backup(struct store *, const char *path, struct err *);
/* A library that is being made beside its place, with what SQLite lays beside that. */
void sqlite_remove_part(const char *part);
/* Before a migration: a copy of an older library beside it. */
MUST_USE enum status sqlite_keep_old(struct sqlite_store *, int newest_version, struct err *err);
const char *sqlite_kept_copy(const struct store *);

/* sqlite_read.c */
enum status sqlite_revision(struct store *, int64_t *, struct err *);
enum status sqlite_paths_under(struct store *, const char *root, char ***, size_t *, struct err *);
enum status sqlite_summarize(struct store *, struct store_summary *, struct err *);
enum status sqlite_failures(struct store *, struct store_failure **, size_t *, struct err *);

#endif
