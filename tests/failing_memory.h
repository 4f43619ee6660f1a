/* SPDX-License-Identifier: MIT
 *
 * Allocations that fail when a test says so: those of fovea's own objects, where the linker puts
 * these functions in the place of malloc and its kin (--wrap), and those of SQLite.
 */
#ifndef FOVEA_TESTS_FAILING_MEMORY_H
#define FOVEA_TESTS_FAILING_MEMORY_H

#include <stdbool.h>

/* The test's own: asked once for each allocation, by any thread. */
bool failing_memory(void);

/* Once, before SQLite is used. */
void failing_memory_wrap_sqlite(void);

#endif
