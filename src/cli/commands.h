/* SPDX-License-Identifier: MIT
 *
 * The commands of the program, in the order of the overview. A command is one file, cmd_NAME.c,
 * that defines `const struct command command_NAME`; its line here is all that registers it.
 */
#ifndef FOVEA_CLI_COMMANDS_H
#define FOVEA_CLI_COMMANDS_H

#include "cli/options.h"

#define COMMANDS(X)                                                                                \
    X(index)                                                                                       \
    X(classify)                                                                                    \
    X(search)                                                                                      \
    X(similar)                                                                                     \
    X(duplicates)                                                                                  \
    X(groups)                                                                                      \
    X(map)                                                                                         \
    X(serve)                                                                                       \
    X(status)                                                                                      \
    X(retire)                                                                                      \
    X(forget)                                                                                      \
    X(info)                                                                                        \
    X(backup)                                                                                      \
    X(store)                                                                                       \
    X(export)                                                                                      \
    X(import)                                                                                      \
    X(doctor)                                                                                      \
    X(models)                                                                                      \
    X(pull)                                                                                        \
    X(embed)                                                                                       \
    X(tokenize)                                                                                    \
    X(preprocess)                                                                                  \
    X(model)                                                                                       \
    X(demo)                                                                                        \
    X(bench)

#define COMMAND_DECLARE(name) extern const struct command command_##name;
COMMANDS(COMMAND_DECLARE)
#undef COMMAND_DECLARE

/* Every command, NULL-terminated. */
extern const struct command *const commands[];

#endif
