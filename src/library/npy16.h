/* SPDX-License-Identifier: MIT
 *
 * NumPy's array files, of float16 and two dimensions: the vectors of an export.
 */
#ifndef FOVEA_LIBRARY_NPY16_H
#define FOVEA_LIBRARY_NPY16_H

#include "base/file.h"

#include <stdint.h>

/* values: [rows, columns] float16, row-major. Written beside and renamed. */
MUST_USE enum status npy16_write(const char *path, const uint16_t *values, size_t rows,
                                 size_t columns, struct err *err);

struct npy16 {
    struct file_map map;
    const uint8_t *values; /* [rows, columns] float16, little-endian, unaligned */
    size_t rows, columns;
};
/* ERR_FORMAT for anything but what npy16_write() or numpy.save() of such an array writes. */
MUST_USE enum status npy16_open(struct npy16 *out, const char *path, struct err *err);
void npy16_close(struct npy16 *);

#endif
