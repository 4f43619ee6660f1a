/* SPDX-License-Identifier: MIT
 *
 * A model with synthetic weights, pictures and a library of them, for the fuzzers that need more
 * than bytes. In a folder in memory where that can be, which goes with the process.
 */
#ifndef FOVEA_TESTS_FUZZ_RIG_H
#define FOVEA_TESTS_FUZZ_RIG_H

#include "clip/model.h"
#include "store/store.h"

#include <stddef.h>

enum { RIG_PICTURES = 12, RIG_DIM = 16 };

/* The folder; made at the first call. */
const char *rig_folder(void);
/* folder/name, in one of four buffers. */
const char *rig_path(const char *name);
/* Removes what is in it. */
void rig_clear(void);
/* A file in the folder. */
void rig_write(const char *name, const void *data, size_t size);

/* A tiny model of both towers, its vectors RIG_DIM long. */
struct model *rig_model(void);
/* RIG_PICTURES pictures in folder/photos. */
void rig_pictures(void);
/* Indexes them into folder/name, a new library; labels, a decision and a set that is kept too. */
void rig_index(const char *name, const struct model *);
/* A library of RIG_PICTURES photographs that are not there, with everything that one can hold. */
void rig_fill(struct store *);

#endif
