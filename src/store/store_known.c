/* SPDX-License-Identifier: MIT
 *
 * The verbs of store_known.h; see store.c.
 */
#include "store/store_ops.h"

#include <stdlib.h>
#include <string.h>

enum status store_known_visit(struct store *store, int64_t model_id, const char *root,
                              store_known_visitor *visit, void *context, struct err *err)
{
    size_t size = strlen(root);
    if (size > 0 && root[0] != '/')
        return err_set(err, ERR_ARGUMENT, "a library holds absolute paths only, not \"%s\"", root);
    while (size > 0 && root[size - 1] == '/')
        size--;
    char *trimmed = strndup(root, size);
    if (!trimmed)
        return err_no_memory(err, "a path", size);
    enum status status = store->ops->known_visit(store, model_id, trimmed, visit, context, err);
    free(trimmed);
    return status;
}

enum file_state store_known_state(const struct store_known *known, const struct store_file *now)
{
    if (known->size_bytes != now->size_bytes || known->mtime_ns != now->mtime_ns)
        return FILE_NEW;
    if (known->failed)
        return known->mtime_ns == STORE_NO_MTIME ? FILE_NEW : FILE_FAILED_BEFORE;
    if (!known->has_vector)
        return FILE_NEEDS_EMBEDDING;
    bool same_sidecar = known->sidecar_size_bytes > 0
                            ? known->sidecar_size_bytes == now->sidecar_size_bytes &&
                                  known->sidecar_mtime_ns == now->sidecar_mtime_ns
                            : now->sidecar_size_bytes <= 0;
    return known->has_meta && same_sidecar ? FILE_UNCHANGED : FILE_NEEDS_META;
}

enum status store_places(struct store *store, struct store_place **places, size_t *count,
                         struct err *err)
{
    *places = NULL;
    *count = 0;
    return store->ops->places(store, places, count, err);
}

static bool lists(const struct store_place *places, size_t count, const struct store_place *place)
{
    for (size_t i = 0; i < count; i++)
        if (places[i].kind == place->kind && strcmp(places[i].path, place->path) == 0)
            return true;
    return false;
}

/* Those of a[] that are not in b[], appended to out[] once each. */
static size_t without(struct store_place *out, const struct store_place *a, size_t a_count,
                      const struct store_place *b, size_t b_count)
{
    size_t n = 0;
    for (size_t i = 0; i < a_count; i++)
        if (!lists(b, b_count, &a[i]) && !lists(out, n, &a[i]))
            out[n++] = a[i];
    return n;
}

enum status store_places_change(struct store *store, const struct store_place *before,
                                size_t before_count, const struct store_place *after,
                                size_t after_count, struct err *err)
{
    enum status status = store_require_write(store, err);
    for (size_t i = 0; status == OK && i < after_count; i++)
        if (after[i].path[0] != '/')
            status = err_set(err, ERR_ARGUMENT, "a library holds absolute paths only, not \"%s\"",
                             after[i].path);
    if (status != OK || before_count + after_count == 0)
        return status;
    struct store_place *changed = calloc(before_count + after_count, sizeof *changed);
    if (!changed)
        return err_no_memory(err, "the places", (before_count + after_count) * sizeof *changed);
    size_t gone = without(changed, before, before_count, after, after_count);
    size_t come = without(changed + gone, after, after_count, before, before_count);
    if (gone + come > 0)
        status = store->ops->places_change(store, changed, gone, changed + gone, come, err);
    free(changed);
    return status;
}

enum status store_places_replace(struct store *store, const struct store_place *places,
                                 size_t count, struct err *err)
{
    struct store_place *before = NULL;
    size_t before_count;
    enum status status = store_require_write(store, err);
    if (status == OK)
        status = store_places(store, &before, &before_count, err);
    if (status == OK)
        status = store_places_change(store, before, before_count, places, count, err);
    free(before);
    return status;
}
