/* SPDX-License-Identifier: MIT
 *
 * See part.h. The lock is flock() on NAME.part itself; since a finished part is renamed, whoever
 * waited for it has to look whether the file that it locked is still the one with that name.
 */
#include "hub/part.h"

#include "base/file.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <nettle/sha1.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define PATH_BYTES 4096
#define NOTE_MAX (16 << 10)
#define HASH_BLOCK (1 << 20)
#define SPARE_BYTES (64LL << 20) /* a disk is not filled to the last byte */

/* ---- the note: NAME.part.json ------------------------------------------------------------- */

/* What does not fit, or could not have come in a header line, is not there. */
static void copy_text(char *out, size_t size, const json_t *value)
{
    const char *text = json_string_value(value);
    bool good = text && strlen(text) < size;
    for (const char *p = text; good && *p; p++)
        good = *p >= 0x20 && *p <= 0x7e;
    snprintf(out, size, "%s", good ? text : "");
}

static bool read_note(struct part_identity *out, const char *path)
{
    struct file_bytes file = {0};
    struct err ignored;
    if (file_read(&file, path, NOTE_MAX, &ignored) != OK)
        return false;
    json_t *note = json_loadb((const char *)file.data, file.size, 0, NULL);
    file_bytes_free(&file);
    const json_t *size = json_object_get(note, "size");
    out->size = json_is_integer(size) ? (int64_t)json_integer_value(size) : -1;
    copy_text(out->sha256, sizeof out->sha256, json_object_get(note, "sha256"));
    copy_text(out->etag, sizeof out->etag, json_object_get(note, "etag"));
    bool read = json_is_object(note);
    json_decref(note);
    return read;
}

static enum status write_note(const struct part *p, struct err *err)
{
    const struct part_identity *i = &p->identity;
    char *text = NULL;
    json_t *note = json_pack("{s:I, s:s, s:s}", "size", (json_int_t)i->size, "sha256", i->sha256,
                             "etag", i->etag);
    if (note)
        text = json_dumps(note, JSON_COMPACT);
    enum status status = text ? file_write(p->note, text, strlen(text), err)
                              : err_no_memory(err, "a note", sizeof *i);
    free(text);
    json_decref(note);
    return status;
}

/* Whether bytes noted as `a` may be continued with bytes of `b`. Where only the note has a mark,
 * they may if the server can be asked about it by If-Range, which takes no weak ETags. */
static bool is_same_content(const struct part_identity *a, const struct part_identity *b)
{
    if (a->size >= 0 && b->size >= 0 && a->size != b->size)
        return false;
    if (a->sha256[0] && b->sha256[0])
        return strcmp(a->sha256, b->sha256) == 0;
    if (a->etag[0] && b->etag[0])
        return strcmp(a->etag, b->etag) == 0;
    return a->etag[0] == '"';
}

/* ---- opening ------------------------------------------------------------------------------ */

static enum status set_paths(struct part *p, const char *final, struct err *err)
{
    size_t size = strlen(final);
    if (size > PATH_BYTES)
        return err_set(err, ERR_ARGUMENT, "the path is too long: %.200s", final);
    p->final = strdup(final);
    p->path = malloc(size + sizeof ".part");
    p->note = malloc(size + sizeof ".part.json");
    if (!p->final || !p->path || !p->note)
        return err_no_memory(err, "a path", size);
    snprintf(p->path, size + sizeof ".part", "%s.part", final);
    snprintf(p->note, size + sizeof ".part.json", "%s.part.json", final);
    return OK;
}

/* The locked file still has the part's name: nobody has finished or removed it meanwhile. */
static bool is_current(const struct part *p)
{
    struct stat own, named;
    return fstat(p->fd, &own) == 0 && stat(p->path, &named) == 0 && own.st_ino == named.st_ino &&
           own.st_dev == named.st_dev;
}

static enum status lock(struct part *p, void (*waits)(void *), void *context, struct err *err)
{
    if (flock(p->fd, LOCK_EX | LOCK_NB) == 0)
        return OK;
    if (errno == EWOULDBLOCK) {
        if (waits)
            waits(context);
        int failed;
        do
            failed = flock(p->fd, LOCK_EX);
        while (failed != 0 && errno == EINTR);
        if (failed == 0)
            return OK;
    }
    if (errno == ENOTSUP || errno == ENOSYS || errno == ENOLCK)
        return OK; /* a file system without locks: two at once end in a wrong hash, not a wrong file
                    */
    return err_errno(err, errno, "cannot lock %s", p->path);
}

static enum status open_locked(struct part *p, void (*waits)(void *), void *context, bool *done,
                               struct err *err)
{
    struct stat st;
    for (;;) {
        if (stat(p->final, &st) == 0) {
            *done = true;
            return OK;
        }
        p->fd = open(p->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (p->fd < 0)
            return err_errno(err, errno, "cannot write %s", p->path);
        enum status status = lock(p, waits, context, err);
        if (status != OK)
            return status;
        if (is_current(p) && stat(p->final, &st) != 0)
            return OK;
        close(p->fd);
        p->fd = -1;
        waits = NULL; /* said once */
    }
}

/* Takes what is there into the hash. */
static enum status hash_existing(struct part *p, struct err *err)
{
    uint8_t *block = malloc(HASH_BLOCK);
    if (!block)
        return err_no_memory(err, "a buffer", HASH_BLOCK);
    enum status status = OK;
    sha256_init(&p->hash);
    p->size = 0;
    for (;;) {
        ssize_t n = pread(p->fd, block, HASH_BLOCK, (off_t)p->size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            status = err_errno(err, errno, "cannot read %s", p->path);
        if (n <= 0)
            break;
        sha256_update(&p->hash, (size_t)n, block);
        p->size += n;
    }
    free(block);
    return status;
}

enum status part_open(struct part *p, const char *final, const struct part_identity *known,
                      void (*waits)(void *), void *context, bool *done, struct err *err)
{
    *p = (struct part){.fd = -1, .identity = *known};
    *done = false;
    enum status status = set_paths(p, final, err);
    if (status == OK)
        status = open_locked(p, waits, context, done, err);
    if (status == OK && !*done) {
        struct part_identity noted;
        bool same = read_note(&noted, p->note) && is_same_content(&noted, known);
        if (same && !known->etag[0])
            memcpy(p->identity.etag, noted.etag, sizeof noted.etag);
        if (same && known->size < 0)
            p->identity.size = noted.size;
        status = same ? hash_existing(p, err) : part_restart(p, err);
        if (status == OK && p->identity.size >= 0 && p->size > p->identity.size)
            status = part_restart(p, err);
    }
    if (status != OK || *done)
        part_close(p);
    return status;
}

void part_close(struct part *p)
{
    if (p->fd >= 0)
        close(p->fd);
    free(p->final);
    free(p->path);
    free(p->note);
    *p = (struct part){.fd = -1};
}

/* ---- filling ------------------------------------------------------------------------------ */

enum status part_restart(struct part *p, struct err *err)
{
    p->size = 0;
    sha256_init(&p->hash);
    if (ftruncate(p->fd, 0) != 0)
        return err_errno(err, errno, "cannot write %s", p->path);
    return OK;
}

enum status part_identify(struct part *p, const struct part_identity *identity, struct err *err)
{
    p->identity = *identity;
    return write_note(p, err);
}

enum status part_append(struct part *p, const void *data, size_t size, struct err *err)
{
    const uint8_t *at = data;
    for (size_t left = size; left > 0;) {
        ssize_t n = pwrite(p->fd, at, left, (off_t)p->size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(err, errno, "cannot write %s", p->path);
        sha256_update(&p->hash, (size_t)n, at);
        p->size += n;
        at += n;
        left -= (size_t)n;
    }
    return OK;
}

enum status part_check_space(const struct part *p, int64_t more, struct err *err)
{
    struct statvfs fs;
    if (fstatvfs(p->fd, &fs) != 0)
        return OK; /* a file system that does not say */
    double has = (double)fs.f_bavail * (double)fs.f_frsize;
    if (has >= (double)more + (double)SPARE_BYTES)
        return OK;
    return err_set(err, ERR_IO,
                   "not enough space for %s: %.1f GB more are needed, %.1f GB are free; make room, "
                   "or name another folder with FOVEA_MODELS",
                   p->final, ((double)more + (double)SPARE_BYTES) / 1e9, has / 1e9);
}

/* ---- the end ------------------------------------------------------------------------------ */

static void put_hex(char *hex, const uint8_t *digest, size_t size)
{
    for (size_t i = 0; i < size; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

/* SHA-1 of "blob SIZE", a NUL and the content, which is read again: such files are small. */
static enum status git_blob(const struct part *p, char hex[41], struct err *err)
{
    uint8_t *block = malloc(HASH_BLOCK), digest[SHA1_DIGEST_SIZE];
    struct sha1_ctx hash;
    char head[40];
    if (!block)
        return err_no_memory(err, "a buffer", HASH_BLOCK);
    sha1_init(&hash);
    int n = snprintf(head, sizeof head, "blob %lld", (long long)p->size);
    sha1_update(&hash, (size_t)n + 1, (const uint8_t *)head);
    enum status status = OK;
    for (int64_t at = 0; status == OK && at < p->size;) {
        ssize_t got = pread(p->fd, block, HASH_BLOCK, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            status = err_errno(err, got < 0 ? errno : EIO, "cannot read %s", p->path);
        else
            sha1_update(&hash, (size_t)got, block);
        at += got;
    }
    free(block);
    sha1_digest(&hash, sizeof digest, digest);
    put_hex(hex, digest, sizeof digest);
    return status;
}

static enum status refuse(const struct part *p, struct err *err)
{
    unlink(p->path);
    unlink(p->note);
    return err->status;
}

/* The new name must be on the disk before anybody relies on it. */
static void sync_folder(const char *path)
{
    char *dir = strdup(path);
    char *slash = dir ? strrchr(dir, '/') : NULL;
    if (slash) {
        *slash = '\0';
        int fd = open(*dir ? dir : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0) {
            fsync(fd);
            close(fd);
        }
    }
    free(dir);
}

enum status part_finish(struct part *p, const char *sha256, char hex[65], struct err *err)
{
    uint8_t digest[SHA256_DIGEST_SIZE];
    struct sha256_ctx copy = p->hash;
    sha256_digest(&copy, sizeof digest, digest);
    put_hex(hex, digest, sizeof digest);
    if (p->identity.size >= 0 && p->size != p->identity.size) {
        err_set(err, ERR_FORMAT, "%lld bytes came instead of %lld; they were removed",
                (long long)p->size, (long long)p->identity.size);
        return refuse(p, err);
    }
    if (sha256 && strncmp(hex, sha256, strlen(sha256)) != 0) {
        err_set(err, ERR_FORMAT,
                "the bytes that came are not those that were announced (SHA-256 %.12s… instead of "
                "%.12s…); they were removed, try again",
                hex, sha256);
        return refuse(p, err);
    }
    if (p->identity.git_blob[0]) {
        char blob[41];
        enum status status = git_blob(p, blob, err);
        if (status != OK)
            return status;
        if (strcmp(blob, p->identity.git_blob) != 0) {
            err_set(err, ERR_FORMAT,
                    "the bytes that came are not those that were announced (git's hash of them is "
                    "%.12s instead of %.12s); they were removed, try again",
                    blob, p->identity.git_blob);
            return refuse(p, err);
        }
    }
    if (fsync(p->fd) != 0 && errno != EINVAL && errno != ENOTSUP)
        return err_errno(err, errno, "cannot write %s", p->path);
    if (rename(p->path, p->final) != 0)
        return err_errno(err, errno, "cannot write %s", p->final);
    unlink(p->note);
    sync_folder(p->final);
    return OK;
}
