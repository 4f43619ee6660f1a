/* SPDX-License-Identifier: MIT
 *
 * See report.h. A line is written with one call, so that lines of several threads stay whole.
 */
#include "cli/report.h"

#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

enum exit_code exit_code_of(enum status status)
{
    switch (status) {
    case OK:
        return EXIT_DONE;
    case ERR_ARGUMENT:
        return EXIT_USAGE;
    case ERR_CANCELLED:
        return EXIT_CANCELLED;
    default:
        return EXIT_FAILED;
    }
}

enum exit_code report_error(const struct err *err)
{
    if (err->status != OK && err->text[0])
        fprintf(stderr, "fovea: %s\n", err->text);
    return exit_code_of(err->status);
}

void report_note(const char *note)
{
    char text[ERR_TEXT_MAX];
    snprintf(text, sizeof text, "%s", note);
    text_disarm(text);
    fprintf(stderr, "%sfovea: %s\n", isatty(STDERR_FILENO) ? "\r\033[K" : "", text);
}

void report_warning(const char *format, ...)
{
    char text[ERR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    text_disarm(text);
    fprintf(stderr, "fovea: warning: %s\n", text);
}
