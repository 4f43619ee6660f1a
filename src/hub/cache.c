/* SPDX-License-Identifier: MIT
 *
 * See cache.h. A model's folder is two levels below the models folder, ARCH/tag, or three, where
 * the first is hf-hub. What has neither weights nor a part of any is no model.
 */
#include "hub/cache.h"

#include "base/file.h"
#include "hub/resolve.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 4096
#define HUB_DIR "hf-hub"
#define SPEED_NAME "fovea-speed.json"
#define SPEED_MAX (16 << 10)
#define DEPTH_MAX 4 /* of folders in a model's folder */

struct listing {
    struct cached_model *items;
    size_t count, capacity;
    struct err *err;
};

static bool ends_with(const char *text, const char *end)
{
    size_t a = strlen(text), b = strlen(end);
    return a >= b && strcmp(text + a - b, end) == 0;
}

/* ---- what a folder holds ------------------------------------------------------------------ */

struct contents {
    int64_t bytes;
    bool part; /* something of it is not whole */
};

static void add_up(const char *dir, int depth, struct contents *c)
{
    DIR *d = depth < DEPTH_MAX ? opendir(dir) : NULL;
    if (!d)
        return;
    struct str path = str_new(PATH_BYTES);
    const struct dirent *e;
    while ((e = readdir(d))) {
        struct stat st;
        str_clear(&path);
        path_join(&path, dir, e->d_name);
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || !str_ok(&path) ||
            stat(str_text(&path), &st) != 0)
            continue;
        if (S_ISREG(st.st_mode))
            c->bytes += (int64_t)st.st_size;
        if (S_ISREG(st.st_mode) && depth == 0 && ends_with(e->d_name, ".part"))
            c->part = true;
        if (S_ISDIR(st.st_mode))
            add_up(str_text(&path), depth + 1, c);
    }
    str_free(&path);
    closedir(d);
}

static double read_speed(const char *dir)
{
    struct str path = str_new(PATH_BYTES);
    struct file_bytes file = {0};
    struct err ignored;
    double speed = 0;
    path_join(&path, dir, SPEED_NAME);
    if (str_ok(&path) && file_read(&file, str_text(&path), SPEED_MAX, &ignored) == OK) {
        json_t *note = json_loadb((const char *)file.data, file.size, 0, NULL);
        speed = json_number_value(json_object_get(note, "photos_per_second"));
        json_decref(note);
        file_bytes_free(&file);
    }
    str_free(&path);
    return speed > 0 && speed < 1e6 ? speed : 0;
}

void cache_note_speed(const char *dir, double photos_per_second, size_t photos)
{
    struct str root = str_new(PATH_BYTES), path = str_new(PATH_BYTES);
    struct err ignored;
    size_t size = models_dir(&root, &ignored) == OK ? root.size : 0;
    if (size > 0 && strncmp(dir, str_text(&root), size) == 0 && dir[size] == '/') {
        char text[128];
        int n = snprintf(text, sizeof text, "{\"photos_per_second\":%.3f,\"photos\":%zu}\n",
                         photos_per_second, photos);
        path_join(&path, dir, SPEED_NAME);
        if (str_ok(&path))
            (void)!file_write(str_text(&path), text, (size_t)n, &ignored);
    }
    str_free(&path);
    str_free(&root);
}

/* ---- the list ------------------------------------------------------------------------------ */

static enum status grow(struct listing *l)
{
    if (l->count >= CACHE_MODELS_MAX)
        return err_set(l->err, ERR_LIMIT, "there are more than %d models in the models folder",
                       CACHE_MODELS_MAX);
    size_t capacity = l->capacity ? 2 * l->capacity : 16;
    struct cached_model *items = realloc(l->items, capacity * sizeof *items);
    if (!items)
        return err_no_memory(l->err, "the list of models", capacity * sizeof *items);
    l->items = items;
    l->capacity = capacity;
    return OK;
}

/* The folder's revision has its '/' written as %2F. */
static void put_name(struct str *out, bool on_hub, const char *first, const char *second)
{
    str_format(out, "%s%s/", on_hub ? MODEL_HUB_PREFIX : "", first);
    for (const char *p = second; *p; p++) {
        bool slash = on_hub && strncmp(p, "%2F", 3) == 0;
        str_putc(out, slash ? '/' : *p);
        p += slash ? 2 : 0;
    }
}

static enum status add(struct listing *l, const char *dir, bool on_hub, const char *first,
                       const char *second)
{
    struct contents c = {0};
    struct str name = str_new(PATH_BYTES);
    put_name(&name, on_hub, first, second);
    add_up(dir, 0, &c);
    const struct registry_tag *tag = on_hub ? NULL : registry_find(str_text(&name));
    bool complete = model_find_weights(dir, tag) != NULL;
    enum status status = OK;
    if ((complete || c.part) && str_ok(&name)) {
        status = l->count < l->capacity ? OK : grow(l);
        if (status == OK) {
            struct cached_model *m = &l->items[l->count++];
            *m = (struct cached_model){.name = strdup(str_text(&name)),
                                       .dir = strdup(dir),
                                       .bytes = c.bytes,
                                       .complete = complete,
                                       .photos_per_second = read_speed(dir)};
            if (!m->name || !m->dir)
                status = err_no_memory(l->err, "the list of models", name.size);
        }
    }
    str_free(&name);
    return status;
}

/* Folders in `dir`; first: NULL, or the name of the level above. */
static enum status walk(struct listing *l, const char *dir, bool on_hub, const char *first)
{
    DIR *d = opendir(dir);
    if (!d && (errno == ENOENT || errno == ENOTDIR))
        return OK;
    if (!d)
        return err_errno(l->err, errno, "cannot read the models folder %s", dir);
    enum status status = OK;
    struct str path = str_new(PATH_BYTES);
    const struct dirent *e;
    while (status == OK && (e = readdir(d))) {
        struct stat st;
        str_clear(&path);
        path_join(&path, dir, e->d_name);
        if (e->d_name[0] == '.' || !str_ok(&path) || stat(str_text(&path), &st) != 0 ||
            !S_ISDIR(st.st_mode))
            continue;
        if (first)
            status = add(l, str_text(&path), on_hub, first, e->d_name);
        else if (!on_hub && strcmp(e->d_name, HUB_DIR) == 0)
            status = walk(l, str_text(&path), true, NULL);
        else
            status = walk(l, str_text(&path), on_hub, e->d_name);
    }
    str_free(&path);
    closedir(d);
    return status;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct cached_model *)a)->name, ((const struct cached_model *)b)->name);
}

enum status cache_list(struct cached_model **out, size_t *count, struct err *err)
{
    struct listing l = {.err = err};
    struct str root = str_new(PATH_BYTES);
    *out = NULL;
    *count = 0;
    enum status status = models_dir(&root, err);
    if (status == OK)
        status = walk(&l, str_text(&root), false, NULL);
    str_free(&root);
    if (status != OK) {
        cache_list_free(l.items, l.count);
        return status;
    }
    if (l.count > 1)
        qsort(l.items, l.count, sizeof *l.items, by_name);
    *out = l.items;
    *count = l.count;
    return OK;
}

void cache_list_free(struct cached_model *models, size_t count)
{
    for (size_t i = 0; models && i < count; i++) {
        free(models[i].name);
        free(models[i].dir);
    }
    free(models);
}

/* ---- removing ------------------------------------------------------------------------------ */

/* Whether another process holds one of the folder's parts. */
static bool is_busy(const char *dir)
{
    DIR *d = opendir(dir);
    const struct dirent *e;
    bool busy = false;
    while (d && !busy && (e = readdir(d))) {
        if (!ends_with(e->d_name, ".part"))
            continue;
        int fd = openat(dirfd(d), e->d_name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
        busy = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
        if (fd >= 0)
            close(fd);
    }
    if (d)
        closedir(d);
    return busy;
}

/* A link is removed, not followed. */
static enum status remove_tree(const char *path, int depth, struct err *err)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return err_errno(err, errno, "cannot remove %s", path);
    if (!S_ISDIR(st.st_mode))
        return unlink(path) == 0 ? OK : err_errno(err, errno, "cannot remove %s", path);
    DIR *d = depth < DEPTH_MAX ? opendir(path) : NULL;
    if (!d)
        return err_errno(err, depth < DEPTH_MAX ? errno : ENOTEMPTY, "cannot remove %s", path);
    enum status status = OK;
    struct str inner = str_new(PATH_BYTES);
    const struct dirent *e;
    while (status == OK && (e = readdir(d))) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        str_clear(&inner);
        path_join(&inner, path, e->d_name);
        status = str_ok(&inner) ? remove_tree(str_text(&inner), depth + 1, err)
                                : err_set(err, ERR_LIMIT, "a path in %s is too long", path);
    }
    str_free(&inner);
    closedir(d);
    if (status == OK && rmdir(path) != 0)
        status = err_errno(err, errno, "cannot remove %s", path);
    return status;
}

enum status cache_remove(const struct cached_model *model, struct err *err)
{
    struct str root = str_new(PATH_BYTES);
    enum status status = models_dir(&root, err);
    size_t size = root.size;
    if (status == OK &&
        (strncmp(model->dir, str_text(&root), size) != 0 || model->dir[size] != '/'))
        status = err_set(err, ERR_ARGUMENT, "%s is not in the models folder", model->dir);
    if (status == OK && is_busy(model->dir))
        status = err_set(err, ERR_BUSY, "%s is being downloaded by another process", model->name);
    if (status == OK)
        status = remove_tree(model->dir, 0, err);
    char *above = status == OK ? strdup(model->dir) : NULL;
    while (above && strlen(above) > size + 1) {
        *strrchr(above, '/') = '\0';
        if (strlen(above) <= size || rmdir(above) != 0)
            break;
    }
    free(above);
    str_free(&root);
    return status;
}
