/* SPDX-License-Identifier: MIT
 *
 * See walk_list.h; and what a finished walk is asked.
 */
#include "library/walk_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { BLOCK_BYTES = 256 << 10 };

struct walk_block {
    struct walk_block *next;
    size_t used, capacity;
    char bytes[];
};

bool path_is_under(const char *path, const char *dir)
{
    size_t n = strlen(dir);
    if (n == 1 && dir[0] == '/')
        return path[0] == '/';
    return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

enum status walk_grow(void **items, size_t *capacity, size_t count, size_t item_size,
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

/* --- strings ------------------------------------------------------------------------------- */

static char *take_bytes(struct walk *walk, size_t size)
{
    struct walk_block *block = walk->blocks;
    if (!block || block->capacity - block->used < size) {
        size_t capacity = size > BLOCK_BYTES ? size : BLOCK_BYTES;
        block = malloc(sizeof *block + capacity);
        if (!block)
            return NULL;
        *block = (struct walk_block){.next = walk->blocks, .capacity = capacity};
        walk->blocks = block;
    }
    char *bytes = block->bytes + block->used;
    block->used += size;
    return bytes;
}

char *walk_text(struct walk_list *list, const char *dir, const char *name)
{
    size_t dir_length = strlen(dir), name_length = name ? strlen(name) : 0;
    bool slash = name && (dir_length == 0 || dir[dir_length - 1] != '/');
    size_t size = dir_length + slash + name_length + 1;
    char *text = size > WALK_PATH_LIMIT ? NULL : take_bytes(list->out, size);
    if (!text)
        return NULL;
    memcpy(text, dir, dir_length);
    if (slash)
        text[dir_length] = '/';
    if (name)
        memcpy(text + dir_length + slash, name, name_length);
    text[size - 1] = '\0';
    return text;
}

/* --- adding -------------------------------------------------------------------------------- */

enum status walk_add_file(struct walk_list *list, const struct found_file *file)
{
    struct walk *out = list->out;
    enum status status = walk_grow((void **)&out->files, &list->file_capacity, out->file_count,
                                   sizeof *out->files, list->err);
    if (status == OK)
        out->files[out->file_count++] = *file;
    return status;
}

enum status walk_add_place(struct walk_list *list, const struct walk_place *place)
{
    struct walk *out = list->out;
    enum status status = walk_grow((void **)&out->places, &list->place_capacity, out->place_count,
                                   sizeof *out->places, list->err);
    if (status == OK)
        out->places[out->place_count++] = *place;
    return status;
}

enum status walk_add_left_out(struct walk_list *list, char *path)
{
    struct walk *out = list->out;
    enum status status = walk_grow((void **)&out->left_out, &list->left_out_capacity,
                                   out->left_out_count, sizeof *out->left_out, list->err);
    if (status == OK)
        out->left_out[out->left_out_count++] = path;
    return status;
}

enum status walk_add_missing(struct walk_list *list, const char *root)
{
    struct walk *out = list->out;
    char *path = walk_text(list, root, NULL);
    if (!path)
        return err_no_memory(list->err, "a path", strlen(root));
    enum status status = walk_grow((void **)&out->missing, &list->missing_capacity,
                                   out->missing_count, sizeof *out->missing, list->err);
    if (status == OK)
        out->missing[out->missing_count++] = path;
    return status;
}

static enum status add_unread(struct walk_list *list, const char *path, const char *reason,
                              bool busy)
{
    struct walk *out = list->out;
    struct unread_path unread = {
        .path = walk_text(list, path, NULL), .reason = walk_text(list, reason, NULL), .busy = busy};
    if (!unread.path || !unread.reason)
        return err_no_memory(list->err, "a path", strlen(path));
    enum status status = walk_grow((void **)&out->unread, &list->unread_capacity, out->unread_count,
                                   sizeof *out->unread, list->err);
    if (status == OK)
        out->unread[out->unread_count++] = unread;
    return status;
}

enum status walk_add_unread(struct walk_list *list, const char *path, const char *what,
                            int errno_value)
{
    struct err reason;
    err_errno(&reason, errno_value, "cannot %s", what);
    return add_unread(list, path, reason.text, false);
}

enum status walk_add_unread_because(struct walk_list *list, const char *path, const char *reason)
{
    return add_unread(list, path, reason, false);
}

enum status walk_add_busy(struct walk_list *list, const char *path)
{
    return add_unread(list, path, "is being written", true);
}

/* --- roots --------------------------------------------------------------------------------- */

/* A root while the others are still to be resolved. */
struct root {
    char *path; /* of realpath() */
    dev_t device;
    ino_t inode;
};

static int compare_roots(const void *a, const void *b)
{
    return strcmp(((const struct root *)a)->path, ((const struct root *)b)->path);
}

/* *found is false for a root that is to be left out without being a failure. */
static enum status resolve_root(struct walk_list *list, const struct walk_options *options,
                                const char *name, struct root *root, bool *found)
{
    *found = false;
    if (!*name) /* mostly a shell variable that is not set */
        return err_set(list->err, ERR_ARGUMENT, "cannot index a folder whose name is empty");
    struct stat st;
    root->path = realpath(name, NULL);
    if (!root->path || stat(root->path, &st) != 0) {
        int why = errno;
        if (!options->missing_ok)
            return err_errno(list->err, why, "cannot index %s", name);
        return why == ENOENT || why == ENOTDIR
                   ? walk_add_missing(list, name)
                   : walk_add_unread(list, name, "read the folder", why);
    }
    if (!S_ISDIR(st.st_mode) && !(S_ISREG(st.st_mode) && options->is_photo(root->path)))
        return options->missing_ok
                   ? walk_add_unread(list, name, "read the folder", ENOTDIR)
                   : err_set(list->err, ERR_ARGUMENT,
                             "cannot index %s: it is neither a folder nor a photograph", name);
    root->device = st.st_dev;
    root->inode = st.st_ino;
    *found = true;
    return OK;
}

/* Inside a kept root, or the same folder: by another spelling, where case does not matter, or
 * mounted twice. */
static bool is_covered(const struct root *root, const struct root *kept, size_t count)
{
    /* Sorted bytewise, "/a b" stands between "/a" and "/a/c": compare with every kept one. */
    for (size_t i = 0; i < count; i++)
        if (path_is_under(root->path, kept[i].path) ||
            (root->device == kept[i].device && root->inode == kept[i].inode))
            return true;
    return false;
}

static enum status keep_roots(struct walk_list *list, struct root *roots, size_t count)
{
    struct walk *out = list->out;
    qsort(roots, count, sizeof *roots, compare_roots);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_covered(&roots[i], roots, kept))
            continue;
        struct root root = roots[i]; /* exchanged, so that each path is still freed once */
        roots[i] = roots[kept];
        roots[kept++] = root;
        char *path = walk_text(list, root.path, NULL);
        if (!path)
            return err_no_memory(list->err, "a path", strlen(root.path));
        enum status status = walk_grow((void **)&out->roots, &list->root_capacity, out->root_count,
                                       sizeof *out->roots, list->err);
        if (status != OK)
            return status;
        out->roots[out->root_count++] = path;
    }
    return OK;
}

enum status walk_resolve_roots(struct walk_list *list, const struct walk_options *options)
{
    size_t count = 0;
    struct root *roots = calloc(options->root_count ? options->root_count : 1, sizeof *roots);
    if (!roots)
        return err_no_memory(list->err, "the list of folders", options->root_count * sizeof *roots);
    enum status status = OK;
    for (size_t i = 0; status == OK && i < options->root_count; i++) {
        bool found;
        status = resolve_root(list, options, options->roots[i], &roots[count], &found);
        if (status == OK && found) {
            count++;
        } else {
            free(roots[count].path);
            roots[count].path = NULL;
        }
    }
    if (status == OK)
        status = keep_roots(list, roots, count);
    for (size_t i = 0; i < count; i++)
        free(roots[i].path);
    free(roots);
    return status;
}

enum status walk_check_roots(const struct walk_options *options, struct err *err)
{
    struct walk walk = {0};
    struct walk_list list = {.out = &walk, .err = err};
    enum status status = walk_resolve_roots(&list, options);
    walk_free(&walk);
    return status;
}

/* --- questions ----------------------------------------------------------------------------- */

/* Each of these structs begins with its path, so one comparison sorts and finds them all. */
static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int compare_key(const void *key, const void *item)
{
    return strcmp(key, *(char *const *)item);
}

static void *find_path(const void *items, size_t count, size_t item_size, const char *path)
{
    return count == 0 ? NULL : bsearch(path, items, count, item_size, compare_key);
}

static void sort_paths(void *items, size_t count, size_t item_size)
{
    if (count > 1)
        qsort(items, count, item_size, compare_paths);
}

void walk_settle(struct walk *walk)
{
    sort_paths(walk->files, walk->file_count, sizeof *walk->files);
    sort_paths(walk->unread, walk->unread_count, sizeof *walk->unread);
    sort_paths(walk->left_out, walk->left_out_count, sizeof *walk->left_out);
}

/* Whether the path or one of the folders above it is among the items. */
static bool find_above(const void *items, size_t count, size_t item_size, const char *path)
{
    if (count == 0)
        return false;
    if (find_path(items, count, item_size, path) || find_path(items, count, item_size, "/"))
        return true;
    bool found = false;
    char *above = strdup(path);
    for (char *slash; above && !found && (slash = strrchr(above, '/')) && slash > above;) {
        *slash = '\0';
        found = find_path(items, count, item_size, above) != NULL;
    }
    found |= !above; /* without memory: nothing that may be there is taken for gone */
    free(above);
    return found;
}

bool walk_is_unread(const struct walk *walk, const char *path)
{
    return find_above(walk->unread, walk->unread_count, sizeof *walk->unread, path);
}

bool walk_is_left_out(const struct walk *walk, const char *path)
{
    return find_above(walk->left_out, walk->left_out_count, sizeof *walk->left_out, path);
}

struct found_file *walk_find(const struct walk *walk, const char *path)
{
    return find_path(walk->files, walk->file_count, sizeof *walk->files, path);
}

/* Where a file stands in relation to what is `dir` or below it: -1 before, 0 in it, 1 behind. The
 * slash sorts before other bytes that a name may go on with ("/a!" < "/a/b" < "/ab"), so the files
 * below `dir` stand together, but `dir` itself does not stand beside them. */
static int compare_with_below(const char *path, const char *dir, size_t dir_length)
{
    int order = strncmp(path, dir, dir_length);
    if (order != 0)
        return order;
    unsigned char next = (unsigned char)path[dir_length];
    return next < '/' ? -1 : next > '/';
}

/* The first file with compare_with_below() >= least. */
static size_t first_from(const struct walk *walk, const char *dir, size_t dir_length, int least)
{
    size_t low = 0, high = walk->file_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_with_below(walk->files[middle].path, dir, dir_length);
        if ((order > 0) - (order < 0) >= least)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

void walk_range(const struct walk *walk, const char *dir, size_t *first, size_t *end)
{
    size_t length = strlen(dir);
    length -= length == 1; /* "/" */
    *first = first_from(walk, dir, length, 0);
    *end = first_from(walk, dir, length, 1);
}

void walk_free(struct walk *walk)
{
    while (walk->blocks) {
        struct walk_block *next = walk->blocks->next;
        free(walk->blocks);
        walk->blocks = next;
    }
    free(walk->roots);
    free(walk->missing);
    free(walk->files);
    free(walk->unread);
    free(walk->places);
    free(walk->left_out);
    *walk = (struct walk){0};
}
