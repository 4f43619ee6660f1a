/* SPDX-License-Identifier: MIT
 *
 * Reading what torch.save() writes since PyTorch 1.6: a zip archive of stored entries,
 *
 *     NAME/data.pkl      a pickle: the structure, with every tensor as (storage, offset, size,
 * stride) NAME/data/KEY      the bytes of a storage, used in place NAME/byteorder     "little" or
 * "big"; little where it is not there
 *
 * The state dict is the value itself, or the entry "state_dict" of a training checkpoint. Nothing
 * in the file is run (unpickle.h). Every tensor in it, also those nobody will ask for, is checked
 * against its storage, and every storage against its entry of the archive; then reading cannot
 * fail. Read-only after opening; any number of threads may read.
 */
#ifndef FOVEA_CLIP_TORCH_ZIP_H
#define FOVEA_CLIP_TORCH_ZIP_H

#include "base/status.h"
#include "clip/tensor_view.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct torch_zip;

/* By the first bytes of a file: a zip archive; what torch.save() wrote before. */
bool torch_zip_is(const uint8_t *head, size_t size);
bool torch_legacy_is(const uint8_t *head, size_t size);

/* ERR_NOT_FOUND, ERR_IO; ERR_FORMAT says what is damaged; ERR_UNSUPPORTED names what the file asks
 * for or is instead (TorchScript); ERR_LIMIT names the limit. The texts name the path. */
MUST_USE enum status torch_zip_open(struct torch_zip **out, const char *path, struct err *err);
void torch_zip_close(struct torch_zip *); /* NULL-safe */

/* Every tensor of the state dict, sorted by name. Views live until torch_zip_close(). */
const struct tensor_view *torch_zip_all(const struct torch_zip *, size_t *count);

/* The pickle and the file's size, for a fingerprint. */
const void *torch_zip_header(const struct torch_zip *, size_t *size_bytes);
size_t torch_zip_file_size(const struct torch_zip *);

#endif
