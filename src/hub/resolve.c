/* SPDX-License-Identifier: MIT
 *
 * See resolve.h. A name is looked up below one folder and may not lead out of it: components that
 * begin with a dot are no names.
 */
#include "hub/resolve.h"

#include "base/file.h"
#include "base/str.h"
#include "hub/shipped.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONFIG_NAME "open_clip_config.json"
#define WEIGHTS_NAME "open_clip_model.safetensors"
#define PLACE_MAX 4096

static bool is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && !S_ISDIR(st.st_mode);
}

static bool has_config(const char *dir)
{
    struct stat st;
    struct str path = str_new(PLACE_MAX);
    path_join(&path, dir, CONFIG_NAME);
    bool has = str_ok(&path) && stat(str_text(&path), &st) == 0 && S_ISREG(st.st_mode);
    str_free(&path);
    return has;
}

/* "ARCH/tag": two components, neither empty nor beginning with a dot. */
static bool is_tag_name(const char *name)
{
    const char *slash = strchr(name, '/');
    return slash && slash != name && slash[1] && !strchr(slash + 1, '/') && name[0] != '.' &&
           slash[1] != '.';
}

/* Appends the folder that ARCH/tag folders lie in, without a '/' at the end. */
static enum status put_models_dir(struct str *out, struct err *err)
{
    const char *dir = getenv("FOVEA_MODELS");
    if (dir && *dir) {
        str_put(out, dir);
        return OK;
    }
    if (dir_cache(out, err) != OK)
        return err_prefix(err, "cannot tell where models are kept (set FOVEA_MODELS)");
    str_put(out, "/fovea/models");
    return OK;
}

static enum status set_place(struct model_place *out, const char *dir, const char *name,
                             struct err *err)
{
    out->dir = strdup(dir);
    out->name = strdup(name);
    if (out->dir && out->name)
        return OK;
    model_place_free(out);
    return err_no_memory(err, "a model's name", strlen(dir));
}

/* Named by its whole path, so that a library can find the model again from another folder. */
static enum status place_of_dir(struct model_place *out, const char *dir, struct err *err)
{
    char *real = realpath(dir, NULL);
    if (!real)
        return err_set(err, ERR_NOT_FOUND, "cannot follow the path of the model folder %s", dir);
    enum status status = set_place(out, real, real, err);
    free(real);
    return status;
}

static enum status place_of_tag(struct model_place *out, const char *name, struct err *err)
{
    struct str dir = str_new(PLACE_MAX);
    enum status status = put_models_dir(&dir, err);
    if (status == OK) {
        str_putc(&dir, '/');
        str_put(&dir, name);
        if (!str_ok(&dir))
            status = err_set(err, ERR_ARGUMENT, "the model's name is too long: %.100s", name);
        else if (has_config(str_text(&dir)))
            status = set_place(out, str_text(&dir), name, err);
        else
            status = err_set(err, ERR_NOT_FOUND,
                             "the model %s is not here: put its " CONFIG_NAME " and " WEIGHTS_NAME
                             " into %s, or give the folder they lie in with --model DIR",
                             name, str_text(&dir));
    }
    str_free(&dir);
    return status;
}

static enum status place_of_shipped(struct model_place *out, const char *name, struct err *err)
{
    struct str dir = str_new(PLACE_MAX);
    enum status status = shipped_model(&dir, name, err);
    if (status == OK)
        status = set_place(out, str_text(&dir), name, err);
    str_free(&dir);
    return status;
}

enum status model_resolve(struct model_place *out, const char *given, struct err *err)
{
    *out = (struct model_place){0};
    const char *name = given;
    if (!name || !*name)
        name = getenv("FOVEA_MODEL");
    if (!name || !*name)
        name = MODEL_DEFAULT;
    if (has_config(name))
        return place_of_dir(out, name, err);
    if (strcmp(name, MODEL_DEMO) == 0)
        return place_of_shipped(out, name, err);
    if (strncmp(name, "hf-hub:", 7) == 0)
        return err_set(
            err, ERR_UNSUPPORTED,
            "%.200s: fovea does not download models yet; put the repository's " CONFIG_NAME
            " and " WEIGHTS_NAME " into a folder and give that with --model DIR",
            name);
    if (is_file(name))
        return err_set(err, ERR_ARGUMENT,
                       "%s is a file: give the folder that holds the model's " CONFIG_NAME
                       " and " WEIGHTS_NAME,
                       name);
    if (is_tag_name(name))
        return place_of_tag(out, name, err);
    if (is_dir(name) && access(name, X_OK) != 0)
        return err_errno(err, errno, "cannot read the model folder %s", name);
    if (is_dir(name))
        return err_set(err, ERR_NOT_FOUND,
                       "%s is not a model folder: it has no " CONFIG_NAME " (a model folder holds "
                       "that and " WEIGHTS_NAME ")",
                       name);
    if (strchr(name, '/'))
        return err_set(err, ERR_NOT_FOUND, "there is no model folder %s", name);
    return err_set(err, ERR_ARGUMENT,
                   "'%.200s' is not a model: give a folder with " CONFIG_NAME " and " WEIGHTS_NAME
                   ", or ARCH/tag such as " MODEL_DEFAULT,
                   name);
}

void model_place_free(struct model_place *place)
{
    if (!place)
        return;
    free(place->dir);
    free(place->name);
    *place = (struct model_place){0};
}
