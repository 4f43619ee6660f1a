/* SPDX-License-Identifier: MIT
 *
 * What the environment says about the hub, by the names that huggingface_hub uses: HF_ENDPOINT,
 * HF_TOKEN (or the token file that its login writes: $HF_TOKEN_PATH, $HF_HOME/token,
 * huggingface/token in the user's cache folder), HF_HUB_DISABLE_IMPLICIT_TOKEN, HF_HUB_OFFLINE.
 */
#ifndef FOVEA_HUB_SETTINGS_H
#define FOVEA_HUB_SETTINGS_H

#include "base/status.h"
#include "hub/retry.h"

#include <stdbool.h>

#define HUB_ENDPOINT_DEFAULT "https://huggingface.co"

struct hub_settings {
    char endpoint[512]; /* without a '/' at the end */
    char token[512];    /* "": none */
    bool offline;
    struct retry_limits limits;
};

/* ERR_ARGUMENT for an endpoint or a token that is none; the text never shows a token. */
MUST_USE enum status hub_settings_load(struct hub_settings *, struct err *err);

#endif
