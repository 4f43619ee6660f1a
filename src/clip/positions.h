/* SPDX-License-Identifier: MIT
 *
 * The image tower's position embeddings for another grid of patches than the checkpoint's, so that
 * a model trained on pictures of 224 pixels can look at 336. Source: open_clip's
 * resize_pos_embed(): torch's F.interpolate(mode="bicubic", antialias=True, align_corners=False)
 * over the grid; the class token keeps its own.
 */
#ifndef FOVEA_CLIP_POSITIONS_H
#define FOVEA_CLIP_POSITIONS_H

#include "base/status.h"

/* in: [1 + from*from, width] → out: [1 + to*to, width]; from, to and width at least 1. The same
 * grid gives the same values. ERR_MEMORY. */
MUST_USE enum status positions_resize(float *out, int to, const float *in, int from, int width,
                                      struct err *err);

#endif
