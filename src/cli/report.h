/* SPDX-License-Identifier: MIT
 *
 * Errors, on stderr, one line each; and what a process's exit status says.
 */
#ifndef FOVEA_CLI_REPORT_H
#define FOVEA_CLI_REPORT_H

#include "base/status.h"

enum exit_code {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,       /* what the user gave is not acceptable: every ERR_ARGUMENT */
    EXIT_CANCELLED = 130, /* as a shell reports a process that Ctrl-C ended */
};

enum exit_code exit_code_of(enum status);

/* "fovea: text" and a newline; nothing for OK or an empty text (see output.h). Returns the exit
 * code that belongs to the error. */
enum exit_code report_error(const struct err *);
/* "fovea: warning: …": something went wrong that does not stop the command. */
void report_warning(const char *format, ...) PRINTF_LIKE(1, 2);

/* What is being done that takes long, as a line on stderr. A progress bar that stands there is
 * drawn again below. */
void report_note(const char *note);

#endif
