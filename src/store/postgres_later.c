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

enum status postgres_places(struct store *store, struct store_place **a0, size_t *a1,
                            struct err *err)
{
    return not_yet(store, err);
}

enum status postgres_places_replace(struct store *store, const struct store_place *a0, size_t a1,
                                    struct err *err)
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

enum status postgres_facts_load(struct store *store, const struct store_matrix *a0,
                                struct store_facts *a1, struct err *err)
{
    return not_yet(store, err);
}

enum status postgres_photo_load(struct store *store, int64_t photo_id, struct store_photo *a0,
                                struct err *err)
{
    return not_yet(store, err);
}

enum status postgres_photo_find(struct store *store, const char *path, int64_t *a0, struct err *err)
{
    return not_yet(store, err);
}

enum status postgres_photo_find_hash(struct store *store, const struct photo_hash *a0, int64_t *a1,
                                     struct err *err)
{
    return not_yet(store, err);
}

enum status postgres_photo_ids(struct store *store, int64_t **a0, size_t *a1, struct err *err)
{
    return not_yet(store, err);
}

enum status postgres_labels_replace(struct store *store, int64_t model_id,
                                    const struct store_set *a0, const struct store_label *a1,
                                    const int *positions, size_t count, struct err *err)
{
    return not_yet(store, err);
}

enum status postgres_label_sets(struct store *store, int64_t model_id, struct store_label_set **a0,
                                size_t *a1, struct err *err)
{
    return not_yet(store, err);
}

enum status postgres_labels_drop(struct store *store, int64_t model_id, const char *set,
                                 struct err *err)
{
    return not_yet(store, err);
}

enum status postgres_labels_load(struct store *store, int64_t model_id, const char *set,
                                 const struct store_matrix *a0, struct store_labels *a1,
                                 struct err *err)
{
    return not_yet(store, err);
}

enum status postgres_saved_set_put(struct store *store, const char *name, const char *json,
                                   struct err *err)
{
    return not_yet(store, err);
}

enum status postgres_saved_sets(struct store *store, struct store_saved_set **a0, size_t *a1,
                                struct err *err)
{
    return not_yet(store, err);
}

enum status postgres_decisions_put(struct store *store, const struct store_decision *a0, size_t a1,
                                   struct err *err)
{
    return not_yet(store, err);
}

enum status postgres_decisions(struct store *store, struct store_decision **a0, size_t *a1,
                               struct err *err)
{
    return not_yet(store, err);
}

enum status postgres_backup(struct store *store, const char *path, struct err *err)
{
    return not_yet(store, err);
}

enum status postgres_paths_under(struct store *store, const char *root, char ***a0, size_t *a1,
                                 struct err *err)
{
    return not_yet(store, err);
}

enum status postgres_summarize(struct store *store, struct store_summary *a0, struct err *err)
{
    return not_yet(store, err);
}

enum status postgres_failures(struct store *store, struct store_failure **a0, size_t *a1,
                              struct err *err)
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

enum status postgres_labels_add(struct store *store, int64_t model_id, const struct store_set *set,
                                const struct store_label *labels, const int *positions,
                                size_t count, struct err *err)
{
    return not_yet(store, err);
}
