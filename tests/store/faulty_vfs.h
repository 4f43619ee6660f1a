/* SPDX-License-Identifier: MIT
 *
 * A file system for SQLite that fails when it is told to: the n-th operation that changes something
 * (or opens a file), once or from then on. Below it is SQLite's own.
 */
#ifndef FOVEA_TESTS_STORE_FAULTY_VFS_H
#define FOVEA_TESTS_STORE_FAULTY_VFS_H

#include <stdbool.h>

enum fault {
    FAULT_IO,   /* EIO: nothing is done */
    FAULT_FULL, /* no space: writes fail, what is there can be read */
    FAULT_TORN, /* EIO, and half of what was to be written is there */
    FAULT_KINDS,
};

/* Registers it as the default. */
void faulty_register(void);
/* The n-th operation from now fails (n >= 1), and with `for_good` all that follow. */
void faulty_plan(enum fault, int n, bool for_good);
/* Nothing fails any more. Whether the fault was reached. */
bool faulty_end(void);

#endif
