/* SPDX-License-Identifier: MIT
 *
 * Finding the library and the model. The rule for the model: what the user says, else $FOVEA_MODEL,
 * else the one that answers in the library, else the program's default. And for the image size:
 * what the user says, else the one of the model's vectors in the library (which is written in their
 * fingerprint), else the model's own.
 */
#include "cli/library_args.h"

#include "base/file.h"
#include "cli/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PATH_LIMIT (1 << 16)

enum status library_path(struct str *out, const char *given, struct err *err)
{
    const char *variable = getenv("FOVEA_LIBRARY");
    if (given || (variable && *variable)) {
        str_put(out, given ? given : variable);
    } else {
        enum status status = dir_data(out, err);
        if (status != OK)
            return err_prefix(err, "no --library given");
        str_put(out, "/fovea/library.db");
    }
    return str_ok(out) ? OK : err_set(err, ERR_ARGUMENT, "the library's path is too long");
}

/* Bringing an older library up to date is worth a line: a fovea of before cannot read it now. */
static void tell_kept_copy(const struct store *store)
{
    if (!store_kept_copy(store))
        return;
    struct str note = str_new(PATH_LIMIT);
    str_format(&note, "the library was brought up to date; as it was before, it is kept in %s",
               store_kept_copy(store));
    report_note(str_text(&note));
    str_free(&note);
}

/* Opening for writing would make a library: ERR_NOT_FOUND if there is none. */
static enum status require_library(const char *location, struct err *err)
{
    struct stat st;
    struct store *store = NULL;
    enum status status = OK;
    if (store_is_url(location)) /* in what other way it fails, it fails again */
        status = store_open(&store, location, STORE_READ, err);
    else if (stat(location, &st) != 0 && errno == ENOENT)
        status = err_set(err, ERR_NOT_FOUND,
                         "there is no library at %s; `fovea index DIR` makes one", location);
    store_close(store);
    return status == ERR_NOT_FOUND ? status : OK;
}

enum status library_open(struct store **out, const char *library, enum store_mode mode,
                         bool may_create, struct err *err)
{
    *out = NULL;
    struct str path = str_new(PATH_LIMIT);
    enum status status = library_path(&path, library, err);
    if (status == OK && !may_create && mode == STORE_WRITE)
        status = require_library(str_text(&path), err);
    if (status == OK)
        status = store_open(out, str_text(&path), mode, err);
    if (status == OK)
        tell_kept_copy(*out);
    str_free(&path);
    return status;
}

static bool environment_names_model(void)
{
    const char *variable = getenv("FOVEA_MODEL");
    return variable && *variable;
}

/* The model's name by the rule above; NULL leaves it to the resolver. `models` may be empty. */
static const char *choose(const char *given, const struct store_model *models, size_t count)
{
    if (given || environment_names_model() || count == 0)
        return given;
    return models[0].name; /* the active one first */
}

/* Opens the model, and once more if the library's vectors of it are of another image size: only an
 * opened model knows its fingerprint, and opening costs little until something is computed. */
static enum status open_for(struct model **out, const struct model_request *asked,
                            const struct store_model *models, size_t count, struct err *err)
{
    struct model_request request = *asked;
    int size = 0;
    if (!asked->arch) /* which needs a name beside it, and the resolver says so */
        request.name = choose(asked->name, models, count);
    enum status status = model_open_named(out, &request, err);
    if (status != OK || request.image_size)
        return status;
    for (size_t i = 0; i < count && size == 0; i++)
        size = model_size_of(model_info(*out), models[i].fingerprint);
    if (size == 0 || size == model_info(*out)->image_size)
        return OK;
    model_close(*out);
    request.image_size = size;
    return model_open_named(out, &request, err);
}

enum status library_index_open(struct store **store, struct model **model, const char *library,
                               const struct model_request *request, struct err *err)
{
    *store = NULL;
    *model = NULL;
    struct store_model *models = NULL;
    size_t count = 0;
    enum status status = library_open(store, library, STORE_WRITE, false, err);
    if (status == OK)
        status = store_models(*store, &models, &count, err);
    if (status == OK || status == ERR_NOT_FOUND)
        status = open_for(model, request, models, count, err);
    if (status == OK && !*store)
        status = library_open(store, library, STORE_WRITE, true, err);
    free(models);
    return status;
}

static enum status find_in_library(const struct store_model *models, size_t count,
                                   const struct model_info *info, int64_t *model_id,
                                   struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(models[i].fingerprint, info->fingerprint) != 0)
            continue;
        *model_id = models[i].id;
        return OK;
    }
    for (size_t i = 0; i < count; i++)
        if (model_size_of(info, models[i].fingerprint)) /* of the same weights */
            return err_set(err, ERR_NOT_FOUND,
                           "the library has no vectors of %s for pictures of %d pixels; `fovea "
                           "index --image-size %d DIR` makes them, or leave the option out",
                           info->name, info->image_size, info->image_size);
    for (size_t i = 0; i < count; i++)
        if (strcmp(models[i].name, info->name) == 0)
            return err_set(err, ERR_NOT_FOUND,
                           "the files of the model %s have changed since the library was indexed "
                           "with it; `fovea index DIR` brings the library up to date",
                           info->name);
    struct str names = str_new(ERR_TEXT_MAX);
    for (size_t i = 0; i < count; i++)
        str_format(&names, "%s%s", i ? ", " : "", models[i].name);
    enum status status = err_set(
        err, ERR_NOT_FOUND,
        "the library has no vectors of the model %s; index with it first, or use one of: %s",
        info->name, str_text(&names));
    str_free(&names);
    return status;
}

enum status library_model_open(struct store *store, const struct model_request *request,
                               struct model **out, int64_t *model_id, struct err *err)
{
    *out = NULL;
    struct store_model *models = NULL;
    size_t count = 0;
    enum status status = store_models(store, &models, &count, err);
    if (status == OK && count == 0)
        status = err_set(err, ERR_NOT_FOUND,
                         "the library is empty; `fovea index DIR` puts photographs into it");
    if (status == OK)
        status = open_for(out, request, models, count, err);
    if (status == OK)
        status = find_in_library(models, count, model_info(*out), model_id, err);
    if (status != OK) {
        model_close(*out);
        *out = NULL;
    }
    free(models);
    return status;
}

enum status library_model_stored(struct store *store, const char *given, struct store_model *out,
                                 struct err *err)
{
    struct store_model *models = NULL;
    size_t count = 0, i = 0;
    const char *name = given ? given : environment_names_model() ? getenv("FOVEA_MODEL") : NULL;
    enum status status = store_models(store, &models, &count, err);
    if (status == OK && count == 0)
        status = err_set(err, ERR_NOT_FOUND,
                         "the library is empty; `fovea index DIR` puts photographs into it");
    while (status == OK && name && i < count && strcmp(models[i].name, name) != 0)
        i++;
    if (status == OK && i == count)
        status =
            err_set(err, ERR_NOT_FOUND, "the library has no vectors of a model called %s", name);
    if (status == OK)
        *out = models[i];
    free(models);
    return status;
}
