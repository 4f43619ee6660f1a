/* SPDX-License-Identifier: MIT
 *
 * Making PyTorch files for tests: a zip archive of stored entries, and pickles put together by hand
 * as torch.save() would, or as it never would. Only what the tests need of both formats.
 */
#ifndef FOVEA_TESTS_TORCH_FILE_H
#define FOVEA_TESTS_TORCH_FILE_H

#include "base/str.h"
#include "clip/tensor_view.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- zip --------------------------------------------------------------------------------- */

struct zip_writer {
    struct str bytes, directory;
    size_t count;
    bool zip64; /* sizes and places in the extra fields, and a zip64 end record */
};

void zip_begin(struct zip_writer *, bool zip64);
void zip_add(struct zip_writer *, const char *name, const void *data, size_t size);
/* pad_to: a comment makes the archive a multiple of that many bytes; 0: none. The result stays in
 * `bytes`, to be freed. */
void zip_end(struct zip_writer *, size_t pad_to);

/* ---- pickles ----------------------------------------------------------------------------- */

struct torch_tensor {
    const char *name, *storage, *key; /* "visual.proj", "FloatStorage", "0" */
    long count;                       /* values in the storage */
    long offset;
    int dims;
    long size[4], stride[4];
    bool parameter; /* wrapped in _rebuild_parameter */
};

void pickle_begin(struct str *);              /* PROTO 2 */
void pickle_text(struct str *, const char *); /* BINUNICODE */
void pickle_int(struct str *, long);
void pickle_global(struct str *, const char *module, const char *name);
/* Its value, without its name. */
void pickle_tensor(struct str *, const struct torch_tensor *);
/* MARK, name and value of each, SETITEMS: into the dict on the stack. */
void pickle_tensors(struct str *, const struct torch_tensor *, size_t count);

/* ---- whole files ------------------------------------------------------------------------- */

struct torch_options {
    const char *prefix;     /* in front of every name, or NULL */
    bool training;          /* epoch, name, state_dict, optimizer */
    bool transposed;        /* matrices lie column by column in their storages */
    bool shared;            /* one storage for all, with offsets */
    bool big_endian, zip64; /* as they say */
};

/* The plain float32 tensors as a checkpoint. Exits with a message when it cannot. */
void torch_file_write(const char *path, const struct tensor_view *, size_t count,
                      const struct torch_options *);
void write_bytes(const char *path, const void *data, size_t size);

#endif
