/* SPDX-License-Identifier: MIT
 *
 * See shipped.h. An installed program finds its data relative to itself, so that the whole tree may
 * be moved; the path that was given when it was configured is the last resort, for systems that do
 * not tell a program where it lies.
 */
#include "hub/shipped.h"

#include "base/file.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef FOVEA_DATADIR
#define FOVEA_DATADIR "/usr/local/share/fovea"
#endif

/* From the program's own folder: installed (bin), and in a build folder (src/cli). */
static const char *const beside[] = {"../share/fovea", "../../data"};

/* The folder that the running program lies in; false where the system does not say. */
static bool program_dir(char *out, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", out, size - 1);
    if (n <= 0 || (size_t)n >= size - 1)
        return false;
    out[n] = '\0';
    char *slash = strrchr(out, '/');
    if (!slash)
        return false;
    *slash = '\0';
    return true;
}

static bool try_folder(struct str *path, const char *base, const char *data, const char *name)
{
    str_clear(path);
    path_join(path, base, data);
    str_format(path, "%smodels/%s", *data ? "/" : "", name);
    size_t size = path->size;
    str_put(path, "/open_clip_config.json");
    if (!str_ok(path) || access(str_text(path), R_OK) != 0)
        return false;
    path->size = size;
    path->data[size] = '\0';
    return true;
}

enum status shipped_model(struct str *out, const char *name, struct err *err)
{
    char program[PATH_MAX];
    struct str path = str_new(PATH_MAX);
    const char *data = getenv("FOVEA_DATA");
    bool found = false;
    if (data && *data)
        found = try_folder(&path, data, "", name);
    else if (program_dir(program, sizeof program))
        for (size_t i = 0; i < sizeof beside / sizeof *beside && !found; i++)
            found = try_folder(&path, program, beside[i], name);
    if (!found && !(data && *data))
        found = try_folder(&path, FOVEA_DATADIR, "", name);
    if (found)
        str_put(out, str_text(&path));
    str_free(&path);
    return found ? OK
                 : err_set(
                       err, ERR_NOT_FOUND,
                       "the model %s that comes with the program is not in %s; run `make install`, "
                       "or set FOVEA_DATA to the folder that models/%s lies in",
                       name, data && *data ? data : FOVEA_DATADIR, name);
}
