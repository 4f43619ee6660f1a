/* SPDX-License-Identifier: MIT
 *
 * The last step of the demonstration: its library in the browser, until Ctrl-C.
 */
#ifndef FOVEA_CLI_DEMO_SERVE_H
#define FOVEA_CLI_DEMO_SERVE_H

#include "base/status.h"

/* Runs `fovea serve --open` on the library, on a free port of this machine, with its thumbnails in
 * `thumbnails`, in a process of its own; returns when that has ended. ERR_UNSUPPORTED where a
 * program cannot find its own file. What the server has to say it prints itself. */
MUST_USE enum status demo_serve(const char *library, const char *thumbnails, struct err *err);

#endif
