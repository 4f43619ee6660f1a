/* SPDX-License-Identifier: MIT
 *
 * See plan.h. Both lists come in the order of strcmp() below a base (a root, or a part of one), so
 * one look at each of their entries is enough; nothing is asked of the store per file.
 */
#include "library/plan.h"

#include "image/image.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A folder that is kept when it is empty. */
struct guard {
    const char *path;
    bool empty;
};

struct planner {
    struct plan *plan;
    const struct index_options *options;
    struct index_report *report;
    const char **roots; /* [root_count] */
    size_t root_count;
    uint8_t *states; /* [file_count]: enum file_state, FILE_NEW until the library knows better */
    struct guard *guards;
    size_t guard_count;
    struct path_list bases; /* what is compared, each with all below it */

    const char *base; /* of the visits at hand */
    bool shallow;     /* only what lies directly in it */
    size_t at;        /* walk.files[at ..) come next */
};

/* --- lists --------------------------------------------------------------------------------- */

enum status path_list_add(struct path_list *list, const char *path, struct err *err)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 64;
        char **paths = realloc(list->paths, capacity * sizeof *paths);
        if (!paths)
            return err_no_memory(err, "the list of paths", capacity * sizeof *paths);
        list->paths = paths;
        list->capacity = capacity;
    }
    char *copy = strdup(path);
    if (!copy)
        return err_no_memory(err, "a path", strlen(path));
    list->paths[list->count++] = copy;
    return OK;
}

void path_list_free(struct path_list *list)
{
    while (list->count > 0)
        free(list->paths[--list->count]);
    free(list->paths);
    *list = (struct path_list){0};
}

char *path_resolve(const char *name)
{
    char *copy = strdup(name), *path = realpath(name, NULL);
    if (path) {
        free(copy);
        return path;
    }
    size_t n = copy ? strlen(copy) : 0;
    while (n > 1 && copy[n - 1] == '/')
        copy[--n] = '\0';
    char *slash = copy ? strrchr(copy, '/') : NULL;
    const char *last = slash ? slash + 1 : copy;
    char *above = NULL;
    if (copy) {
        if (slash && slash > copy)
            *slash = '\0';
        above = realpath(slash ? (slash > copy ? copy : "/") : ".", NULL);
    }
    if (above && asprintf(&path, "%s/%s", strcmp(above, "/") == 0 ? "" : above, last) < 0)
        path = NULL;
    if (!above && name[0] == '/')
        path = strdup(name);
    free(above);
    free(copy);
    return path;
}

/* --- guards -------------------------------------------------------------------------------- */

static bool has_files(const struct walk *walk, const char *dir)
{
    size_t first, end;
    walk_range(walk, dir, &first, &end);
    return first < end || walk_find(walk, dir);
}

/* Nothing at all in it, as where a disk is not mounted. A folder that is not there is bare, too. */
static bool is_bare(const char *path)
{
    DIR *dir = opendir(path);
    bool bare = true;
    for (const struct dirent *entry; dir && bare && (entry = readdir(dir));)
        bare = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    if (dir)
        closedir(dir);
    return bare;
}

static bool has_guard(const struct planner *p, const char *path)
{
    for (size_t i = 0; i < p->guard_count; i++)
        if (strcmp(p->guards[i].path, path) == 0)
            return true;
    return false;
}

/* A walk over a part has not seen all of a place, and asks whether anything is in it. */
static void add_guard(struct planner *p, const char *path, bool excluded)
{
    const struct walk *walk = &p->plan->walk;
    if (has_guard(p, path))
        return;
    bool empty = p->options->scope_count > 0 ? is_bare(path) : !excluded && !has_files(walk, path);
    p->guards[p->guard_count++] = (struct guard){path, empty};
}

static enum status make_guards(struct planner *p, struct err *err)
{
    const struct plan *plan = p->plan;
    const struct walk *walk = &plan->walk;
    size_t most = walk->place_count + walk->root_count + plan->place_count;
    p->guards = calloc(most ? most : 1, sizeof *p->guards);
    if (!p->guards)
        return err_no_memory(err, "the list of folders", most * sizeof *p->guards);
    for (size_t i = 0; i < walk->place_count; i++)
        add_guard(p, walk->places[i].path, walk->places[i].excluded);
    for (size_t i = 0; p->options->scope_count > 0 && i < walk->root_count; i++)
        add_guard(p, walk->roots[i], false);
    for (size_t i = 0; i < plan->place_count; i++)
        if (plan->places[i].kind == STORE_MOUNT && !walk_is_left_out(walk, plan->places[i].path))
            add_guard(p, plan->places[i].path, false);
    return OK;
}

/* The place that `path` lies at, if it is empty: the nearest one decides. */
static const char *empty_place(const struct planner *p, const char *path)
{
    const struct guard *nearest = NULL;
    for (size_t i = 0; i < p->guard_count; i++)
        if (path_is_under(path, p->guards[i].path) &&
            (!nearest || strlen(p->guards[i].path) > strlen(nearest->path)))
            nearest = &p->guards[i];
    return nearest && nearest->empty ? nearest->path : NULL;
}

/* --- comparing ----------------------------------------------------------------------------- */

static bool is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The library knows a path that the walk has not found. */
static enum status not_found(struct planner *p, const struct store_known *known, struct err *err)
{
    struct plan *plan = p->plan;
    const char *empty;
    if (walk_is_unread(&plan->walk, known->path))
        return OK;
    if (known->failed && is_dir(known->path))
        return path_list_add(&plan->readable, known->path, err);
    if (walk_is_left_out(&plan->walk, known->path))
        return path_list_add(&plan->gone, known->path, err);
    if (p->options->keep_missing) {
        p->report->kept_missing++;
        return OK;
    }
    if (!p->options->prune && (empty = empty_place(p, known->path))) {
        p->report->kept_missing++;
        snprintf(p->report->empty_root, sizeof p->report->empty_root, "%s", empty);
        return OK;
    }
    return path_list_add(&plan->gone, known->path, err);
}

static struct found_file *next_file(struct planner *p, const char *path)
{
    const struct walk *walk = &p->plan->walk;
    if (strcmp(path, p->base) == 0)
        return walk_find(walk, path);
    for (; p->at < walk->file_count; p->at++) {
        int order = strcmp(walk->files[p->at].path, path);
        if (order >= 0)
            return order == 0 ? &walk->files[p->at] : NULL;
    }
    return NULL;
}

static enum status compare(void *context, const struct store_known *known, struct err *err)
{
    struct planner *p = context;
    size_t base_length = strlen(p->base);
    base_length -= base_length == 1;
    if (p->shallow && known->path[base_length] && strchr(known->path + base_length + 1, '/'))
        return OK;
    const struct found_file *file = next_file(p, known->path);
    if (!file)
        return not_found(p, known, err);
    const struct store_file now = {.path = file->path,
                                   .size_bytes = file->size_bytes,
                                   .mtime_ns = file->mtime_ns,
                                   .sidecar_size_bytes = file->sidecar_size_bytes,
                                   .sidecar_mtime_ns = file->sidecar_mtime_ns};
    p->states[file - p->plan->walk.files] = (uint8_t)store_known_state(known, &now);
    return OK;
}

static enum status compare_below(struct planner *p, struct store *store, int64_t model_id,
                                 const char *base, struct err *err)
{
    size_t end;
    p->base = base;
    walk_range(&p->plan->walk, base, &p->at, &end);
    return store_known_visit(store, model_id, base, compare, p, err);
}

/* Outside what was walked, a path is gone if nothing is there. */
static enum status compare_outside(void *context, const struct store_known *known, struct err *err)
{
    struct planner *p = context;
    struct stat st;
    for (size_t i = 0; i < p->bases.count; i++)
        if (path_is_under(known->path, p->bases.paths[i]))
            return OK;
    if (lstat(known->path, &st) == 0 || (errno != ENOENT && errno != ENOTDIR))
        return OK;
    return path_list_add(&p->plan->gone, known->path, err);
}

static bool is_covered_root(const struct plan *plan, const char *path)
{
    for (size_t i = 0; i < plan->walk.root_count; i++)
        if (path_is_under(path, plan->walk.roots[i]))
            return true;
    return false;
}

static enum status compare_all(struct planner *p, struct store *store, int64_t model_id,
                               struct err *err)
{
    enum status status = OK;
    const struct index_options *options = p->options;
    for (size_t i = 0; status == OK && i < options->scope_count; i++) {
        if (!is_covered_root(p->plan, options->scopes[i].path))
            continue;
        p->shallow = !options->scopes[i].deep;
        status = compare_below(p, store, model_id, options->scopes[i].path, err);
    }
    p->shallow = false;
    for (size_t i = 0; status == OK && i < p->bases.count; i++)
        status = compare_below(p, store, model_id, p->bases.paths[i], err);
    if (status == OK && options->prune && options->scope_count == 0)
        status = store_known_visit(store, model_id, "", compare_outside, p, err);
    return status;
}

/* --- what there is to do ------------------------------------------------------------------- */

static enum status list_todo(struct planner *p, struct err *err)
{
    struct plan *plan = p->plan;
    const struct index_options *options = p->options;
    size_t count = plan->walk.file_count;
    plan->todo = calloc(count ? count : 1, sizeof *plan->todo);
    if (!plan->todo)
        return err_no_memory(err, "the list of files", count * sizeof *plan->todo);
    for (size_t i = 0; i < count; i++) {
        struct found_file *file = &plan->walk.files[i];
        enum file_state state = (enum file_state)p->states[i];
        if (state == FILE_UNCHANGED && !options->verify) {
            p->report->unchanged++;
        } else if (state == FILE_FAILED_BEFORE && !options->verify && !options->retry_failed) {
            p->report->failed_before++;
        } else {
            file->only_meta = state == FILE_NEEDS_META && !options->verify;
            plan->todo[plan->todo_count++] = file;
        }
    }
    return OK;
}

/* --- roots --------------------------------------------------------------------------------- */

/* Those of the options, else those of earlier runs. */
static enum status choose_roots(struct planner *p, struct err *err)
{
    const struct plan *plan = p->plan;
    size_t given = p->options->root_count, most = given + plan->place_count;
    p->roots = calloc(most ? most : 1, sizeof *p->roots);
    if (!p->roots)
        return err_no_memory(err, "the list of folders", most * sizeof *p->roots);
    for (size_t i = 0; i < given; i++)
        p->roots[p->root_count++] = p->options->roots[i];
    for (size_t i = 0; given == 0 && i < plan->place_count; i++)
        if (plan->places[i].kind == STORE_ROOT)
            p->roots[p->root_count++] = plan->places[i].path;
    return p->root_count > 0
               ? OK
               : err_set(err, ERR_NOT_FOUND,
                         "the library knows no folders yet; name them: fovea index DIR");
}

static enum status list_bases(struct planner *p, struct err *err)
{
    const struct walk *walk = &p->plan->walk;
    enum status status = OK;
    const bool whole = p->options->scope_count == 0;
    for (size_t i = 0; status == OK && i < walk->root_count; i++)
        if (whole || !is_dir(walk->roots[i])) /* single photographs are in every walk */
            status = path_list_add(&p->bases, walk->roots[i], err);
    for (size_t i = 0; whole && p->options->prune && status == OK && i < walk->missing_count; i++) {
        char *path = path_resolve(walk->missing[i]);
        if (path)
            status = path_list_add(&p->bases, path, err);
        free(path);
    }
    return status;
}

struct walk_options plan_walk_options(const struct index_options *options)
{
    return (struct walk_options){.roots = options->roots,
                                 .root_count = options->root_count,
                                 .is_photo = image_name_is_photo,
                                 .exclude = options->exclude,
                                 .exclude_count = options->exclude_count,
                                 .missing_ok = options->missing_ok || options->prune ||
                                               options->root_count == 0,
                                 .scopes = options->scopes,
                                 .scope_count = options->scope_count,
                                 .on_dir = options->hooks.on_dir,
                                 .is_busy = options->hooks.is_busy,
                                 .context = options->hooks.context};
}

static enum status walk_roots(struct planner *p, struct err *err)
{
    struct walk *walk = &p->plan->walk;
    struct index_report *report = p->report;
    struct walk_options where = plan_walk_options(p->options);
    where.roots = p->roots;
    where.root_count = p->root_count;
    enum status status = walk_run(walk, &where, err);
    if (status != OK)
        return status;
    report->found = walk->file_count;
    report->missing_roots = walk->missing_count;
    if (walk->missing_count > 0)
        snprintf(report->missing_root, sizeof report->missing_root, "%s", walk->missing[0]);
    for (size_t i = 0; i < walk->unread_count; i++)
        *(walk->unread[i].busy ? &report->busy : &report->bad_dirs) += 1;
    p->states = calloc(walk->file_count ? walk->file_count : 1, 1);
    return p->states ? OK : err_no_memory(err, "the list of files", walk->file_count);
}

/* --- the whole ----------------------------------------------------------------------------- */

enum status plan_make(struct plan *out, struct store *store, int64_t model_id,
                      const struct index_options *options, struct index_report *report,
                      struct err *err)
{
    *out = (struct plan){0};
    struct planner p = {.plan = out, .options = options, .report = report};
    enum status status = store_places(store, &out->places, &out->place_count, err);
    if (status == OK)
        status = choose_roots(&p, err);
    if (status == OK)
        status = walk_roots(&p, err);
    if (status == OK)
        status = make_guards(&p, err);
    if (status == OK)
        status = list_bases(&p, err);
    if (status == OK)
        status = compare_all(&p, store, model_id, err);
    if (status == OK)
        status = list_todo(&p, err);
    free(p.roots);
    free(p.states);
    free(p.guards);
    path_list_free(&p.bases);
    if (status != OK)
        plan_free(out);
    return status;
}

void plan_free(struct plan *plan)
{
    walk_free(&plan->walk);
    free(plan->todo);
    free(plan->places);
    path_list_free(&plan->gone);
    path_list_free(&plan->readable);
    *plan = (struct plan){0};
}

/* --- the next run's places ----------------------------------------------------------------- */

struct place_list {
    struct store_place *places;
    size_t count;
};

static void add_place(struct place_list *list, char *path, enum store_place_kind kind)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->places[i].kind == (int)kind && strcmp(list->places[i].path, path) == 0)
            return;
    list->places[list->count++] = (struct store_place){path, kind};
}

/* A former mount point stays one while its disk is away, which is while it is empty. */
static bool stays_mount(const struct plan *plan, const char *path, bool prune)
{
    const struct walk *walk = &plan->walk;
    if (!is_covered_root(plan, path))
        return !prune || !is_bare(path);
    return walk_is_unread(walk, path) ||
           (!prune && !walk_is_left_out(walk, path) && !has_files(walk, path));
}

/* One that lies in a root of this run is no root of its own any more. */
static bool stays_root(const struct plan *plan, const char *path, bool prune)
{
    return !is_covered_root(plan, path) && (!prune || is_dir(path));
}

static bool lies_in_root(const struct place_list *list, const char *path)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->places[i].kind == STORE_ROOT && path_is_under(path, list->places[i].path))
            return true;
    return false;
}

enum status plan_note_places(struct plan *plan, struct store *store,
                             const struct index_options *options, struct err *err)
{
    const struct walk *walk = &plan->walk;
    size_t most = plan->place_count + walk->root_count + walk->place_count;
    struct place_list list = {calloc(most ? most : 1, sizeof *list.places), 0};
    if (!list.places)
        return err_no_memory(err, "the list of folders", most * sizeof *list.places);
    for (size_t i = 0; i < plan->place_count; i++) {
        const struct store_place *old = &plan->places[i];
        if (old->kind == STORE_MOUNT ? stays_mount(plan, old->path, options->prune)
                                     : stays_root(plan, old->path, options->prune))
            add_place(&list, old->path, (enum store_place_kind)old->kind);
    }
    for (size_t i = 0; i < walk->root_count; i++)
        if (is_dir(walk->roots[i]) && !lies_in_root(&list, walk->roots[i]))
            add_place(&list, walk->roots[i], STORE_ROOT);
    for (size_t i = 0; i < walk->place_count; i++)
        if (!walk->places[i].is_root)
            add_place(&list, walk->places[i].path, STORE_MOUNT);
    enum status status =
        store_places_change(store, plan->places, plan->place_count, list.places, list.count, err);
    free(list.places);
    return status;
}
