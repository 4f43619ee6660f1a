/* SPDX-License-Identifier: MIT
 *
 * Where a command decodes pictures: the option, the environment, and opening the image room so.
 */
#ifndef FOVEA_CLI_DECODER_ARGS_H
#define FOVEA_CLI_DECODER_ARGS_H

#include "base/status.h"
#include "cli/options.h"

#include <stdbool.h>
#include <stddef.h>

/* For a command's option table; `type` has a field `no_sandbox`. */
#define OPTION_NO_SANDBOX(type)                                                                    \
    {                                                                                              \
        .name = "no-sandbox", .kind = OPTION_FLAG, .offset = offsetof(type, no_sandbox),           \
        .help = "decode pictures in this process, not in one that can read no files (also "        \
                "FOVEA_SANDBOX=off)"                                                               \
    }

/* image_room_open() and decoder_open() (image/decoder.h): in children unless the option or
 * $FOVEA_SANDBOX (on, off, require) says otherwise, with $FOVEA_DECODE_MEMORY_MB and
 * $FOVEA_DECODE_SECONDS as limits. ERR_ARGUMENT: a variable means nothing. Ended by
 * image_room_close(). */
MUST_USE enum status decoder_room_open(bool no_sandbox, struct err *err);

#endif
