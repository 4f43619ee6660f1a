/* SPDX-License-Identifier: MIT
 *
 * See rig.h: the folder, which needs nothing of fovea.
 */
#include "rig.h"

#include "fuzz.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[64];
static pid_t owner;

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path);
}

static void remove_folder(void)
{
    if (getpid() == owner) /* and not a child's */
        nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static int clear_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return ftw->level > 0 ? remove(path) : 0;
}

void rig_clear(void)
{
    nftw(rig_folder(), clear_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const char *rig_folder(void)
{
    if (!*folder) {
        owner = getpid(); /* run.sh removes by it what an interrupted fuzzer leaves */
        snprintf(folder, sizeof folder, "%s/fovea-fuzz-%d-XXXXXX",
                 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (int)owner);
        FUZZ_CHECK(mkdtemp(folder));
        atexit(remove_folder);
    }
    return folder;
}

const char *rig_path(const char *name)
{
    static char paths[4][128];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", rig_folder(), name);
    return path;
}

void rig_write(const char *name, const void *data, size_t size)
{
    FILE *file = fopen(rig_path(name), "wb");
    FUZZ_CHECK(file && fwrite(data, 1, size, file) == size && fclose(file) == 0);
}
