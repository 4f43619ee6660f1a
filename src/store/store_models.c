/* SPDX-License-Identifier: MIT
 *
 * The verbs of store_models.h; see store.c.
 */
#include "store/store_ops.h"
#include "store/store_photos.h"

#include <stdlib.h>
#include <string.h>

#define DIM_MAX 65536

/* --- models ------------------------------------------------------------------------------- */

enum status store_model_use(struct store *store, const char *name, const char *fingerprint, int dim,
                            int64_t *model_id, struct err *err)
{
    *model_id = 0;
    size_t name_size = strlen(name), fingerprint_size = strlen(fingerprint);
    if (name_size == 0 || name_size >= sizeof((struct store_model *)0)->name)
        return err_set(err, ERR_ARGUMENT, "a model's name has 1 to 255 bytes, not %zu", name_size);
    if (fingerprint_size == 0 || fingerprint_size >= sizeof((struct store_model *)0)->fingerprint)
        return err_set(err, ERR_ARGUMENT, "a model's fingerprint has 1 to 32 bytes, not %zu",
                       fingerprint_size);
    if (dim < 1 || dim > DIM_MAX)
        return err_set(err, ERR_ARGUMENT, "an embedding has 1 to %d dimensions, not %d", DIM_MAX,
                       dim);
    return store->ops->model_use(store, name, fingerprint, dim, model_id, err);
}

enum status store_models(struct store *store, struct store_model **models, size_t *count,
                         struct err *err)
{
    *models = NULL;
    *count = 0;
    return store->ops->models(store, models, count, err);
}

enum status store_model_active(struct store *store, int64_t *model_id, struct err *err)
{
    *model_id = 0;
    return store->ops->model_active(store, model_id, err);
}

enum status store_model_set_active(struct store *store, int64_t model_id, struct err *err)
{
    enum status status = store_require_write(store, err);
    return status == OK ? store->ops->model_set_active(store, model_id, err) : status;
}

enum status store_model_remove(struct store *store, int64_t model_id, struct err *err)
{
    enum status status = store_require_write(store, err);
    return status == OK ? store->ops->model_remove(store, model_id, err) : status;
}

/* --- vectors ------------------------------------------------------------------------------ */

static enum status load(struct store *store, int64_t model_id, const struct store_matrix *old,
                        struct store_matrix *out, struct err *err)
{
    struct store_matrix made = {0};
    enum status status = store->ops->matrix_load(store, model_id, old, &made, err);
    if (status != OK)
        store_matrix_free(&made);
    *out = made;
    return status;
}

enum status store_matrix_load(struct store *store, int64_t model_id, struct store_matrix *out,
                              struct err *err)
{
    return load(store, model_id, NULL, out, err);
}

enum status store_matrix_update(struct store *store, int64_t model_id,
                                const struct store_matrix *old, struct store_matrix *out,
                                struct err *err)
{
    return load(store, model_id, old, out, err);
}

void store_matrix_free(struct store_matrix *matrix)
{
    free(matrix->vectors);
    free(matrix->photo_ids);
    free(matrix->paths);
    free(matrix->block);
    free(matrix->copy_rows);
    free(matrix->copy_paths);
    free(matrix->copy_block);
    *matrix = (struct store_matrix){0};
}

enum status store_vectors_load(struct store *store, int64_t model_id, const int64_t *photo_ids,
                               size_t count, uint16_t *vectors, bool *has, struct err *err)
{
    if (count > STORE_BATCH_MAX)
        return err_set(err, ERR_ARGUMENT, "%zu photos at once, which are more than %d", count,
                       STORE_BATCH_MAX);
    for (size_t i = 0; i < count; i++)
        has[i] = false;
    return store->ops->vectors_load(store, model_id, photo_ids, count, vectors, has, err);
}

/* --- artifacts ---------------------------------------------------------------------------- */

static enum status check_artifact(const char *name, size_t size_bytes, struct err *err)
{
    size_t length = strlen(name);
    if (length == 0 || length > STORE_ARTIFACT_NAME_MAX)
        return err_set(err, ERR_ARGUMENT, "an artifact's name has 1 to %d bytes, not %zu",
                       STORE_ARTIFACT_NAME_MAX, length);
    if (size_bytes > STORE_ARTIFACT_MAX)
        return err_set(err, ERR_LIMIT, "%s: %zu bytes are more than a library keeps of one kind",
                       name, size_bytes);
    return OK;
}

enum status store_artifacts(struct store *store, int64_t model_id,
                            struct store_artifact **artifacts, size_t *count, struct err *err)
{
    *artifacts = NULL;
    *count = 0;
    enum status status = store->ops->artifacts(store, model_id, artifacts, count, err);
    if (status != OK) {
        free(*artifacts);
        *artifacts = NULL;
        *count = 0;
    }
    return status;
}

enum status store_artifact_put(struct store *store, int64_t model_id, const char *name,
                               const void *bytes, size_t size_bytes, struct err *err)
{
    enum status status = store_require_write(store, err);
    if (status == OK)
        status = check_artifact(name, size_bytes, err);
    if (status != OK)
        return status;
    return store->ops->artifact_put(store, model_id, name, bytes, size_bytes, err);
}

enum status store_artifact_get(struct store *store, int64_t model_id, const char *name,
                               void **bytes, size_t *size_bytes, struct err *err)
{
    *bytes = NULL;
    *size_bytes = 0;
    enum status status = check_artifact(name, 0, err);
    if (status != OK)
        return status;
    status = store->ops->artifact_get(store, model_id, name, bytes, size_bytes, err);
    if (status != OK) {
        free(*bytes);
        *bytes = NULL;
        *size_bytes = 0;
    }
    return status;
}

enum status store_artifact_remove(struct store *store, int64_t model_id, const char *name,
                                  struct err *err)
{
    enum status status = store_require_write(store, err);
    if (status == OK)
        status = check_artifact(name, 0, err);
    return status == OK ? store->ops->artifact_remove(store, model_id, name, err) : status;
}
