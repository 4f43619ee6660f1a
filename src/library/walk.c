/* SPDX-License-Identifier: MIT
 *
 * A depth-first walk with an explicit stack of folders, so that depth costs memory and not call
 * stack. Everything found is sorted at the end: the result does not depend on the order in which
 * the file system lists names.
 */
#include "library/walk.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_LIMIT (1 << 16)

/* A growing array of strings. */
struct strings {
    char **items;
    size_t count, capacity;
};

struct walker {
    struct walk *out;
    size_t file_capacity, unread_capacity;
    struct strings dirs; /* still to be listed */
    bool (*is_photo)(const char *name);
    struct err *err;
};

bool path_is_under(const char *path, const char *dir)
{
    size_t n = strlen(dir);
    if (n == 1 && dir[0] == '/')
        return path[0] == '/';
    return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* Makes room for one more element of an array that doubles. */
static enum status grow(void **items, size_t *capacity, size_t count, size_t item_size,
                        struct err *err)
{
    if (count < *capacity)
        return OK;
    size_t more = *capacity ? *capacity * 2 : 64;
    void *bigger = realloc(*items, more * item_size);
    if (!bigger)
        return err_no_memory(err, "the list of files", more * item_size);
    *items = bigger;
    *capacity = more;
    return OK;
}

/* Takes ownership of `path`, also when it fails. */
static enum status push_dir(struct walker *w, char *path)
{
    struct strings *s = &w->dirs;
    if (!path)
        return err_no_memory(w->err, "a path", PATH_LIMIT);
    if (grow((void **)&s->items, &s->capacity, s->count, sizeof *s->items, w->err) != OK) {
        free(path);
        return ERR_MEMORY;
    }
    s->items[s->count++] = path;
    return OK;
}

/* Only ever compared for equality, so that a time outside 1678 to 2262, which some file systems can
 * hold, may wrap. */
static int64_t mtime_ns(const struct stat *st)
{
    return (int64_t)((uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec);
}

/* Takes ownership of `path`, also when it fails. */
static enum status add_file(struct walker *w, char *path, const struct stat *st)
{
    struct walk *out = w->out;
    if (!path)
        return err_no_memory(w->err, "a path", PATH_LIMIT);
    if (grow((void **)&out->files, &w->file_capacity, out->file_count, sizeof *out->files,
             w->err) != OK) {
        free(path);
        return ERR_MEMORY;
    }
    out->files[out->file_count++] = (struct found_file){
        .path = path,
        .size_bytes = (int64_t)st->st_size,
        .mtime_ns = mtime_ns(st),
    };
    return OK;
}

/* what: "read the folder". Takes ownership of `path`, also when it fails. */
static enum status add_unread(struct walker *w, char *path, const char *what, int why)
{
    struct walk *out = w->out;
    struct err reason;
    err_errno(&reason, why, "cannot %s", what);
    struct unread_path unread = {path, strdup(reason.text)};
    enum status status = OK;
    if (!unread.path || !unread.reason)
        status = err_no_memory(w->err, "a path", PATH_LIMIT);
    else
        status = grow((void **)&out->unread, &w->unread_capacity, out->unread_count,
                      sizeof *out->unread, w->err);
    if (status != OK) {
        free(unread.path);
        free(unread.reason);
        return status;
    }
    out->unread[out->unread_count++] = unread;
    return OK;
}

static char *joined(const char *dir, const char *name)
{
    struct str path = str_new(PATH_LIMIT);
    path_join(&path, dir, name);
    if (!str_ok(&path)) {
        str_free(&path);
        return NULL;
    }
    return path.data;
}

/* After a failed stat(): gone between listing and looking, or a link that leads nowhere; or else it
 * is there and cannot be looked at (a link into a private folder, a failing disk), which must not
 * pass for gone. */
static enum status unseen(struct walker *w, const char *dir, const char *name)
{
    int why = errno;
    if (why == ENOENT || why == ENOTDIR)
        return OK;
    return add_unread(w, joined(dir, name), "look at it", why);
}

static enum status visit_entry(struct walker *w, int dir_fd, const char *dir,
                               const struct dirent *entry)
{
    const char *name = entry->d_name;
    if (name[0] == '.')
        return OK;
    struct stat st;
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return unseen(w, dir, name); /* a folder, perhaps */
    if (S_ISDIR(st.st_mode))
        return push_dir(w, joined(dir, name));
    if (!w->is_photo(name))
        return OK;
    if (S_ISLNK(st.st_mode) && fstatat(dir_fd, name, &st, 0) != 0)
        return unseen(w, dir, name);
    return S_ISREG(st.st_mode) ? add_file(w, joined(dir, name), &st) : OK;
}

static enum status list_dir(struct walker *w, const char *path)
{
    DIR *dir = opendir(path);
    struct stat st;
    /* Names can be listed without the right to look at what they name. */
    int why = !dir || fstatat(dirfd(dir), ".", &st, 0) != 0 ? errno : 0;
    if (why) {
        if (dir)
            closedir(dir);
        return why == ENOENT ? OK /* removed since it was listed */
                             : add_unread(w, strdup(path), "read the folder", why);
    }
    enum status status = OK;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry) {
            why = errno;
            if (why)
                status = add_unread(w, strdup(path), "read the folder", why);
            break;
        }
        status = visit_entry(w, dirfd(dir), path, entry);
        if (status != OK)
            break;
    }
    closedir(dir);
    return status;
}

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int compare_files(const void *a, const void *b)
{
    return strcmp(((const struct found_file *)a)->path, ((const struct found_file *)b)->path);
}

/* Resolves the roots and drops those that lie in another. */
static enum status resolve_roots(struct walker *w, const char *const *roots, size_t count)
{
    struct walk *out = w->out;
    out->roots = calloc(count ? count : 1, sizeof *out->roots);
    if (!out->roots)
        return err_no_memory(w->err, "the list of folders", count * sizeof *out->roots);
    for (size_t i = 0; i < count; i++) {
        if (!*roots[i]) /* mostly a shell variable that is not set */
            return err_set(w->err, ERR_ARGUMENT, "cannot index a folder whose name is empty");
        char *path = realpath(roots[i], NULL);
        struct stat st;
        if (!path || stat(path, &st) != 0) {
            int why = errno;
            free(path);
            return err_errno(w->err, why, "cannot index %s", roots[i]);
        }
        out->roots[out->root_count++] = path;
        if (!S_ISDIR(st.st_mode) && !(S_ISREG(st.st_mode) && w->is_photo(path)))
            return err_set(w->err, ERR_ARGUMENT,
                           "cannot index %s: it is neither a folder nor a photograph", roots[i]);
    }
    qsort(out->roots, out->root_count, sizeof *out->roots, compare_strings);
    size_t kept = 0;
    for (size_t i = 0; i < out->root_count; i++) {
        bool covered = false;
        /* Sorted bytewise, "/a b" stands between "/a" and "/a/c": compare with every kept one. */
        for (size_t j = 0; j < kept && !covered; j++)
            covered = path_is_under(out->roots[i], out->roots[j]);
        if (covered)
            free(out->roots[i]);
        else
            out->roots[kept++] = out->roots[i];
    }
    out->root_count = kept;
    return OK;
}

static enum status start_at_root(struct walker *w, const char *root)
{
    struct stat st;
    if (stat(root, &st) != 0)
        return err_errno(w->err, errno, "cannot index %s", root);
    return S_ISDIR(st.st_mode) ? push_dir(w, strdup(root)) : add_file(w, strdup(root), &st);
}

enum status walk_check_roots(const char *const *roots, size_t root_count,
                             bool (*is_photo)(const char *name), struct err *err)
{
    struct walk walk = {0};
    struct walker w = {.out = &walk, .is_photo = is_photo, .err = err};
    enum status status = resolve_roots(&w, roots, root_count);
    walk_free(&walk);
    return status;
}

enum status walk_run(struct walk *out, const char *const *roots, size_t root_count,
                     bool (*is_photo)(const char *name), struct err *err)
{
    *out = (struct walk){0};
    struct walker w = {.out = out, .is_photo = is_photo, .err = err};
    enum status status = resolve_roots(&w, roots, root_count);
    for (size_t i = 0; status == OK && i < out->root_count; i++)
        status = start_at_root(&w, out->roots[i]);
    while (status == OK && w.dirs.count > 0) {
        char *dir = w.dirs.items[--w.dirs.count];
        status = list_dir(&w, dir);
        free(dir);
    }
    while (w.dirs.count > 0)
        free(w.dirs.items[--w.dirs.count]);
    free(w.dirs.items);
    if (status == OK && out->file_count > 0)
        qsort(out->files, out->file_count, sizeof *out->files, compare_files);
    if (status != OK)
        walk_free(out);
    return status;
}

void walk_free(struct walk *walk)
{
    for (size_t i = 0; i < walk->root_count; i++)
        free(walk->roots[i]);
    for (size_t i = 0; i < walk->file_count; i++)
        free(walk->files[i].path);
    for (size_t i = 0; i < walk->unread_count; i++) {
        free(walk->unread[i].path);
        free(walk->unread[i].reason);
    }
    free(walk->roots);
    free(walk->files);
    free(walk->unread);
    *walk = (struct walk){0};
}
