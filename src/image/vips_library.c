/* SPDX-License-Identifier: MIT
 *
 * See vips_library.h. The library is asked for by its soname, so that the dynamic loader takes the
 * one that it would have taken for a program linked with it. Where that is in no folder the loader
 * looks in (Homebrew's, a prefix of the user's own), the folder is tried that pkg-config gave when
 * the program was built.
 */
#include "image/vips_library.h"

#include <dlfcn.h>
#include <stdio.h>

#ifndef VIPS_LIBDIR
#define VIPS_LIBDIR "" /* compiled by an analyzer, without the build's definitions */
#endif

#ifdef __APPLE__
#define SONAME "libvips.%d.dylib"
#else
#define SONAME "libvips.so.%d"
#endif
/* What an interface's number is in the soname: libvips counts as libtool does. */
enum { ABI = VIPS_LIBRARY_CURRENT - VIPS_LIBRARY_AGE };

struct vips_functions vips;

static const char *const names[] = {
#define X(name) "vips_" #name,
    VIPS_FUNCTIONS(X)
#undef X
};

static enum status take_functions(struct vips_functions *out, void *library, const char *name,
                                  struct err *err)
{
    union {
        struct vips_functions functions;
        void *each[sizeof names / sizeof names[0]]; /* a pointer for each name, in the same order */
    } all;
    _Static_assert(sizeof all.functions == sizeof all.each, "pointers to functions are pointers");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        all.each[i] = dlsym(library, names[i]);
        if (!all.each[i])
            return err_set(err, ERR_UNSUPPORTED,
                           "%s, which decodes pictures, has no %s(): it is not the libvips (%s) "
                           "that fovea was built with; install that one, or build fovea again",
                           name, names[i], VIPS_VERSION);
    }
    *out = all.functions;
    return OK;
}

enum status vips_library_load(struct vips_functions *out, const char *name, struct err *err)
{
    void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (library)
        return take_functions(out, library, name, err);
    const char *why = dlerror();
    return err_set(err, ERR_NOT_FOUND,
                   "cannot load libvips, which decodes pictures: %s; install it, or what it needs "
                   "(Debian's package is libvips42 or libvips42t64)",
                   why ? why : name);
}

enum status vips_library_open(struct err *err)
{
    char name[32], path[1024];
    snprintf(name, sizeof name, SONAME, (int)ABI);
    enum status status = vips_library_load(&vips, name, err);
    const int length = snprintf(path, sizeof path, "%s/%s", VIPS_LIBDIR, name);
    if (status != ERR_NOT_FOUND || !VIPS_LIBDIR[0] || length >= (int)sizeof path)
        return status;
    return vips_library_load(&vips, path, err);
}
