/* SPDX-License-Identifier: MIT
 *
 * See forget.h.
 */
#include "library/forget.h"

#include "library/plan.h"
#include "library/walk.h"

#include <stdlib.h>
#include <string.h>

struct forgetting {
    struct store *store;
    struct store_place *places; /* [place_count] of the library */
    size_t place_count;
    struct path_list paths; /* to be dropped */
};

static enum status note_path(void *context, const struct store_known *known, struct err *err)
{
    struct forgetting *f = context;
    return path_list_add(&f->paths, known->path, err);
}

/* Takes out the places below a folder; true if there were any. */
static bool drop_places(struct forgetting *f, const char *folder)
{
    size_t kept = 0, before = f->place_count;
    for (size_t i = 0; i < before; i++)
        if (!path_is_under(f->places[i].path, folder))
            f->places[kept++] = f->places[i];
    f->place_count = kept;
    return kept < before;
}

static enum status collect(struct forgetting *f, const char *folder, struct err *err)
{
    size_t before = f->paths.count;
    char *path = path_resolve(folder);
    enum status status = OK;
    bool known = false;
    if (path) {
        known = drop_places(f, path);
        status = store_known_visit(f->store, 0, path, note_path, f, err);
    }
    if (status == OK && !known && f->paths.count == before)
        status =
            err_set(err, ERR_NOT_FOUND,
                    "the library knows nothing of %s; `fovea status` lists its folders", folder);
    free(path);
    return status;
}

static enum status forget(struct forgetting *f, const char *const *folders, size_t count,
                          struct err *err)
{
    size_t before;
    enum status status = store_places(f->store, &f->places, &f->place_count, err);
    before = f->place_count;
    for (size_t i = 0; status == OK && i < count; i++)
        status = collect(f, folders[i], err);
    if (status == OK && f->place_count < before)
        status = store_places_replace(f->store, f->places, f->place_count, err);
    if (status == OK)
        status = store_forget_paths(f->store, f->paths.paths, f->paths.count, err);
    return status == OK ? store_sweep(f->store, err) : status;
}

enum status forget_folders(struct store *store, const char *const *folders, size_t count,
                           size_t *forgotten, struct err *err)
{
    struct forgetting f = {.store = store};
    *forgotten = 0;
    enum status status = store_index_lock(store, err);
    if (status == OK) {
        status = forget(&f, folders, count, err);
        store_index_unlock(store);
    }
    if (status == OK)
        *forgotten = f.paths.count;
    path_list_free(&f.paths);
    free(f.places);
    return status;
}
