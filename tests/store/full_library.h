/* SPDX-License-Identifier: MIT
 *
 * A library that has some of everything in it, and whether two library files hold the same.
 */
#ifndef FOVEA_TESTS_STORE_FULL_LIBRARY_H
#define FOVEA_TESTS_STORE_FULL_LIBRARY_H

#include "fixture.h"

enum { FULL_PHOTOS = 300 };

/* At a path or URL. */
void make_full_library(const char *location);
/* Two SQLite files, table by table: everything but numbers that only mean something within one. */
void assert_equal_libraries(const char *x, const char *y);

#endif
