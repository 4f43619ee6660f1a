/* SPDX-License-Identifier: MIT
 *
 * Verbs that are not written yet: each moves to the file that postgres.h names.
 */
#include "store/postgres.h"

static enum status not_yet(struct store *store, struct err *err)
{
    return err_set(err, ERR_UNSUPPORTED,
                   "the library %s is in PostgreSQL, where this does not work yet",
                   postgres_store(store)->label);
}

enum status postgres_known_visit(struct store *store, int64_t model_id, const char *root,
                                 store_known_visitor *a0, void *context, struct err *err)
{
    return not_yet(store, err);
}

enum status postgres_matrix_load(struct store *store, int64_t model_id,
                                 const struct store_matrix *old, struct store_matrix *a0,
                                 struct err *err)
{
    return not_yet(store, err);
}

enum status postgres_artifact_put(struct store *store, int64_t model_id, const char *name,
                                  const void *a0, size_t a1, struct err *err)
{
    return not_yet(store, err);
}

enum status postgres_artifact_get(struct store *store, int64_t model_id, const char *name,
                                  void **a0, size_t *a1, struct err *err)
{
    return not_yet(store, err);
}

enum status postgres_artifact_remove(struct store *store, int64_t model_id, const char *name,
                                     struct err *err)
{
    return not_yet(store, err);
}

enum status postgres_file_state(struct store *store, int64_t model_id, const struct store_file *a0,
                                enum file_state *a1, struct err *err)
{
    return not_yet(store, err);
}

enum status postgres_has_embedding(struct store *store, int64_t model_id,
                                   const struct photo_hash *a0, bool *a1, struct err *err)
{
    return not_yet(store, err);
}

enum status postgres_put_results(struct store *store, int64_t model_id,
                                 const struct store_result *a0, size_t a1, struct err *err)
{
    return not_yet(store, err);
}

enum status postgres_forget_paths(struct store *store, char *const *a0, size_t a1, struct err *err)
{
    return not_yet(store, err);
}

enum status postgres_sweep(struct store *store, struct err *err)
{
    return not_yet(store, err);
}

enum status postgres_backup(struct store *store, const char *path, struct err *err)
{
    return not_yet(store, err);
}

const char *postgres_kept_copy(const struct store *store)
{
    return NULL; /* a server has backups of its own */
}

enum status postgres_vectors_load(struct store *store, int64_t model_id, const int64_t *photo_ids,
                                  size_t a0, uint16_t *vectors, bool *has, struct err *err)
{
    return not_yet(store, err);
}

enum status postgres_artifacts(struct store *store, int64_t model_id, struct store_artifact **a0,
                               size_t *a1, struct err *err)
{
    return not_yet(store, err);
}
