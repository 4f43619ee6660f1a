/* SPDX-License-Identifier: MIT
 *
 * The verbs of store_shards.h; see store.c.
 */
#include "store/store_shards.h"

#include "store/store_ops.h"

#include <string.h>

static enum status refuse(struct err *err)
{
    return err_set(err, ERR_UNSUPPORTED,
                   "this library is a file; only one in PostgreSQL can be spread over servers: "
                   "fovea store copy brings it there");
}

static bool is_url(const char *text)
{
    return strncmp(text, "postgres://", 11) == 0 || strncmp(text, "postgresql://", 13) == 0;
}

enum status store_shards_make(struct store *store, const char *const *urls, size_t count,
                              int64_t *moved, struct err *err)
{
    *moved = 0;
    if (!store->ops->shards_make)
        return refuse(err);
    if (count < 1 || count > STORE_SHARDS_MAX)
        return err_set(err, ERR_ARGUMENT, "%zu servers; a library has 1 to %d", count,
                       STORE_SHARDS_MAX);
    for (size_t i = 0; i < count; i++)
        if (!is_url(urls[i]))
            return err_set(err, ERR_ARGUMENT, "server %zu is no postgres:// URL", i + 1);
    enum status status = store_require_write(store, err);
    return status == OK ? store->ops->shards_make(store, urls, count, moved, err) : status;
}

enum status store_shards_end(struct store *store, int64_t *moved, struct err *err)
{
    *moved = 0;
    if (!store->ops->shards_end)
        return refuse(err);
    enum status status = store_require_write(store, err);
    return status == OK ? store->ops->shards_end(store, moved, err) : status;
}

enum status store_shards(struct store *store, struct store_shard **shards, size_t *count,
                         struct err *err)
{
    *shards = NULL;
    *count = 0;
    return store->ops->shards ? store->ops->shards(store, shards, count, err) : OK;
}
