/* SPDX-License-Identifier: MIT
 *
 * Failures of the system, one at a time, when a test says so: the n-th allocation, or the n-th
 * operation on files. The linker puts these functions in the place of libc's (--wrap, meson.build),
 * for the objects that are linked here alone: fovea's own. Libraries below go on as ever: GLib,
 * oneDNN and jansson (an assertion in its scanner) end the process when there is no memory. SQLite,
 * which does not, fails with us. Any thread.
 */
#ifndef FOVEA_TESTS_LIBRARY_FAILING_H
#define FOVEA_TESTS_LIBRARY_FAILING_H

#include "base/status.h"

#include <stdbool.h>

enum failure {
    FAIL_MEMORY,      /* malloc and its kin return NULL */
    FAIL_MEMORY_LONG, /* and so do all that follow */
    FAIL_IO,          /* EIO: nothing is done */
    FAIL_FULL,        /* ENOSPC for what writes, EIO for what reads */
    FAIL_FULL_LONG,   /* and all that write from then on */
    FAIL_SHORT,       /* reads and writes do one byte; to be gone on with */
    FAIL_EINTR,       /* a signal came: to be tried again */
    FAIL_KINDS,
};
extern const char *const failure_names[FAIL_KINDS];

/* Once, before SQLite is used. */
void failing_open(void);
/* The n-th one from now fails (n >= 1). */
void failing_plan(enum failure, long n);
/* The first one from now fails whose call stack (its innermost calls) has not failed since
 * failing_forget(): a point of the program is met hundreds of times, and it is its callers that
 * decide what becomes of the failure. */
void failing_plan_stack(enum failure);
void failing_forget(void);
/* Nothing fails any more. Whether the failure was reached. */
bool failing_end(void);

/* A download that is cut once and taken up again, to its name. */
MUST_USE enum status failing_download(const char *final, struct err *err);

#endif
