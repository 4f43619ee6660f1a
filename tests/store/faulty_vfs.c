/* SPDX-License-Identifier: MIT */
#include "faulty_vfs.h"

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

struct file {
    sqlite3_file base;
    sqlite3_file *below; /* right behind this struct */
};

static sqlite3_vfs *below; /* SQLite's own */
static sqlite3_vfs faulty;
static sqlite3_io_methods methods;

static enum fault kind;
static int countdown; /* 0: nothing is planned */
static bool always, reached;

void faulty_plan(enum fault fault, int n, bool for_good)
{
    kind = fault;
    countdown = n;
    always = for_good;
    reached = false;
}

bool faulty_end(void)
{
    countdown = 0;
    return reached;
}

static bool fails(void)
{
    if (countdown == 0 || --countdown > 0)
        return false;
    countdown = always ? 1 : 0;
    reached = true;
    return true;
}

static sqlite3_file *under(sqlite3_file *file)
{
    return ((struct file *)(void *)file)->below;
}

/* --- operations that may fail ------------------------------------------------------------- */

static int faulty_write(sqlite3_file *file, const void *data, int size, sqlite3_int64 at)
{
    sqlite3_file *f = under(file);
    if (!fails())
        return f->pMethods->xWrite(f, data, size, at);
    if (kind == FAULT_TORN)
        f->pMethods->xWrite(f, data, size / 2, at);
    return kind == FAULT_FULL ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int faulty_sync(sqlite3_file *file, int flags)
{
    sqlite3_file *f = under(file);
    return fails() ? SQLITE_IOERR_FSYNC : f->pMethods->xSync(f, flags);
}

static int faulty_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    sqlite3_file *f = under(file);
    return fails() ? SQLITE_IOERR_TRUNCATE : f->pMethods->xTruncate(f, size);
}

static int faulty_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
    sqlite3_file *f = under(file);
    if (extend && fails())
        return kind == FAULT_FULL ? SQLITE_FULL : SQLITE_IOERR_SHMSIZE;
    return f->pMethods->xShmMap(f, page, size, extend, out);
}

static int faulty_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
    return fails() ? SQLITE_IOERR_DELETE : below->xDelete(below, name, sync);
}

static int faulty_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
    struct file *f = (struct file *)(void *)file;
    f->base.pMethods = NULL;
    f->below = (sqlite3_file *)(void *)(f + 1);
    if (fails())
        return SQLITE_CANTOPEN;
    int rc = below->xOpen(below, name, f->below, flags, out);
    if (f->below->pMethods)
        f->base.pMethods = &methods;
    return rc;
}

/* --- the others --------------------------------------------------------------------------- */

static int pass_close(sqlite3_file *file)
{
    sqlite3_file *f = under(file);
    return f->pMethods->xClose(f);
}

static int pass_read(sqlite3_file *file, void *data, int size, sqlite3_int64 at)
{
    sqlite3_file *f = under(file);
    return f->pMethods->xRead(f, data, size, at);
}

static int pass_size(sqlite3_file *file, sqlite3_int64 *size)
{
    sqlite3_file *f = under(file);
    return f->pMethods->xFileSize(f, size);
}

static int pass_lock(sqlite3_file *file, int level)
{
    sqlite3_file *f = under(file);
    return f->pMethods->xLock(f, level);
}

static int pass_unlock(sqlite3_file *file, int level)
{
    sqlite3_file *f = under(file);
    return f->pMethods->xUnlock(f, level);
}

static int pass_reserved(sqlite3_file *file, int *out)
{
    sqlite3_file *f = under(file);
    return f->pMethods->xCheckReservedLock(f, out);
}

static int pass_control(sqlite3_file *file, int op, void *argument)
{
    sqlite3_file *f = under(file);
    return f->pMethods->xFileControl(f, op, argument);
}

static int pass_sector(sqlite3_file *file)
{
    sqlite3_file *f = under(file);
    return f->pMethods->xSectorSize(f);
}

static int pass_device(sqlite3_file *file)
{
    sqlite3_file *f = under(file);
    return f->pMethods->xDeviceCharacteristics(f);
}

static int pass_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    sqlite3_file *f = under(file);
    return f->pMethods->xShmLock(f, offset, n, flags);
}

static void pass_shm_barrier(sqlite3_file *file)
{
    sqlite3_file *f = under(file);
    f->pMethods->xShmBarrier(f);
}

static int pass_shm_unmap(sqlite3_file *file, int remove)
{
    sqlite3_file *f = under(file);
    return f->pMethods->xShmUnmap(f, remove);
}

void faulty_register(void)
{
    below = sqlite3_vfs_find(NULL);
    methods = (sqlite3_io_methods){
        .iVersion = 2,
        .xClose = pass_close,
        .xRead = pass_read,
        .xWrite = faulty_write,
        .xTruncate = faulty_truncate,
        .xSync = faulty_sync,
        .xFileSize = pass_size,
        .xLock = pass_lock,
        .xUnlock = pass_unlock,
        .xCheckReservedLock = pass_reserved,
        .xFileControl = pass_control,
        .xSectorSize = pass_sector,
        .xDeviceCharacteristics = pass_device,
        .xShmMap = faulty_shm_map,
        .xShmLock = pass_shm_lock,
        .xShmBarrier = pass_shm_barrier,
        .xShmUnmap = pass_shm_unmap,
    };
    faulty = *below; /* its other functions do not look at which one they are called with */
    faulty.zName = "faulty";
    faulty.pNext = NULL;
    faulty.szOsFile = (int)sizeof(struct file) + below->szOsFile;
    faulty.xOpen = faulty_open;
    faulty.xDelete = faulty_delete;
    if (sqlite3_vfs_register(&faulty, 1) != SQLITE_OK)
        abort();
}
