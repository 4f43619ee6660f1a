/* SPDX-License-Identifier: MIT
 *
 * A copy of the library while it is in use, by SQLite's online backup: page by page within one
 * reading transaction, so that it is the library of one moment whatever is written meanwhile.
 *
 * It is made under another name (FILE.part) and renamed when it is on the disk: a process that is
 * killed leaves no half backup, only the part, which the next one overwrites. A lock (FILE.lock)
 * keeps two processes from making the same one. What already lies at FILE is replaced only if it is
 * a library of fovea, and not this one.
 */
#include "base/file.h"
#include "store/migrations.h"
#include "store/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ID_OFFSET 68 /* of the application id in SQLite's header */
#define BUSY_TRIES 200
#define BUSY_PAUSE_MS 50

/* --- where to ----------------------------------------------------------------------------- */

static enum status refuse_target(const char *path, const char *why, struct err *err)
{
    return err_set(err, ERR_ARGUMENT, "%s is %s, and was left alone: choose another name", path,
                   why);
}

/* No lock of SQLite's is lost by this: it is not the library, and nobody else's business. */
static enum status check_old(const char *path, struct err *err)
{
    uint8_t head[ID_OFFSET + 4] = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return err_errno(err, errno, "cannot open %s", path);
    ssize_t size = pread(fd, head, sizeof head, 0);
    close(fd);
    const uint8_t *id = head + ID_OFFSET;
    uint32_t application =
        (uint32_t)id[0] << 24 | (uint32_t)id[1] << 16 | (uint32_t)id[2] << 8 | id[3];
    if (size == 0 || (size == (ssize_t)sizeof head && application == LIBRARY_APPLICATION_ID &&
                      memcmp(head, "SQLite format 3", 16) == 0))
        return OK;
    return refuse_target(path, "no backup of a library", err);
}

/* A folder that is not there is more likely a disk that is not mounted than one to be made: the
 * backup would lie on the disk that it is to be safe from. */
static enum status check_folder(const char *path, struct err *err)
{
    struct str folder = str_new(4096);
    const char *name = path_basename(path);
    str_append(&folder, path, (size_t)(name - path));
    struct stat st;
    bool there = str_ok(&folder) &&
                 (folder.size == 0 || (stat(str_text(&folder), &st) == 0 && S_ISDIR(st.st_mode)));
    str_free(&folder);
    return there ? OK
                 : err_set(err, ERR_NOT_FOUND,
                           "cannot write the backup %s: its folder is not there; make it, or mount "
                           "its disk, first",
                           path);
}

static enum status check_target(struct sqlite_store *s, const char *path, struct err *err)
{
    struct stat target, mine;
    if (stat(path, &target) != 0)
        return errno == ENOENT ? check_folder(path, err)
                               : err_errno(err, errno, "cannot write the backup %s", path);
    if (!S_ISREG(target.st_mode))
        return refuse_target(path, "not a regular file", err);
    if (stat(sqlite3_db_filename(s->db, "main"), &mine) == 0 && mine.st_dev == target.st_dev &&
        mine.st_ino == target.st_ino)
        return refuse_target(path, "the library itself", err);
    return check_old(path, err);
}

/* --- copying ------------------------------------------------------------------------------ */

static enum status copy_pages(struct sqlite_store *s, sqlite3 *to, const char *path,
                              struct err *err)
{
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", s->db, "main");
    if (!backup)
        return sql_fail(to, path, sqlite3_errcode(to), err);
    int rc;
    do
        rc = sqlite3_backup_step(backup, -1);
    while (rc == SQLITE_OK);
    bool done = rc == SQLITE_DONE;
    int end = sqlite3_backup_finish(backup);
    if (done && end == SQLITE_OK)
        return OK;
    /* Which of the two it was, SQLite does not tell: whichever remembers an error. */
    bool mine = sqlite3_errcode(s->db) != SQLITE_OK && sqlite3_errcode(to) == SQLITE_OK;
    return mine ? sql_fail(s->db, s->path, rc, err) : sql_fail(to, path, rc, err);
}

/* One file, in no mode that needs others beside it. */
static enum status write_part(struct sqlite_store *s, const char *part, const char *path,
                              struct err *err)
{
    sqlite3 *to = NULL;
    int flags =
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int rc = sqlite3_open_v2(part, &to, flags, NULL);
    enum status status = OK;
    if (!to)
        return err_no_memory(err, "the backup's connection", 0);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(to, "PRAGMA synchronous = FULL", NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        status = sql_fail(to, path, rc, err);
    if (status == OK)
        status = copy_pages(s, to, path, err);
    if (status == OK) {
        rc = sqlite3_exec(to, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
        if (rc != SQLITE_OK)
            status = sql_fail(to, path, rc, err);
    }
    sqlite3_close(to);
    return status;
}

void sqlite_remove_part(const char *part)
{
    static const char *const suffixes[] = {"", "-journal", "-wal", "-shm"};
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        struct str name = str_new(SIZE_MAX / 4);
        str_format(&name, "%s%s", part, suffixes[i]);
        if (str_ok(&name))
            unlink(str_text(&name));
        str_free(&name);
    }
}

static void sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(folder);
}

static enum status back_up_locked(struct sqlite_store *s, const char *path, struct err *err)
{
    struct str part = str_new(SIZE_MAX / 4);
    str_format(&part, "%s%s.part", path[0] == '/' ? "" : "./", path);
    if (!str_ok(&part))
        return err_no_memory(err, "a path", strlen(path));
    sqlite_remove_part(str_text(&part));
    enum status status = write_part(s, str_text(&part), path, err);
    if (status == OK && rename(str_text(&part), path) != 0)
        status = err_errno(err, errno, "cannot name the backup %s", path);
    if (status == OK)
        sync_folder(path);
    else
        sqlite_remove_part(str_text(&part));
    str_free(&part);
    return status;
}

enum status sqlite_backup(struct store *store, const char *path, struct err *err)
{
    struct sqlite_store *s = sqlite_store(store);
    struct index_lock *lock = NULL;
    enum status status = check_target(s, path, err);
    if (status == OK)
        status = index_lock_open(&lock, path, "backing up to", err);
    if (status == OK)
        status = back_up_locked(s, path, err);
    index_lock_close(lock);
    return status;
}

/* --- before a migration ------------------------------------------------------------------- */

static enum status version_of(struct sqlite_store *s, int *version, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(s->db, "PRAGMA user_version", -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    enum status status = OK;
    if (rc == SQLITE_ROW)
        *version = sqlite3_column_int(stmt, 0);
    else
        status = sql_fail(s->db, s->path, rc, err);
    sqlite3_finalize(stmt);
    return status;
}

/* Another process may be about to migrate the same library: it makes the copy then. */
enum status sqlite_keep_old(struct sqlite_store *s, int newest_version, struct err *err)
{
    int version = 0;
    enum status status = version_of(s, &version, err);
    if (status != OK || version < 1 || version >= newest_version)
        return status;
    struct str name = str_new(SIZE_MAX / 4);
    str_format(&name, "%s.v%d-backup", s->path, version);
    if (!str_ok(&name))
        return err_no_memory(err, "a path", strlen(s->path));
    for (int tries = 0; tries < BUSY_TRIES; tries++) {
        status = sqlite_backup(&s->base, str_text(&name), err);
        if (status != ERR_BUSY)
            break;
        sqlite3_sleep(BUSY_PAUSE_MS);
        int now = version;
        if (version_of(s, &now, err) == OK && now != version) {
            status = OK;
            break;
        }
    }
    if (status == OK)
        s->kept = strdup(str_text(&name)); /* without memory it is merely not told */
    else
        status = err_prefix(err,
                            "before bringing the library %s up to date, a copy of it is to "
                            "be kept",
                            s->path);
    str_free(&name);
    return status;
}

const char *sqlite_kept_copy(const struct store *store)
{
    return ((const struct sqlite_store *)(const void *)store)->kept;
}
