/* SPDX-License-Identifier: MIT
 *
 * The models that come with the program: so far one, "demo", that knows the pictures of `fovea
 * demo` and nothing else.
 */
#ifndef FOVEA_HUB_SHIPPED_H
#define FOVEA_HUB_SHIPPED_H

#include "base/status.h"
#include "base/str.h"

#define MODEL_DEMO "demo"

/* Appends the folder of the model `name`: $FOVEA_DATA/models/NAME where that is set; else where the
 * program was installed, or built. ERR_NOT_FOUND says where it looked. */
MUST_USE enum status shipped_model(struct str *out, const char *name, struct err *err);

#endif
