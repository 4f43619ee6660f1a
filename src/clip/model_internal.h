/* SPDX-License-Identifier: MIT
 *
 * The inside of a model, for this room's files alone.
 */
#ifndef FOVEA_CLIP_MODEL_INTERNAL_H
#define FOVEA_CLIP_MODEL_INTERNAL_H

#include "clip/checkpoint.h"
#include "clip/model.h"
#include "clip/text.h"
#include "clip/vision.h"
#include "clip/weights.h"

#include <pthread.h>
#include <time.h>

struct model {
    struct model_info info;
    char weights_id[33]; /* info.fingerprint without the image size: what the text tower is of */
    char *name;
    char *dir, *prepared;           /* of the options; may be NULL */
    void (*note)(const char *text); /* or NULL */
    enum model_towers towers;       /* that may be used */
    const struct tensor_ops *ops;
    struct model_config config;
    struct checkpoint *file;     /* stays open for the token table */
    struct timespec file_since;  /* when the weights file came to be where it is */
    struct tokenizer *tokenizer; /* of MODEL_TEXT */

    pthread_mutex_t lock;                        /* guards the loading of what follows */
    struct weights weights;                      /* checked when the model was opened */
    unsigned loaded;                             /* towers that are ready */
    struct packed *image_weights, *text_weights; /* what these read */
    struct vision vision; /* zeroed when not loaded; read-only from then on */
    struct text text;
};

/* Makes those of the towers ready that are not yet. Any number of threads may call it. */
MUST_USE enum status model_load(const struct model *, unsigned towers, struct err *err);

#endif
