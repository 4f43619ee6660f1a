/* SPDX-License-Identifier: MIT
 *
 * The one thread that runs the model. Requests hand it phrases and pictures and wait; it takes what
 * has gathered meanwhile as one batch, of phrases and of pictures in turns. Under load batches
 * grow by themselves, alone a phrase waits for nobody. The vectors of the latest phrases are
 * remembered: paging, filtering and a moved floor ask for the same one again.
 */
#ifndef FOVEA_SERVER_ENCODER_H
#define FOVEA_SERVER_ENCODER_H

#include "base/status.h"
#include "clip/model.h"

#include <stddef.h>
#include <stdint.h>

struct encoder;

struct encoder_job {
    const char *text;      /* a phrase; or NULL: */
    const uint8_t *pixels; /* [S, S, 3] of preprocess_run() */
    float *out;            /* [D], normalised */
};

struct encoder_counts {
    uint64_t texts, images, batches, remembered;
};

/* Opens both towers (this may pack weights for seconds). The model must outlive it. threads: of a
 * forward pass; 0 means all cores. */
MUST_USE enum status encoder_open(struct encoder **out, const struct model *, int threads,
                                  struct err *err);
/* Jobs that wait fail with ERR_CANCELLED. NULL-safe. */
void encoder_close(struct encoder *);

/* Waits until all are encoded. Any thread. Errors: ERR_BUSY (too many wait), ERR_ARGUMENT (an empty
 * phrase), ERR_CANCELLED, what the model says. */
MUST_USE enum status encoder_run(struct encoder *, const struct encoder_job *, size_t count,
                                 struct err *err);

void encoder_counts(struct encoder *, struct encoder_counts *out);

#endif
