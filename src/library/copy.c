/* SPDX-License-Identifier: MIT
 *
 * See copy.h: the order of a copy. Models and their (empty) sets of labels come first, because
 * vectors and labels belong to them; then the photographs; then what names photographs. Then all of
 * it once more, looking only.
 */
#include "library/copy.h"

#include "base/file.h"
#include "library/copy_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void copy_differs(struct copy *c, const char *what, const char *where)
{
    if (c->differences++ == 0)
        snprintf(c->first, sizeof c->first, "%s %s", what, where);
}

/* --- models ------------------------------------------------------------------------------- */

/* By their use: the one listed first is used last. */
static enum status open_models(struct copy *c, struct err *err)
{
    struct store_model *models = NULL;
    enum status status = store_models(c->stores[COPY_FROM], &models, &c->model_count, err);
    if (status == OK)
        c->models = calloc(c->model_count + 1, sizeof *c->models);
    if (status == OK && !c->models)
        status = err_no_memory(err, "the models", c->model_count * sizeof *c->models);
    for (size_t i = c->model_count; status == OK && i-- > 0;) {
        struct copy_model *m = &c->models[i];
        m->model = models[i];
        m->ids[COPY_FROM] = models[i].id;
        status = store_model_use(c->stores[COPY_TO], m->model.name, m->model.fingerprint,
                                 m->model.dim, &m->ids[COPY_TO], err);
        if (status == OK)
            status =
                store_label_sets(c->stores[COPY_FROM], m->model.id, &m->sets, &m->set_count, err);
    }
    if (status != OK && !c->models)
        c->model_count = 0;
    c->report->models = (int64_t)c->model_count;
    free(models);
    return status;
}

static enum status make_active(struct copy *c, struct err *err)
{
    int64_t active;
    enum status status = store_model_active(c->stores[COPY_TO], &active, err);
    for (size_t i = 0; status == OK && active == 0 && i < c->model_count; i++)
        if (c->models[i].model.active)
            return store_model_set_active(c->stores[COPY_TO], c->models[i].ids[COPY_TO], err);
    return status;
}

/* --- the run ------------------------------------------------------------------------------ */

static enum status copy_all(struct copy *c, struct err *err)
{
    enum status status = copy_sets(c, err);
    if (status == OK)
        status = copy_photos(c, err);
    if (status == OK)
        status = copy_failures(c, err);
    if (status == OK)
        status = copy_saved_sets(c, err);
    if (status == OK)
        status = copy_decisions(c, err);
    if (status == OK)
        status = copy_places(c, err);
    return status == OK ? copy_artifacts(c, err) : status;
}

static enum status verify(struct copy *c, struct err *err)
{
    struct store_summary from, to;
    c->verifying = true;
    enum status status = copy_all(c, err);
    if (status == OK)
        status = store_summarize(c->stores[COPY_FROM], &from, err);
    if (status == OK)
        status = store_summarize(c->stores[COPY_TO], &to, err);
    if (status != OK)
        return err_prefix(err, "verifying the copy");
    c->report->target_photos = to.photos;
    if (from.photos != (int64_t)c->id_count || to.photos < from.photos)
        return err_set(err, ERR_FORMAT,
                       "the copy was made, but has %lld photographs of %lld: run it again",
                       (long long)to.photos, (long long)from.photos);
    if (c->differences == 0)
        return OK;
    return err_set(err, ERR_FORMAT,
                   "the copy was made, but differs in %lld places, the first %s; where the target "
                   "had other vectors of the same photographs before, these were kept: copy into "
                   "an empty library",
                   (long long)c->differences, c->first);
}

static enum status copy_held(struct copy *c, struct err *err)
{
    enum status status = open_models(c, err);
    if (status == OK)
        status = store_photo_ids(c->stores[COPY_FROM], &c->ids[COPY_FROM], &c->id_count, err);
    if (status == OK) {
        c->ids[COPY_TO] = calloc(c->id_count + 1, sizeof *c->ids[COPY_TO]);
        if (!c->ids[COPY_TO])
            status = err_no_memory(err, "the photographs", c->id_count * sizeof *c->ids[COPY_TO]);
    }
    if (status == OK)
        status = copy_all(c, err);
    if (status == OK)
        status = make_active(c, err);
    if (status == OK)
        status = verify(c, err);
    for (size_t i = 0; i < c->model_count; i++)
        store_label_sets_free(c->models[i].sets, c->models[i].set_count);
    free(c->models);
    free(c->ids[COPY_FROM]);
    free(c->ids[COPY_TO]);
    return status;
}

enum status copy_run(struct store *from, struct store *to, const struct copy_options *options,
                     struct copy_report *report, struct err *err)
{
    *report = (struct copy_report){0};
    struct copy c = {.stores = {from, to}, .options = options, .report = report};
    enum status status = store_index_lock(to, err);
    if (status != OK)
        return status;
    status = store_read_begin(from, err);
    if (status == OK) {
        status = copy_held(&c, err);
        store_read_end(from);
    }
    store_index_unlock(to);
    return status;
}

/* --- backup ------------------------------------------------------------------------------- */

static enum status check_target(const char *path, struct err *err)
{
    struct store *old;
    struct stat st;
    struct err reason;
    if (stat(path, &st) != 0) {
        const char *name = path_basename(path);
        char *folder = name == path ? strdup(".") : strndup(path, (size_t)(name - path));
        bool there = folder && stat(folder, &st) == 0 && S_ISDIR(st.st_mode);
        free(folder);
        return there ? OK
                     : err_set(err, ERR_NOT_FOUND,
                               "cannot write the backup %s: its folder is not there; make it, or "
                               "mount its disk, first",
                               path);
    }
    if (S_ISREG(st.st_mode) && st.st_size == 0)
        return OK;
    if (S_ISREG(st.st_mode) && store_open(&old, path, STORE_READ, &reason) == OK) {
        store_close(old);
        return OK;
    }
    return err_set(err, ERR_ARGUMENT,
                   "%s is no backup of a library, and was left alone: choose another name", path);
}

/* One that was cut off is gone on with. */
static enum status copy_to_part(struct store *store, const char *part, const char *path,
                                const struct copy_options *options, struct err *err)
{
    struct store *to = NULL;
    struct copy_report report;
    enum status status = store_open(&to, part, STORE_WRITE, err);
    if (status == OK)
        status = copy_run(store, to, options, &report, err);
    store_close(to);
    if (status == OK && report.target_photos != report.photos.total) {
        unlink(part); /* photographs went since the attempt before: from the beginning, next time */
        return err_set(err, ERR_BUSY, "the backup %s was begun before the library changed: again",
                       path);
    }
    if (status == OK && rename(part, path) != 0)
        status = err_errno(err, errno, "cannot name the backup %s", path);
    return status;
}

enum status copy_backup(struct store *store, const char *path, const struct copy_options *options,
                        struct err *err)
{
    enum status status = store_backup(store, path, err);
    if (status != ERR_UNSUPPORTED)
        return status;
    status = check_target(path, err);
    struct str part = str_new(1 << 16);
    str_format(&part, "%s%s.part", path[0] == '/' ? "" : "./", path);
    if (status == OK)
        status = str_ok(&part) ? copy_to_part(store, str_text(&part), path, options, err)
                               : err_set(err, ERR_ARGUMENT, "the backup's path is too long");
    str_free(&part);
    return status;
}
