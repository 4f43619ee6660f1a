/* SPDX-License-Identifier: MIT
 *
 * Getting a model that is not here: what the user is told and asked before, and is told after.
 */
#ifndef FOVEA_CLI_MODEL_PULL_H
#define FOVEA_CLI_MODEL_PULL_H

#include "cli/model_args.h"
#include "hub/pull.h"
#include "hub/resolve.h"

#define PULL_ASK_BYTES 1000000000LL /* from here on a person is asked first */

struct model_pulled {
    int64_t bytes;
    double seconds;
    char host[256], commit[80], sha256[65];
    bool verified;
};

/* Says what, how much, from where and where to, on stderr, and does it; *place is then that of a
 * model that is here. report may be NULL. */
MUST_USE enum status model_pull(struct model_place *place, const struct pull_options *,
                                struct model_pulled *report, struct err *err);

/* The same for a command that needs the model for something else: a large one is asked about where
 * there is a person at a terminal, who may choose a smaller one instead (*place is then that
 * one's). ERR_CANCELLED when the answer is no. */
MUST_USE enum status model_pull_when_asked(struct model_place *place, const struct model_request *,
                                           struct err *err);

/* Options of a pull that a command makes for itself: notes as lines on stderr. */
struct pull_options model_pull_options(bool offline);

/* "3.9 GB", in steps of 1000. `out` has room for 16 bytes. */
const char *format_size(char out[16], int64_t bytes);

#endif
