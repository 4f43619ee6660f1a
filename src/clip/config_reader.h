/* SPDX-License-Identifier: MIT
 *
 * Reading JSON objects key by key, with a default for every key and one error for all: the first
 * failure is kept and reading goes on with defaults. For the configs of this room.
 */
#ifndef FOVEA_CLIP_CONFIG_READER_H
#define FOVEA_CLIP_CONFIG_READER_H

#include "base/status.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum { WIDTH_MAX = 16384, LAYERS_MAX = 256, IMAGE_MAX = 4096, CONTEXT_MAX = 4096 };
enum { VOCAB_MAX = 1 << 22, TOKENS_MAX = 1 << 14 };

/* One JSON object being read. */
struct reader {
    const json_t *object; /* NULL: absent, every key has its default */
    const char *where;    /* "vision_cfg" */
    const char *seen[48];
    size_t seen_count;
    struct err *err;
    enum status status; /* of the first failure; reading goes on with defaults */
};

/* The object below `name` in parent (which may be NULL). It borrows from the JSON and from err. */
struct reader reader_open(const json_t *parent, const char *name, struct err *err);
/* Keeps "WHERE.KEY WHY" as the error unless there is one. */
void reader_refuse(struct reader *, enum status, const char *key, const char *why);

/* The value of a key; NULL when absent or null. */
const json_t *reader_get(struct reader *, const char *key);
int reader_int(struct reader *, const char *key, int fallback, int min, int max);
double reader_number(struct reader *, const char *key, double fallback, double min, double max);
bool reader_bool(struct reader *, const char *key);
const char *reader_string(struct reader *, const char *key, const char *fallback);
/* Index of the value in `names`, which ends with NULL; 0 when absent. */
int reader_choice(struct reader *, const char *key, const char *const *names);
/* A side length that may be written as [n, n]. */
int reader_side(struct reader *, const char *key, int fallback);
/* Three numbers; leaves out as it is when absent. */
void reader_triple(struct reader *, const char *key, float *out);

#endif
