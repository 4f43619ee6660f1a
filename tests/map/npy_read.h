/* SPDX-License-Identifier: MIT
 *
 * Reads NumPy array files of float32 or int32, as far as the goldens need it.
 */
#ifndef FOVEA_TESTS_MAP_NPY_READ_H
#define FOVEA_TESTS_MAP_NPY_READ_H

#include <stdbool.h>
#include <stddef.h>

/* 32-bit values [rows, columns] (columns 1 for a vector), to be freed; false without such a file.
 */
bool npy_read(const char *path, void **values, size_t *rows, size_t *columns);

#endif
