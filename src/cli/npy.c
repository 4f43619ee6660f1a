/* SPDX-License-Identifier: MIT
 *
 * See npy.h. Layout: "\x93NUMPY", version 1.0, the header's length (u16, little-endian), the header
 * (a Python dict, padded with blanks and ended by a newline so that the data begins at a multiple
 * of 64), the data. Source: numpy/lib/format.py.
 */
#include "cli/npy.h"

#include "base/file.h"
#include "base/str.h"

#include <stdint.h>
#include <string.h>

#define ALIGNMENT 64
#define PREAMBLE 10 /* magic, version, length */

enum status npy_write(const char *path, const float *values, size_t rows, size_t columns,
                      struct err *err)
{
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the data is written as it lies in memory, and the header says little-endian"
#endif
    struct str header = str_new(256);
    str_format(&header, "{'descr': '<f4', 'fortran_order': False, 'shape': (%zu, %zu), }", rows,
               columns);
    while ((PREAMBLE + header.size + 1) % ALIGNMENT != 0)
        str_putc(&header, ' ');
    str_putc(&header, '\n');

    struct str file = str_new(SIZE_MAX / 2);
    const char start[PREAMBLE] = {'\x93',
                                  'N',
                                  'U',
                                  'M',
                                  'P',
                                  'Y',
                                  1,
                                  0,
                                  (char)(header.size & 0xff),
                                  (char)(header.size >> 8)};
    str_append(&file, start, sizeof start);
    str_append(&file, str_text(&header), header.size);
    str_append(&file, values, rows * columns * sizeof *values);
    enum status status = str_ok(&file) && str_ok(&header)
                             ? file_write(path, file.data, file.size, err)
                             : err_no_memory(err, path, rows * columns * sizeof *values);
    str_free(&header);
    str_free(&file);
    return status;
}
