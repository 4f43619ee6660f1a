/* SPDX-License-Identifier: MIT
 *
 * A depth-first walk with an explicit stack of folders, so that depth costs memory and not call
 * stack. A folder's names are read whole before any of them is looked at: whether it is left out,
 * and which sidecar belongs to which photograph, only all of them together tell. What the system
 * says about a name's kind spares the stat() of everything that is no photograph. Everything found
 * is sorted at the end: the result does not depend on the order in which the file system lists
 * names.
 */
#include "library/walk.h"

#include "base/file.h"
#include "library/ignore.h"
#include "library/walk_list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOMEDIA_NAME ".nomedia"
#define SIDECAR_ENDING "xmp"
#define NAMES_LIMIT ((size_t)1 << 32) /* bytes of the names in one folder */

/* A folder still to be listed. */
struct dir {
    char *path;
    const struct ignore_rules *given; /* of --exclude: they have the last word */
    const struct ignore_rules *rules; /* of the files in the folders above, and then in this one */
    size_t place;                     /* the nearest one at or above it that this walk has met */
    dev_t device;                     /* of the folder above */
    const char *only;                 /* NULL: all of it; else one photograph, which is a root */
    bool is_root, shallow;
};
#define NO_PLACE SIZE_MAX

struct name {
    size_t offset; /* in names, until that is complete */
    const char *text;
    unsigned char type; /* DT_… */
};

struct walker {
    struct walk_list list;
    const struct walk_options *options;
    struct dir *dirs; /* [dir_count]: a stack */
    size_t dir_count, dir_capacity;
    struct ignore_rules **rules; /* [rule_count]: all that were read */
    size_t rule_count, rule_capacity;

    /* Of the folder at hand: */
    struct str bytes;
    struct name *names;    /* [name_count]: folders, links, photographs, sorted */
    struct name *sidecars; /* [sidecar_count], sorted */
    size_t name_count, name_capacity, sidecar_count, sidecar_capacity;
    bool nomedia, ignore_file;
};

static enum status no_path(struct walker *w)
{
    return err_no_memory(w->list.err, "a path", WALK_PATH_LIMIT);
}

static enum status push_dir(struct walker *w, const struct dir *dir)
{
    enum status status =
        walk_grow((void **)&w->dirs, &w->dir_capacity, w->dir_count, sizeof *w->dirs, w->list.err);
    if (status == OK)
        w->dirs[w->dir_count++] = *dir;
    return status;
}

/* Only ever compared for equality, so that a time outside 1678 to 2262, which some file systems can
 * hold, may wrap. */
static int64_t mtime_ns(const struct stat *st)
{
    return (int64_t)((uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec);
}

bool walk_same_stat(const struct found_file *file, const struct stat *st)
{
    return (int64_t)st->st_size == file->size_bytes && mtime_ns(st) == file->mtime_ns;
}

/* --- rules --------------------------------------------------------------------------------- */

static enum status add_rules(struct walker *w, const struct ignore_rules **chain, const char *base,
                             const char *text, size_t size)
{
    enum status status = walk_grow((void **)&w->rules, &w->rule_capacity, w->rule_count,
                                   sizeof *w->rules, w->list.err);
    struct ignore_rules *rules = NULL;
    if (status == OK)
        status = ignore_rules_new(&rules, *chain, base, text, size, w->list.err);
    if (status != OK)
        return status;
    w->rules[w->rule_count++] = rules;
    *chain = rules;
    return OK;
}

/* A file of patterns that cannot be read hides its folder: what it would have left out is not to be
 * taken in by mistake, and what is there is not gone. *hidden says so. */
static enum status read_rules(struct walker *w, struct dir *dir, bool *hidden)
{
    char *path = walk_text(&w->list, dir->path, IGNORE_FILE_NAME);
    if (!path)
        return no_path(w);
    struct file_bytes content;
    struct err why;
    enum status status = file_read(&content, path, IGNORE_FILE_MAX_BYTES, &why);
    *hidden = status != OK && status != ERR_NOT_FOUND;
    if (status == ERR_NOT_FOUND)
        return OK;
    if (status != OK)
        return walk_add_unread_because(&w->list, dir->path, why.text);
    status = add_rules(w, &dir->rules, dir->path, (const char *)content.data, content.size);
    file_bytes_free(&content);
    return status;
}

static bool is_excluded(struct walker *w, const struct dir *dir, const char *path, bool is_dir)
{
    if (!ignore_rules_exclude(dir->given, path, is_dir) &&
        !ignore_rules_exclude(dir->rules, path, is_dir))
        return false;
    if (dir->place != NO_PLACE)
        w->list.out->places[dir->place].excluded = true;
    return true;
}

static enum status leave_out(struct walker *w, const struct dir *dir, char *path)
{
    if (dir->place != NO_PLACE)
        w->list.out->places[dir->place].excluded = true;
    return walk_add_left_out(&w->list, path);
}

/* --- entries ------------------------------------------------------------------------------- */

/* After a failed stat(): gone between listing and looking, or a link that leads nowhere; or else it
 * is there and cannot be looked at (a link into a private folder, a failing disk), which must not
 * pass for gone. */
static enum status unseen(struct walker *w, const char *path, int why)
{
    if (why == ENOENT || why == ENOTDIR)
        return OK;
    return walk_add_unread(&w->list, path, "look at it", why);
}

/* The last of the folder's sidecars that is `stem` (of n bytes), a dot and the ending: of those
 * that differ in case, the one in lower case. */
static const char *find_sidecar(const struct walker *w, const char *stem, size_t n)
{
    const char *found = NULL;
    size_t low = 0, high = w->sidecar_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strncmp(w->sidecars[middle].text, stem, n) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < w->sidecar_count && strncmp(w->sidecars[low].text, stem, n) == 0; low++) {
        const char *rest = w->sidecars[low].text + n;
        if (rest[0] == '.' && strcasecmp(rest + 1, SIDECAR_ENDING) == 0)
            found = w->sidecars[low].text;
    }
    return found;
}

static enum status add_sidecar(struct walker *w, int dir_fd, const struct dir *dir,
                               const char *name, struct found_file *file)
{
    file->sidecar_size_bytes = -1;
    if (w->sidecar_count == 0)
        return OK;
    const char *dot = strrchr(name, '.');
    const char *sidecar = find_sidecar(w, name, strlen(name));
    if (!sidecar && dot)
        sidecar = find_sidecar(w, name, (size_t)(dot - name));
    if (!sidecar)
        return OK;
    char *path = walk_text(&w->list, dir->path, sidecar);
    if (!path)
        return no_path(w);
    struct stat st;
    if (fstatat(dir_fd, sidecar, &st, 0) != 0)
        return unseen(w, path, errno);
    /* One without a byte says nothing: it has yet to be written. */
    if (!S_ISREG(st.st_mode) || st.st_size == 0 || is_excluded(w, dir, path, false))
        return OK;
    file->sidecar = path;
    file->sidecar_size_bytes = (int64_t)st.st_size;
    file->sidecar_mtime_ns = mtime_ns(&st);
    return OK;
}

/* st: of the file itself, not of a link. */
static enum status visit_photo(struct walker *w, int dir_fd, const struct dir *dir,
                               const char *name, const struct stat *st)
{
    struct found_file file = {.path = walk_text(&w->list, dir->path, name),
                              .size_bytes = (int64_t)st->st_size,
                              .mtime_ns = mtime_ns(st)};
    if (!file.path)
        return no_path(w);
    if (!dir->only && is_excluded(w, dir, file.path, false))
        return OK;
    if (w->options->is_busy && w->options->is_busy(w->options->context, file.path))
        return walk_add_busy(&w->list, file.path);
    enum status status = add_sidecar(w, dir_fd, dir, name, &file);
    return status == OK ? walk_add_file(&w->list, &file) : status;
}

static enum status visit_dir(struct walker *w, const struct dir *dir, const char *name,
                             dev_t device)
{
    struct dir below = *dir;
    below.is_root = false;
    below.device = device;
    below.path = walk_text(&w->list, dir->path, name);
    if (!below.path)
        return no_path(w);
    if (is_excluded(w, dir, below.path, true))
        return leave_out(w, dir, below.path);
    return dir->shallow ? OK : push_dir(w, &below);
}

static enum status visit_entry(struct walker *w, int dir_fd, const struct dir *dir,
                               const struct name *entry, dev_t device)
{
    const char *name = entry->text;
    if (entry->type == DT_DIR)
        return visit_dir(w, dir, name, device);
    struct stat st;
    if (fstatat(dir_fd, name, &st, entry->type == DT_REG ? 0 : AT_SYMLINK_NOFOLLOW) != 0) {
        int why = errno;
        char *path = walk_text(&w->list, dir->path, name);
        return path ? unseen(w, path, why) : no_path(w); /* a folder, perhaps */
    }
    if (S_ISDIR(st.st_mode))
        return visit_dir(w, dir, name, device);
    if (!w->options->is_photo(name))
        return OK;
    if (S_ISLNK(st.st_mode) && fstatat(dir_fd, name, &st, 0) != 0) {
        int why = errno;
        char *path = walk_text(&w->list, dir->path, name);
        return path ? unseen(w, path, why) : no_path(w);
    }
    return S_ISREG(st.st_mode) ? visit_photo(w, dir_fd, dir, name, &st) : OK;
}

/* --- folders ------------------------------------------------------------------------------- */

static bool is_sidecar_name(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && strcasecmp(dot + 1, SIDECAR_ENDING) == 0;
}

static enum status note_name(struct walker *w, const struct dir *dir, const struct dirent *entry)
{
    const char *name = entry->d_name;
    w->nomedia |= strcmp(name, NOMEDIA_NAME) == 0;
    w->ignore_file |= strcmp(name, IGNORE_FILE_NAME) == 0;
    unsigned char type = entry->d_type;
    bool sidecar = is_sidecar_name(name) && type != DT_DIR;
    if (dir->only ? !sidecar && strcmp(name, dir->only) != 0 : name[0] == '.')
        return OK;
    /* Of an unknown kind, it may be a folder. */
    if (!sidecar && (type == DT_REG || type == DT_LNK) && !w->options->is_photo(name))
        return OK;
    const struct name noted = {.offset = w->bytes.size, .type = type};
    str_append(&w->bytes, name, strlen(name) + 1);
    if (!str_ok(&w->bytes))
        return err_no_memory(w->list.err, "the names in a folder", w->bytes.size);
    struct name **names = sidecar ? &w->sidecars : &w->names;
    size_t *count = sidecar ? &w->sidecar_count : &w->name_count;
    enum status status =
        walk_grow((void **)names, sidecar ? &w->sidecar_capacity : &w->name_capacity, *count,
                  sizeof **names, w->list.err);
    if (status == OK)
        (*names)[(*count)++] = noted;
    return status;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct name *)a)->text, ((const struct name *)b)->text);
}

static void settle_names(struct walker *w, struct name *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        names[i].text = w->bytes.data + names[i].offset;
    if (count > 1)
        qsort(names, count, sizeof *names, compare_names);
}

static enum status read_names(struct walker *w, DIR *stream, const struct dir *dir)
{
    enum status status = OK;
    str_clear(&w->bytes);
    w->name_count = w->sidecar_count = 0;
    w->nomedia = w->ignore_file = false;
    while (status == OK) {
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (entry) {
            status = note_name(w, dir, entry);
            continue;
        }
        if (errno)
            status = walk_add_unread(&w->list, dir->path, "read the folder", errno);
        break;
    }
    settle_names(w, w->names, w->name_count);
    settle_names(w, w->sidecars, w->sidecar_count);
    return status;
}

/* A root, or a folder on another device than the one above it. */
static enum status note_place(struct walker *w, struct dir *dir, dev_t device)
{
    if (!dir->is_root && dir->device == device)
        return OK;
    const struct walk_place place = {.path = dir->path, .is_root = dir->is_root};
    dir->place = w->list.out->place_count;
    return walk_add_place(&w->list, &place);
}

static enum status list_open_dir(struct walker *w, DIR *stream, struct dir *dir, dev_t device)
{
    enum status status = dir->only ? OK : note_place(w, dir, device);
    if (status == OK)
        status = read_names(w, stream, dir);
    if (status == OK && w->nomedia && !dir->only)
        return leave_out(w, dir, dir->path);
    bool hidden = false;
    if (status == OK && w->ignore_file && !dir->only)
        status = read_rules(w, dir, &hidden);
    for (size_t i = 0; status == OK && !hidden && i < w->name_count; i++)
        status = visit_entry(w, dirfd(stream), dir, &w->names[i], device);
    return status;
}

static enum status list_dir(struct walker *w, struct dir *dir)
{
    if (w->options->on_dir)
        w->options->on_dir(w->options->context, dir->path);
    DIR *stream = opendir(dir->path);
    struct stat st = {0};
    /* Names can be listed without the right to look at what they name. */
    int why = !stream || fstatat(dirfd(stream), ".", &st, 0) != 0 ? errno : 0;
    enum status status = OK;
    if (why == 0)
        status = list_open_dir(w, stream, dir, st.st_dev);
    else if (why != ENOENT && why != ENOTDIR) /* removed since it was listed */
        status = walk_add_unread(&w->list, dir->path, "read the folder", why);
    if (stream)
        closedir(stream);
    return status;
}

/* --- where to begin ------------------------------------------------------------------------ */

static enum status exclude_rules(struct walker *w, const char *root,
                                 const struct ignore_rules **rules)
{
    const struct walk_options *options = w->options;
    struct str text = str_new(IGNORE_FILE_MAX_BYTES);
    *rules = NULL;
    for (size_t i = 0; i < options->exclude_count; i++)
        str_format(&text, "%s\n", options->exclude[i]);
    enum status status =
        !str_ok(&text) ? err_set(w->list.err, ERR_LIMIT,
                                 "the patterns to exclude are longer than %d bytes; put them into "
                                 "a " IGNORE_FILE_NAME " file",
                                 IGNORE_FILE_MAX_BYTES)
        : text.size    ? add_rules(w, rules, root, text.data, text.size)
                       : OK;
    str_free(&text);
    return status;
}

/* A photograph: the folder that it lies in, and of that only this name and its sidecars. */
static enum status push_photo(struct walker *w, const char *root)
{
    struct dir dir = {.path = walk_text(&w->list, root, NULL), .place = NO_PLACE};
    if (!dir.path)
        return no_path(w);
    char *slash = strrchr(dir.path, '/');
    dir.only = walk_text(&w->list, slash + 1, NULL);
    slash[slash == dir.path] = '\0';
    return dir.only ? push_dir(w, &dir) : no_path(w);
}

/* One step down from dir->path towards `scope`; *there says whether a whole walk would come there:
 * no rule leaves it out, and no link leads to it. */
static enum status step_down(struct walker *w, struct dir *dir, const char *scope, bool *there)
{
    struct stat st;
    bool hidden;
    *there = false;
    char *nomedia = walk_text(&w->list, dir->path, NOMEDIA_NAME);
    char *below = walk_text(&w->list, scope, NULL);
    if (!nomedia || !below)
        return no_path(w);
    if (lstat(nomedia, &st) == 0)
        return leave_out(w, dir, dir->path);
    if (stat(dir->path, &st) != 0)
        return OK;
    dir->device = st.st_dev;
    enum status status = read_rules(w, dir, &hidden);
    if (status != OK || hidden)
        return status;
    size_t length = strlen(dir->path);
    length += scope[length] == '/';
    below[length + strcspn(scope + length, "/")] = '\0';
    if (is_excluded(w, dir, below, true))
        return leave_out(w, dir, below);
    *there = lstat(below, &st) == 0 && S_ISDIR(st.st_mode) && path_basename(below)[0] != '.';
    dir->path = below;
    return OK;
}

static enum status push_scope(struct walker *w, const struct dir *root,
                              const struct walk_scope *scope)
{
    struct dir dir = *root;
    bool there = true;
    enum status status = OK;
    while (status == OK && there && strcmp(dir.path, scope->path) != 0)
        status = step_down(w, &dir, scope->path, &there);
    dir.is_root = dir.path == root->path;
    dir.shallow = !scope->deep;
    return status == OK && there ? push_dir(w, &dir) : status;
}

static enum status push_scopes(struct walker *w, const struct dir *root)
{
    enum status status = OK;
    for (size_t i = 0; status == OK && i < w->options->scope_count; i++)
        if (path_is_under(w->options->scopes[i].path, root->path))
            status = push_scope(w, root, &w->options->scopes[i]);
    return status;
}

static enum status push_root(struct walker *w, char *root)
{
    struct stat st;
    if (stat(root, &st) != 0)
        return w->options->missing_ok ? walk_add_missing(&w->list, root)
                                      : err_errno(w->list.err, errno, "cannot index %s", root);
    if (!S_ISDIR(st.st_mode))
        return push_photo(w, root);
    struct dir dir = {.path = root, .place = NO_PLACE, .device = st.st_dev, .is_root = true};
    enum status status = exclude_rules(w, root, &dir.given);
    if (status == OK && w->options->scope_count > 0)
        return push_scopes(w, &dir);
    return status == OK ? push_dir(w, &dir) : status;
}

/* --- the whole ----------------------------------------------------------------------------- */

static void walker_free(struct walker *w)
{
    for (size_t i = 0; i < w->rule_count; i++)
        ignore_rules_free(w->rules[i]);
    free(w->rules);
    free(w->dirs);
    free(w->names);
    free(w->sidecars);
    str_free(&w->bytes);
}

enum status walk_run(struct walk *out, const struct walk_options *options, struct err *err)
{
    *out = (struct walk){0};
    struct walker w = {
        .list = {.out = out, .err = err}, .options = options, .bytes = str_new(NAMES_LIMIT)};
    enum status status = walk_resolve_roots(&w.list, options);
    for (size_t i = 0; status == OK && i < out->root_count; i++)
        status = push_root(&w, out->roots[i]);
    while (status == OK && w.dir_count > 0) {
        struct dir dir = w.dirs[--w.dir_count];
        status = list_dir(&w, &dir);
    }
    walker_free(&w);
    if (status == OK)
        walk_settle(out);
    else
        walk_free(out);
    return status;
}
