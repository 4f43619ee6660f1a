/* SPDX-License-Identifier: MIT
 *
 * The verbs of store_nearest.h; see store.c.
 */
#include "store/store_ops.h"

#include <string.h>

bool store_searches(const struct store *store)
{
    return store->ops->nearest != NULL;
}

static enum status require_search(const struct store *store, struct err *err)
{
    if (store_searches(store))
        return OK;
    return err_set(err, ERR_UNSUPPORTED,
                   "a library in a file is searched in memory and has no index of this kind: only "
                   "one in PostgreSQL does");
}

enum status store_rows_load(struct store *store, int64_t model_id, struct store_matrix *out,
                            struct err *err)
{
    *out = (struct store_matrix){0};
    enum status status = require_search(store, err);
    if (status == OK)
        status = store->ops->rows_load(store, model_id, out, err);
    if (status != OK)
        store_matrix_free(out);
    return status;
}

enum status store_nearest(struct store *store, int64_t model_id, const struct store_query *query,
                          size_t limit, bool indexed, struct store_near *near, size_t *found,
                          struct store_nearness *how, struct err *err)
{
    *found = 0;
    *how = (struct store_nearness){0};
    enum status status = require_search(store, err);
    if (status != OK || limit == 0 || (query->photo_ids && query->photo_count == 0))
        return status;
    return store->ops->nearest(store, model_id, query, limit, indexed, near, found, how, err);
}

enum status store_count_near(struct store *store, int64_t model_id, const struct store_query *query,
                             double score, int64_t *count, struct err *err)
{
    *count = 0;
    enum status status = require_search(store, err);
    if (status != OK || (query->photo_ids && query->photo_count == 0))
        return status;
    return store->ops->count_near(store, model_id, query, score, count, err);
}

enum status store_hnsw_get(struct store *store, int64_t model_id, struct store_hnsw *index,
                           struct err *err)
{
    *index = (struct store_hnsw){0};
    enum status status = require_search(store, err);
    return status == OK ? store->ops->hnsw_get(store, model_id, index, err) : status;
}

enum status store_hnsw_parts(struct store *store, int64_t model_id, struct store_hnsw_part **parts,
                             size_t *count, struct err *err)
{
    *parts = NULL;
    *count = 0;
    enum status status = require_search(store, err);
    return status == OK ? store->ops->hnsw_parts(store, model_id, parts, count, err) : status;
}

enum status store_hnsw_make(struct store *store, int64_t model_id, int m, int ef_construction,
                            struct err *err)
{
    enum status status = require_search(store, err);
    if (status == OK)
        status = store_require_write(store, err);
    if (status == OK && (m < 2 || m > 100 || ef_construction < 2 * m || ef_construction > 1000))
        status = err_set(err, ERR_ARGUMENT,
                         "an index has an m of 2 to 100 and an ef_construction of 2 m to 1000, not "
                         "%d and %d",
                         m, ef_construction);
    return status == OK ? store->ops->hnsw_make(store, model_id, m, ef_construction, err) : status;
}

enum status store_hnsw_drop(struct store *store, int64_t model_id, struct err *err)
{
    enum status status = require_search(store, err);
    if (status == OK)
        status = store_require_write(store, err);
    return status == OK ? store->ops->hnsw_drop(store, model_id, err) : status;
}
