/* SPDX-License-Identifier: MIT
 *
 * See thumbs.h. A folder's size is known from the first look at it in this process, plus what this
 * process put there since; others put, too, so it is looked at again whenever a sixteenth of its
 * share has been put. Then, if it exceeds its share, the files used longest ago go until an eighth
 * of the share is free. The cache may so exceed its limit by a sixteenth per process that writes.
 */
#include "library/thumbs.h"

#include "library/hash_set.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    FOLDERS = 256,
    DIR_MAX = 3800, /* bytes of the cache's folder; what is appended fits PATH_MAX */
    FILE_PATH_MAX = 4096,
    THUMB_MAX_BYTES = 16 << 20,
    USED_AGAIN_S = 86400, /* how exact the time of the last use is */
    LEFTOVER_S = 3600,    /* a temporary file that is older belongs to nobody any more */
};

struct folder {
    bool looked_at;
    int64_t bytes, put; /* at the last look; by this process since */
};

struct thumbs {
    char dir[DIR_MAX]; /* with the version */
    int64_t share_bytes;
    atomic_uint serial;   /* of temporary files */
    pthread_mutex_t lock; /* of the folders */
    struct folder folders[FOLDERS];
};

enum status thumbs_open(struct thumbs **out, const char *dir, int64_t limit_bytes, struct err *err)
{
    *out = NULL;
    if (limit_bytes == 0)
        limit_bytes = THUMBS_DEFAULT_BYTES;
    if (limit_bytes < THUMBS_LEAST_BYTES)
        return err_set(err, ERR_ARGUMENT, "a cache of thumbnails needs %lld MB at least",
                       (long long)(THUMBS_LEAST_BYTES >> 20));
    struct str path = str_new(DIR_MAX - 64);
    enum status status = OK;
    if (dir) {
        str_put(&path, dir);
    } else {
        status = dir_cache(&path, err);
        str_put(&path, "/fovea/thumbs");
    }
    struct thumbs *t = status == OK ? calloc(1, sizeof *t) : NULL;
    if (status == OK && !str_ok(&path))
        status = err_set(err, ERR_ARGUMENT, "the path of the cache folder is too long");
    else if (status == OK && !t)
        status = err_no_memory(err, "the cache of thumbnails", sizeof *t);
    if (status == OK) {
        snprintf(t->dir, sizeof t->dir, "%s/v1", str_text(&path));
        t->share_bytes = limit_bytes / FOLDERS;
        pthread_mutex_init(&t->lock, NULL);
        *out = t;
    } else {
        free(t);
    }
    str_free(&path);
    return status;
}

void thumbs_close(struct thumbs *t)
{
    if (!t)
        return;
    pthread_mutex_destroy(&t->lock);
    free(t);
}

static void folder_path(char out[FILE_PATH_MAX], const struct thumbs *t, int folder)
{
    snprintf(out, FILE_PATH_MAX, "%s/%02x", t->dir, (unsigned)folder);
}

static void thumb_path(char out[FILE_PATH_MAX], const struct thumbs *t,
                       const struct photo_hash *hash, int size)
{
    char hex[2 * sizeof hash->bytes + 1];
    for (size_t i = 0; i < sizeof hash->bytes; i++)
        snprintf(hex + 2 * i, 3, "%02x", hash->bytes[i]);
    snprintf(out, FILE_PATH_MAX, "%s/%.2s/%s.%d.webp", t->dir, hex, hex, size);
}

bool thumbs_has(const struct thumbs *t, const struct photo_hash *hash, int size)
{
    char path[FILE_PATH_MAX];
    struct stat st;
    thumb_path(path, t, hash, size);
    return stat(path, &st) == 0 && st.st_size > 0;
}

/* RIFF says how long it is: a file that was cut off says otherwise. */
static bool is_whole(const struct file_bytes *b)
{
    if (b->size < 12 || memcmp(b->data, "RIFF", 4) != 0 || memcmp(b->data + 8, "WEBP", 4) != 0)
        return false;
    uint32_t said = (uint32_t)b->data[7] << 24 | (uint32_t)b->data[6] << 16 |
                    (uint32_t)b->data[5] << 8 | b->data[4];
    return (size_t)said + 8 == b->size;
}

enum status thumbs_get(struct thumbs *t, const struct photo_hash *hash, int size,
                       struct file_bytes *out, struct err *err)
{
    char path[FILE_PATH_MAX];
    struct stat st;
    thumb_path(path, t, hash, size);
    enum status status = file_read(out, path, THUMB_MAX_BYTES, err);
    if (status != OK)
        return status;
    if (!is_whole(out)) {
        file_bytes_free(out);
        unlink(path);
        return err_set(err, ERR_NOT_FOUND, "%s was incomplete and is removed", path);
    }
    if (stat(path, &st) == 0 && time(NULL) - st.st_mtime > USED_AGAIN_S)
        (void)utimensat(AT_FDCWD, path, NULL, 0);
    return OK;
}

/* --- the bound ----------------------------------------------------------------------------- */

struct entry {
    char name[64];
    int64_t bytes;
    struct timespec used;
};

static int by_use(const void *a, const void *b)
{
    const struct timespec *x = &((const struct entry *)a)->used;
    const struct timespec *y = &((const struct entry *)b)->used;
    if (x->tv_sec != y->tv_sec)
        return x->tv_sec < y->tv_sec ? -1 : 1;
    return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

/* What is in a folder: (*entries)[0 .. count), freed by the caller; temporary files that were left
 * there go. Without memory the list is shorter. */
static size_t list_folder(DIR *dir, struct entry **entries, int64_t *bytes)
{
    size_t count = 0, capacity = 0;
    *entries = NULL;
    *bytes = 0;
    for (struct dirent *d; (d = readdir(dir));) {
        struct stat st;
        struct entry e;
        if (d->d_name[0] == '.' || fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW) ||
            !S_ISREG(st.st_mode) || strlen(d->d_name) >= sizeof e.name)
            continue;
        if (strstr(d->d_name, ".tmp")) {
            if (time(NULL) - st.st_mtime > LEFTOVER_S)
                unlinkat(dirfd(dir), d->d_name, 0);
            continue;
        }
        if (count == capacity) {
            capacity = capacity ? capacity * 2 : 256;
            struct entry *more = realloc(*entries, capacity * sizeof *more);
            if (!more)
                return count;
            *entries = more;
        }
        e = (struct entry){.bytes = st.st_size, .used = st.st_mtim};
        memcpy(e.name, d->d_name, strlen(d->d_name) + 1);
        (*entries)[count++] = e;
        *bytes += e.bytes;
    }
    return count;
}

/* Looks at a folder and removes what is too much. With the lock held. */
static void trim(struct thumbs *t, int folder)
{
    char path[FILE_PATH_MAX];
    folder_path(path, t, folder);
    DIR *dir = opendir(path);
    if (!dir)
        return;
    struct entry *entries;
    int64_t bytes;
    size_t count = list_folder(dir, &entries, &bytes);
    if (bytes > t->share_bytes) {
        qsort(entries, count, sizeof *entries, by_use);
        for (size_t i = 0; i < count && bytes > t->share_bytes - t->share_bytes / 8; i++)
            if (unlinkat(dirfd(dir), entries[i].name, 0) == 0 || errno == ENOENT)
                bytes -= entries[i].bytes;
    }
    free(entries);
    closedir(dir);
    t->folders[folder] = (struct folder){.looked_at = true, .bytes = bytes};
}

static void note_put(struct thumbs *t, int folder, int64_t bytes)
{
    pthread_mutex_lock(&t->lock);
    struct folder *f = &t->folders[folder];
    f->put += bytes;
    if (!f->looked_at || f->put > t->share_bytes / 16 || f->bytes + f->put > t->share_bytes)
        trim(t, folder);
    pthread_mutex_unlock(&t->lock);
}

/* --- putting ------------------------------------------------------------------------------- */

static enum status write_all(int fd, const uint8_t *bytes, size_t size, const char *path,
                             struct err *err)
{
    while (size > 0) {
        ssize_t n = write(fd, bytes, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_errno(err, n < 0 ? errno : ENOSPC, "cannot write %s", path);
        bytes += n;
        size -= (size_t)n;
    }
    return OK;
}

/* With a note for index runs: thumbnails are no photographs. */
static enum status make_folder(struct thumbs *t, const char *path, struct err *err)
{
    char note[DIR_MAX + 16];
    enum status status = dir_make_parent(path, err);
    if (status != OK)
        return status;
    snprintf(note, sizeof note, "%s/.nomedia", t->dir);
    int fd = open(note, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    return fd < 0 || close(fd) != 0 ? err_errno(err, errno, "cannot write %s", note) : OK;
}

static enum status write_beside(struct thumbs *t, const char *path, const void *bytes, size_t size,
                                struct err *err)
{
    char beside[FILE_PATH_MAX + 48];
    snprintf(beside, sizeof beside, "%s.%ld.%u.tmp", path, (long)getpid(),
             atomic_fetch_add(&t->serial, 1));
    enum status status = OK;
    int fd = -1;
    for (int attempt = 0; fd < 0 && status == OK && attempt < 2; attempt++) {
        fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno == ENOENT && attempt == 0)
            status = make_folder(t, path, err);
        else if (fd < 0)
            status = err_errno(err, errno, "cannot write %s", beside);
    }
    if (status != OK)
        return status;
    status = write_all(fd, bytes, size, beside, err);
    if (close(fd) != 0 && status == OK)
        status = err_errno(err, errno, "cannot write %s", beside);
    if (status == OK && rename(beside, path) != 0)
        status = err_errno(err, errno, "cannot rename %s to %s", beside, path);
    if (status != OK)
        unlink(beside);
    return status;
}

enum status thumbs_put(struct thumbs *t, const struct photo_hash *hash, int size, const void *bytes,
                       size_t size_bytes, struct err *err)
{
    char path[FILE_PATH_MAX];
    if (size_bytes > THUMB_MAX_BYTES)
        return err_set(err, ERR_LIMIT, "a thumbnail of %zu bytes is too large", size_bytes);
    thumb_path(path, t, hash, size);
    enum status status = write_beside(t, path, bytes, size_bytes, err);
    if (status == OK)
        note_put(t, hash->bytes[0], (int64_t)size_bytes);
    return status;
}

/* --- making -------------------------------------------------------------------------------- */

void thumbs_add(struct thumbs *t, const struct photo_hash *hash, const struct image *image,
                const int *sizes, size_t size_count)
{
    for (size_t i = 0; i < size_count; i++) {
        struct thumbnail made;
        struct err ignored;
        if (thumbs_has(t, hash, sizes[i]) || !thumbnail_possible(image, sizes[i]) ||
            thumbnail_make(&made, image, sizes[i], &ignored) != OK)
            continue;
        (void)!thumbs_put(t, hash, sizes[i], made.data, made.size, &ignored);
        thumbnail_free(&made);
    }
}

static enum status make(struct file_bytes *out, const struct file_bytes *content, int size,
                        struct err *err)
{
    const struct image_options options = {.enough_longer = size};
    struct image image;
    struct thumbnail made;
    enum status status = image_decode(&image, content->data, content->size, &options, err);
    if (status != OK)
        return status;
    status = thumbnail_make(&made, &image, size, err);
    image_free(&image);
    if (status != OK)
        return status;
    out->data = malloc(made.size);
    if (out->data) {
        memcpy(out->data, made.data, made.size);
        out->size = made.size;
    } else {
        status = err_no_memory(err, "a thumbnail", made.size);
    }
    thumbnail_free(&made);
    return status;
}

enum status thumbs_make(struct thumbs *t, const struct photo_hash *hash, const char *path, int size,
                        struct file_bytes *out, struct err *err)
{
    struct err ignored;
    *out = (struct file_bytes){0};
    if (thumbs_get(t, hash, size, out, &ignored) == OK)
        return OK;
    struct file_bytes content;
    enum status status = file_read(&content, path, IMAGE_MAX_FILE_BYTES, err);
    if (status != OK)
        return status;
    struct photo_hash now = photo_hash_of(content.data, content.size);
    if (memcmp(&now, hash, sizeof now) != 0)
        status =
            err_set(err, ERR_FORMAT, "has changed since it was indexed; run fovea index again");
    else
        status = make(out, &content, size, err);
    file_bytes_free(&content);
    if (status != OK)
        return err_prefix(err, "%s", path);
    (void)!thumbs_put(t, hash, size, out->data, out->size, &ignored);
    return OK;
}
