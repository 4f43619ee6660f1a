/* SPDX-License-Identifier: MIT
 *
 * See failing.h.
 */
#include "failing.h"

#include "../failing_memory.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

const char *const failure_names[FAIL_KINDS] = {
    "one allocation",      "memory runs out", "an I/O error", "the disk is full",
    "the disk stays full", "short",           "interrupted"};

static _Atomic enum failure kind;
static atomic_long countdown; /* 0: nothing is planned, or it has happened */
static atomic_bool for_good;

/* Hashes of call stacks that have failed, each by its innermost calls, ours among them: with all of
 * them an export has 3,000 ways to an allocation, most of them SQLite's parser's own. */
enum { STACKS_MAX = 1 << 15, FRAMES = 12 };
static atomic_bool by_stack;
static pthread_mutex_t stacks_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t stacks[STACKS_MAX]; /* by open addressing; 0: free */
static size_t stack_count;

static void plan(enum failure what, long n, bool stack)
{
    atomic_store(&kind, what);
    atomic_store(&for_good, false);
    atomic_store(&by_stack, stack);
    atomic_store(&countdown, n);
}

void failing_plan(enum failure what, long n)
{
    plan(what, n, false);
}

void failing_plan_stack(enum failure what)
{
    plan(what, 1, true);
}

void failing_forget(void)
{
    memset(stacks, 0, sizeof stacks);
    stack_count = 0;
}

bool failing_end(void)
{
    bool reached = atomic_exchange(&countdown, 0) <= 0;
    atomic_store(&for_good, false);
    return reached;
}

/* Whether the caller's call stack is a new one; it is known from then on. */
static bool add_stack(void)
{
    void *frames[FRAMES];
    int count = backtrace(frames, FRAMES);
    uint64_t hash = XXH3_64bits(frames, (size_t)count * sizeof *frames) | 1;
    pthread_mutex_lock(&stacks_lock);
    size_t at = hash % STACKS_MAX;
    while (stacks[at] && stacks[at] != hash)
        at = (at + 1) % STACKS_MAX;
    bool added = !stacks[at] && atomic_load(&countdown) == 1;
    if (added) {
        stacks[at] = hash;
        stack_count++;
        atomic_store(&countdown, 0);
    }
    if (stack_count >= STACKS_MAX / 2)
        abort(); /* make the table larger */
    pthread_mutex_unlock(&stacks_lock);
    return added;
}

/* One of the kind that is planned. */
static bool counts_down(void)
{
    long left = atomic_load(&countdown);
    if (atomic_load(&by_stack))
        return left == 1 && add_stack();
    while (left > 0 && !atomic_compare_exchange_weak(&countdown, &left, left - 1))
        ;
    return left == 1;
}

/* ---- memory ------------------------------------------------------------------------------- */

bool failing_memory(void)
{
    enum failure what = atomic_load(&kind);
    if (what != FAIL_MEMORY && what != FAIL_MEMORY_LONG)
        return false;
    if (counts_down()) {
        atomic_store(&for_good, what == FAIL_MEMORY_LONG);
        return true;
    }
    return atomic_load(&for_good);
}

void failing_open(void)
{
    void *frame;
    backtrace(&frame, 1); /* what it loads the first time is loaded now */
    failing_memory_wrap_sqlite();
}

/* ---- files -------------------------------------------------------------------------------- */

int __real_open64(const char *, int, ...);
ssize_t __real_read(int, void *, size_t);
ssize_t __real_write(int, const void *, size_t);
ssize_t __real_pread64(int, void *, size_t, off_t);
ssize_t __real_pwrite64(int, const void *, size_t, off_t);
int __real_fsync(int);
int __real_fflush(FILE *);
int __real_rename(const char *, const char *);
int __real_mkdir(const char *, mode_t);
int __real_ftruncate64(int, off_t);
int __real_mkostemp64(char *, int);
void *__real_mmap64(void *, size_t, int, int, int, off_t);
int __wrap_open64(const char *, int, ...);
ssize_t __wrap_read(int, void *, size_t);
ssize_t __wrap_write(int, const void *, size_t);
ssize_t __wrap_pread64(int, void *, size_t, off_t);
ssize_t __wrap_pwrite64(int, const void *, size_t, off_t);
int __wrap_fsync(int);
int __wrap_fflush(FILE *);
int __wrap_rename(const char *, const char *);
int __wrap_mkdir(const char *, mode_t);
int __wrap_ftruncate64(int, off_t);
int __wrap_mkostemp64(char *, int);
void *__wrap_mmap64(void *, size_t, int, int, int, off_t);

/* 0, or the errno with which it fails. */
static int fails(bool writes)
{
    enum failure what = atomic_load(&kind);
    if (what != FAIL_IO && what != FAIL_FULL && what != FAIL_FULL_LONG)
        return 0;
    if (counts_down())
        atomic_store(&for_good, what == FAIL_FULL_LONG);
    else if (!(writes && atomic_load(&for_good)))
        return 0;
    return what == FAIL_IO || !writes ? EIO : ENOSPC;
}

static int refuse(int code)
{
    errno = code;
    return -1;
}

/* What moves bytes may also be interrupted, or move fewer. */
static int moves(bool writes, size_t *size)
{
    enum failure what = atomic_load(&kind);
    if (what == FAIL_EINTR)
        return counts_down() ? EINTR : 0;
    if (what == FAIL_SHORT && *size > 1 && counts_down())
        *size = 1;
    return fails(writes);
}

int __wrap_open64(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    int code = fails(flags & O_CREAT);
    return code ? refuse(code) : __real_open64(path, flags, mode);
}

ssize_t __wrap_read(int fd, void *data, size_t size)
{
    int code = moves(false, &size);
    return code ? refuse(code) : __real_read(fd, data, size);
}

ssize_t __wrap_pread64(int fd, void *data, size_t size, off_t at)
{
    int code = moves(false, &size);
    return code ? refuse(code) : __real_pread64(fd, data, size, at);
}

ssize_t __wrap_write(int fd, const void *data, size_t size)
{
    int code = moves(true, &size);
    return code ? refuse(code) : __real_write(fd, data, size);
}

ssize_t __wrap_pwrite64(int fd, const void *data, size_t size, off_t at)
{
    int code = moves(true, &size);
    return code ? refuse(code) : __real_pwrite64(fd, data, size, at);
}

int __wrap_fsync(int fd)
{
    int code = fails(true);
    return code ? refuse(code) : __real_fsync(fd);
}

int __wrap_fflush(FILE *file)
{
    int code = file == stdout || file == stderr ? 0 : fails(true);
    return code ? refuse(code) : __real_fflush(file);
}

int __wrap_rename(const char *from, const char *to)
{
    int code = fails(true);
    return code ? refuse(code) : __real_rename(from, to);
}

int __wrap_mkdir(const char *path, mode_t mode)
{
    int code = fails(true);
    return code ? refuse(code) : __real_mkdir(path, mode);
}

int __wrap_ftruncate64(int fd, off_t size)
{
    int code = fails(true);
    return code ? refuse(code) : __real_ftruncate64(fd, size);
}

int __wrap_mkostemp64(char *name, int flags)
{
    int code = fails(true);
    return code ? refuse(code) : __real_mkostemp64(name, flags);
}

void *__wrap_mmap64(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    int code = fails(false);
    if (!code)
        return __real_mmap64(at, size, protection, flags, fd, offset);
    errno = code;
    return MAP_FAILED;
}
