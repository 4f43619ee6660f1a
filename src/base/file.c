/* SPDX-License-Identifier: MIT
 *
 * See file.h. Every system call that a signal can interrupt is repeated.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_LIMIT (1 << 16)

static enum status open_regular(int *fd, struct stat *st, const char *path, struct err *err)
{
    if (!*path) /* mostly a shell variable that is not set */
        return err_set(err, ERR_ARGUMENT, "the name of a file is empty");
    /* O_NONBLOCK: opening a FIFO must not wait for a writer. */
    do
        *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    while (*fd < 0 && errno == EINTR);
    if (*fd < 0)
        return err_errno(err, errno, "cannot open %s", path);
    enum status status = OK;
    if (fstat(*fd, st) != 0)
        status = err_errno(err, errno, "cannot read %s", path);
    else if (S_ISDIR(st->st_mode))
        status = err_set(err, ERR_ARGUMENT, "%s is a folder, not a file", path);
    else if (!S_ISREG(st->st_mode))
        status = err_set(err, ERR_ARGUMENT, "%s is not a regular file", path);
    if (status != OK)
        close(*fd);
    return status;
}

static enum status read_all(int fd, uint8_t *data, size_t size, size_t *got, const char *path,
                            struct err *err)
{
    *got = 0;
    while (*got < size) {
        ssize_t n = read(fd, data + *got, size - *got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(err, errno, "cannot read %s", path);
        if (n == 0)
            break; /* became shorter meanwhile */
        *got += (size_t)n;
    }
    return OK;
}

enum status file_read(struct file_bytes *out, const char *path, size_t limit_bytes, struct err *err)
{
    *out = (struct file_bytes){0};
    int fd;
    struct stat st;
    enum status status = open_regular(&fd, &st, path, err);
    if (status != OK)
        return status;
    if ((uintmax_t)st.st_size > limit_bytes) {
        close(fd);
        return err_set(err, ERR_LIMIT, "%s has %lld bytes; the limit is %zu", path,
                       (long long)st.st_size, limit_bytes);
    }
    size_t size = (size_t)st.st_size;
    out->data = malloc(size + 1);
    if (!out->data)
        status = err_no_memory(err, path, size);
    else
        status = read_all(fd, out->data, size, &out->size, path, err);
    close(fd);
    if (status == OK)
        out->data[out->size] = 0; /* so that text files can be handled as strings */
    else
        file_bytes_free(out);
    return status;
}

void file_bytes_free(struct file_bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct file_bytes){0};
}

enum status file_map_open(struct file_map *out, const char *path, struct err *err)
{
    *out = (struct file_map){0};
    int fd;
    struct stat st;
    enum status status = open_regular(&fd, &st, path, err);
    if (status != OK)
        return status;
    if (st.st_size > 0) {
        void *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED)
            status = err_errno(err, errno, "cannot map %s", path);
        else
            *out = (struct file_map){.data = data, .size = (size_t)st.st_size};
    }
    close(fd);
    return status;
}

void file_map_close(struct file_map *map)
{
    if (map->data)
        munmap((void *)(uintptr_t)map->data, map->size);
    *map = (struct file_map){0};
}

enum status dir_make(const char *path, struct err *err)
{
    struct str part = str_new(PATH_LIMIT);
    str_put(&part, path);
    if (!str_ok(&part)) {
        str_free(&part);
        return err_set(err, ERR_ARGUMENT, "path is too long: %.200s...", path);
    }
    enum status status = OK;
    /* Each prefix that ends before a '/', then the whole; the leading '/' is no prefix. */
    for (char *p = part.data; status == OK && p && *p;) {
        p = strchr(p + 1, '/');
        if (p)
            *p = '\0';
        struct stat st;
        if (mkdir(part.data, 0777) != 0) {
            int why = errno;
            if (stat(part.data, &st) != 0)
                status = err_errno(err, why, "cannot make the folder %s", part.data);
            else if (!S_ISDIR(st.st_mode))
                status = err_set(err, ERR_IO, "cannot make the folder %s: a file is in its place",
                                 part.data);
        }
        if (p)
            *p = '/';
    }
    str_free(&part);
    return status;
}

enum status dir_make_parent(const char *path, struct err *err)
{
    const char *slash = strrchr(path, '/');
    if (!slash || slash == path)
        return OK;
    char *parent = strndup(path, (size_t)(slash - path));
    if (!parent)
        return err_no_memory(err, "a path", (size_t)(slash - path));
    enum status status = dir_make(parent, err);
    free(parent);
    return status;
}

static enum status write_all(int fd, const uint8_t *data, size_t size, const char *path,
                             struct err *err)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(err, errno, "cannot write %s", path);
        data += n;
        size -= (size_t)n;
    }
    if (fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP)
        return err_errno(err, errno, "cannot write %s", path);
    return OK;
}

/* What is not a plain file (a pipe, /dev/stdout) cannot be replaced by renaming: write into it. */
static enum status write_in_place(const char *path, const void *data, size_t size, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, errno, "cannot write %s", path);
    enum status status = write_all(fd, data, size, path, err);
    if (close(fd) != 0 && status == OK)
        status = err_errno(err, errno, "cannot write %s", path);
    return status;
}

enum status file_write(const char *path, const void *data, size_t size, struct err *err)
{
    struct stat st;
    bool exists = stat(path, &st) == 0;
    if (exists && S_ISDIR(st.st_mode))
        return err_set(err, ERR_ARGUMENT, "cannot write %s: it is a folder", path);
    if (exists && !S_ISREG(st.st_mode))
        return write_in_place(path, data, size, err);

    struct str beside = str_new(PATH_LIMIT);
    str_format(&beside, "%s.XXXXXX", path);
    if (!str_ok(&beside)) {
        str_free(&beside);
        return err_no_memory(err, "a path", strlen(path));
    }
    int fd = mkostemp(beside.data, O_CLOEXEC);
    if (fd < 0) {
        enum status status = errno == ENOENT
                                 ? err_set(err, ERR_NOT_FOUND,
                                           "cannot write %s: the folder it is to lie in does not "
                                           "exist",
                                           path)
                                 : err_errno(err, errno, "cannot write %s", path);
        str_free(&beside);
        return status;
    }
    enum status status = write_all(fd, data, size, path, err);
    mode_t mask = umask(0);
    umask(mask);
    if (status == OK && fchmod(fd, exists ? st.st_mode & 07777 : 0666 & ~mask) != 0)
        status = err_errno(err, errno, "cannot write %s", path);
    if (close(fd) != 0 && status == OK)
        status = err_errno(err, errno, "cannot write %s", path);
    if (status == OK && rename(beside.data, path) != 0)
        status = err_errno(err, errno, "cannot write %s", path);
    if (status != OK)
        unlink(beside.data);
    str_free(&beside);
    return status;
}

void path_join(struct str *out, const char *base, const char *name)
{
    str_put(out, base);
    size_t size = strlen(base);
    if (size > 0 && base[size - 1] != '/')
        str_putc(out, '/');
    str_put(out, name);
}

const char *path_basename(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static enum status user_dir(struct str *out, const char *variable, const char *below_home,
                            struct err *err)
{
    const char *dir = getenv(variable);
    const char *home = getenv("HOME");
    if (dir && dir[0] == '/') /* the XDG rules say that a relative path is to be ignored */
        str_put(out, dir);
    else if (home && *home)
        path_join(out, home, below_home);
    else
        return err_set(err, ERR_NOT_FOUND, "neither %s nor HOME is set", variable);
    return str_ok(out) ? OK : err_no_memory(err, "a path", PATH_LIMIT);
}

enum status dir_cache(struct str *out, struct err *err)
{
    return user_dir(out, "XDG_CACHE_HOME", ".cache", err);
}

enum status dir_data(struct str *out, struct err *err)
{
    return user_dir(out, "XDG_DATA_HOME", ".local/share", err);
}
