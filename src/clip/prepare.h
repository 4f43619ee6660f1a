/* SPDX-License-Identifier: MIT
 *
 * A tower's prepared weights (packed.h): found in a file, or made and put into one. Where the files
 * are:
 *
 *     what options or $FOVEA_PREPARED name      a folder, or "off" for none
 *     DIR/prepared                              beside the model
 *     ~/.cache/fovea/prepared                   where the model's folder cannot be written
 *
 * as TOWER-PRECISION-FINGERPRINT.weights. A tower of less than PREPARE_FROM_BYTES in the checkpoint
 * is packed in memory each time, unless a folder was named: that takes no longer than reading it.
 * Nothing here fails because a file cannot be read or written: then the weights are packed in
 * memory.
 */
#ifndef FOVEA_CLIP_PREPARE_H
#define FOVEA_CLIP_PREPARE_H

#include "clip/model_internal.h"

enum { PREPARE_FROM_BYTES = 32 << 20, PREPARE_TELL_FROM_BYTES = 400 << 20 };

/* tower: MODEL_IMAGE or MODEL_TEXT. again: what is there is of no use, make it. Uses as many
 * threads as m->weights has. */
MUST_USE enum status prepare_tower(struct packed **out, const struct model *m,
                                   enum model_towers tower, bool again, struct err *err);

#endif
