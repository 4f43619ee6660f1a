/* SPDX-License-Identifier: MIT
 *
 * What is made of the table of commands while building, and installed: a manual page for each
 * command, one for the program, and completions for three shells (`fovea help --write-manuals
 * DIR`). Texts are appended to `out`; a failure shows in str_ok().
 */
#ifndef FOVEA_CLI_MANUAL_H
#define FOVEA_CLI_MANUAL_H

#include "cli/options.h"

/* fovea(1); `commands` is NULL-terminated. */
void manual_overview(const struct command *const *commands, struct str *out);
/* fovea-NAME(1), its subcommands included. */
void manual_command(const struct command *, struct str *out);

void completion_bash(const struct command *const *commands, struct str *out);
void completion_zsh(const struct command *const *commands, struct str *out);
void completion_fish(const struct command *const *commands, struct str *out);

/* Writes all of them into the folder: fovea.1, fovea-NAME.1, fovea (bash's), _fovea (zsh's) and
 * fovea.fish, as their shells want them to be called. */
MUST_USE enum status manuals_write(const struct command *const *commands, const char *folder,
                                   struct err *err);

#endif
