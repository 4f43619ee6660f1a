/* SPDX-License-Identifier: MIT
 *
 * NumPy's array file, format version 1.0, as numpy.save() writes it.
 */
#ifndef FOVEA_CLI_NPY_H
#define FOVEA_CLI_NPY_H

#include "base/status.h"

#include <stddef.h>

/* values: [rows, columns] float32, row-major. Written atomically. */
MUST_USE enum status npy_write(const char *path, const float *values, size_t rows, size_t columns,
                               struct err *err);

#endif
