/* SPDX-License-Identifier: MIT
 *
 * The verbs of store.h: they check what every kind of store would have to check, and pass the rest
 * on through the store's table. So the kinds agree about what an acceptable argument is, and a kind
 * only holds what is its own.
 */
#include "store/store_ops.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DIM_MAX 65536
#define PIXELS_MAX (1 << 30) /* of one side */
#define CATEGORIES_MAX 10000

enum status store_open(struct store **out, const char *path, enum store_mode mode, struct err *err)
{
    *out = NULL;
    if (!*path)
        return err_set(err, ERR_ARGUMENT, "the library's path is empty");
    if (strncmp(path, "postgres://", 11) == 0 || strncmp(path, "postgresql://", 13) == 0)
        return err_set(err, ERR_UNSUPPORTED,
                       "this fovea was built without PostgreSQL: give the path of a library file");
    return sqlite_store_ops.open(out, path, mode, err);
}

void store_close(struct store *store)
{
    if (store)
        store->ops->close(store);
}

static enum status require_write(const struct store *store, struct err *err)
{
    if (store->mode == STORE_WRITE)
        return OK;
    return err_set(err, ERR_ARGUMENT, "the library was opened for reading only");
}

enum status store_index_lock(struct store *store, struct err *err)
{
    enum status status = require_write(store, err);
    return status == OK ? store->ops->index_lock(store, err) : status;
}

void store_index_unlock(struct store *store)
{
    if (store)
        store->ops->index_unlock(store);
}

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

static enum status check_result(const struct store_result *result, struct err *err)
{
    enum status status = check_file(&result->file, err);
    if (status != OK)
        return status;
    if (result->failure && result->vector)
        return err_set(err, ERR_ARGUMENT, "%s: both a vector and a failure", result->file.path);
    if (result->width < 0 || result->height < 0 || result->width > PIXELS_MAX ||
        result->height > PIXELS_MAX)
        return err_set(err, ERR_ARGUMENT, "%s: %d x %d pixels", result->file.path, result->width,
                       result->height);
    return OK;
}

enum status store_put_results(struct store *store, int64_t model_id,
                              const struct store_result *results, size_t count, struct err *err)
{
    enum status status = require_write(store, err);
    for (size_t i = 0; status == OK && i < count; i++)
        status = check_result(&results[i], err);
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
    enum status status = require_write(store, err);
    if (status != OK || count == 0)
        return status;
    return store->ops->forget_paths(store, paths, count, err);
}

enum status store_sweep(struct store *store, struct err *err)
{
    enum status status = require_write(store, err);
    return status == OK ? store->ops->sweep(store, err) : status;
}

/* --- reading ------------------------------------------------------------------------------ */

enum status store_matrix_load(struct store *store, int64_t model_id, struct store_matrix *out,
                              struct err *err)
{
    *out = (struct store_matrix){0};
    enum status status = store->ops->matrix_load(store, model_id, out, err);
    if (status != OK)
        store_matrix_free(out);
    return status;
}

void store_matrix_free(struct store_matrix *matrix)
{
    free(matrix->vectors);
    free(matrix->photo_ids);
    free(matrix->paths);
    free(matrix->block);
    *matrix = (struct store_matrix){0};
}

/* --- labels ------------------------------------------------------------------------------- */

static int find_name(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (names[i] == name || strcmp(names[i], name) == 0)
            return (int)i;
    return -1;
}

static enum status check_label(const struct store_label *label, const char *const *names,
                               size_t name_count, int *position, struct err *err)
{
    *position = label->category ? find_name(names, name_count, label->category) : -1;
    if (label->category && *position < 0)
        return err_set(err, ERR_ARGUMENT, "the label \"%s\" is not in the set of categories",
                       label->category);
    if (!isfinite(label->confidence) || !isfinite(label->margin))
        return err_set(err, ERR_ARGUMENT, "the confidence of a label is not a number");
    return OK;
}

enum status store_labels_replace(struct store *store, int64_t model_id, const char *set_json,
                                 const char *const *names, size_t name_count,
                                 const struct store_label *labels, size_t count, struct err *err)
{
    enum status status = require_write(store, err);
    if (status != OK)
        return status;
    if (name_count == 0 || name_count > CATEGORIES_MAX)
        return err_set(err, ERR_ARGUMENT, "a set has 1 to %d categories, not %zu", CATEGORIES_MAX,
                       name_count);
    int *positions = calloc(count ? count : 1, sizeof *positions);
    if (!positions)
        return err_no_memory(err, "labels", count * sizeof *positions);
    for (size_t i = 0; status == OK && i < count; i++)
        status = check_label(&labels[i], names, name_count, &positions[i], err);
    if (status == OK)
        status = store->ops->labels_replace(store, model_id, set_json, names, name_count, labels,
                                            positions, count, err);
    free(positions);
    return status;
}

enum status store_labels_load(struct store *store, int64_t model_id,
                              const struct store_matrix *matrix, struct store_labels *out,
                              struct err *err)
{
    *out = (struct store_labels){0};
    enum status status = store->ops->labels_load(store, model_id, matrix, out, err);
    if (status != OK)
        store_labels_free(out);
    return status;
}

void store_labels_free(struct store_labels *labels)
{
    free(labels->categories);
    free(labels->confidences);
    free(labels->block);
    *labels = (struct store_labels){0};
}

/* --- status ------------------------------------------------------------------------------- */

enum status store_summarize(struct store *store, struct store_summary *out, struct err *err)
{
    *out = (struct store_summary){0};
    return store->ops->summarize(store, out, err);
}

enum status store_failures(struct store *store, struct store_failure **failures, size_t *count,
                           struct err *err)
{
    *failures = NULL;
    *count = 0;
    return store->ops->failures(store, failures, count, err);
}
