/* SPDX-License-Identifier: MIT
 *
 * From a file to the square of pixels that a network sees.
 */
#ifndef FOVEA_CLI_PICTURE_H
#define FOVEA_CLI_PICTURE_H

#include "base/status.h"
#include "clip/preprocess.h"

#include <stdint.h>

/* out: [S, S, 3]. The error names the file. */
MUST_USE enum status picture_square(uint8_t *out, const char *path, const struct preprocess *,
                                    struct err *err);

#endif
