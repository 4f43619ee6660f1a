/* SPDX-License-Identifier: MIT
 *
 * What the model tests need of files: reference outputs, model folders made on the spot, and
 * checkpoints rewritten under other names and types.
 */
#ifndef FOVEA_TESTS_MODEL_FILES_H
#define FOVEA_TESTS_MODEL_FILES_H

#include "clip/safetensors.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct golden {
    char dir[1024];
    int dim, context, texts;
    float *images;   /* [3, dim] */
    float *prompts;  /* [texts, dim] */
    int32_t *ids;    /* [texts, context] */
    uint8_t *pixels; /* [3, S, S, 3] */
};

/* Exits with a message when something is missing or wrong: a golden is part of the test. */
void golden_load(struct golden *, const char *dir, int image_size);
void golden_free(struct golden *);

/* A new empty folder below $TMPDIR or /tmp, and its end with everything in it. */
void temporary_folder(char *path, size_t size);
void remove_folder(const char *path);

void write_model(const char *config, const char *dir);

struct rewrite {
    const char *prefix, *text_prefix; /* put in front; text_prefix only of the text tower's */
    const char *dtype;                /* "F32", "F16" or "BF16" */
    bool round_trip;                  /* F32 with the values that dtype would leave */
    size_t odd;                       /* spaces after the header, to move the data */
};
/* Copies a float32 checkpoint. */
void rewrite_weights(const char *from, const char *to, const struct rewrite *);

double relative_error(const float *got, const float *want, int n);

#endif
