/* SPDX-License-Identifier: MIT
 *
 * Included before each file that gcc's analyzer reads (.ci/analyze), and by nobody else. It looks
 * into no other file, and so would follow paths on which what makes an error returns OK: here it
 * sees what they give.
 */
#ifndef FOVEA_CI_ANALYZER_H
#define FOVEA_CI_ANALYZER_H

#include "base/status.h"

#define err_set(err, status, ...) ((void)(err_set)(err, status, __VA_ARGS__), (status))
#define err_errno(...) ((void)(err_errno)(__VA_ARGS__), ERR_IO)
#define err_no_memory(...) ((void)(err_no_memory)(__VA_ARGS__), ERR_MEMORY)

#endif
