/* SPDX-License-Identifier: MIT
 *
 * Writing error texts into the caller's struct err. No allocation happens here: the out-of-memory
 * path must work too.
 */
#include "base/status.h"
#include "base/str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

PRINTF_LIKE(3, 0)
static void set_text(struct err *err, enum status status, const char *format, va_list args)
{
    err->status = status;
    vsnprintf(err->text, sizeof err->text, format, args);
    text_disarm(err->text); /* they quote names of files, which may hold anything */
}

enum status err_set(struct err *err, enum status status, const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        set_text(err, status, format, args);
        va_end(args);
    }
    return status;
}

enum status err_prefix(struct err *err, const char *format, ...)
{
    if (!err)
        return ERR_INTERNAL;
    char tail[ERR_TEXT_MAX];
    memcpy(tail, err->text, sizeof tail);
    va_list args;
    va_start(args, format);
    set_text(err, err->status, format, args);
    va_end(args);
    size_t used = strlen(err->text);
    snprintf(err->text + used, sizeof err->text - used, ": %s", tail);
    return err->status;
}

enum status err_no_memory(struct err *err, const char *what, unsigned long long size_bytes)
{
    return err_set(err, ERR_MEMORY, "not enough memory for %s (%llu bytes)", what, size_bytes);
}

enum status err_errno(struct err *err, int errno_value, const char *format, ...)
{
    enum status status = errno_value == ENOENT   ? ERR_NOT_FOUND
                         : errno_value == ENOMEM ? ERR_MEMORY
                                                 : ERR_IO;
    if (!err)
        return status;
    va_list args;
    va_start(args, format);
    set_text(err, status, format, args);
    va_end(args);
    size_t used = strlen(err->text);
    /* strerror() is not thread-safe by the standard; glibc's %m is. */
    errno = errno_value;
    snprintf(err->text + used, sizeof err->text - used, ": %m");
    return status;
}
