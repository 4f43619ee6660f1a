/* SPDX-License-Identifier: MIT
 *
 * Why flock() and not SQLite's locks or fcntl(): a POSIX record lock vanishes when the process
 * closes any descriptor of the file, and a lock within the database would have to be a transaction
 * that stays open during the whole run. Here the file belongs to nobody else.
 *
 * Removing a lock file has a classic race: B opens the file, A removes it and releases, C makes a
 * new file of that name, and B and C both hold "the" lock. So whoever got a lock checks that the
 * name still leads to the file it has locked, and begins again otherwise. Removal happens before
 * release.
 *
 * The pid is written after the lock is taken, so for some microseconds the file may be empty or
 * name a process that was killed: a reader waits until it finds the pid of a living process.
 */
#include "store/index_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PID_READS 20
#define PID_READ_PAUSE_MS 5

struct index_lock {
    int fd;
    char path[];
};

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

/* The pid in the file, 0 if there is none or its process is gone. */
static long read_pid(int fd)
{
    char text[24] = "";
    if (pread(fd, text, sizeof text - 1, 0) <= 0)
        return 0;
    char *end;
    long pid = strtol(text, &end, 10);
    bool alive = pid > 0 && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
    return *end == '\n' && alive ? pid : 0;
}

static enum status fail_busy(int fd, const char *library, const char *doing, struct err *err)
{
    long pid = read_pid(fd);
    for (int i = 1; pid == 0 && i < PID_READS; i++) {
        pause_ms(PID_READ_PAUSE_MS);
        pid = read_pid(fd);
    }
    if (pid == 0)
        return err_set(err, ERR_BUSY,
                       "another process is %s %s: wait until it has finished, or stop it", doing,
                       library);
    return err_set(err, ERR_BUSY, "process %ld is %s %s: wait until it has finished, or stop it",
                   pid, doing, library);
}

/* Locks the file that lock->path leads to now. *taken is false if it was removed meanwhile. */
static enum status try_lock(struct index_lock *lock, const char *library, const char *doing,
                            bool *taken, struct err *err)
{
    *taken = false;
    lock->fd = open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW, 0666);
    if (lock->fd < 0)
        return err_errno(err, errno, "cannot make the lock file %s", lock->path);
    int rc;
    do
        rc = flock(lock->fd, LOCK_EX | LOCK_NB);
    while (rc != 0 && errno == EINTR);
    if (rc != 0 && errno == EWOULDBLOCK)
        return fail_busy(lock->fd, library, doing, err);
    if (rc != 0)
        return err_errno(err, errno, "cannot lock %s", lock->path);
    struct stat mine, named;
    if (fstat(lock->fd, &mine) != 0)
        return err_errno(err, errno, "cannot lock %s", lock->path);
    *taken = lstat(lock->path, &named) == 0 && named.st_dev == mine.st_dev &&
             named.st_ino == mine.st_ino;
    return OK;
}

/* A pid that cannot be written (the disk is full) only makes the message to the others poorer. */
static void write_pid(const struct index_lock *lock)
{
    if (ftruncate(lock->fd, 0) == 0)
        (void)!dprintf(lock->fd, "%ld\n", (long)getpid());
}

enum status index_lock_open(struct index_lock **out, const char *library, const char *doing,
                            struct err *err)
{
    *out = NULL;
    size_t size = strlen(library) + sizeof ".lock";
    struct index_lock *lock = malloc(sizeof *lock + size);
    if (!lock)
        return err_no_memory(err, "the index lock", sizeof *lock + size);
    snprintf(lock->path, size, "%s.lock", library);

    bool taken = false;
    enum status status = OK;
    while (status == OK && !taken) {
        status = try_lock(lock, library, doing, &taken, err);
        if (!taken && lock->fd >= 0)
            close(lock->fd);
    }
    if (status != OK) {
        free(lock);
        return status;
    }
    write_pid(lock);
    *out = lock;
    return OK;
}

void index_lock_close(struct index_lock *lock)
{
    if (!lock)
        return;
    unlink(lock->path);
    close(lock->fd);
    free(lock);
}

/* Asked with a shared lock, and only where a process has written its pid: one that has just made
 * the file and is about to lock it is not disturbed. */
bool index_lock_is_held(const char *library)
{
    size_t size = strlen(library) + sizeof ".lock";
    char *path = malloc(size);
    if (!path)
        return false;
    snprintf(path, size, "%s.lock", library);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);
    free(path);
    if (fd < 0)
        return false;
    bool held = read_pid(fd) != 0 && flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    close(fd); /* gives the lock back, if it was got */
    return held;
}
