/* SPDX-License-Identifier: MIT
 *
 * Layout: "\x93NUMPY", version, the header's length (u16, little-endian), the header (a Python
 * dict, padded with blanks and ended by a newline so that the data begins at a multiple of 64), the
 * data. Source: numpy/lib/format.py. Of the dict, whose keys numpy sorts, exactly that order is
 * read.
 */
#include "library/npy16.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ALIGNMENT 64
#define PREAMBLE 10 /* magic, version, length */
#define HEADER_MAX 4096

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the header says little-endian");

/* --- writing ------------------------------------------------------------------------------ */

static enum status write_all(int fd, const char *path, const void *data, size_t size,
                             struct err *err)
{
    const uint8_t *p = data;
    while (size > 0) {
        ssize_t n = write(fd, p, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(err, errno, "cannot write %s", path);
        p += n;
        size -= (size_t)n;
    }
    return OK;
}

static enum status write_part(const char *part, const struct str *header, const uint16_t *values,
                              size_t size, struct err *err)
{
    int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0)
        return err_errno(err, errno, "cannot write %s", part);
    uint8_t start[PREAMBLE] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0};
    start[8] = (uint8_t)(header->size & 0xff);
    start[9] = (uint8_t)(header->size >> 8);
    enum status status = write_all(fd, part, start, sizeof start, err);
    if (status == OK)
        status = write_all(fd, part, header->data, header->size, err);
    if (status == OK)
        status = write_all(fd, part, values, size, err);
    if (status == OK && fsync(fd) != 0)
        status = err_errno(err, errno, "cannot write %s", part);
    if (close(fd) != 0 && status == OK)
        status = err_errno(err, errno, "cannot write %s", part);
    return status;
}

enum status npy16_write(const char *path, const uint16_t *values, size_t rows, size_t columns,
                        struct err *err)
{
    struct str header = str_new(HEADER_MAX), part = str_new(1 << 16);
    str_format(&header, "{'descr': '<f2', 'fortran_order': False, 'shape': (%zu, %zu), }", rows,
               columns);
    while ((PREAMBLE + header.size + 1) % ALIGNMENT != 0)
        str_putc(&header, ' ');
    str_putc(&header, '\n');
    str_format(&part, "%s.part", path);
    enum status status = OK;
    if (!str_ok(&header) || !str_ok(&part))
        status = err_no_memory(err, path, header.size);
    if (status == OK)
        status = write_part(str_text(&part), &header, values, rows * columns * sizeof *values, err);
    if (status == OK && rename(str_text(&part), path) != 0)
        status = err_errno(err, errno, "cannot write %s", path);
    if (status != OK && str_ok(&part))
        unlink(str_text(&part));
    str_free(&header);
    str_free(&part);
    return status;
}

/* --- reading ------------------------------------------------------------------------------ */

static bool take(const char **p, const char *text)
{
    size_t size = strlen(text);
    if (strncmp(*p, text, size) != 0)
        return false;
    *p += size;
    return true;
}

static bool take_number(const char **p, size_t *number)
{
    const char *start = *p;
    for (*number = 0; **p >= '0' && **p <= '9' && *p - start < 15; ++*p)
        *number = *number * 10 + (size_t)(**p - '0');
    return *p > start;
}

/* header: with a NUL at its end. */
static bool read_header(struct npy16 *out, const char *header)
{
    const char *p = header;
    bool fine = take(&p, "{'descr': '<f2', 'fortran_order': False, 'shape': (") &&
                take_number(&p, &out->rows) && take(&p, ", ") && take_number(&p, &out->columns) &&
                take(&p, "), }");
    while (*p == ' ')
        p++;
    return fine && *p == '\n' && p[1] == '\0';
}

enum status npy16_open(struct npy16 *out, const char *path, struct err *err)
{
    char header[HEADER_MAX + 1];
    *out = (struct npy16){0};
    enum status status = file_map_open(&out->map, path, err);
    if (status != OK)
        return status;
    const uint8_t *data = out->map.data;
    size_t size = out->map.size, bytes = 0;
    bool fine = size > PREAMBLE && memcmp(data, "\x93NUMPY\x01", 8) == 0;
    size_t length = fine ? (size_t)data[8] | (size_t)data[9] << 8 : 0;
    fine = fine && length <= HEADER_MAX && length <= size - PREAMBLE;
    if (fine) {
        memcpy(header, data + PREAMBLE, length);
        header[length] = '\0';
        fine = read_header(out, header) &&
               !__builtin_mul_overflow(out->rows, out->columns, &bytes) &&
               !__builtin_mul_overflow(bytes, sizeof(uint16_t), &bytes) &&
               bytes == size - PREAMBLE - length;
    }
    if (!fine) {
        npy16_close(out);
        return err_set(err, ERR_FORMAT,
                       "%s is not a whole NumPy array of float16 with two dimensions", path);
    }
    out->values = data + PREAMBLE + length;
    return OK;
}

void npy16_close(struct npy16 *npy)
{
    file_map_close(&npy->map);
    *npy = (struct npy16){0};
}
