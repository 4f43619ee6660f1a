/* SPDX-License-Identifier: MIT
 *
 * See output.h. Numbers: jansson prints doubles. A float32's shortest decimal has at most 9 digits,
 * the double nearest to that decimal prints back as it with any precision from 9 to 15, and doubles
 * of other origin keep 15 digits.
 */
#include "cli/output.h"

#include "base/file.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REAL_DIGITS 15
#define JSON_STRING_MAX (1 << 20)

static int write_error; /* errno of the first write that failed; 0 while all is well */

static void remember(int error)
{
    if (!write_error)
        write_error = error ? error : EIO;
}

bool output_ok(void)
{
    return write_error == 0;
}

static int put_bytes(const char *bytes, size_t size, void *unused)
{
    if (output_ok() && fwrite(bytes, 1, size, stdout) != size)
        remember(errno);
    return output_ok() ? 0 : -1;
}

void output_text(const char *text)
{
    put_bytes(text, strlen(text), NULL);
}

void output_bytes(const char *bytes, size_t size)
{
    put_bytes(bytes, size, NULL);
}

void output_name(const char *name)
{
    while (*name) {
        bool shown;
        const size_t size = text_next(name, &shown);
        put_bytes(shown ? name : "?", shown ? size : 1, NULL);
        name += size;
    }
}

void output_format(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (output_ok() && vfprintf(stdout, format, args) < 0)
        remember(errno);
    va_end(args);
}

void output_flush(void)
{
    if (output_ok() && fflush(stdout) != 0)
        remember(errno);
}

enum status output_finish(struct err *err)
{
    output_flush();
    if (output_ok())
        return OK;
    if (write_error == EPIPE)
        return err_set(err, ERR_IO, "%s", "");
    return err_errno(err, write_error, "cannot write the results");
}

/* jansson escapes C0 alone. What else a terminal would obey stands only within strings, where it
 * can be written as an escape; a character comes whole. */
static int put_json(const char *bytes, size_t size, void *unused)
{
    for (size_t begin = 0, at = 0;;) {
        bool shown = true;
        const size_t length = at < size ? text_next(bytes + at, &shown) : 0;
        if (length > 1 && shown) {
            at += length;
        } else if (length == 1 && bytes[at] != 0x7f) {
            at++;
        } else {
            if (put_bytes(bytes + begin, at - begin, NULL) != 0 || length == 0)
                return output_ok() ? 0 : -1;
            const unsigned char *c = (const unsigned char *)bytes + at;
            const unsigned code = length == 1 ? c[0]
                                  : length == 2
                                      ? (c[0] & 0x1fu) << 6 | (c[1] & 0x3fu)
                                      : (c[0] & 0xfu) << 12 | (c[1] & 0x3fu) << 6 | (c[2] & 0x3fu);
            output_format("\\u%04X", code);
            begin = at += length;
        }
    }
}

enum status output_json(json_t *value, struct err *err)
{
    if (!value)
        return err_set(err, ERR_MEMORY, "not enough memory for the results");
    int failed = json_dump_callback(
        value, put_json, NULL, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(REAL_DIGITS));
    json_decref(value);
    put_bytes("\n", 1, NULL);
    if (!output_ok())
        return output_finish(err);
    return failed ? err_set(err, ERR_MEMORY, "not enough memory to print the results") : OK;
}

enum status output_json_file(json_t *value, const char *path, struct err *err)
{
    if (strcmp(path, "-") == 0)
        return output_json(value, err);
    char *text =
        value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(REAL_DIGITS))
              : NULL;
    json_decref(value);
    if (!text)
        return err_set(err, ERR_MEMORY, "%s: not enough memory for the results", path);
    size_t size = strlen(text);
    text[size++] = '\n'; /* in the place of the NUL */
    enum status status = file_write(path, text, size, err);
    free(text);
    return status;
}

json_t *output_json_string(const char *bytes)
{
    if (!bytes)
        return json_null();
    json_t *value = json_string(bytes);
    if (value)
        return value;
    struct str clean = str_new(JSON_STRING_MAX);
    str_put_utf8(&clean, bytes);
    value = str_ok(&clean) ? json_string(str_text(&clean)) : NULL;
    str_free(&clean);
    return value;
}

json_t *output_json_float(float value)
{
    if (!isfinite(value))
        return json_null();
    char text[32];
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value)
            break;
    }
    return json_real(strtod(text, NULL));
}

json_t *output_json_floats(const float *values, int count)
{
    json_t *array = json_array();
    for (int i = 0; array && i < count; i++) {
        if (json_array_append_new(array, output_json_float(values[i])) == 0)
            continue;
        json_decref(array);
        array = NULL;
    }
    return array;
}
