/* SPDX-License-Identifier: MIT
 *
 * What is known about the terminal behind a file descriptor.
 */
#ifndef FOVEA_BASE_TERMINAL_H
#define FOVEA_BASE_TERMINAL_H

#include <stdbool.h>

/* A terminal on which a line can be redrawn: not a file or a pipe, and TERM is not "dumb". */
bool terminal_is_interactive(int fd);
/* Columns of the terminal, 80 where it does not say. */
int terminal_width(int fd);

#endif
