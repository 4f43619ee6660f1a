/* SPDX-License-Identifier: MIT
 *
 * The verbs of store_claims.h; see store.c. A kind of store that is not shared has none of its own:
 * there everything is the caller's.
 */
#include "store/store_ops.h"

bool store_is_shared(const struct store *store)
{
    return store->ops->claims_take != NULL;
}

enum status store_index_join(struct store *store, struct err *err)
{
    enum status status = store_require_write(store, err);
    return status == OK ? store->ops->index_join(store, err) : status;
}

static enum status require_paths(struct store *store, const char *const *paths, size_t count,
                                 size_t limit, struct err *err)
{
    enum status status = store_require_write(store, err);
    if (status == OK && count > limit)
        status = err_set(err, ERR_ARGUMENT, "%zu paths at once; %zu are the most", count, limit);
    for (size_t i = 0; status == OK && i < count; i++)
        if (paths[i][0] != '/')
            status = err_set(err, ERR_ARGUMENT, "a library holds absolute paths only, not \"%s\"",
                             paths[i]);
    return status;
}

enum status store_claims_offer(struct store *store, int64_t model_id, const char *const *paths,
                               size_t count, struct err *err)
{
    enum status status = require_paths(store, paths, count, STORE_OFFER_MAX, err);
    if (status != OK || count == 0 || !store_is_shared(store))
        return status;
    return store->ops->claims_offer(store, model_id, paths, count, err);
}

enum status store_claims_take(struct store *store, int64_t model_id, const char *const *paths,
                              size_t count, size_t most, enum claim *claims, struct err *err)
{
    enum status status = require_paths(store, paths, count, STORE_TAKE_MAX, err);
    if (status != OK || count == 0)
        return status;
    if (store_is_shared(store))
        return store->ops->claims_take(store, model_id, paths, count, most, claims, err);
    for (size_t i = 0; i < count; i++)
        claims[i] = i < most ? CLAIM_MINE : CLAIM_FREE;
    return OK;
}

void store_claims_progress(struct store *store, const struct store_progress *progress)
{
    if (store_is_shared(store))
        store->ops->claims_progress(store, progress);
}

enum status store_indexers(struct store *store, struct store_indexer **indexers, size_t *count,
                           struct err *err)
{
    *indexers = NULL;
    *count = 0;
    return store_is_shared(store) ? store->ops->indexers(store, indexers, count, err) : OK;
}
