/* SPDX-License-Identifier: MIT
 *
 * Calls what the program finds in libvips by dlopen(), for dpkg-shlibdeps, which sees only what a
 * file is linked with (rules). Neither run nor installed.
 */
#include "image/vips_library.h"

const void *const used[] = {
#define X(name) (const void *)vips_##name,
    VIPS_FUNCTIONS(X)
#undef X
};
