/* SPDX-License-Identifier: MIT
 *
 * The commands of `fovea store`, one file each.
 */
#ifndef FOVEA_CLI_CMD_STORE_H
#define FOVEA_CLI_CMD_STORE_H

#include "cli/options.h"

extern const struct command command_store_index, command_store_shard;

#endif
