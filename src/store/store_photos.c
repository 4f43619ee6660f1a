/* SPDX-License-Identifier: MIT
 *
 * The verbs of store_photos.h; see store.c.
 */
#include "store/store_ops.h"

#include <stdlib.h>
#include <string.h>

#define PIXELS_MAX (1 << 30) /* of one side */

/* --- indexing ----------------------------------------------------------------------------- */

static enum status check_path(const char *path, struct err *err)
{
    if (path[0] == '/')
        return OK;
    return err_set(err, ERR_ARGUMENT, "a library holds absolute paths only, not \"%s\"", path);
}

static enum status check_file(const struct store_file *file, struct err *err)
{
    enum status status = check_path(file->path, err);
    if (status == OK && file->size_bytes < 0)
        status = err_set(err, ERR_ARGUMENT, "%s: a size of %lld bytes", file->path,
                         (long long)file->size_bytes);
    return status;
}

enum status store_file_state(struct store *store, int64_t model_id, const struct store_file *file,
                             enum file_state *state, struct err *err)
{
    *state = FILE_NEW;
    enum status status = check_file(file, err);
    return status == OK ? store->ops->file_state(store, model_id, file, state, err) : status;
}

enum status store_has_embedding(struct store *store, int64_t model_id,
                                const struct photo_hash *hash, bool *has, struct err *err)
{
    *has = false;
    return store->ops->has_embedding(store, model_id, hash, has, err);
}

static enum status check_result(int64_t model_id, const struct store_result *result,
                                struct err *err)
{
    enum status status = check_file(&result->file, err);
    if (status != OK)
        return status;
    if (result->failure && result->vector)
        return err_set(err, ERR_ARGUMENT, "%s: both a vector and a failure", result->file.path);
    if (result->vector && model_id == 0)
        return err_set(err, ERR_ARGUMENT, "%s: a vector of no model", result->file.path);
    if (result->sidecar && !result->sidecar->path[0])
        return err_set(err, ERR_ARGUMENT, "%s: a sidecar without a path", result->file.path);
    if (result->width < 0 || result->height < 0 || result->width > PIXELS_MAX ||
        result->height > PIXELS_MAX)
        return err_set(err, ERR_ARGUMENT, "%s: %d x %d pixels", result->file.path, result->width,
                       result->height);
    return OK;
}

enum status store_put_results(struct store *store, int64_t model_id,
                              const struct store_result *results, size_t count, struct err *err)
{
    enum status status = store_require_write(store, err);
    for (size_t i = 0; status == OK && i < count; i++)
        status = check_result(model_id, &results[i], err);
    if (status != OK || count == 0)
        return status;
    return store->ops->put_results(store, model_id, results, count, err);
}

enum status store_paths_under(struct store *store, const char *root, char ***paths, size_t *count,
                              struct err *err)
{
    *paths = NULL;
    *count = 0;
    enum status status = check_path(root, err);
    if (status != OK)
        return status;
    size_t size = strlen(root);
    while (size > 0 && root[size - 1] == '/')
        size--;
    char *trimmed = strndup(root, size);
    if (!trimmed)
        return err_no_memory(err, "a path", size);
    status = store->ops->paths_under(store, trimmed, paths, count, err);
    free(trimmed);
    return status;
}

enum status store_forget_paths(struct store *store, char *const *paths, size_t count,
                               struct err *err)
{
    enum status status = store_require_write(store, err);
    if (status != OK || count == 0)
        return status;
    return store->ops->forget_paths(store, paths, count, err);
}

enum status store_sweep(struct store *store, struct err *err)
{
    enum status status = store_require_write(store, err);
    return status == OK ? store->ops->sweep(store, err) : status;
}

/* --- facts -------------------------------------------------------------------------------- */

enum status store_facts_load(struct store *store, const struct store_matrix *matrix,
                             struct store_facts *out, struct err *err)
{
    *out = (struct store_facts){0};
    enum status status = store->ops->facts_load(store, matrix, out, err);
    if (status != OK)
        store_facts_free(out);
    return status;
}

void store_facts_free(struct store_facts *facts)
{
    free(facts->rows);
    free(facts->formats.names);
    free(facts->cameras.names);
    free(facts->lenses.names);
    free(facts->strings);
    *facts = (struct store_facts){0};
}

/* --- one photo ---------------------------------------------------------------------------- */

enum status store_photo_load(struct store *store, int64_t photo_id, struct store_photo *out,
                             struct err *err)
{
    memset(out, 0, sizeof *out);
    enum status status = store->ops->photo_load(store, photo_id, out, err);
    if (status == OK && out->path_count == 0)
        status = err_set(err, ERR_NOT_FOUND, "the library has no photo with the number %lld",
                         (long long)photo_id);
    if (status != OK)
        store_photo_free(out);
    return status;
}

void store_photo_free(struct store_photo *photo)
{
    for (size_t i = 0; i < photo->path_count; i++) {
        free(photo->paths[i].path);
        free(photo->paths[i].sidecar);
        free(photo->paths[i].sidecar_meta);
    }
    free(photo->paths);
    for (size_t i = 0; i < photo->label_count; i++) {
        struct store_photo_label *label = &photo->labels[i];
        free(label->set);
        free(label->category);
        for (size_t j = 0; j < label->also_count; j++)
            free(label->also[j]);
        free(label->also);
        free(label->probabilities);
    }
    free(photo->labels);
    memset(photo, 0, sizeof *photo);
}

enum status store_photo_find(struct store *store, const char *path, int64_t *photo_id,
                             struct err *err)
{
    *photo_id = 0;
    enum status status = check_path(path, err);
    if (status == OK)
        status = store->ops->photo_find(store, path, photo_id, err);
    if (status == OK && *photo_id == 0)
        status = err_set(err, ERR_NOT_FOUND, "%s is not in the library", path);
    return status;
}

enum status store_photo_find_hash(struct store *store, const struct photo_hash *hash,
                                  int64_t *photo_id, struct err *err)
{
    *photo_id = 0;
    enum status status = store->ops->photo_find_hash(store, hash, photo_id, err);
    if (status == OK && *photo_id == 0)
        status = err_set(err, ERR_NOT_FOUND, "the library has no photo with this content");
    return status;
}

static enum status check_batch(size_t count, struct err *err)
{
    if (count <= STORE_BATCH_MAX)
        return OK;
    return err_set(err, ERR_ARGUMENT, "%zu photos at once, which are more than %d", count,
                   STORE_BATCH_MAX);
}

enum status store_photos_find(struct store *store, const struct photo_hash *hashes, size_t count,
                              int64_t *photo_ids, struct err *err)
{
    enum status status = check_batch(count, err);
    if (status == OK && count > 0)
        memset(photo_ids, 0, count * sizeof *photo_ids);
    if (status == OK && store->ops->photos_find)
        return count ? store->ops->photos_find(store, hashes, count, photo_ids, err) : OK;
    for (size_t i = 0; status == OK && i < count; i++)
        status = store->ops->photo_find_hash(store, &hashes[i], &photo_ids[i], err);
    return status;
}

static enum status load_one_by_one(struct store *store, const int64_t *photo_ids, size_t count,
                                   struct store_photo *photos, struct err *err)
{
    enum status status = OK;
    for (size_t i = 0; status == OK && i < count; i++) {
        if (photo_ids[i] == 0)
            continue;
        status = store->ops->photo_load(store, photo_ids[i], &photos[i], err);
        if (status == OK && photos[i].path_count == 0) /* and what was read of it means nothing */
            store_photo_free(&photos[i]);
    }
    return status;
}

enum status store_photos_load(struct store *store, const int64_t *photo_ids, size_t count,
                              struct store_photo *photos, struct err *err)
{
    enum status status = check_batch(count, err);
    if (status != OK || count == 0)
        return status;
    memset(photos, 0, count * sizeof *photos);
    status = store->ops->photos_load ? store->ops->photos_load(store, photo_ids, count, photos, err)
                                     : load_one_by_one(store, photo_ids, count, photos, err);
    for (size_t i = 0; status != OK && i < count; i++)
        store_photo_free(&photos[i]);
    return status;
}

enum status store_photo_ids(struct store *store, int64_t **ids, size_t *count, struct err *err)
{
    *ids = NULL;
    *count = 0;
    enum status status = store->ops->photo_ids(store, ids, count, err);
    if (status != OK) {
        free(*ids);
        *ids = NULL;
        *count = 0;
    }
    return status;
}
