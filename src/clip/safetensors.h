/* SPDX-License-Identifier: MIT
 *
 * Reading a safetensors file by mmap. Source: the format's description in the safetensors
 * repository: u64 little-endian header length N, N bytes of JSON, then the data.
 *
 * Everything is checked before anything is handed out: the header lies inside the file and within
 * a limit, names are unique, dtypes are known, shape x dtype equals the byte range, ranges lie
 * inside the data, do not overlap and leave no hole. After opening, reading a tensor cannot fail.
 * Read-only after opening; any number of threads may read.
 */
#ifndef FOVEA_CLIP_SAFETENSORS_H
#define FOVEA_CLIP_SAFETENSORS_H

#include "base/status.h"
#include "clip/tensor_view.h"

#include <stddef.h>

struct safetensors;

/* ERR_NOT_FOUND, ERR_IO; ERR_FORMAT says what is wrong with the file, ERR_LIMIT past 100 MB of
 * header. The texts name the path. */
MUST_USE enum status safetensors_open(struct safetensors **out, const char *path, struct err *err);
void safetensors_close(struct safetensors *); /* NULL-safe */

/* NULL when there is no tensor of that name. Views live until safetensors_close(). */
const struct tensor_view *safetensors_find(const struct safetensors *, const char *name);
/* Every tensor, sorted by name. */
const struct tensor_view *safetensors_all(const struct safetensors *, size_t *count);

/* The header's JSON text and the file's size, for a fingerprint. */
const void *safetensors_header(const struct safetensors *, size_t *size_bytes);
size_t safetensors_file_size(const struct safetensors *);

#endif
