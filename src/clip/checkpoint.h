/* SPDX-License-Identifier: MIT
 *
 * A weights file, whatever its format: tensors by name. Two readers stand behind it, safetensors.h
 * and torch_zip.h; the file's content decides, not its name. Where the tensors have the names of
 * another layout (hf_layout.h), a translated list takes the place of the file's own.
 *
 * Read-only once opened and translated; any number of threads may read.
 */
#ifndef FOVEA_CLIP_CHECKPOINT_H
#define FOVEA_CLIP_CHECKPOINT_H

#include "base/status.h"
#include "clip/config.h"
#include "clip/tensor_view.h"

#include <stddef.h>

struct checkpoint;

/* ERR_NOT_FOUND, ERR_IO; ERR_FORMAT says what is wrong with the file, ERR_UNSUPPORTED names what it
 * is instead, ERR_LIMIT names the limit. The texts name the path. */
MUST_USE enum status checkpoint_open(struct checkpoint **out, const char *path, struct err *err);
void checkpoint_close(struct checkpoint *); /* NULL-safe */

/* Gives the tensors open_clip's names if they have those of Transformers. With `image`, `text`: the
 * towers that have to be complete. ERR_FORMAT names what is missing. */
MUST_USE enum status checkpoint_translate(struct checkpoint *, const struct model_config *,
                                          bool image, bool text, struct err *err);

/* NULL when there is no tensor of that name. Views live until checkpoint_close(). */
const struct tensor_view *checkpoint_find(const struct checkpoint *, const char *name);
/* Every tensor, sorted by name. */
const struct tensor_view *checkpoint_all(const struct checkpoint *, size_t *count);

/* For a fingerprint, none of which a translation changes: the bytes that describe the tensors
 * (safetensors' JSON, PyTorch's pickle), the file's size, and the tensors as the file has them. */
const void *checkpoint_header(const struct checkpoint *, size_t *size_bytes);
size_t checkpoint_file_size(const struct checkpoint *);
const struct tensor_view *checkpoint_stored(const struct checkpoint *, size_t *count);

#endif
