/* SPDX-License-Identifier: MIT
 *
 * Synthetic checkpoints: weights that are a formula of (tensor name, element), so that any
 * architecture can be had on the spot, for tests and benchmarks. They mean nothing, but they are
 * the same everywhere, and the reference outputs in tests/golden were made with them.
 */
#ifndef FOVEA_CLIP_SYNTH_H
#define FOVEA_CLIP_SYNTH_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

/* Writes OUT_DIR/open_clip_config.json (a copy of the given one) and
 * OUT_DIR/open_clip_model.safetensors (float32), streamed: whatever the model, memory is a few
 * megabytes. Each file is written beside its name and renamed. ERR_LIMIT if the disk has not the
 * space; errors of the config name its path. */
MUST_USE enum status model_synth(const char *config_path, uint64_t seed, const char *out_dir,
                                 struct err *err);

/* Elements [first, first + count) of a tensor. The formula:
 *     h = splitmix64(fnv1a64(name) + seed + (i + 1) * 0x9E3779B97F4A7C15)
 *     u = (h >> 40) / 2^23 - 1
 *     value = a + b * u                     in float32, (a, b) by the tensor's kind */
void synth_values(const char *name, const int *shape, int dims, uint64_t seed, size_t first,
                  size_t count, float *out);

#endif
