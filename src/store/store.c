/* SPDX-License-Identifier: MIT
 *
 * The verbs of store.h itself and of store_upkeep.h. Like those in store_models.c, store_photos.c
 * and store_labels.c they check what every kind of store would have to check, and pass the rest on
 * through the store's table. So the kinds agree about what an acceptable argument is, and a kind
 * only holds what is its own.
 */
#include "store/store_origin.h"
#include "store/store_ops.h"

#include <stdlib.h>
#include <string.h>

bool store_is_url(const char *location)
{
    return strncmp(location, "postgres://", 11) == 0 || strncmp(location, "postgresql://", 13) == 0;
}

static enum status require_file(const char *path, struct err *err)
{
    if (!*path)
        return err_set(err, ERR_ARGUMENT, "the library's path is empty");
    return OK;
}

#ifdef FOVEA_HAVE_POSTGRES
static enum status open_url(struct store **out, const char *url, enum store_mode mode,
                            struct err *err)
{
    return postgres_store_ops.open(out, url, mode, err);
}

static enum status check_url(const char *url, struct store_health *out, struct err *err)
{
    return postgres_check(url, out, err);
}

static enum status name_url(const char *url, struct str *out, struct err *err)
{
    return postgres_name(url, out, err);
}
#else
static enum status open_url(struct store **out, const char *url, enum store_mode mode,
                            struct err *err)
{
    return err_set(err, ERR_UNSUPPORTED,
                   "this fovea was built without PostgreSQL: give the path of a library file");
}

static enum status check_url(const char *url, struct store_health *out, struct err *err)
{
    struct store *none;
    return open_url(&none, url, STORE_READ, err);
}

static enum status name_url(const char *url, struct str *out, struct err *err)
{
    str_put(out, "a PostgreSQL database");
    return OK;
}

enum status store_origin_visit(const char *url, int64_t *total, store_origin_visitor *visit,
                               void *context, struct err *err)
{
    return err_set(err, ERR_UNSUPPORTED, "this fovea was built without PostgreSQL");
}
#endif

enum status store_open(struct store **out, const char *location, enum store_mode mode,
                       struct err *err)
{
    *out = NULL;
    if (store_is_url(location))
        return open_url(out, location, mode, err);
    enum status status = require_file(location, err);
    return status == OK ? sqlite_store_ops.open(out, location, mode, err) : status;
}

enum status store_location_name(const char *location, struct str *out, struct err *err)
{
    enum status status = OK;
    if (store_is_url(location))
        status = name_url(location, out, err);
    else
        str_put(out, location);
    return status == OK && !str_ok(out) ? err_no_memory(err, "a library's name", out->size)
                                        : status;
}

void store_set_patience(struct store *store, double seconds)
{
    if (store->ops->set_patience)
        store->ops->set_patience(store, seconds);
}

void store_close(struct store *store)
{
    if (store)
        store->ops->close(store);
}

void store_keep_half(struct store *store)
{
    if (store->ops->keep_half)
        store->ops->keep_half(store);
}

enum status store_require_write(const struct store *store, struct err *err)
{
    if (store->mode != STORE_WRITE)
        return err_set(err, ERR_ARGUMENT, "the library was opened for reading only");
    if (store->reading)
        return err_set(err, ERR_ARGUMENT, "the library is held for reading");
    return OK;
}

enum status store_index_lock(struct store *store, struct err *err)
{
    enum status status = store_require_write(store, err);
    return status == OK ? store->ops->index_lock(store, err) : status;
}

void store_index_unlock(struct store *store)
{
    if (store)
        store->ops->index_unlock(store);
}

bool store_is_indexing(struct store *store)
{
    return store->ops->is_indexing(store);
}

enum status store_read_begin(struct store *store, struct err *err)
{
    if (store->reading)
        return err_set(err, ERR_ARGUMENT, "the library is held for reading already");
    enum status status = store->ops->read_begin(store, err);
    store->reading = status == OK;
    return status;
}

void store_read_end(struct store *store)
{
    if (!store->reading)
        return;
    store->reading = false;
    store->ops->read_end(store);
}

enum status store_revision(struct store *store, int64_t *revision, struct err *err)
{
    *revision = 0;
    return store->ops->revision(store, revision, err);
}

/* --- upkeep ------------------------------------------------------------------------------- */

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

enum status store_backup(struct store *store, const char *path, struct err *err)
{
    if (!*path)
        return err_set(err, ERR_ARGUMENT, "the backup's path is empty");
    return store->ops->backup(store, path, err);
}

const char *store_kept_copy(const struct store *store)
{
    return store->ops->kept_copy(store);
}

/* --- health ------------------------------------------------------------------------------- */

enum status store_check(const char *path, struct store_health *out, struct err *err)
{
    *out = (struct store_health){0};
    if (store_is_url(path))
        return check_url(path, out, err);
    enum status status = require_file(path, err);
    return status == OK ? sqlite_check(path, out, err) : status;
}

enum status store_repair(const char *path, struct store_repair *out, struct err *err)
{
    *out = (struct store_repair){0};
    enum status status = require_file(path, err);
    if (status == OK && store_is_url(path))
        status = err_set(err, ERR_UNSUPPORTED,
                         "only a library in a file can be repaired; a PostgreSQL server has "
                         "backups of its own (pg_restore), and `fovea store copy` saves what can "
                         "still be read");
    if (status == OK)
        status = sqlite_repair(path, out, err);
    if (status != OK)
        store_repair_free(out);
    return status;
}

void store_repair_free(struct store_repair *repair)
{
    free(repair->kept);
    repair->kept = NULL;
}
