/* SPDX-License-Identifier: MIT
 *
 * See resolve.h. A name is looked up below one folder and may not lead out of it: its parts are
 * plain words that do not begin with a dot.
 */
#include "hub/resolve.h"

#include "base/file.h"
#include "hub/shipped.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WEIGHTS_NAME "open_clip_model.safetensors"
#define PLACE_MAX 4096
#define CONFIG_MAX (1 << 20)
#define NAME_PART_MAX 128

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

static bool has_file(const char *dir, const char *name)
{
    struct stat st;
    struct str path = str_new(PLACE_MAX);
    path_join(&path, dir, name);
    bool has = str_ok(&path) && stat(str_text(&path), &st) == 0 && S_ISREG(st.st_mode);
    str_free(&path);
    return has;
}

static bool has_config(const char *dir)
{
    return has_file(dir, MODEL_CONFIG_NAME) || has_file(dir, "config.json");
}

const char *model_find_weights(const char *dir, const struct registry_tag *tag)
{
    static const char *const names[] = {WEIGHTS_NAME, "open_clip_pytorch_model.bin",
                                        "model.safetensors", "pytorch_model.bin"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (has_file(dir, names[i]))
            return names[i];
    if (tag && tag->file && has_file(dir, tag->file))
        return tag->file;
    if (tag && tag->url && has_file(dir, path_basename(tag->url)))
        return path_basename(tag->url);
    return NULL;
}

enum status models_dir(struct str *out, struct err *err)
{
    const char *dir = getenv("FOVEA_MODELS"), *hf_home = getenv("HF_HOME");
    if (dir && *dir) {
        size_t size = strlen(dir);
        while (size > 1 && dir[size - 1] == '/')
            size--;
        str_append(out, dir, size);
        return OK;
    }
    if (hf_home && *hf_home)
        str_put(out, hf_home);
    else if (dir_cache(out, err) != OK)
        return err_prefix(err, "cannot tell where models are kept (set FOVEA_MODELS)");
    str_put(out, "/fovea/models");
    return OK;
}

/* ---- names ------------------------------------------------------------------------------- */

/* A word of a name: letters, digits and "._-+", not beginning with a dot. */
static bool is_word(const char *text, size_t size)
{
    if (size == 0 || size > NAME_PART_MAX || *text == '.')
        return false;
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && c != '.' && c != '_' && c != '-' && c != '+')
            return false;
    }
    return true;
}

/* "ARCH/tag": two components, neither empty nor beginning with a dot. */
static bool is_tag_name(const char *name)
{
    const char *slash = strchr(name, '/');
    return slash && slash != name && slash[1] && !strchr(slash + 1, '/') && name[0] != '.' &&
           slash[1] != '.';
}

/* A branch, a tag or a commit: words with '/' between them. */
static bool is_revision(const char *text)
{
    if (strlen(text) > NAME_PART_MAX)
        return false;
    for (;;) {
        size_t size = strcspn(text, "/");
        if (!is_word(text, size))
            return false;
        if (!text[size])
            return true;
        text += size + 1;
    }
}

static char *copy(const char *text, size_t size, bool *failed)
{
    char *made = strndup(text, size);
    *failed = *failed || !made;
    return made;
}

static enum status check_copies(struct model_place *out, bool failed, struct err *err)
{
    return failed ? err_no_memory(err, "a model's name", PLACE_MAX) : OK;
}

static enum status take_str(char **out, struct str *text, const char *what, struct err *err)
{
    bool failed = !str_ok(text);
    if (!failed)
        *out = copy(str_text(text), text->size, &failed);
    str_free(text);
    return failed ? err_set(err, ERR_ARGUMENT, "%s is too long", what) : OK;
}

/* ---- places ------------------------------------------------------------------------------ */

/* The config that a registry tag makes for what lies in the folder, see registry.h. */
static enum status make_config(struct model_place *out, struct err *err)
{
    struct str path = str_new(PLACE_MAX), text = str_new(CONFIG_MAX);
    struct file_bytes own = {0};
    enum status status = OK;
    path_join(&path, out->dir, MODEL_CONFIG_NAME);
    if (has_file(out->dir, MODEL_CONFIG_NAME)) {
        status = file_read(&own, str_text(&path), CONFIG_MAX, err);
        if (status == OK)
            status = registry_merge_config(&text, out->tag, (const char *)own.data, own.size, err);
        if (status != OK && status != ERR_NOT_FOUND)
            err_prefix(err, "%s", str_text(&path));
    } else {
        registry_put_config(&text, out->tag->arch, out->tag);
    }
    if (status == OK)
        status = take_str(&out->config, &text, "a model's config", err);
    file_bytes_free(&own);
    str_free(&text);
    str_free(&path);
    return status;
}

/* The path of the weights in the folder, which a reader that is given a config does not look for
 * under every name. */
static enum status find_weights(struct model_place *out, struct err *err)
{
    const char *name = model_find_weights(out->dir, out->tag);
    struct str path = str_new(PLACE_MAX);
    if (!name)
        return OK;
    path_join(&path, out->dir, name);
    return take_str(&out->weights, &path, "a path", err);
}

/* What the folder has of a model of the registry. */
static enum status look_into(struct model_place *out, struct err *err)
{
    bool failed = find_weights(out, err) != OK;
    out->here = out->weights != NULL;
    out->repo = copy(out->tag->repo, strlen(out->tag->repo), &failed);
    out->revision = copy("main", 4, &failed);
    enum status status = check_copies(out, failed, err);
    return status == OK && out->here ? make_config(out, err) : status;
}

static enum status unknown_tag(const char *name, const char *dir, struct err *err)
{
    struct str tags = str_new(600);
    size_t size = strcspn(name, "/");
    const struct registry_arch *arch = registry_find_arch(name, size);
    for (size_t i = 0; arch && i < registry_tag_count; i++)
        if (registry_tags[i].arch == arch)
            str_format(&tags, "%s%s", tags.size ? ", " : "", registry_tags[i].tag);
    enum status status;
    if (arch && tags.size)
        status = err_set(err, ERR_NOT_FOUND,
                         "there is no model %s: it is not in %s, and OpenCLIP's tags of %s are: %s",
                         name, dir, arch->name, str_text(&tags));
    else
        status = err_set(
            err, ERR_NOT_FOUND,
            "there is no model %s: it is neither in %s nor in OpenCLIP's registry "
            "(`fovea models --all` lists that; a hub repository is called " MODEL_HUB_PREFIX "%s)",
            name, dir, name);
    str_free(&tags);
    return status;
}

/* ARCH/tag, `dir` being the folder of that name. */
static enum status place_of_tag(struct model_place *out, const char *name, struct err *err)
{
    bool failed = false;
    struct str dir = str_new(PLACE_MAX);
    const struct registry_tag *tag = registry_find(name);
    enum status status = models_dir(&dir, err);
    size_t base = dir.size;
    if (status == OK) {
        str_format(&dir, "/%s", name);
        /* One folder for one model, unless somebody has put it there under the other name. */
        if (tag && str_ok(&dir) && !model_find_weights(str_text(&dir), tag)) {
            tag = registry_plain(tag);
            dir.size = base;
            str_format(&dir, "/%s/%s", tag->arch->name, tag->tag);
        }
        if (!str_ok(&dir))
            status = err_set(err, ERR_ARGUMENT, "the model's name is too long: %.100s", name);
        else if (tag)
            status = registry_check(tag->arch, err);
        else if (!has_config(str_text(&dir)))
            status = unknown_tag(name, str_text(&dir), err);
    }
    if (status == OK) {
        struct str full = str_new(PLACE_MAX);
        str_format(&full, "%s/%s", tag ? tag->arch->name : "", tag ? tag->tag : "");
        const char *known = tag ? str_text(&full) : name;
        out->dir = copy(str_text(&dir), dir.size, &failed);
        out->name = copy(known, strlen(known), &failed);
        str_free(&full);
        out->tag = tag;
        out->here = !tag;
        status = check_copies(out, failed, err);
    }
    str_free(&dir);
    return status == OK && tag ? look_into(out, err) : status;
}

/* The part of an absolute path below the models folder; NULL if it is not there. */
static const char *below_models(const char *path)
{
    struct str dir = str_new(PLACE_MAX);
    struct err ignored;
    char *real = models_dir(&dir, &ignored) == OK ? realpath(str_text(&dir), NULL) : NULL;
    size_t size = real ? strlen(real) : 0;
    bool below = real && strncmp(path, real, size) == 0 && path[size] == '/';
    free(real);
    str_free(&dir);
    return below ? path + size + 1 : NULL;
}

/* Named by its whole path, so that a library can find the model again from another folder; but a
 * registry model's folder is that model, by whichever name. */
static enum status place_of_dir(struct model_place *out, const char *dir, struct err *err)
{
    char *real = realpath(dir, NULL);
    if (!real)
        return err_set(err, ERR_NOT_FOUND, "cannot follow the path of the model folder %s", dir);
    const char *below = below_models(real);
    enum status status;
    if (below && registry_find(below)) {
        status = place_of_tag(out, below, err);
    } else {
        bool failed = false;
        out->dir = copy(real, strlen(real), &failed);
        out->name = copy(real, strlen(real), &failed);
        out->here = true;
        status = check_copies(out, failed, err);
    }
    free(real);
    return status;
}

static enum status place_of_shipped(struct model_place *out, const char *name, struct err *err)
{
    bool failed = false;
    struct str dir = str_new(PLACE_MAX);
    enum status status = shipped_model(&dir, name, err);
    if (status == OK)
        status = take_str(&out->dir, &dir, "the path", err);
    str_free(&dir);
    if (status != OK)
        return status;
    out->name = copy(name, strlen(name), &failed);
    out->here = true;
    return check_copies(out, failed, err);
}

static enum status place_of_repo(struct model_place *out, const char *name, struct err *err)
{
    const char *repo = name + strlen(MODEL_HUB_PREFIX);
    const char *at = strchr(repo, '@');
    size_t size = at ? (size_t)(at - repo) : strlen(repo);
    const char *slash = memchr(repo, '/', size);
    if (!slash || !is_word(repo, (size_t)(slash - repo)) ||
        !is_word(slash + 1, size - (size_t)(slash + 1 - repo)) || (at && !is_revision(at + 1)))
        return err_set(err, ERR_ARGUMENT,
                       "'%.200s' is not a repository: write " MODEL_HUB_PREFIX
                       "ORG/REPO, or " MODEL_HUB_PREFIX "ORG/REPO@REVISION",
                       name);
    bool failed = false;
    struct str dir = str_new(PLACE_MAX);
    enum status status = models_dir(&dir, err);
    if (status == OK) {
        str_format(&dir, "/hf-hub/%.*s", (int)size, repo);
        /* A revision is one folder's name whatever is in it. */
        for (const char *p = at; p && *p; p++)
            str_put(&dir, *p == '/' ? "%2F" : (const char[]){*p, '\0'});
        out->repo = copy(repo, size, &failed);
        out->revision = copy(at ? at + 1 : "main", at ? strlen(at + 1) : 4, &failed);
        out->name = copy(name, strlen(name), &failed);
        status = take_str(&out->dir, &dir, "the model's name", err);
    }
    str_free(&dir);
    if (status == OK)
        status = check_copies(out, failed, err);
    if (status == OK)
        out->here = has_config(out->dir) && model_find_weights(out->dir, NULL);
    return status;
}

/* ---- a weights file and its architecture --------------------------------------------------- */

static enum status find_arch(const char *name, size_t size, const struct registry_arch **arch,
                             const struct registry_tag **tag, struct err *err)
{
    char text[NAME_PART_MAX * 2 + 2];
    *tag = NULL;
    *arch = registry_find_arch(name, size);
    if (size < sizeof text) {
        memcpy(text, name, size);
        text[size] = '\0';
        *tag = registry_find(text);
        *arch = *tag ? (*tag)->arch : *arch;
    }
    if (!*arch)
        return err_set(err, ERR_ARGUMENT,
                       "'%.*s' is not an architecture of OpenCLIP's; accepted: ARCH or ARCH/tag, "
                       "such as ViT-B-32 or ViT-B-32/openai (`fovea models --all` lists them)",
                       (int)(size < 100 ? size : 100), name);
    return registry_check(*arch, err);
}

/* The file's whole path goes into the name, and so does the architecture. */
static enum status place_of_weights(struct model_place *out, const char *arch_name, size_t size,
                                    const char *path, struct err *err)
{
    const struct registry_arch *arch;
    const struct registry_tag *tag;
    enum status status = find_arch(arch_name, size, &arch, &tag, err);
    if (status != OK)
        return status;
    char *real = realpath(path, NULL);
    if (!real && errno == ENOENT)
        return err_set(err, ERR_NOT_FOUND,
                       "there is no weights file %s: beside an architecture the model is a weights "
                       "file, or a folder with one",
                       path);
    if (!real)
        return err_errno(err, errno, "cannot open the model's weights %s", path);
    bool failed = false, whole_dir = is_dir(real);
    struct str text = str_new(CONFIG_MAX), name = str_new(PLACE_MAX * 2);
    str_format(&name, "%.*s:%s", (int)size, arch_name, real);
    registry_put_config(&text, arch, tag);
    const char *end = whole_dir ? real + strlen(real) : path_basename(real) - 1;
    out->dir = end > real ? copy(real, (size_t)(end - real), &failed) : copy("/", 1, &failed);
    if (!whole_dir)
        out->weights = copy(real, strlen(real), &failed);
    out->here = true;
    free(real);
    status = check_copies(out, failed, err);
    if (status == OK && whole_dir)
        status = find_weights(out, err);
    if (status == OK)
        status = take_str(&out->name, &name, "the path", err);
    if (status == OK)
        status = take_str(&out->config, &text, "a model's config", err);
    str_free(&name);
    str_free(&text);
    return status;
}

/* "ViT-B-32:/home/ann/weights.pt": the size of the part before the colon; 0 if it is not such a
 * name. */
static size_t arch_prefix(const char *name)
{
    const char *colon = strchr(name, ':');
    size_t size = colon ? (size_t)(colon - name) : 0;
    size_t arch = size ? strcspn(name, "/:") : 0;
    return size && colon[1] && registry_find_arch(name, arch) ? size : 0;
}

/* ---- all readings -------------------------------------------------------------------------- */

static enum status not_a_model(const char *name, struct err *err)
{
    if (is_file(name))
        return err_set(err, ERR_ARGUMENT,
                       "%s is a file: say of which architecture these weights are, with --arch "
                       "(such as --arch ViT-B-32/openai), or give a model's folder",
                       name);
    if (is_dir(name) && access(name, X_OK) != 0)
        return err_errno(err, errno, "cannot read the model folder %s", name);
    if (is_dir(name))
        return err_set(err, ERR_NOT_FOUND,
                       "%s is not a model folder: it has neither " MODEL_CONFIG_NAME
                       " nor Transformers' config.json (a folder with weights alone needs "
                       "--arch)",
                       name);
    if (strchr(name, '/'))
        return err_set(err, ERR_NOT_FOUND, "there is no model folder %s", name);
    return err_set(err, ERR_ARGUMENT,
                   "'%.200s' is not a model: give ARCH/tag such as " MODEL_DEFAULT
                   " (`fovea models` lists them), " MODEL_HUB_PREFIX "ORG/REPO, or a folder",
                   name);
}

static enum status resolve(struct model_place *out, const char *name, const char *arch,
                           struct err *err)
{
    size_t prefix = arch_prefix(name);
    if (arch)
        return place_of_weights(out, arch, strlen(arch), name, err);
    if (has_config(name))
        return place_of_dir(out, name, err);
    if (strcmp(name, MODEL_DEMO) == 0)
        return place_of_shipped(out, name, err);
    if (strncmp(name, MODEL_HUB_PREFIX, strlen(MODEL_HUB_PREFIX)) == 0)
        return place_of_repo(out, name, err);
    if (prefix)
        return place_of_weights(out, name, prefix, name + prefix + 1, err);
    if (is_file(name))
        return not_a_model(name, err);
    if (is_tag_name(name))
        return place_of_tag(out, name, err);
    return not_a_model(name, err);
}

enum status model_resolve(struct model_place *out, const char *given, const char *arch,
                          struct err *err)
{
    *out = (struct model_place){0};
    const char *name = given;
    if (!name || !*name)
        name = getenv("FOVEA_MODEL");
    if (!name || !*name)
        name = MODEL_DEFAULT;
    if (arch && !given)
        return err_set(err, ERR_ARGUMENT,
                       "--arch says what the weights in --model FILE are; --model is missing");
    enum status status = resolve(out, name, arch, err);
    if (status != OK)
        model_place_free(out);
    return status;
}

void model_place_free(struct model_place *place)
{
    if (!place)
        return;
    free(place->dir);
    free(place->name);
    free(place->config);
    free(place->weights);
    free(place->repo);
    free(place->revision);
    *place = (struct model_place){0};
}
